/*
 * The settings of a job, as a table. lade-jobs(5) has them in the same order; a test compares.
 */
#ifndef LADE_AGENT_JOBS_JOB_TABLE_H
#define LADE_AGENT_JOBS_JOB_TABLE_H

#include "agent/daemon/config_table.h"
#include "agent/jobs/job.h"

/* Base of its rows is a struct lade_job. */
extern const struct lade_config_table lade_job_table;

/* True if the setting may be there more than once: each time adds a value. */
bool lade_job_setting_adds(const struct lade_config_row *row);

/* What to write instead of a setting that others would look for; static text; NULL: there is nothing to say. */
const char *lade_job_setting_hint(const char *name);

/* Append a copy of text to a list. Returns 0 or LADE_E_MEMORY. */
int lade_job_words_add(struct lade_job_words *list, const char *text);

/* Free a list's words. */
void lade_job_words_fini(struct lade_job_words *list);

#endif
