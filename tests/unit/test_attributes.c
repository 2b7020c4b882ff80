/*
 * Extended attributes and ACLs: the encoded list, what a peer may send, and what
 * arrives on files, directories, symlinks and FIFOs. What the scratch file system or
 * the user cannot do is skipped with a message.
 */
#include "agent/tree/attributes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <cmocka.h>

#include "agent/tree/attributes_acl.h"
#include "protocol/limits.h"
#include "tests/unit/temp_tree.h"

#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"
#define NO_ID 0xff, 0xff, 0xff, 0xff
#define ID(n) (n) & 0xff, (n) >> 8 & 0xff, 0, 0

/* clang-format off */
/* u::rw- u:1001:r-- u:1002:rw- g::r-- g:7:r-x m::rwx o::--- */
static const uint8_t acl_full[] = {
	2, 0, 0, 0,
	1, 0, 6, 0, NO_ID,
	2, 0, 4, 0, ID(1001),
	2, 0, 6, 0, ID(1002),
	4, 0, 4, 0, NO_ID,
	8, 0, 5, 0, ID(7),
	16, 0, 7, 0, NO_ID,
	32, 0, 0, 0, NO_ID,
};
/* u::rw- g::r-- o::r-- */
static const uint8_t acl_mode[] = {
	2, 0, 0, 0,
	1, 0, 6, 0, NO_ID,
	4, 0, 4, 0, NO_ID,
	32, 0, 4, 0, NO_ID,
};
/* clang-format on */

static struct lade_attributes_wish both = { .xattrs = true, .acls = true };
static struct lade_attributes_wish only_xattrs = { .xattrs = true };
static struct lade_attributes_wish only_acls = { .acls = true };
static struct lade_attributes_wish neither = { .xattrs = false };

struct fixture {
	char base[PATH_MAX];
	int base_fd;
	int fd; /* "file" */
	bool has_xattrs;
	bool has_acls;
	struct lade_writer out;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	temp_tree_make(fixture->base);
	fixture->base_fd = open(fixture->base, O_RDONLY | O_DIRECTORY);
	fixture->fd = openat(fixture->base_fd, "file", O_CREAT | O_RDWR, 0640);
	assert_true(fixture->base_fd >= 0 && fixture->fd >= 0);
	fixture->has_xattrs = fsetxattr(fixture->fd, "user.probe", "", 0, 0) == 0;
	fixture->has_acls = fsetxattr(fixture->fd, ACCESS, acl_full, sizeof(acl_full), 0) == 0;
	fremovexattr(fixture->fd, "user.probe");
	fremovexattr(fixture->fd, ACCESS);
	if (!fixture->has_xattrs || !fixture->has_acls)
		print_message("# no %s on this file system\n",
			      fixture->has_xattrs ? "ACLs" : "user.* attributes");
	lade_writer_init(&fixture->out, LADE_XATTRS_MAX);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	lade_writer_fini(&fixture->out);
	close(fixture->base_fd);
	close(fixture->fd);
	temp_tree_remove(fixture->base);
	free(fixture);
	return 0;
}

static struct lade_slice text(const char *string)
{
	return lade_slice(string, strlen(string));
}

static void put(struct lade_writer *writer, const char *name, const void *value, size_t len)
{
	lade_writer_put_slice(writer, text(name));
	lade_writer_put_slice(writer, lade_slice(value, len));
}

static struct lade_slice written(const struct lade_writer *writer)
{
	assert_int_equal(writer->error, 0);
	return lade_slice(writer->data, writer->len);
}

/* Read into the fixture's writer. */
static struct lade_slice read_all(struct fixture *fixture, const struct lade_attributes_wish *wish,
				  struct lade_attributes_place place)
{
	lade_writer_reset(&fixture->out);
	assert_int_equal(lade_attributes_read(wish, &place, &fixture->out, NULL), 0);
	assert_int_equal(lade_attributes_check(written(&fixture->out)), 0);
	return written(&fixture->out);
}

static struct lade_attributes_place file_of(const struct fixture *fixture)
{
	struct lade_attributes_place place = { fixture->fd, fixture->base_fd, "file" };

	return place;
}

static struct lade_attributes_place named(const struct fixture *fixture, const char *name)
{
	struct lade_attributes_place place = { -1, fixture->base_fd, name };

