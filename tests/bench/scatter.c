/*
 * Scatter free memory: touch so many GiB and let go of all but each sixteenth page, which is
 * kept until the program is killed.
 *
 * A virtual machine gives stretches of free memory back to its host (virtio's free page
 * reporting: 128 KiB and longer here), and touching them again costs seconds per GiB, to
 * whoever comes first. What is free in stretches of 60 KiB stays, so that runs can
 * be compared. The kept pages lie in pipes: compaction cannot move what they hold.
 *
 * usage: scatter GIB
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096ul
#define KEEP_EACH 16ul
#define PIPE_PAGES 256ul

/* Keep page and those after it at the same distance, as many as a pipe holds. Returns the first that is not kept. */
static char *keep(char *page, const char *end)
{
	int ends[2];

	if (pipe(ends) || fcntl(ends[1], F_SETPIPE_SZ, PIPE_PAGES * PAGE) < 0)
		err(1, "pipe");
	for (unsigned i = 0; i < PIPE_PAGES && page < end; i++, page += KEEP_EACH * PAGE) {
		struct iovec vector = { page, PAGE };

		if (vmsplice(ends[1], &vector, 1, 0) < 0)
			err(1, "vmsplice");
	}
	return page;
}

int main(int argc, char **argv)
{
	const struct rlimit files = { 65536, 65536 };
	size_t len = argc == 2 ? strtoul(argv[1], NULL, 10) << 30 : 0;
	char *memory, *page;

	if (!len)
		errx(1, "usage: scatter GIB");
	(void)setrlimit(RLIMIT_NOFILE, &files);
	memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		err(1, "%s GiB", argv[1]);
	(void)madvise(memory, len, MADV_NOHUGEPAGE);
	for (page = memory; page < memory + len; page += PAGE)
		*page = 1;
	for (page = memory; page < memory + len;)
		page = keep(page, memory + len);
	munmap(memory, len);
	puts("scattered");
	fflush(stdout);
	pause();
	return 0;
}
