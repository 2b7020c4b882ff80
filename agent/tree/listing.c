/*
 * getdents64 on the held descriptor itself: opendir(3) would open, stat and allocate
 * once more for each directory, which is a tenth of a walk.
 */
#include "agent/tree/listing.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* Most directories fit into one call. On the stack: a thread walks one directory at a time. */
#define BUFFER_LEN (32u << 10)

static bool is_dot(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static int add_names(int directory_fd, const char *buffer, size_t len, struct lade_name_list *list,
		     const struct lade_listing_key *key, struct lade_fault *fault)
{
	int error = 0;

	for (size_t off = 0; off < len && !error;) {
		const struct dirent64 *found = (const struct dirent64 *)(const void *)(buffer + off);
		const char *name = found->d_name;
		int sorted_as;

		off += found->d_reclen;
		if (is_dot(found->d_name))
			continue;
		sorted_as = key->of(key->context, directory_fd, &name, found->d_type);
		if (sorted_as >= 0)
			error = lade_name_list_add(list, name, (uint8_t)sorted_as, found->d_type, fault);
	}
	return error;
}

int lade_listing_read(int directory_fd, struct lade_name_list *list, const struct lade_listing_key *key,
		      struct lade_fault *fault)
{
	_Alignas(struct dirent64) char buffer[BUFFER_LEN];
	ssize_t got = 0;
	int error;

	if (lseek(directory_fd, 0, SEEK_SET) >= 0)
		while ((got = getdents64(directory_fd, buffer, sizeof(buffer))) > 0) {
			error = add_names(directory_fd, buffer, (size_t)got, list, key, fault);
			if (error)
				return error;
		}
	else
		got = -1;
	if (got == 0)
		return 0;
	/* A descriptor that may only be searched (O_PATH) says EBADF. */
	if (errno == EBADF)
		errno = EACCES;
	return lade_fault_set(fault, LADE_E_SOURCE, "read directory", NULL);
}

int lade_listing_empty(int fd, const char *besides)
{
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int result = 1;

	if (!directory) {
		if (fd >= 0)
			close(fd);
		return LADE_E_SYSTEM;
	}
	errno = 0;
	while (result && (entry = readdir(directory)))
		result = is_dot(entry->d_name) || (besides && strcmp(entry->d_name, besides) == 0);
	if (result && errno)
		result = LADE_E_SYSTEM;
	closedir(directory);
	return result;
}