	return place;
}

static void test_read(void **state)
{
	struct fixture *fixture = *state;
	struct lade_writer expected;

	assert_int_equal(read_all(fixture, &both, file_of(fixture)).len, 0);
	assert_int_equal(read_all(fixture, &both, named(fixture, "file")).len, 0);
	if (!fixture->has_xattrs || !fixture->has_acls)
		return;
	assert_int_equal(fsetxattr(fixture->fd, "user.b", "two\0", 4, 0), 0);
	assert_int_equal(fsetxattr(fixture->fd, "user.a", "", 0, 0), 0);
	assert_int_equal(fsetxattr(fixture->fd, ACCESS, acl_full, sizeof(acl_full), 0), 0);
	lade_writer_init(&expected, LADE_XATTRS_MAX);
	lade_writer_put_varint(&expected, 3);
	put(&expected, ACCESS, acl_full, sizeof(acl_full));
	put(&expected, "user.a", "", 0);
	put(&expected, "user.b", "two\0", 4);
	assert_true(
		lade_slice_equal(read_all(fixture, &both, file_of(fixture)), written(&expected)));
	assert_true(lade_slice_equal(read_all(fixture, &both, named(fixture, "file")),
				     written(&expected)));
	lade_writer_reset(&expected);
	lade_writer_put_varint(&expected, 1);
	put(&expected, ACCESS, acl_full, sizeof(acl_full));
	assert_true(lade_slice_equal(read_all(fixture, &only_acls, file_of(fixture)),
				     written(&expected)));
	lade_writer_reset(&expected);
	lade_writer_put_varint(&expected, 2);
	put(&expected, "user.a", "", 0);
	put(&expected, "user.b", "two\0", 4);
	assert_true(lade_slice_equal(read_all(fixture, &only_xattrs, file_of(fixture)),
				     written(&expected)));
	assert_int_equal(read_all(fixture, &neither, file_of(fixture)).len, 0);
	lade_writer_fini(&expected);
}

static void test_read_errors(void **state)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "/" };
	struct fixture *fixture = *state;
	struct lade_attributes_place place = named(fixture, "none");
	struct lade_fault fault;

	assert_int_equal(lade_attributes_read(&both, &place, &fixture->out, &fault), LADE_E_SYSTEM);
	assert_int_equal(fault.sys_errno, ENOENT);
	assert_string_equal(fault.subject, "none");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		place = named(fixture, bad[i]);
		assert_int_equal(lade_attributes_read(&both, &place, &fixture->out, &fault),
				 LADE_E_REFUSED);
	}
}

/* A value above the small buffer; more than limits.h allows. */
static void test_large(void **state)
{
	struct fixture *fixture = *state;
	struct lade_attributes_place place = file_of(fixture);
	char value[3000], name[64];
	struct lade_reader reader;
	struct lade_slice slice;
	unsigned count;

	memset(value, 'v', sizeof(value));
	if (!fixture->has_xattrs ||
	    fsetxattr(fixture->fd, "user.large", value, sizeof(value), 0) != 0) {
		print_message("# skipped: no large attributes on this file system\n");
		return;
	}
	slice = read_all(fixture, &both, place);
	lade_reader_init(&reader, slice.data, slice.len);
	assert_int_equal(lade_reader_get_varint(&reader, 1), 1);
	assert_true(lade_slice_equal(lade_reader_get_slice(&reader, 255), text("user.large")));
	assert_true(lade_slice_equal(lade_reader_get_slice(&reader, 65536),
				     lade_slice(value, sizeof(value))));
	assert_int_equal(lade_reader_finish(&reader), 0);
	fremovexattr(fixture->fd, "user.large");
	for (count = 0; count < 1100; count++) {
		snprintf(name, sizeof(name), "user.%u", count);
		if (fsetxattr(fixture->fd, name, "", 0, 0) != 0)
			break;
	}
	if (count < 1100) {
		lade_writer_reset(&fixture->out);
		assert_int_equal(lade_attributes_read(&both, &place, &fixture->out, NULL), 0);
		print_message("# skipped: only %u attributes on this file system\n", count);
		return;
	}
	assert_int_equal(lade_attributes_read(&both, &place, &fixture->out, NULL), LADE_E_LIMIT);
}

