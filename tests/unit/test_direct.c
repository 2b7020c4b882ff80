/*
 * Reading past the page cache: contents at any boundary, by nobody, a ring or a thread ahead; what the kernel refuses at the first and
 * at later calls; files that shrink.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "transport/direct.h"

#define KIB ((size_t)1024)
#define PIECE (64 * KIB)

/* Who reads ahead. */
enum ahead { NOBODY, RING, THREAD, WAYS };

/*
 * What the calls of planned do. O_DIRECT is only remembered, not set, so that files of any file system can be used; a read that is not at
 * its boundaries fails as it would.
 */
static struct {
	int64_t alignment;         /* told */
	_Atomic size_t needed;     /* boundaries of reads while O_DIRECT is set; 0: not looked at */
	_Atomic bool is_direct;
	int set_error, clear_error, alignment_error, ring_error, submit_error;
	unsigned submit_at;        /* submit_error from this call on */
	unsigned at, times;        /* preads fail from this one on, so often (0: for ever), with error; with EINVAL only while O_DIRECT is set */
	int error;
	size_t cap;                /* most bytes of a pread; 0: no limit */
	_Atomic unsigned preads, submits;
	int truncate_fd;           /* with truncate_len >= 0: cut at pread number at */
	off_t truncate_len;
} plan;

static int64_t planned_alignment(int fd)
{
	(void)fd;
	errno = plan.alignment_error;
	return plan.alignment_error ? -1 : plan.alignment;
}

static int planned_get_flags(int fd)
{
	return fcntl(fd, F_GETFL) | (atomic_load(&plan.is_direct) ? O_DIRECT : 0);
}

static int planned_set_flags(int fd, int flags)
{
	(void)fd;
	errno = flags & O_DIRECT ? plan.set_error : plan.clear_error;
	if (errno)
		return -1;
	atomic_store(&plan.is_direct, (flags & O_DIRECT) != 0);
	return 0;
}

static ssize_t planned_pread(int fd, void *buffer, size_t len, off_t off)
{
	unsigned call = atomic_fetch_add(&plan.preads, 1);
	size_t needed = atomic_load(&plan.needed);

	if (plan.truncate_len >= 0 && call == plan.at)
		assert_int_equal(ftruncate(plan.truncate_fd, plan.truncate_len), 0);
	if (plan.error && call >= plan.at && (!plan.times || call < plan.at + plan.times) &&
	    (plan.error != EINVAL || atomic_load(&plan.is_direct))) {
		errno = plan.error;
		return -1;
	}
	if (needed && atomic_load(&plan.is_direct) && ((uintptr_t)buffer | len | (size_t)off) % needed) {
		errno = EINVAL;
		return -1;
	}
	return pread(fd, buffer, plan.cap && len > plan.cap ? plan.cap : len, off);
}

static int planned_ring(unsigned entries, void *ring)
{
	return plan.ring_error ? -plan.ring_error : lade_direct_kernel.ring(entries, ring);
}

static int planned_submit(void *ring)
{
	if (plan.submit_error && atomic_fetch_add(&plan.submits, 1) >= plan.submit_at)
		return -plan.submit_error;
	return lade_direct_kernel.submit(ring);
}

static const struct lade_direct_calls planned = {
	planned_alignment, planned_get_flags, planned_set_flags, planned_pread, planned_ring, planned_submit,
};

static int forget_plan(void **state)
{
	(void)state;
	memset(&plan, 0, sizeof(plan));
	plan.truncate_len = -1;
	return 0;
}

static uint8_t byte_at(uint64_t i)
{
	return (uint8_t)((i * 131 >> 3 | 1) + (i >> 12));
}

static int file_of(size_t len)
{
	const char *dir = getenv("TMPDIR");
	uint8_t *bytes = malloc(len + 1);
	char name[4096];
	int fd;

	snprintf(name, sizeof(name), "%s/lade-direct-XXXXXX", dir ? dir : "/tmp");
	fd = mkstemp(name);
	assert_true(fd >= 0);
	unlink(name);
	for (size_t i = 0; i < len; i++)
		bytes[i] = byte_at(i);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	free(bytes);
	return fd;
}

static struct lade_direct *reader_of(enum ahead ahead, const struct lade_direct_calls *calls)
{
	const struct lade_direct_wish wish = { .piece_len = PIECE, .ahead = ahead != NOBODY, .calls = calls };
	struct lade_direct *direct;

