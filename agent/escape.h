/*
 * Bytes from outside on their way to a screen: names, peers' texts.
 */
#ifndef LADE_AGENT_ESCAPE_H
#define LADE_AGENT_ESCAPE_H

#include "protocol/bytes.h"

/*
 * Append bytes to writer as rsync(1) prints names: what is printable in the present locale
 * (LC_CTYPE), and tabs, as they are; every other byte as `\#ooo`, three octal digits; so too
 * a backslash that such an escape could be taken to begin with. Failures are in writer->error.
 */
void lade_escape_put(struct lade_writer *writer, struct lade_slice bytes);

/* The same, but with every byte from 0x80 on as it is: --8-bit-output. */
void lade_escape_put_8_bit(struct lade_writer *writer, struct lade_slice bytes);

/* As lade_escape_put(), for a NUL-terminated text. */
void lade_escape_put_text(struct lade_writer *writer, const char *text);

#endif