static void check_list(const char *what, int expected, struct lade_slice list)
{
	int code = lade_attributes_check(list);

	if (code != expected)
		fail_msg("%s: %d instead of %d", what, code, expected);
}

static void test_check(void **state)
{
	static const uint8_t none[] = { 0 }, cut[] = { 1, 3, 'u', '.' },
			     left[] = { 1, 1, 'u', 0, 0 };
	static const uint8_t empty_name[] = { 1, 0, 0 }, with_nul[] = { 1, 2, 'u', 0, 0 };
	static const uint8_t many[] = { 0x81, 0x08 }; /* 1025 */
	static const uint8_t twice[] = { 2, 1, 'u', 0, 1, 'u', 0 },
			     swapped[] = { 2, 1, 'v', 0, 1, 'u', 0 };
	static const uint8_t prefix[] = { 2, 1, 'u', 0, 2, 'u', 'u', 0 },
			     long_name[] = { 1, 0x80, 0x02 };
	uint8_t *large = calloc(1, LADE_XATTRS_MAX + 1);
	struct lade_writer writer;

	(void)state;
#define CHECK(code, list) check_list(#list, code, lade_slice(list, sizeof(list)))
	check_list("nothing", 0, lade_slice(NULL, 0));
	CHECK(LADE_E_PROTOCOL, none);
	CHECK(LADE_E_TRUNCATED, cut);
	CHECK(LADE_E_PROTOCOL, left);
	CHECK(LADE_E_PROTOCOL, empty_name);
	CHECK(LADE_E_PROTOCOL, with_nul);
	CHECK(LADE_E_LIMIT, many);
	CHECK(LADE_E_PROTOCOL, twice);
	CHECK(LADE_E_PROTOCOL, swapped);
	CHECK(0, prefix);
	CHECK(LADE_E_LIMIT, long_name);
	check_list("large", LADE_E_LIMIT, lade_slice(large, LADE_XATTRS_MAX + 1));
	lade_writer_init(&writer, LADE_XATTRS_MAX);
	lade_writer_put_varint(&writer, 1);
	put(&writer, DEFAULT, acl_full, sizeof(acl_full) - 1);
	check_list("cut ACL", LADE_E_PROTOCOL, written(&writer));
	lade_writer_fini(&writer);
	free(large);
#undef CHECK
}

/* One byte of a good ACL changed. */
static void test_acl_valid(void **state)
{
	static const struct {
		size_t off;
		uint8_t value;
	} breaks[] = { { 0, 1 },  { 3, 1 },   { 4, 0 },  { 4, 3 },  { 4, 64 }, { 5, 1 },  { 6, 8 },
		       { 12, 1 }, { 12, 32 }, { 28, 2 }, { 28, 8 }, { 44, 8 }, { 52, 16 } };
	uint8_t acl[sizeof(acl_full)];

	(void)state;
	assert_true(lade_attributes_acl_is_valid(lade_slice(acl_full, sizeof(acl_full))));
	assert_true(lade_attributes_acl_is_valid(lade_slice(acl_mode, sizeof(acl_mode))));
	for (size_t i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
		memcpy(acl, acl_full, sizeof(acl));
		acl[breaks[i].off] = breaks[i].value;
		if (lade_attributes_acl_is_valid(lade_slice(acl, sizeof(acl))))
			fail_msg("byte %zu is %u", breaks[i].off, breaks[i].value);
	}
	for (size_t len = 0; len < sizeof(acl_full); len++)
		assert_false(lade_attributes_acl_is_valid(lade_slice(acl_full, len)));
	assert_true(
		lade_attributes_acl_is_mode(text(ACCESS), lade_slice(acl_mode, sizeof(acl_mode))));
	assert_false(
		lade_attributes_acl_is_mode(text(DEFAULT), lade_slice(acl_mode, sizeof(acl_mode))));
	assert_false(
		lade_attributes_acl_is_mode(text(ACCESS), lade_slice(acl_full, sizeof(acl_full))));
}

static int count_ids(void *context, enum lade_identity_kind kind, uint32_t id)
{
	uint32_t *seen = context;

	seen[0]++;
	seen[1] += kind == LADE_IDENTITY_USER ? id : 100000 * id;
	return id == 7 ? -77 : 0;
}

