/*
 * Facts: asked of the kernel by trying, where that can be tried.
 */
#include "agent/paths_facts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/paths_tls.h"
#include "transport/pipe_pool.h"

/* The type of the file system that fd is on, as the mount table calls it. */
static void find_file_system(int fd, char *type_out, size_t type_size)
{
	char name[64], line[4096], *dash;
	long mount = -1;
	FILE *file;

	snprintf(type_out, type_size, "unknown");
	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	file = fopen(name, "re");
	if (!file)
		return;
	while (mount < 0 && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "mnt_id:", 7) == 0)
			mount = strtol(line + 7, NULL, 10);
	}
	fclose(file);
	file = fopen("/proc/self/mountinfo", "re");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		dash = strstr(line, " - ");
		if (!dash || strtol(line, NULL, 10) != mount)
			continue;
		dash += 3;
		snprintf(type_out, type_size, "%.*s", (int)strcspn(dash, " \n"), dash);
		break;
	}
	fclose(file);
}

static const char *openat2_works(void)
{
#ifdef SYS_openat2
	struct {
		uint64_t flags, mode, resolve;
	} how = { O_PATH | O_CLOEXEC, 0, 0 };
	long fd = syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof(how));

	if (fd < 0)
		return errno == ENOSYS ? "no: before Linux 5.6, or a sandbox" : strerror(errno);
	close((int)fd);
	return "yes";
#else
	return "no: not known when lade was built";
#endif
}

void lade_paths_facts_print(const struct lade_paths_bench *bench)
{
	struct lade_pipe pipe;
	struct utsname kernel;
	char type[64];

	find_file_system(bench->source_fd, type, sizeof(type));
	if (uname(&kernel) == 0)
		printf("%-20s%s %s\n", "kernel", kernel.sysname, kernel.release);
	printf("%-20s%s\n", "file system", type);
	if (lade_pipe_open(LADE_PIPE_SIZE, &pipe) == 0) {
		printf("%-20s%zu KiB\n", "pipe", pipe.capacity >> 10);
		lade_pipe_close(&pipe);
	} else {
		printf("%-20s%s\n", "pipe", strerror(errno));
	}
	printf("%-20s%s\n", "openat2", openat2_works());
	lade_paths_tls_print();
	putchar('\n');
}
