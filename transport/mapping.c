/*
 * SIGBUS-safe windows: a fixed table that a signal handler may read at any time.
 *
 * A row is written by the thread that owns it and read by the handler in any thread.
 * Its stamp orders both: the low bits tell the phase, the rest counts uses, so that
 * the handler knows when a row changed under its eyes. Such a row cannot be the one
 * that it looks for: the window of a fault is in use, hence not being opened or closed.
 *
 * The handler covers everything from the fault to the end of the window, not one
 * page: the window is lost anyway, and a reader of 8 MiB takes one signal, not 2048.
 *
 * Limits: LADE_MAPPINGS_MAX rows, looked through one by one. When a foreign fault was
 * handed on and the process survived it, windows are no longer protected.
 */
#include "transport/mapping.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum row_phase {
	ROW_FREE,
	ROW_CLAIMED, /* being opened or closed */
	ROW_LIVE,
	ROW_PHASES = 4,
};

struct row {
	_Atomic uint64_t stamp; /* uses * ROW_PHASES + phase */
	_Atomic uintptr_t base;
	_Atomic size_t len;
	_Atomic bool damaged;
};

/* What the handler needs. Written once before threads start, except the rows. */
static struct row rows[LADE_MAPPINGS_MAX];
static uintptr_t page_len;
static struct sigaction previous;
static bool installed;

static enum row_phase phase_of(uint64_t stamp)
{
	return (enum row_phase)(stamp % ROW_PHASES);
}

/* Read a live row as one; false where it is not live or changed meanwhile. */
static bool row_read(struct row *row, uintptr_t *base_out, size_t *len_out)
{
	uint64_t stamp = atomic_load(&row->stamp);

	if (phase_of(stamp) != ROW_LIVE)
		return false;
	*base_out = atomic_load(&row->base);
	*len_out = atomic_load(&row->len);
	return atomic_load(&row->stamp) == stamp;
}

/* Runs in the handler: mmap is one system call on Linux and takes no lock of ours. */
static bool cover(uintptr_t address)
{
	uintptr_t base, page = address & ~(page_len - 1);
	size_t len, i;

	for (i = 0; i < LADE_MAPPINGS_MAX; i++) {
		if (!row_read(&rows[i], &base, &len) || address < base || address - base >= len)
			continue;
		/* First the flag: another reader of this window must not see zeros without it. */
		atomic_store(&rows[i].damaged, true);
		return mmap((void *)page, base + len - page, PROT_READ,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
	}
	return false;
}

static void on_sigbus(int signo, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)context;
	/* A positive code comes from the kernel: si_addr is meaningful. */
	if (info->si_code > 0 && cover((uintptr_t)info->si_addr)) {
		errno = saved;
		return;
	}
	/* Foreign: the instruction runs again and faults into the previous disposition. */
	sigaction(SIGBUS, &previous, NULL);
	if (info->si_code <= 0)
		raise(signo); /* sent by kill(2): nothing would run again */
	errno = saved;
}

int lade_mapping_setup(struct lade_fault *fault)
{
	struct sigaction action;

	if (installed)
		return 0;
	page_len = (uintptr_t)sysconf(_SC_PAGESIZE);
	memset(&action, 0, sizeof(action));
	action.sa_sigaction = on_sigbus;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, &action, &previous) < 0)
		return lade_fault_set(fault, LADE_E_SYSTEM, "sigaction", NULL);
	installed = true;
	return 0;
}

/* Claim a free row; -1 where there is none. */
static int row_claim(void)
{
	uint64_t stamp;
	int i;

	for (i = 0; i < LADE_MAPPINGS_MAX; i++) {
		stamp = atomic_load(&rows[i].stamp);
		if (phase_of(stamp) == ROW_FREE &&
		    atomic_compare_exchange_strong(&rows[i].stamp, &stamp, stamp + ROW_CLAIMED))
			return i;
	}
	return -1;
}

/* Only the owner of a row moves it out of CLAIMED or LIVE, so plain arithmetic is enough. */
static void row_publish(struct row *row, void *base, size_t len)
{
	atomic_store(&row->base, (uintptr_t)base);
	atomic_store(&row->len, len);
	atomic_store(&row->damaged, false);
	atomic_fetch_add(&row->stamp, ROW_LIVE - ROW_CLAIMED);
}

static void row_release(struct row *row)
{
	uint64_t stamp = atomic_load(&row->stamp);

	atomic_store(&row->stamp, (stamp / ROW_PHASES + 1) * ROW_PHASES + ROW_FREE);
}

static int unsupported(struct lade_fault *fault, int error)
{
	lade_fault_set(fault, LADE_E_UNSUPPORTED, "mmap", NULL);
	if (fault)
		fault->sys_errno = error;
	return LADE_E_UNSUPPORTED;
}

/* True if fd is a regular file that ends before end. */
static bool ends_before(int fd, off_t end)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < end;
}

int lade_mapping_open(struct lade_mapping *mapping, int fd, off_t off, size_t len,
		      struct lade_fault *fault)
{
	size_t lead = (size_t)(off % sysconf(_SC_PAGESIZE));
	int error;

	assert(off >= 0 && len > 0);
	memset(mapping, 0, sizeof(*mapping));
	if (len > SIZE_MAX - lead)
		return lade_fault_set(fault, LADE_E_MEMORY, "mmap", NULL);
	if (ends_before(fd, off + (off_t)len))
		return lade_fault_set(fault, LADE_E_SHRUNK, "mmap", NULL);
	mapping->slot = row_claim();
	if (mapping->slot < 0)
		return lade_fault_set(fault, LADE_E_MEMORY, "mmap", NULL);
	mapping->base_len = lead + len;
	mapping->base = mmap(NULL, mapping->base_len, PROT_READ, MAP_SHARED, fd, off - (off_t)lead);
	if (mapping->base == MAP_FAILED) {
		error = errno;
		row_release(&rows[mapping->slot]);
		memset(mapping, 0, sizeof(*mapping));
		if (error == ENOMEM)
			return lade_fault_set(fault, LADE_E_MEMORY, "mmap", NULL);
		return unsupported(fault, error);
	}
	mapping->data = (const uint8_t *)mapping->base + lead;
	mapping->len = len;
	row_publish(&rows[mapping->slot], mapping->base, mapping->base_len);
	/*
	 * Read ahead, or each 128 KiB of a cold file is waited for. Faulting pages in on use, 16 at a
	 * time, was measured to cost a sixth less than having them all mapped by MADV_POPULATE_READ.
	 */
	(void)madvise(mapping->base, mapping->base_len, MADV_SEQUENTIAL);
	return 0;
}

bool lade_mapping_damaged(const struct lade_mapping *mapping)
{
	return mapping->data && atomic_load(&rows[mapping->slot].damaged);
}

void lade_mapping_close(struct lade_mapping *mapping)
{
	struct row *row;

	if (!mapping->data)
		return;
	/* Out of the handler's sight first: the addresses may be somebody else's right after. */
	row = &rows[mapping->slot];
	atomic_fetch_sub(&row->stamp, ROW_LIVE - ROW_CLAIMED);
	munmap(mapping->base, mapping->base_len);
	row_release(row);
	memset(mapping, 0, sizeof(*mapping));
}