static void test_visit_ids(void **state)
{
	uint32_t seen[2] = { 0, 0 };
	struct lade_writer writer;

	(void)state;
	lade_writer_init(&writer, LADE_XATTRS_MAX);
	assert_int_equal(lade_attributes_visit_ids(written(&writer), count_ids, seen), 0);
	lade_writer_put_varint(&writer, 2);
	put(&writer, ACCESS, acl_full, sizeof(acl_full));
	put(&writer, "user.x", acl_full, sizeof(acl_full));
	assert_int_equal(lade_attributes_visit_ids(written(&writer), count_ids, seen), -77);
	assert_int_equal(seen[0], 3);
	assert_int_equal(seen[1], 1001 + 1002 + 700000);

	/* A default ACL too, behind an access ACL that names nobody. */
	memset(seen, 0, sizeof(seen));
	lade_writer_reset(&writer);
	lade_writer_put_varint(&writer, 2);
	put(&writer, ACCESS, acl_mode, sizeof(acl_mode));
	put(&writer, DEFAULT, acl_full, sizeof(acl_full));
	assert_int_equal(lade_attributes_visit_ids(written(&writer), count_ids, seen), -77);
	assert_int_equal(seen[0], 3);
	lade_writer_fini(&writer);
}

/* The entries 1001 and 1002 of acl_full as users of one name here, with these permissions. */
static void check_joined(uint8_t first_perm, uint8_t second_perm, uint8_t expected_perm)
{
	struct lade_identities *identities;
	const struct passwd *user;
	uint8_t acl[sizeof(acl_full)];

	setpwent();
	while ((user = getpwent()) && user->pw_uid == 0)
		continue;
	if (!user)
		return;
	assert_int_equal(lade_identities_new(&identities), 0);
	for (uint32_t id = 1001; id <= 1002; id++)
		assert_int_equal(lade_identities_learn(identities, LADE_IDENTITY_USER, id,
						       user->pw_name, strlen(user->pw_name)),
				 0);
	memcpy(acl, acl_full, sizeof(acl));
	acl[14] = first_perm;
	acl[22] = second_perm;
	assert_int_equal(lade_attributes_acl_map(acl, sizeof(acl), identities), sizeof(acl) - 8);
	assert_memory_equal(acl, acl_full, 14);
	assert_int_equal(acl[14], expected_perm);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(acl[16 + i], (uint8_t)(user->pw_uid >> 8 * i));
	assert_memory_equal(acl + 20, acl_full + 28, sizeof(acl_full) - 28);
	lade_identities_free(identities);
	endpwent();
}

/* Mapped ids are sorted again, and two that become one keep what both may. */
static void test_acl_map(void **state)
{
	uint8_t acl[sizeof(acl_full)];

	(void)state;
	memcpy(acl, acl_full, sizeof(acl));
	assert_int_equal(lade_attributes_acl_map(acl, sizeof(acl), NULL), sizeof(acl));
	assert_memory_equal(acl, acl_full, sizeof(acl));
	memcpy(acl + 12, acl_full + 20, 8); /* the two named users in the other order */
	memcpy(acl + 20, acl_full + 12, 8);
	assert_int_equal(lade_attributes_acl_map(acl, sizeof(acl), NULL), sizeof(acl));
	assert_memory_equal(acl, acl_full, sizeof(acl));
	check_joined(4, 6, 4);
	check_joined(6, 4, 4);
	check_joined(6, 5, 4);
	check_joined(6, 1, 0);
}

/* acl_full of a file of mode 0670, as rsync stores it: what the mode says too is left out, but for the mask. */
/* clang-format off */
static const uint8_t acl_stored[] = {
	0x80, 0, 0, 0, 4, 0, 0, 0, 7, 0, 0, 0, 0x80, 0, 0, 0,
	ID(1001), 4, 0, 0, 0x80,
	ID(1002), 6, 0, 0, 0x80,
	ID(7), 5, 0, 0, 0,
};
/* clang-format on */

static struct lade_slice restored(const uint8_t *stored, size_t len, const char *name, mode_t mode)
{
	static uint8_t acl[256];

	assert_true(lade_attributes_acl_restored_size(len) <= sizeof(acl));
	return lade_slice(acl, lade_attributes_acl_restore(text(name), lade_slice(stored, len), mode, acl));
}

