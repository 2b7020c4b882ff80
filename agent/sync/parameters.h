/*
 * The settings that travel as parameters of OPEN (see [open]): one table says which field of the settings a parameter is,
 * what it may be, and which side acts on it.
 */
#ifndef LADE_AGENT_SYNC_PARAMETERS_H
#define LADE_AGENT_SYNC_PARAMETERS_H

#include <stdbool.h>

#include "agent/sync/settings.h"
#include "protocol/bytes.h"
#include "protocol/error.h"

/*
 * Append what the other side, which is the receiver or the sender, needs of the settings; paths and names as they are said where
 * charset is set ([charset]). A failure is the writer's.
 */
void lade_parameters_encode(const struct lade_settings *settings, bool for_receiver, struct lade_writer *writer);

/*
 * Fill the settings' fields from encoded, which is for this side. Returns 0; LADE_E_VERSION with the fault for a parameter or a value that is not
 * known, or is none of this side's; LADE_E_MEMORY; or the code of what is malformed. lade_parameters_fini() is to be called either way.
 */
int lade_parameters_decode(struct lade_slice encoded, bool is_receiver, struct lade_settings *settings, struct lade_fault *fault);

/* Once charset is set, as CHARSET says: have the paths and names that were decoded as this side has them. 0, LADE_E_PROTOCOL, LADE_E_MEMORY. */
int lade_parameters_convert(struct lade_settings *settings);

/* Free the texts that were decoded. */
void lade_parameters_fini(struct lade_settings *settings);

#endif
