/*
 * What test_cut checks, as far as a program can that links nothing but libc: every
 * engine of this processor against the portable one and the golden lengths. neon.sh
 * compiles it for a processor that is emulated. Prints the engines that it checked, and
 * exits with 1 after saying what differs.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "chunker/cut.h"
#include "chunker/cut_internal.h"
#include "tests/unit/cut_golden.h"

#define TAIL_LENS 300u

/* The strong digests of digest.c need libsodium, which is not here for that processor. Cutting asks for none. */
int crypto_generichash(unsigned char *out, size_t out_len, const unsigned char *in, unsigned long long in_len,
		       const unsigned char *key, size_t key_len)
{
	(void)out, (void)out_len, (void)in, (void)in_len, (void)key, (void)key_len;
	abort();
}

int crypto_generichash_init(crypto_generichash_state *state, const unsigned char *key, const size_t key_len,
			    const size_t out_len)
{
	(void)state, (void)key, (void)key_len, (void)out_len;
	abort();
}

int crypto_generichash_update(crypto_generichash_state *state, const unsigned char *in, unsigned long long in_len)
{
	(void)state, (void)in, (void)in_len;
	abort();
}

int crypto_generichash_final(crypto_generichash_state *state, unsigned char *out, const size_t out_len)
{
	(void)state, (void)out, (void)out_len;
	abort();
}

int crypto_auth_hmacsha256_init(crypto_auth_hmacsha256_state *state, const unsigned char *key, size_t key_len)
{
	(void)state, (void)key, (void)key_len;
	abort();
}

int crypto_auth_hmacsha256_update(crypto_auth_hmacsha256_state *state, const unsigned char *in, unsigned long long in_len)
{
	(void)state, (void)in, (void)in_len;
	abort();
}

int crypto_auth_hmacsha256_final(crypto_auth_hmacsha256_state *state, unsigned char *out)
{
	(void)state, (void)out;
	abort();
}

static uint8_t *data;

static int differs(const struct lade_cut_engine *engine, unsigned cut_class, const char *what)
{
	printf("%s, class %u: other %s\n", engine->base.name, cut_class, what);
	return 1;
}

/* All chunks of a class are the golden ones. */
static int check_golden(const struct lade_cut_engine *engine, const struct lade_cut *cut, unsigned cut_class)
{
	const struct golden_class *expected = &golden_classes[cut_class - LADE_CUT_CLASS_MIN];
	struct golden_class found = { 0 };

	for (size_t off = 0, len; off < GOLDEN_LEN; off += len) {
		len = engine->next(cut, data + off, GOLDEN_LEN - off);
		if (cut_class == LADE_CUT_CLASS_MIN && found.count < GOLDEN_LENGTHS && len != golden_lengths[found.count])
			return differs(engine, cut_class, "golden lengths");
		found.count++;
		found.sum = golden_sum(found.sum, len);
	}
	if (found.count != expected->count || found.sum != expected->sum)
		return differs(engine, cut_class, "golden sum");
	return 0;
}

/* Data that ends anywhere around the limits of a chunk, in memory of its own. */
static int check_ends(const struct lade_cut_engine *engine, const struct lade_cut *cut, unsigned cut_class)
{
	const size_t around[] = { cut->min_len, cut->normal_len, cut->max_len };
	int failed = 0;

	for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++)
		for (size_t len = around[i] - TAIL_LENS / 2; len < around[i] + TAIL_LENS; len++) {
			uint8_t *copy = malloc(len);

			if (!copy)
				return 1;
			memcpy(copy, data + 3 * (GOLDEN_LEN / 16) - len / 2, len);
			if (engine->next(cut, copy, len) != lade_cut_portable.next(cut, copy, len))
				failed = differs(engine, cut_class, "ends");
			free(copy);
		}
	return failed;
}

int main(void)
{
	const struct lade_engines *engines = lade_cut_engines();
	struct lade_run_key key = { .kind = LADE_DIGEST_XXH3 };
	struct lade_cut cut;
	int failed = 0;

	data = malloc(GOLDEN_LEN);
	if (!data)
		return 1;
	golden_key(&key);
	golden_data(data);
	for (size_t i = 0; i < engines->count; i++) {
		const struct lade_cut_engine *engine = lade_cut_engine_of(engines->list[i]);

		if (!engine->base.usable())
			continue;
		for (unsigned cut_class = LADE_CUT_CLASS_MIN; cut_class <= LADE_CUT_CLASS_MAX; cut_class++) {
			lade_cut_init(&cut, &key, cut_class);
			failed |= check_golden(engine, &cut, cut_class);
			if (cut_class < LADE_CUT_CLASS_MIN + 2)
				failed |= check_ends(engine, &cut, cut_class);
		}
		printf("checked: %s\n", engine->base.name);
	}
	printf("in use: %s\n", lade_cut_name());
	free(data);
	return failed;
}