static void test_acl_store(void **state)
{
	const struct lade_slice full = lade_slice(acl_full, sizeof(acl_full));
	uint8_t stored[sizeof(acl_full) + 16], changed[sizeof(acl_full)];
	size_t len = lade_attributes_acl_store(text(ACCESS), full, stored);

	(void)state;
	assert_true(sizeof(stored) <= lade_attributes_acl_stored_size(full.len));
	assert_int_equal(len, sizeof(acl_stored));
	assert_memory_equal(stored, acl_stored, len);
	assert_true(lade_slice_equal(restored(stored, len, ACCESS, 0100670), full));
	/* The mode has the last word about owner, mask and others. */
	memcpy(changed, acl_full, sizeof(changed));
	changed[6] = 7;
	changed[46] = 5;
	changed[54] = 1;
	assert_true(lade_slice_equal(restored(stored, len, ACCESS, 0100751), lade_slice(changed, sizeof(changed))));
	assert_true(lade_attributes_acl_equal(text(ACCESS), full, lade_slice(changed, sizeof(changed))));
	assert_false(lade_attributes_acl_equal(text(DEFAULT), full, lade_slice(changed, sizeof(changed))));
	changed[14] = 0;
	assert_false(lade_attributes_acl_equal(text(ACCESS), full, lade_slice(changed, sizeof(changed))));
	assert_false(lade_attributes_acl_equal(text(ACCESS), full, lade_slice(NULL, 0)));
	/* A default ACL is all there. */
	len = lade_attributes_acl_store(text(DEFAULT), full, stored);
	assert_int_equal(stored[0], 6);
	assert_int_equal(stored[12], 0);
	assert_true(lade_slice_equal(restored(stored, len, DEFAULT, 040700), full));
	assert_int_equal(restored(acl_stored, sizeof(acl_stored), DEFAULT, 040700).len, 0);
}

static void test_acl_granted(void **state)
{
	(void)state;
	assert_int_equal(lade_attributes_acl_granted(lade_slice(acl_full, sizeof(acl_full))), 0670);
	assert_int_equal(lade_attributes_acl_granted(lade_slice(acl_mode, sizeof(acl_mode))), 0644);
}

static void test_granted(void **state)
{
	struct fixture *fixture = *state;
	int search = openat(fixture->base_fd, ".", O_PATH | O_DIRECTORY);

	assert_int_equal(lade_attributes_granted(fixture->base_fd, 027), 0750);
	if (fsetxattr(fixture->base_fd, DEFAULT, acl_full, sizeof(acl_full), 0) == 0) {
		assert_int_equal(lade_attributes_granted(fixture->base_fd, 027), 0670);
		assert_int_equal(lade_attributes_granted(search, 027), 0670);
	}
	close(search);
}

/* Who may write to the tree may write these. */
static void test_acl_restore_refuses(void **state)
{
	static const struct {
		size_t off;
		uint8_t value;
	} breaks[] = { { 4, 8 }, { 5, 1 }, { 20, 8 }, { 21, 1 }, { 23, 0x40 } };
	uint8_t stored[sizeof(acl_stored)];

	(void)state;
	for (size_t len = 0; len < sizeof(stored); len++)
		assert_int_equal(restored(acl_stored, len, ACCESS, 0100670).len > 0, len >= 16 && len % 8 == 0);
	for (size_t i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
		memcpy(stored, acl_stored, sizeof(stored));
		stored[breaks[i].off] = breaks[i].value;
		assert_int_equal(restored(stored, sizeof(stored), ACCESS, 0100670).len, 0);
	}
}