	if (ahead == THREAD)
		plan.ring_error = ENOSYS;
	assert_int_equal(lade_direct_new(&wish, &direct, NULL), 0);
	return direct;
}

/* Read one piece, and see that it is what it should be if it can be read at all. */
static int read_piece(struct lade_direct *direct, uint64_t off, size_t len, uint64_t end, struct lade_fault *fault)
{
	const struct lade_direct_piece piece = { off, (uint32_t)len, end };
	const uint8_t *data;
	int error = lade_direct_read(direct, &piece, &data, fault);

	if (error)
		assert_null(data);
	for (size_t i = 0; !error && i < len; i++)
		if (data[i] != byte_at(off + i))
			fail_msg("byte %zu of the piece at %llu is another one", i, (unsigned long long)off);
	return error;
}

/* Read from off to end. Returns how far it came. */
static uint64_t read_range(struct lade_direct *direct, uint64_t off, uint64_t end, int *error_out)
{
	struct lade_fault fault;
	size_t len;

	for (*error_out = 0; off < end; off += len) {
		len = end - off < PIECE ? (size_t)(end - off) : PIECE;
		*error_out = read_piece(direct, off, len, end, &fault);
		if (*error_out)
			return off;
	}
	return off;
}

static void read_all(struct lade_direct *direct, int fd, uint64_t off, uint64_t end)
{
	int error;

	assert_int_equal(lade_direct_open(direct, fd, NULL), 0);
	assert_int_equal(read_range(direct, off, end, &error), end);
	assert_int_equal(error, 0);
	assert_false(lade_direct_gave_up(direct, &error));
	lade_direct_close(direct);
}

static const size_t sizes[] = {
	0, 1, 511, 512, 4095, 4096, 4097, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 5 * PIECE + 4096, 7 * PIECE + 12345,
};

/* The kernel's own O_DIRECT, where this file system has it: many have, and tmpfs since Linux 6.6. */
static void test_kernel(void **state)
{
	int fd, error;

	(void)state;
	for (int ahead = NOBODY; ahead < THREAD; ahead++) {
		struct lade_direct *direct = reader_of((enum ahead)ahead, NULL);

		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			fd = file_of(sizes[s]);
			if (lade_direct_open(direct, fd, NULL) == 0) {
				assert_int_equal(read_range(direct, 0, sizes[s], &error), sizes[s]);
				lade_direct_close(direct);
			}
			close(fd);
		}
		lade_direct_free(direct);
	}
}

static void test_boundaries(void **state)
{
	static const int64_t told[] = { 0, 1, 512, 3000, 4096, 8192, 64 << 10, 1 << 20 };
	static const size_t offs[] = { 0, 1, 4096, 5000, 65535 };
	int fd = file_of(9 * PIECE + 77);

	(void)state;
	for (int ahead = NOBODY; ahead < WAYS; ahead++) {
		for (size_t t = 0; t < sizeof(told) / sizeof(told[0]); t++) {
			struct lade_direct *direct;

			forget_plan(NULL);
			plan.alignment = told[t];
			plan.needed = told[t] == 8192 || told[t] == 64 << 10 ? (size_t)told[t] : 4096;
			direct = reader_of((enum ahead)ahead, &planned);
			for (size_t o = 0; o < sizeof(offs) / sizeof(offs[0]); o++)
				read_all(direct, fd, offs[o], 9 * PIECE + 77);
			assert_true(atomic_load(&plan.is_direct));
			lade_direct_free(direct);
		}
	}
	close(fd);
}

/* One reader for one file after another, and reads that stop anywhere. */
static void test_short_reads(void **state)
{
	(void)state;
	for (int ahead = NOBODY; ahead < WAYS; ahead++) {
		struct lade_direct *direct;

		forget_plan(NULL);
		plan.needed = 4096;
		plan.cap = 5003;
		direct = reader_of((enum ahead)ahead, &planned);
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			int fd = file_of(sizes[s]);

			read_all(direct, fd, 0, sizes[s]);
			close(fd);
		}
		lade_direct_free(direct);
	}
}

static void test_no_direct(void **state)
{
	struct lade_direct *direct = reader_of(RING, &planned);
	struct lade_fault fault = { 0 };
	int fd = file_of(PIECE);

	(void)state;
	plan.set_error = EINVAL;
	assert_int_equal(lade_direct_open(direct, fd, &fault), LADE_E_UNSUPPORTED);
	assert_int_equal(fault.sys_errno, EINVAL);
	plan.set_error = 0;
	plan.alignment_error = EOPNOTSUPP;
	assert_int_equal(lade_direct_open(direct, fd, &fault), LADE_E_UNSUPPORTED);
	assert_int_equal(fault.sys_errno, EOPNOTSUPP);
	assert_false(atomic_load(&plan.is_direct));
	/* The next file is another matter. */
	plan.alignment_error = 0;
	read_all(direct, fd, 0, PIECE);
	lade_direct_free(direct);
	close(fd);
}

