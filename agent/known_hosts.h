/*
 * Hosts whose keys were seen before: lines of a host and the fingerprint of its key,
 *
 *   backup.example.org SHA256:3YmdQ0c5w0EPeLZ6oYtqKVhwSc9GiVLkdNiRqDTNrJI
 *   [2001:db8::1]:8731 SHA256:...
 *
 * in ~/.config/lade/known_hosts, to which lade writes, and /etc/lade/known_hosts. A host may have several lines; each of its keys is then
 * its own. Nothing may follow; remarks begin with #.
 */
#ifndef LADE_AGENT_KNOWN_HOSTS_H
#define LADE_AGENT_KNOWN_HOSTS_H

#include <limits.h>
#include <stdint.h>

#include "protocol/error.h"
#include "transport/tls.h"

#define LADE_KNOWN_HOSTS_SYSTEM "/etc/lade/known_hosts"
#define LADE_DAEMON_PORT "8730"

/* A host as it is written here, NUL included. */
#define LADE_HOST_NAME_SIZE 300u

/* What files say of a key that a host has shown. */
enum lade_host_verdict {
	LADE_HOST_KNOWN,   /* it is the host's */
	LADE_HOST_UNKNOWN, /* nothing is known of the host */
	LADE_HOST_CHANGED, /* the host has others */
};

/* The line that says so. */
struct lade_host_entry {
	char file[PATH_MAX];
	unsigned line;
	uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN];
};

/*
 * How host (a name or an address, without brackets) at port is written: in lower case, an address of IPv6 in brackets and in its shortest form, the
 * port if it is not LADE_DAEMON_PORT. Returns 0, or LADE_E_LIMIT: no host has such a name.
 */
int lade_known_hosts_name(const char *host, const char *port, char name_out[LADE_HOST_NAME_SIZE]);

/* The same for a host as a user writes it: HOST, HOST:PORT, [ADDRESS], [ADDRESS]:PORT or an address of IPv6. LADE_E_USAGE: it is none. */
int lade_known_hosts_parse(const char *text, char name_out[LADE_HOST_NAME_SIZE]);

/*
 * Judge the key of a host by files, file_count of them, in this order; those that are not there say nothing. entry_out: the line that
 * decided, of CHANGED the first one of the host. Returns 0; or LADE_E_REFUSED: a file can be written to by others, or a line makes no sense; and as lade_line_file_read().
 */
int lade_known_hosts_judge(const char *const *files, unsigned file_count, const char *name,
			   const uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN], enum lade_host_verdict *verdict_out,
			   struct lade_host_entry *entry_out, struct lade_fault *fault);

/* Add a line to file. Returns as lade_line_file_edit(). */
int lade_known_hosts_add(const char *file, const char *name, const uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN],
			 struct lade_fault *fault);

/* Take all lines of a host out of file. Returns as lade_line_file_edit(); *count_out: how many there were. */
int lade_known_hosts_forget(const char *file, const char *name, unsigned *count_out, struct lade_fault *fault);

/* Have each line of file told, in their order. Returns as lade_known_hosts_judge(), or LADE_E_ABSENT. */
int lade_known_hosts_each(const char *file,
			  void (*tell)(void *context, const char *name, const uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN]), void *context,
			  struct lade_fault *fault);

#endif