/* With --fake-super the kernel's own ACLs are none, and what is stored instead is no attribute. */
static void test_fake_acl(void **state)
{
	static const struct lade_attributes_wish fake = { .xattrs = true, .acls = true, .fake = true, .super = true };
	const struct lade_attributes_wish receiver = { .xattrs = true, .acls = true, .fake = true, .super = true, .receives = true };
	struct fixture *fixture = *state;
	struct lade_attributes_place place = file_of(fixture);
	struct lade_writer list, ours;
	struct lade_fault fault;
	uint8_t bytes[64];

	if (!fixture->has_xattrs || !fixture->has_acls)
		return;
	assert_int_equal(fchmod(fixture->fd, 0670), 0);
	lade_writer_init(&list, LADE_XATTRS_MAX);
	lade_writer_put_varint(&list, 1);
	put(&list, ACCESS, acl_full, sizeof(acl_full));
	assert_int_equal(lade_attributes_write(&receiver, &place, written(&list), NULL, NULL), 1);
	assert_int_equal(fgetxattr(fixture->fd, "user.rsync.%aacl", bytes, sizeof(bytes)), sizeof(acl_stored));
	assert_memory_equal(bytes, acl_stored, sizeof(acl_stored));
	assert_true(fgetxattr(fixture->fd, ACCESS, NULL, 0) < 0);
	assert_true(lade_slice_equal(read_all(fixture, &fake, place), written(&list)));

	/* One that makes no sense cannot be sent, and goes where another one comes. */
	assert_int_equal(fsetxattr(fixture->fd, "user.rsync.%aacl", "nonsense", 8, 0), 0);
	lade_writer_init(&ours, LADE_XATTRS_MAX);
	assert_int_equal(lade_attributes_read(&fake, &place, &ours, &fault), LADE_E_SYSTEM);
	lade_writer_fini(&ours);
	assert_int_equal(lade_attributes_write(&receiver, &place, lade_slice(NULL, 0), NULL, NULL), 1);
	assert_true(fgetxattr(fixture->fd, "user.rsync.%aacl", NULL, 0) < 0);
	lade_writer_fini(&list);
}

/* Write, compare and read back a list at a place. */
static void check_write(struct fixture *fixture, struct lade_attributes_place place,
			struct lade_slice list, int expected)
{
	bool xattrs_differ = true, acls_differ = true;

	assert_int_equal(lade_attributes_check(list), 0);
	assert_int_equal(lade_attributes_write(&both, &place, list, NULL, NULL), expected);
	assert_int_equal(lade_attributes_write(&both, &place, list, NULL, NULL), 0);
	assert_int_equal(lade_attributes_compare(&both, &place, list, NULL, &xattrs_differ,
						 &acls_differ, NULL),
			 0);
	assert_false(xattrs_differ || acls_differ);
	assert_true(lade_slice_equal(read_all(fixture, &both, place), list));
}

static void test_write(void **state)
{
	struct fixture *fixture = *state;
	struct lade_attributes_place place = file_of(fixture);
	bool xattrs_differ, acls_differ;
	struct lade_writer list;

	if (!fixture->has_xattrs || !fixture->has_acls)
		return;
	assert_int_equal(fsetxattr(fixture->fd, "user.0", "extra", 5, 0), 0);
	assert_int_equal(fsetxattr(fixture->fd, "user.b", "other", 5, 0), 0);
	assert_int_equal(fsetxattr(fixture->fd, "user.z", "extra", 5, 0), 0);
	lade_writer_init(&list, LADE_XATTRS_MAX);
	lade_writer_put_varint(&list, 4);
	put(&list, ACCESS, acl_full, sizeof(acl_full));
	put(&list, "user.a", "", 0);
	put(&list, "user.b", "two", 3);
	put(&list, "user.c", "three", 5);

	assert_int_equal(lade_attributes_compare(&only_acls, &place, written(&list), NULL,
						 &xattrs_differ, &acls_differ, NULL),
			 1);
	assert_true(acls_differ && !xattrs_differ);
	assert_int_equal(lade_attributes_write(&only_acls, &place, written(&list), NULL, NULL), 1);
	assert_int_equal(fgetxattr(fixture->fd, "user.z", NULL, 0), 5);
	assert_int_equal(lade_attributes_compare(&both, &place, written(&list), NULL,
						 &xattrs_differ, &acls_differ, NULL),
			 1);
	assert_true(xattrs_differ && !acls_differ);
	check_write(fixture, place, written(&list), 1);
	assert_int_equal(lade_attributes_write(&neither, &place, lade_slice(NULL, 0), NULL, NULL),
			 0);
	assert_int_equal(lade_attributes_write(&only_acls, &place, lade_slice(NULL, 0), NULL, NULL),
			 1);
	assert_true(fgetxattr(fixture->fd, ACCESS, NULL, 0) < 0);
	assert_int_equal(fgetxattr(fixture->fd, "user.c", NULL, 0), 5);
	check_write(fixture, named(fixture, "file"), lade_slice(NULL, 0), 1);
	check_write(fixture, named(fixture, "file"), written(&list), 1);
	lade_writer_fini(&list);
}