/* The file system refuses the first, or a later read: it goes on through the page cache, at the byte reached. */
static void test_refused(void **state)
{
	int fd = file_of(5 * PIECE + 5), reason;

	(void)state;
	for (int ahead = NOBODY; ahead < WAYS; ahead++) {
		for (unsigned at = 0; at < 4; at++) {
			struct lade_direct *direct;
			int error;

			forget_plan(NULL);
			plan.at = at;
			plan.error = EINVAL;
			plan.cap = 60 * KIB;
			direct = reader_of((enum ahead)ahead, &planned);
			assert_int_equal(lade_direct_open(direct, fd, NULL), 0);
			assert_int_equal(read_range(direct, 0, 5 * PIECE + 5, &error), 5 * PIECE + 5);
			/* A ring reads without us, and nothing is left for pread. */
			if (ahead != RING) {
				assert_true(lade_direct_gave_up(direct, &reason));
				assert_int_equal(reason, EINVAL);
				assert_false(atomic_load(&plan.is_direct));
			}
			lade_direct_close(direct);
			assert_false(lade_direct_gave_up(direct, &reason));
			lade_direct_free(direct);
		}
	}
	/* And if that is refused as well. */
	forget_plan(NULL);
	plan.error = EINVAL;
	plan.clear_error = EPERM;
	struct lade_direct *direct = reader_of(NOBODY, &planned);
	assert_int_equal(lade_direct_open(direct, fd, NULL), 0);
	assert_int_equal(read_piece(direct, 0, PIECE, PIECE, NULL), LADE_E_SOURCE);
	lade_direct_free(direct);
	close(fd);
}

static void test_unreadable(void **state)
{
	struct lade_fault fault = { 0 };
	int fd = file_of(5 * PIECE), error;

	(void)state;
	for (int ahead = NOBODY; ahead <= THREAD; ahead += THREAD) {
		struct lade_direct *direct;

		forget_plan(NULL);
		plan.error = EIO;
		direct = reader_of((enum ahead)ahead, &planned);
		assert_int_equal(lade_direct_open(direct, fd, NULL), 0);
		assert_int_equal(read_piece(direct, 0, PIECE, 5 * PIECE, &fault), LADE_E_SOURCE);
		assert_int_equal(fault.code, LADE_E_SOURCE);
		assert_int_equal(fault.sys_errno, EIO);
		lade_direct_free(direct);

		forget_plan(NULL);
		plan.error = EINTR;
		plan.times = 3;
		direct = reader_of((enum ahead)ahead, &planned);
		assert_int_equal(lade_direct_open(direct, fd, NULL), 0);
		assert_int_equal(read_range(direct, 0, 5 * PIECE, &error), 5 * PIECE);
		lade_direct_free(direct);
	}
	close(fd);
}

static void test_shrunk(void **state)
{
	int error;

	(void)state;
	for (int ahead = NOBODY; ahead < WAYS; ahead++) {
		int fd = file_of(5 * PIECE + 100);
		struct lade_direct *direct;
		struct lade_fault fault = { 0 };

		forget_plan(NULL);
		plan.needed = 4096;
		direct = reader_of((enum ahead)ahead, &planned);
		assert_int_equal(lade_direct_open(direct, fd, NULL), 0);
		/* One byte more than there is. */
		assert_int_equal(read_range(direct, 0, 5 * PIECE + 101, &error), 5 * PIECE);
		assert_int_equal(error, LADE_E_SHRUNK);
		lade_direct_close(direct);
		/* It ends at once, inside a block and at the end of one, while it is read. */
		assert_int_equal(lade_direct_open(direct, fd, NULL), 0);
		assert_int_equal(read_piece(direct, 0, PIECE, 5 * PIECE, &fault), 0);
		assert_int_equal(ftruncate(fd, 4 * PIECE + 1), 0);
		assert_int_equal(read_range(direct, PIECE, 5 * PIECE, &error), 4 * PIECE);
		assert_int_equal(error, LADE_E_SHRUNK);
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(read_piece(direct, 2 * PIECE, PIECE, 5 * PIECE, &fault), LADE_E_SHRUNK);
		assert_int_equal(fault.code, LADE_E_SHRUNK);
		lade_direct_free(direct);
		close(fd);
	}
}

