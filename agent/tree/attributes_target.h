/*
 * One entry, ready for the system calls about extended attributes. For attributes.c; any thread. See xattr(7).
 */
#ifndef LADE_AGENT_TREE_ATTRIBUTES_TARGET_H
#define LADE_AGENT_TREE_ATTRIBUTES_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/tree/attributes.h"
#include "protocol/bytes.h"
#include "protocol/error.h"
#include "protocol/limits.h"

#define LADE_ATTRIBUTES_DIRECTORY_LEN (sizeof("/proc/self/fd/") + 11u)
#define LADE_ATTRIBUTES_SMALL_LEN 1024u

/* The caller's storage; it owns nothing. */
struct lade_attributes_target {
	const struct lade_attributes_place *place; /* borrowed */
	bool fake, receives;  /* as the wish has it */
	int fd;               /* borrowed, or -1: path */
	char path[LADE_ATTRIBUTES_DIRECTORY_LEN + 1 + LADE_NAME_MAX + 1];
	size_t directory_len; /* bytes of path before the slash and the name */
	const char *subject;  /* for faults; borrowed */
};

/* Bytes whose number is known only afterwards: most fit without an allocation. */
struct lade_attributes_bytes {
	char *data;
	size_t len;
	char small[LADE_ATTRIBUTES_SMALL_LEN];
};

/*
 * Prepare the calls for place, whose descriptors and name stay borrowed, as wish says. Returns 0, or LADE_E_REFUSED for a name
 * that is no component.
 */
int lade_attributes_target_init(struct lade_attributes_target *target, const struct lade_attributes_place *place,
				const struct lade_attributes_wish *wish, struct lade_fault *fault);

/* Make bytes empty, before anything else is done with them. */
void lade_attributes_bytes_init(struct lade_attributes_bytes *bytes);

/* Free what bytes hold; they are empty then. */
void lade_attributes_bytes_fini(struct lade_attributes_bytes *bytes);

/*
 * Read the list of names (name NULL), each with a NUL behind it, or the value of name. Its size may change between the question and the
 * answer: asked again a few times. Returns 0, or -1 with errno; the caller frees out with lade_attributes_bytes_fini() either way.
 */
int lade_attributes_target_fetch(const struct lade_attributes_target *target, const char *name,
				 struct lade_attributes_bytes *out);

/* Set name to value, or remove it (value NULL). Returns 0, or -1 with errno. */
int lade_attributes_target_set(const struct lade_attributes_target *target, const char *name, const struct lade_slice *value);

/*
 * Describe a call that failed by its errno. name: the attribute, or NULL. Returns LADE_E_UNSUPPORTED for what the file system, the kernel or
 * our rights do not allow; LADE_E_LIMIT for a list of names above the kernel's limit; LADE_E_MEMORY; LADE_E_SYSTEM for all else.
 */
int lade_attributes_target_fail(const struct lade_attributes_target *target, const char *operation, const char *name,
				struct lade_fault *fault);

#endif
