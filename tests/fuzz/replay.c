/*
 * Stands in for libFuzzer's main where there is none: gives a fuzz target every file
 * of its corpus as it is, cut off at every length, and with every single byte changed.
 * Speaks TAP, one test a file. A fault shows as a crash, or to a sanitizer.
 *
 * usage: fuzz_NAME [CORPUS-DIRECTORY]; without it $srcdir/tests/fuzz/corpora/fuzz_NAME.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (1u << 20)
/* Damage is tried in full on short inputs and at this many places of longer ones. */
#define PLACES_MAX 2048u

/* A slow target defines this: places for its inputs, short ones too. */
extern const unsigned fuzz_places_max __attribute__((weak));

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A heap copy of exactly size bytes, so that a sanitizer sees a read past the end. */
static void run_copy(const uint8_t *data, size_t size, size_t changed_at, uint8_t change)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	if (changed_at < size)
		copy[changed_at] ^= change;
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void run_variants(const uint8_t *data, size_t size)
{
	static const uint8_t changes[] = { 0x01, 0x80, 0xff };
	size_t stride = size / (&fuzz_places_max ? fuzz_places_max : PLACES_MAX) + 1;

	for (size_t len = 0; len <= size; len += stride)
		run_copy(data, len, SIZE_MAX, 0);
	run_copy(data, size, SIZE_MAX, 0);
	for (size_t at = 0; at < size; at += stride) {
		for (size_t i = 0; i < sizeof(changes); i++)
			run_copy(data, size, at, changes[i]);
	}
}

/* Returns the bytes of a file on the heap, or NULL. */
static uint8_t *load(const char *path, size_t *size_out)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = malloc(INPUT_MAX);

	if (file && data) {
		*size_out = fread(data, 1, INPUT_MAX, file);
		if (ferror(file)) {
			free(data);
			data = NULL;
		}
	} else {
		free(data);
		data = NULL;
	}
	if (file)
		fclose(file);
	return data;
}

static int not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int replay(const char *corpus)
{
	struct dirent **entries;
	int count = scandir(corpus, &entries, not_hidden, alphasort), failures = 0;

	if (count <= 0) {
		printf("1..1\nnot ok 1 - corpus %s: %s\n", corpus,
		       count ? strerror(errno) : "empty");
		return 1;
	}
	printf("1..%d\n", count);
	for (int i = 0; i < count; i++) {
		char path[PATH_MAX];
		uint8_t *data;
		size_t size = 0;

		snprintf(path, sizeof(path), "%s/%s", corpus, entries[i]->d_name);
		data = load(path, &size);
		if (data)
			run_variants(data, size);
		else
			failures++;
		printf("%s %d - %s\n", data ? "ok" : "not ok", i + 1, entries[i]->d_name);
		fflush(stdout);
		free(data);
		free(entries[i]);
	}
	free(entries);
	return failures > 0;
}

int main(int argc, char **argv)
{
	const char *srcdir = getenv("srcdir"), *name = strrchr(argv[0], '/');
	char corpus[PATH_MAX];

	if (argc > 1)
		return replay(argv[1]);
	snprintf(corpus, sizeof(corpus), "%s/tests/fuzz/corpora/%s", srcdir ? srcdir : ".",
		 name ? name + 1 : argv[0]);
	return replay(corpus);
}
