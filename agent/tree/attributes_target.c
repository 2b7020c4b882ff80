/*
 * Extended attributes of one entry by system calls.
 *
 * Without a descriptor (symlinks, devices, FIFOs) an entry is reached as
 * /proc/self/fd/DIRFD/NAME by the l*xattr calls: the kernel has no *xattrat calls before
 * 6.13. The first part is resolved by the kernel to the held directory itself, NAME is
 * not followed. Without /proc that is LADE_E_UNSUPPORTED.
 */
#include "agent/tree/attributes_target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "agent/tree/attributes_name.h"

#define RACE_TRIES 5u

int lade_attributes_target_init(struct lade_attributes_target *target, const struct lade_attributes_place *place,
				const struct lade_attributes_wish *wish, struct lade_fault *fault)
{
	const char *name = place->name;
	int len;

	target->place = place;
	target->fake = wish->fake;
	target->receives = wish->receives;
	target->fd = place->fd;
	target->subject = name;
	if (place->fd >= 0)
		return 0;
	if (!name || !*name || strchr(name, '/') || strlen(name) > LADE_NAME_MAX ||
	    strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return lade_fault_set(fault, LADE_E_REFUSED, "use the name", name);
	len = snprintf(target->path, sizeof(target->path), "/proc/self/fd/%d", place->directory_fd);
	target->directory_len = (size_t)len;
	target->path[len] = '/';
	memcpy(target->path + len + 1, name, strlen(name) + 1);
	return 0;
}

static ssize_t list(const struct lade_attributes_target *target, char *data, size_t len)
{
	return target->fd >= 0 ? flistxattr(target->fd, data, len)
			       : llistxattr(target->path, data, len);
}

static ssize_t get(const struct lade_attributes_target *target, const char *name, void *data, size_t len)
{
	return target->fd >= 0 ? fgetxattr(target->fd, name, data, len)
			       : lgetxattr(target->path, name, data, len);
}

void lade_attributes_bytes_init(struct lade_attributes_bytes *bytes)
{
	bytes->data = bytes->small;
	bytes->len = 0;
}

void lade_attributes_bytes_fini(struct lade_attributes_bytes *bytes)
{
	if (bytes->data != bytes->small)
		free(bytes->data);
	lade_attributes_bytes_init(bytes);
}

int lade_attributes_target_fetch(const struct lade_attributes_target *target, const char *name,
				 struct lade_attributes_bytes *out)
{
	size_t capacity = sizeof(out->small);
	ssize_t len;
	char *larger;

	for (unsigned tries = 0; tries < RACE_TRIES; tries++) {
		len = name ? get(target, name, out->data, capacity)
			   : list(target, out->data, capacity);
		if (len >= 0) {
			out->len = (size_t)len;
			return 0;
		}
		if (errno != ERANGE)
			return -1;
		len = name ? get(target, name, NULL, 0) : list(target, NULL, 0);
		if (len < 0)
			return -1;
		capacity = (size_t)len + LADE_ATTRIBUTES_SMALL_LEN; /* room for what comes in the meantime */
		larger = realloc(out->data == out->small ? NULL : out->data, capacity);
		if (!larger) {
			errno = ENOMEM;
			return -1;
		}
		out->data = larger;
	}
	errno = ERANGE;
	return -1;
}

int lade_attributes_target_set(const struct lade_attributes_target *target, const char *name, const struct lade_slice *value)
{
	if (value)
		return target->fd >= 0 ? fsetxattr(target->fd, name, value->data, value->len, 0)
				       : lsetxattr(target->path, name, value->data, value->len, 0);
	return target->fd >= 0 ? fremovexattr(target->fd, name) : lremovexattr(target->path, name);
}

/* True if a call by path failed with ENOENT because /proc is not there. */
static bool lacks_proc(const struct lade_attributes_target *target)
{
	char directory[LADE_ATTRIBUTES_DIRECTORY_LEN];
	struct stat st;
	bool lacks;

	if (target->fd >= 0)
		return false;
	memcpy(directory, target->path, target->directory_len);
	directory[target->directory_len] = '\0';
	lacks = lstat(directory, &st) != 0;
	errno = ENOENT;
	return lacks;
}

int lade_attributes_target_fail(const struct lade_attributes_target *target, const char *operation, const char *name,
				struct lade_fault *fault)
{
	int code = LADE_E_SYSTEM;

	switch (errno) {
	case EOPNOTSUPP: /* the file system, or this kind of attribute in it */
	case ENOSYS:     /* FUSE without the operation */
	case EPERM:      /* user.* on a symlink or device; trusted.* in a user namespace */
		code = LADE_E_UNSUPPORTED;
		break;
	case EACCES: /* SELinux and Smack guard their labels with it */
		if (name && lade_attributes_name_is_label(name))
			code = LADE_E_UNSUPPORTED;
		break;
	case ENOENT:
		if (lacks_proc(target))
			code = LADE_E_UNSUPPORTED;
		break;
	case E2BIG: /* the list of names is above 64 KiB */
		code = LADE_E_LIMIT;
		break;
	case ENOMEM:
		code = LADE_E_MEMORY;
		break;
	default:
		break;
	}
	return lade_fault_set(fault, code, operation, target->subject);
}
