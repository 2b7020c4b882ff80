/*
 * The kernel's record layer (Documentation/networking/tls.rst): a TCP socket that protects what is written to it, and opens what is
 * read, so that sendfile(2) and splice(2) work on it. Linux, built with CONFIG_TLS; elsewhere all of this fails.
 *
 * Each direction on its own. A read or splice that meets a record that is no data fails with EINVAL or EIO: lade_ktls_receive()
 * takes it.
 */
#ifndef LADE_TRANSPORT_KTLS_H
#define LADE_TRANSPORT_KTLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "transport/tls.h"

/* Prepare fd, a connected TCP socket, for keys. Nothing changes for its bytes. Returns 0 or -1 with errno (ENOENT: the kernel has no TLS). */
int lade_ktls_prepare(int fd);

/*
 * Have the kernel protect what is written to fd (transmit), or open what is read, from where direction is. Done again, it goes on
 * with another secret (Linux 6.14; before: EBUSY). Returns 0 or -1 with errno.
 */
int lade_ktls_set(int fd, bool transmit, uint16_t suite, const struct lade_tls_direction *direction);

/* True if this kernel takes another secret, by its number: there is no asking without a connection whose key is due. */
bool lade_ktls_rekeys(void);

/* Write a record of another type than data (enum lade_tls_content). flags as send(2). Returns 0 or -1 with errno. */
int lade_ktls_send(int fd, uint8_t type, const uint8_t *bytes, size_t len, int flags);

/*
 * Read from one record, or from several of data. *end_out: of a record that is no data this was the last. Returns bytes, 0 at the
 * end of the stream, or -1 with errno (EBADMSG: a record that was not protected with the key; EMSGSIZE or EINVAL: it is too
 * long, or none; EKEYEXPIRED: the next secret is awaited).
 */
ssize_t lade_ktls_receive(int fd, struct iovec *vectors, size_t count, uint8_t *type_out, bool *end_out);

#endif