/* What is well formed and still too much for the kernel or the file system is a fault, and changes nothing. */
static void test_refused(void **state)
{
	static uint8_t acl[sizeof(acl_full) + 8 * 8000];
	struct fixture *fixture = *state;
	struct lade_attributes_place place = file_of(fixture);
	struct lade_writer list;
	int code;

	if (!fixture->has_acls)
		return;
	lade_writer_init(&list, LADE_XATTRS_MAX);
	lade_writer_put_varint(&list, 1);
	memcpy(acl, acl_full, sizeof(acl_full));
	memset(acl + 16, 0xff, 4); /* the user of no number */
	put(&list, ACCESS, acl, sizeof(acl_full));
	assert_int_equal(lade_attributes_check(written(&list)), 0);
	assert_int_equal(lade_attributes_write(&both, &place, written(&list), NULL, NULL), LADE_E_SYSTEM);
	assert_int_equal(read_all(fixture, &both, place).len, 0);

	lade_writer_reset(&list);
	lade_writer_put_varint(&list, 1);
	memcpy(acl, acl_full, 20);
	for (unsigned i = 0; i < 8000; i++)
		memcpy(acl + 20 + 8 * i, (const uint8_t[]){ 2, 0, 4, 0, ID(20000 - i) }, 8);
	memcpy(acl + 20 + 8 * 8000, acl_full + 20, sizeof(acl_full) - 20);
	put(&list, ACCESS, acl, sizeof(acl));
	assert_int_equal(lade_attributes_check(written(&list)), 0);
	code = lade_attributes_write(&both, &place, written(&list), NULL, NULL);
	assert_true(code == 1 || code == LADE_E_SYSTEM || code == LADE_E_LIMIT);
	if (code != 1)
		assert_int_equal(read_all(fixture, &both, place).len, 0);
	lade_writer_fini(&list);
}

/* An access ACL of three entries is none; a default one is. */
static void test_minimal(void **state)
{
	struct fixture *fixture = *state;
	struct lade_attributes_place place = file_of(fixture),
				     directory = { fixture->base_fd, -1, "" };
	struct lade_writer list;

	if (!fixture->has_acls)
		return;
	lade_writer_init(&list, LADE_XATTRS_MAX);
	lade_writer_put_varint(&list, 1);
	put(&list, ACCESS, acl_mode, sizeof(acl_mode));
	assert_int_equal(lade_attributes_write(&both, &place, written(&list), NULL, NULL), 0);
	assert_int_equal(fsetxattr(fixture->fd, ACCESS, acl_full, sizeof(acl_full), 0), 0);
	assert_int_equal(lade_attributes_write(&both, &place, written(&list), NULL, NULL), 1);
	assert_int_equal(read_all(fixture, &both, place).len, 0);
	lade_writer_reset(&list);
	lade_writer_put_varint(&list, 1);
	put(&list, DEFAULT, acl_mode, sizeof(acl_mode));
	check_write(fixture, directory, written(&list), 1);
	check_write(fixture, directory, lade_slice(NULL, 0), 1);
	lade_writer_fini(&list);
}

/* Foreign ACLs and, for a user, everything but user.* are neither written nor missed. */
static void test_namespaces(void **state)
{
	struct fixture *fixture = *state;
	struct lade_attributes_place place = file_of(fixture);
	struct lade_writer list;

	if (!fixture->has_xattrs)
		return;
	lade_writer_init(&list, LADE_XATTRS_MAX);
	lade_writer_put_varint(&list, geteuid() == 0 ? 3 : 4);
	put(&list, "system.cifs_acl", "x", 1);
	put(&list, "system.nfs4_acl", "x", 1);
	if (geteuid() != 0)
		put(&list, "trusted.x", "x", 1);
	put(&list, "user.x", "x", 1);
	assert_int_equal(lade_attributes_check(written(&list)), 0);
	assert_int_equal(lade_attributes_write(&both, &place, written(&list), NULL, NULL), 1);
	assert_int_equal(lade_attributes_write(&both, &place, written(&list), NULL, NULL), 0);
	assert_true(fgetxattr(fixture->fd, "trusted.x", NULL, 0) < 0);
	lade_writer_fini(&list);
}

