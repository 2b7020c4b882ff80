/*
 * Where streams are cut that go into a repository: content-defined like chunker/cut, and a secret.
 *
 * Whoever sees the lengths of chunks must not learn from them what the content is, nor be able to test guesses, so at
 * every position a pseudo-random function of the last 64 bytes decides: AES-128 of a universal hash, which is a sum of
 * carry-less products (UHF-then-PRF; CLNH as in VHASH, Krovetz and Dai 2007; see "Chunking Attacks on File Backup
 * Services", eprint 2025/532, for what a linear filter gives away). agent/store/FORMAT.md [cut] defines it exactly: all
 * machines cut alike.
 */
#ifndef LADE_CHUNKER_STRICT_CUT_H
#define LADE_CHUNKER_STRICT_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the window that decides. */
#define LADE_STRICT_CUT_WINDOW_LEN 64u

/* Bytes of the secret: a key of the hash, of the window's length, and one of AES-128. */
#define LADE_STRICT_CUT_SECRET_LEN 80u

/* The lengths that are allowed: bytes. */
#define LADE_STRICT_CUT_LEAST_MIN 4096u
#define LADE_STRICT_CUT_GREATEST_MAX 8388608u

struct lade_strict_cut_engine;

/* Lengths of chunks in bytes: LEAST_MIN <= least < normal < greatest <= GREATEST_MAX. */
struct lade_strict_cut_lengths {
	uint32_t least;    /* of all chunks but a stream's last */
	uint32_t normal;   /* from here on a cut is 16 times as likely */
	uint32_t greatest;
};

/* A secret and lengths, prepared; plain memory, constant after lade_strict_cut_init(). Wipe it like the secret. */
struct lade_strict_cut {
	_Alignas(16) uint8_t window_key[LADE_STRICT_CUT_WINDOW_LEN];
	uint8_t round_keys[11][16];                  /* of AES-128 (FIPS 197) */
	uint64_t early, late, last;                  /* thresholds: before normal, from there on, and if nothing passed that */
	struct lade_strict_cut_lengths lengths;
	const struct lade_strict_cut_engine *engine; /* the code in use; static */
};

/* True if these lengths are allowed. */
bool lade_strict_cut_lengths_ok(const struct lade_strict_cut_lengths *lengths);

/*
 * Prepare cut for a secret and lengths. Returns 0 or LADE_E_LIMIT for lengths that are not allowed. Nothing is to be freed.
 * The first call in a process chooses the code for this processor. Any thread.
 */
int lade_strict_cut_init(struct lade_strict_cut *cut, const uint8_t secret[LADE_STRICT_CUT_SECRET_LEN],
			 const struct lade_strict_cut_lengths *lengths);

/*
 * The length in bytes of the first chunk of data: 1..min(len, greatest), and at least `least` where len allows. len is at
 * least 1. With len < greatest the end of data is taken for the end of the stream; with more than greatest bytes those
 * beyond make no difference. Any thread; several may share a cut.
 */
size_t lade_strict_cut_next(const struct lade_strict_cut *cut, const uint8_t *data, size_t len);

/* The name of the code in use: "avx512", "aesni", "neon" or "portable"; the environment's LADE_CPU chooses as for lade_cut_name(). */
const char *lade_strict_cut_name(void);

#endif
