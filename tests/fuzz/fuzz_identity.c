/*
 * Fuzz target of the files that say who is who: keys, known hosts, authorized keys, tokens. What a file says of a host, a name or a user is
 * something that could be written to it.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/authorized_keys.h"
#include "agent/credentials.h"
#include "agent/fingerprint.h"
#include "agent/key.h"
#include "agent/known_hosts.h"

#define TOKEN "lade-token-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_host(void *context, const char *name, const uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN])
{
	char again[LADE_HOST_NAME_SIZE], text[LADE_FINGERPRINT_TEXT_SIZE];
	uint8_t parsed[LADE_TLS_FINGERPRINT_LEN];

	(void)context;
	lade_fingerprint_show(fingerprint, text);
	if (lade_known_hosts_parse(name, again) || strcmp(name, again) != 0 || lade_fingerprint_parse(text, parsed) ||
	    memcmp(parsed, fingerprint, sizeof(parsed)) != 0)
		abort();
}

static void check_user(void *context, const char *user, enum lade_credentials_kind kind)
{
	(void)context;
	(void)kind;
	if (!lade_credentials_user(user))
		abort();
}

static void read_all(const char *file)
{
	static const uint8_t nobody[LADE_TLS_FINGERPRINT_LEN];
	char name[LADE_AUTHORIZED_NAME_SIZE];
	struct lade_key *key;

	(void)lade_known_hosts_each(file, check_host, NULL, NULL);
	(void)lade_credentials_each(file, check_user, NULL, NULL);
	(void)lade_credentials_verify(file, "alice", (const uint8_t *)TOKEN, strlen(TOKEN), NULL);
	if (lade_authorized_keys_find(file, nobody, name, NULL) == 0 && !lade_authorized_keys_name(name))
		abort();
	if (lade_key_load(file, &key, NULL) == 0)
		lade_key_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char file[64];
	int fd = memfd_create("identity", MFD_CLOEXEC);

	if (fd < 0 || fchmod(fd, 0600) || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(file, sizeof(file), "/proc/self/fd/%d", fd);
	read_all(file);
	close(fd);
	return 0;
}