/* Cut between two calls that read one piece. */
static void test_shrinks_in_a_piece(void **state)
{
	int fd = file_of(PIECE);
	struct lade_direct *direct = reader_of(NOBODY, &planned);

	(void)state;
	plan.needed = 4096;
	plan.cap = 8192;
	plan.at = 2;
	plan.truncate_fd = fd;
	plan.truncate_len = 8192;
	assert_int_equal(lade_direct_open(direct, fd, NULL), 0);
	assert_int_equal(read_piece(direct, 0, PIECE, PIECE, NULL), LADE_E_SHRUNK);
	lade_direct_free(direct);
	close(fd);
}

/* Not what was read ahead, but something else; and files that are left in the middle. */
static void test_other_pieces(void **state)
{
	int fd = file_of(9 * PIECE), other = file_of(2 * PIECE);

	(void)state;
	for (int ahead = NOBODY; ahead < WAYS; ahead++) {
		struct lade_direct *direct;

		forget_plan(NULL);
		direct = reader_of((enum ahead)ahead, &planned);
		lade_direct_close(direct);
		assert_int_equal(lade_direct_open(direct, fd, NULL), 0);
		assert_int_equal(read_piece(direct, 0, PIECE, 9 * PIECE, NULL), 0);
		assert_int_equal(read_piece(direct, 5 * PIECE + 3, PIECE, 9 * PIECE, NULL), 0);
		assert_int_equal(read_piece(direct, 6 * PIECE + 3, 1000, 9 * PIECE, NULL), 0);
		assert_int_equal(read_piece(direct, PIECE, PIECE, 2 * PIECE, NULL), 0);
		assert_int_equal(read_piece(direct, PIECE, PIECE, 9 * PIECE, NULL), 0);
		assert_int_equal(lade_direct_open(direct, other, NULL), 0);
		assert_int_equal(read_piece(direct, 0, PIECE, 2 * PIECE, NULL), 0);
		lade_direct_free(direct);
	}
	lade_direct_free(NULL);
	close(fd);
	close(other);
}

/* Without a ring, or with one that takes no reads from the first or a later one on: a thread, and why. */
static void test_no_ring(void **state)
{
	static const int errors[] = { ENOSYS, EPERM, ENOMEM };
	int fd = file_of(7 * PIECE - 5000), reason;
	bool threaded;

	(void)state;
	for (size_t e = 0; e < 3; e++) {
		struct lade_direct *direct;

		forget_plan(NULL);
		plan.ring_error = errors[e];
		direct = reader_of(RING, &planned);
		assert_null(lade_direct_excuse(direct, &reason, &threaded));
		read_all(direct, fd, 0, 7 * PIECE - 5000);
		assert_non_null(lade_direct_excuse(direct, &reason, &threaded));
		assert_int_equal(reason, errors[e]);
		assert_true(threaded);
		/* Each piece was read once: the short one at the end, too. */
		assert_int_equal(atomic_load(&plan.preads), 7);
		lade_direct_free(direct);
	}
	for (unsigned at = 0; at < 3; at++) {
		struct lade_direct *direct;

		forget_plan(NULL);
		plan.submit_error = EAGAIN;
		plan.submit_at = at;
		direct = reader_of(RING, &planned);
		read_all(direct, fd, 0, 7 * PIECE - 5000);
		assert_non_null(lade_direct_excuse(direct, &reason, &threaded));
		assert_true(threaded);
		/* What it did not take is still in its queue. */
		assert_int_equal(atomic_load(&plan.submits), at + 1);
		lade_direct_free(direct);
	}
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_kernel, forget_plan),
		cmocka_unit_test_setup(test_boundaries, forget_plan),
		cmocka_unit_test_setup(test_short_reads, forget_plan),
		cmocka_unit_test_setup(test_no_direct, forget_plan),
		cmocka_unit_test_setup(test_refused, forget_plan),
		cmocka_unit_test_setup(test_unreadable, forget_plan),
		cmocka_unit_test_setup(test_shrunk, forget_plan),
		cmocka_unit_test_setup(test_shrinks_in_a_piece, forget_plan),
		cmocka_unit_test_setup(test_other_pieces, forget_plan),
		cmocka_unit_test_setup(test_no_ring, forget_plan),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