/* --fake-super: root's attributes have another name, and no attribute of a user's comes back as one of root's. */
static void test_fake(void **state)
{
	struct lade_attributes_wish fake = { .xattrs = true, .super = true, .fake = true };
	struct fixture *fixture = *state;
	struct lade_attributes_place place = file_of(fixture);
	struct lade_writer list;

	if (!fixture->has_xattrs)
		return;
	lade_writer_init(&list, LADE_XATTRS_MAX);
	lade_writer_put_varint(&list, 3);
	put(&list, "security.x", "root's", 6);
	put(&list, "user.rsync.security.capability", "mine", 4);
	put(&list, "user.x", "x", 1);
	assert_int_equal(lade_attributes_write(&fake, &place, written(&list), NULL, NULL), 1);
	assert_int_equal(fgetxattr(fixture->fd, "user.rsync.security.x", NULL, 0), 6);
	assert_int_equal(fgetxattr(fixture->fd, "user.x", NULL, 0), 1);
	assert_true(fgetxattr(fixture->fd, "user.rsync.security.capability", NULL, 0) < 0);
	assert_true(lade_slice_equal(read_all(fixture, &fake, place), written(&list)));
	assert_int_equal(lade_attributes_write(&fake, &place, written(&list), NULL, NULL), 0);
	lade_writer_fini(&list);
}

/* Symlinks and FIFOs: attributes of their own, the target untouched. */
static void test_special(void **state)
{
	static const char *const names[] = { "link", "fifo" };
	struct fixture *fixture = *state;
	struct lade_attributes_place place;
	struct lade_fault fault;
	struct lade_writer list;

	if (!fixture->has_xattrs)
		return;
	assert_int_equal(symlinkat("file", fixture->base_fd, "link"), 0);
	assert_int_equal(mkfifoat(fixture->base_fd, "fifo", 0600), 0);
	lade_writer_init(&list, LADE_XATTRS_MAX);
	for (size_t i = 0; i < 2; i++) {
		place = named(fixture, names[i]);
		lade_writer_reset(&list);
		lade_writer_put_varint(&list, 1);
		put(&list, "user.x", "x", 1);
		assert_int_equal(lade_attributes_write(&both, &place, written(&list), NULL, &fault),
				 LADE_E_UNSUPPORTED);
		assert_string_equal(fault.subject, names[i]);
		if (geteuid() != 0) {
			print_message("# skipped: trusted.* needs root\n");
			continue;
		}
		/* Goes on after a failure, and returns it. */
		lade_writer_reset(&list);
		lade_writer_put_varint(&list, 2);
		put(&list, "trusted.x", "x", 1);
		put(&list, "user.x", "x", 1);
		if (fsetxattr(fixture->fd, "trusted.x", "", 0, 0) != 0) {
			print_message("# skipped: trusted.* is not for this root\n");
			continue;
		}
		assert_int_equal(lade_attributes_write(&both, &place, written(&list), NULL, &fault),
				 LADE_E_UNSUPPORTED);
		lade_writer_reset(&list);
		lade_writer_put_varint(&list, 1);
		put(&list, "trusted.x", "x", 1);
		check_write(fixture, place, written(&list), 0);
		check_write(fixture, place, lade_slice(NULL, 0), 1);
	}
	fremovexattr(fixture->fd, "trusted.x");
	assert_int_equal(read_all(fixture, &both, file_of(fixture)).len, 0);
	lade_writer_fini(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large, setup, teardown),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_acl_valid),
		cmocka_unit_test(test_visit_ids),
		cmocka_unit_test(test_acl_map),
		cmocka_unit_test(test_acl_store),
		cmocka_unit_test(test_acl_granted),
		cmocka_unit_test(test_acl_restore_refuses),
		cmocka_unit_test_setup_teardown(test_granted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_minimal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_namespaces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fake, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fake_acl, setup, teardown),
		cmocka_unit_test_setup_teardown(test_special, setup, teardown),
	};

	both.super = only_xattrs.super = geteuid() == 0;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("attributes", tests, NULL, NULL);
}
