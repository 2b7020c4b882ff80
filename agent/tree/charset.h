/*
 * Names in another character set (--iconv): on their way they are UTF-8, on each side they are in the character set of its tree.
 *
 * A name is converted only if the way back gives the same bytes: so there are never two names on one side for one on the other, and
 * what is compared on one side is compared on both. See iconv(3).
 */
#ifndef LADE_AGENT_TREE_CHARSET_H
#define LADE_AGENT_TREE_CHARSET_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/bytes.h"
#include "protocol/error.h"
#include "protocol/limits.h"

/* Most bytes of the name of a character set. */
#define LADE_CHARSET_NAME_MAX 63u

struct lade_charset;

/* Which way: to the protocol, or from it to this side's tree. */
enum lade_charset_way { LADE_CHARSET_OUT, LADE_CHARSET_IN };

/*
 * Converting from and to the character set of that name; "." or "": that of the locale (see setlocale(3)), which the program has set.
 * Returns 0, LADE_E_UNSUPPORTED with the fault if there is none of that name, or LADE_E_MEMORY. The caller frees it with lade_charset_free().
 */
int lade_charset_new(const char *name, struct lade_charset **charset_out, struct lade_fault *fault);

/* Free it. NULL does nothing. */
void lade_charset_free(struct lade_charset *charset);

/*
 * Convert the name of one entry: out gets it with a NUL behind it, *len_out its length without. Any thread. False, with errno, if
 * it cannot be converted, would come back as another name, is too long then, or is no name any more (lade_entry_name_valid()).
 */
bool lade_charset_name(struct lade_charset *charset, enum lade_charset_way way, struct lade_slice name, char out[LADE_NAME_MAX + 1],
		       size_t *len_out);

/*
 * Convert text, a path or a symlink's target, into out, which has size bytes; a NUL comes behind it. Any thread. False, with errno,
 * if it cannot be converted, has a NUL then, or is too long. charset NULL: nothing is converted, but the same holds.
 */
bool lade_charset_text(struct lade_charset *charset, enum lade_charset_way way, struct lade_slice text, char *out, size_t size,
		       size_t *len_out);

/*
 * The same for what is read by people or is the user's word: what cannot be converted stays as it is. Returns the text, in out or as it came.
 */
struct lade_slice lade_charset_show(struct lade_charset *charset, enum lade_charset_way way, struct lade_slice text, char *out, size_t size);

#endif
