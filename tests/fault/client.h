/*
 * The client of a test: a session whose user has no filter, and who hears nothing unless he says so.
 */
#ifndef LADE_TESTS_FAULT_CLIENT_H
#define LADE_TESTS_FAULT_CLIENT_H

#include "agent/sync/sync.h"
#include "tests/fault/scene.h"

/* Run the session of job, whose settings get an empty filter, and its events, where they are NULL, nobody who hears them. Its exit status. */
int client_run(const struct lade_sync_job *job, struct lade_msg_end *totals_out);

/* The same, from what is in source to destination, both inside the scene. */
int client_copy(const struct lade_sync_job *job, const struct scene *scene, struct lade_msg_end *totals_out);

#endif
