/*
 * Points in time as --stop-at takes them: rsync(1).
 */
#ifndef LADE_AGENT_MOMENT_H
#define LADE_AGENT_MOMENT_H

#include <stdint.h>

/*
 * Take `[[year-]month-]day`, perhaps with `Thour:minute` behind it, `hour:minute` or `:minute`, in the local time zone; slashes may
 * stand for dashes, and a year of two digits is in this century. What is left out is chosen so that the moment is the next one after now
 * (seconds since 1970), but a date without a time is its midnight. Returns 0, LADE_E_USAGE for what is no such thing,
 * LADE_E_ABSENT for what does not come any more.
 */
int lade_moment_parse(const char *text, int64_t now, int64_t *moment_out);

#endif
