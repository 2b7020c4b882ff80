/*
 * A file for each recipe:
 *
 *     "lade recipe 1\0\0\0", stamp, messages, digest of all before it under the recipe key
 *
 * Its name is the digest of what tells the file, not its stamp: a new recipe of it takes the place of the old one.
 */
#include "agent/sync/recipe_store.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/state.h"
#include "agent/sync/file_digest.h"
#include "protocol/byteorder.h"

#define MAGIC_LEN 16u
#define NAME_SIZE (2 * LADE_DIGEST_LEN + 1)
#define BESIDE_LEN (MAGIC_LEN + LADE_STAMP_LEN + LADE_DIGEST_LEN)
/* All recipes together, in bytes. */
#define STORE_MAX ((off_t)256 << 20)

static const char magic[MAGIC_LEN] = "lade recipe 1";

static void name_of(const struct lade_recipe_of *of, char name[NAME_SIZE])
{
	uint8_t identity[8 + 8 + 4], digest[LADE_DIGEST_LEN];

	lade_put_le64(identity, of->stamp.file_system);
	lade_put_le64(identity + 8, of->stamp.inode);
	lade_put_le32(identity + 16, of->cut_class);
	lade_digest(of->key, identity, sizeof(identity), digest);
	(void)sodium_bin2hex(name, NAME_SIZE, digest, sizeof(digest));
}

/* What stands before the messages. */
static void put_head(struct lade_writer *writer, const struct lade_recipe_of *of)
{
	lade_writer_put_bytes(writer, magic, MAGIC_LEN);
	lade_stamp_put(writer, &of->stamp);
}

/* True if the len bytes are a recipe of what is meant. */
static bool is_right(const struct lade_recipe_of *of, const uint8_t *bytes, size_t len)
{
	uint8_t digest[LADE_DIGEST_LEN];
	struct lade_writer head;
	bool right;

	lade_digest(of->key, bytes, len - LADE_DIGEST_LEN, digest);
	lade_writer_init(&head, BESIDE_LEN);
	put_head(&head, of);
	right = !head.error && memcmp(head.data, bytes, head.len) == 0 && lade_digest_equal(digest, bytes + len - LADE_DIGEST_LEN);
	lade_writer_fini(&head);
	return right;
}

bool lade_recipe_store_get(int directory_fd, const struct lade_recipe_of *of, struct lade_writer *messages)
{
	struct lade_range range = { .off = 0 };
	char name[NAME_SIZE];
	uint8_t *bytes = NULL;
	struct stat st;
	bool got = false;

	name_of(of, name);
	range.fd = openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (range.fd < 0)
		return false;
	if (fstat(range.fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= BESIDE_LEN &&
	    st.st_size <= (off_t)(LADE_RECIPE_KEPT_MAX + BESIDE_LEN)) {
		range.len = (uint32_t)st.st_size;
		bytes = malloc(range.len);
	}
	if (bytes && lade_range_read(&range, bytes, NULL) == 0 && is_right(of, bytes, range.len)) {
		lade_writer_put_bytes(messages, bytes + MAGIC_LEN + LADE_STAMP_LEN, range.len - BESIDE_LEN);
		got = !messages->error;
		/* It is in use: others are older. */
		(void)futimens(range.fd, NULL);
	}
	free(bytes);
	close(range.fd);
	return got;
}

int lade_recipe_store_put(int directory_fd, const struct lade_recipe_of *of, struct lade_slice messages,
			  struct lade_fault *fault)
{
	uint8_t digest[LADE_DIGEST_LEN];
	struct lade_writer bytes;
	char name[NAME_SIZE];
	int error;

	name_of(of, name);
	lade_writer_init(&bytes, LADE_RECIPE_KEPT_MAX + BESIDE_LEN);
	put_head(&bytes, of);
	lade_writer_put_bytes(&bytes, messages.data, messages.len);
	if (!bytes.error) {
		lade_digest(of->key, bytes.data, bytes.len, digest);
		lade_writer_put_bytes(&bytes, digest, sizeof(digest));
	}
	error = bytes.error ? lade_fault_set(fault, bytes.error, "keep a recipe", NULL) :
		lade_state_put(directory_fd, name, bytes.data, bytes.len, fault);
	lade_writer_fini(&bytes);
	if (!error)
		lade_state_trim(directory_fd, NAME_SIZE - 1, STORE_MAX);
	return error;
}
