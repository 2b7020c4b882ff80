/*
 * How fast chunks are cut, and cut and digested, on one core: random data of 256 MiB in
 * memory, each engine that this processor has, beside memcpy(3) of the same bytes and
 * beside FastCDC (Xia et al., IEEE TPDS 31/9, 2020: two bytes a step, normalization
 * level 2) that may skip as large a part of each chunk. All contenders take turns, so
 * what else the machine does meets all. Seconds are those of the thread.
 *
 * usage: cut [MIB]
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chunker/cut.h"
#include "chunker/cut_internal.h"
#include "chunker/digest.h"
#include "protocol/byteorder.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ROUNDS 5
#define CONTENDERS_MAX 64

static const unsigned classes[] = { 13, 14, 16, 20 };

/* What cuts: an engine of lade's, FastCDC, or (no cuts at all) memcpy or the digest of pieces. */
enum kind { COPY, DIGEST, FASTCDC, ENGINE };

struct contender {
	enum kind kind;
	const char *name;
	struct lade_cut cut;
	unsigned cut_class;
	int with_digest;
	double seconds[ROUNDS];
	size_t chunks;
};

static struct lade_run_key key;
static uint64_t gear[256];
static uint8_t *data, *copy;
static size_t data_len;
static volatile uint8_t sink;

static uint64_t random_word(void)
{
	static uint64_t state = 20;
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* A mask of bits ones, at the top of the low 62 bits: those that the most bytes reach. */
static uint64_t mask_of(unsigned bits)
{
	return ((UINT64_C(1) << bits) - 1) << (62 - bits);
}

/* From off to end, the first cut under a mask; 0 for none. */
static size_t fastcdc_scan(const uint8_t *p, size_t off, size_t end, uint64_t mask, uint64_t *print)
{
	uint64_t value = *print, mask_twice = mask << 1;

	for (; off + 2 <= end; off += 2) {
		value = (value << 2) + (gear[p[off]] << 1);
		if (!(value & mask_twice))
			return off + 1;
		value += gear[p[off + 1]];
		if (!(value & mask))
			return off + 2;
	}
	*print = value;
	return 0;
}

static size_t fastcdc(const uint8_t *p, size_t len, unsigned cut_class)
{
	size_t average = (size_t)1 << cut_class, normal = len < average ? len : average;
	size_t end = len < 2 * average ? len : 2 * average, off = average / 2, found;
	uint64_t print = 0;

	if (len <= off)
		return len;
	found = fastcdc_scan(p, off, normal, mask_of(cut_class + 2), &print);
	if (!found)
		found = fastcdc_scan(p, normal, end, mask_of(cut_class - 2), &print);
	return found ? found : end;
}

static size_t next_chunk(const struct contender *contender, const uint8_t *p, size_t len)
{
	switch (contender->kind) {
	case ENGINE:
		return lade_cut_next(&contender->cut, p, len);
	case FASTCDC:
		return fastcdc(p, len, contender->cut_class);
	default:
		return len < (size_t)1 << contender->cut_class ? len : (size_t)1 << contender->cut_class;
	}
}

static void chunks(struct contender *contender)
{
	uint8_t digest[LADE_DIGEST_LEN];

	contender->chunks = 0;
	for (size_t off = 0, len; off < data_len; off += len) {
		len = next_chunk(contender, data + off, data_len - off);
		contender->chunks++;
		if (contender->with_digest) {
			lade_digest(&key, data + off, len, digest);
			sink = digest[0];
		}
	}
}

static void measure(struct contender *contender, unsigned round)
{
	double start = now();

	if (contender->kind == COPY)
		memcpy(copy, data, data_len);
	else
		chunks(contender);
	contender->seconds[round] = now() - start;
}

static int by_size(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static void print_row(struct contender *contender, double copy_best, double copy_median)
{
	double best, median, bytes = (double)data_len;

	best = contender->seconds[0];
	median = contender->seconds[ROUNDS / 2];
	printf("%-9s", contender->name);
	if (contender->kind == COPY)
		printf("%8s %-7s%9s", "", "", "");
	else
		printf("%4u KiB %-7s%9.0f", (1u << contender->cut_class) >> 10, contender->with_digest ? "+digest" : "",
		       bytes / (double)contender->chunks);
	printf("%8.2f%8.2f   %5.2f%7.2f\n", bytes / best * 1e-9, bytes / median * 1e-9, copy_best / best,
	       copy_median / median);
}

static struct contender *add(struct contender *contender, enum kind kind, const char *name, unsigned cut_class,
			     int with_digest)
{
	contender->kind = kind;
	contender->name = name;
	contender->cut_class = cut_class;
	contender->with_digest = with_digest;
	return contender;
}

/* All contenders, memcpy first; how many there are. */
static size_t line_up(struct contender *list)
{
	const struct lade_engines *engines = lade_cut_engines();
	size_t n = 0;

	add(&list[n++], COPY, "memcpy", 0, 0);
	add(&list[n++], DIGEST, "none", 16, 1);
	for (size_t i = 0; i < COUNT(classes); i++)
		for (int with_digest = 0; with_digest < 2; with_digest++) {
			add(&list[n++], FASTCDC, "fastcdc", classes[i], with_digest);
			for (size_t j = 0; j < engines->count && n < CONTENDERS_MAX; j++) {
				struct lade_cut *cut = &list[n].cut;

				if (!engines->list[j]->usable())
					continue;
				add(&list[n++], ENGINE, engines->list[j]->name, classes[i], with_digest);
				lade_cut_init(cut, &key, classes[i]);
				cut->engine = lade_cut_engine_of(engines->list[j]);
			}
		}
	return n;
}

int main(int argc, char **argv)
{
	static struct contender list[CONTENDERS_MAX];
	size_t count;

	data_len = (argc > 1 ? strtoul(argv[1], NULL, 10) : 256) << 20;
	data = data_len ? malloc(data_len) : NULL;
	copy = data_len ? malloc(data_len) : NULL;
	if (!data || !copy)
		errx(1, "usage: cut [MIB]");
	for (size_t i = 0; i < data_len; i += 8)
		lade_put_le64(data + i, random_word());
	memset(copy, 1, data_len);
	for (size_t i = 0; i < COUNT(gear); i++)
		gear[i] = random_word();
	for (size_t i = 0; i < sizeof(key.bytes); i += 8)
		lade_put_le64(key.bytes + i, random_word());
	count = line_up(list);
	for (unsigned round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < count; i++)
			measure(&list[i], round);
	for (size_t i = 0; i < count; i++)
		qsort(list[i].seconds, ROUNDS, sizeof(list[i].seconds[0]), by_size);

	printf("%zu MiB, in use: %s\n", data_len >> 20, lade_cut_name());
	printf("cut by   class            mean    GB/s: best median   x memcpy: best median\n");
	for (size_t i = 0; i < count; i++)
		print_row(&list[i], list[0].seconds[0], list[0].seconds[ROUNDS / 2]);
	free(data);
	free(copy);
	return 0;
}
