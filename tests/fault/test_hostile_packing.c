/*
 * A sender whose packed payloads lie: of no codec that there is, of what went before them, of their length, of how much
 * comes out of them; and an honest one behind a file that the receiver cannot write (attack classes A7, A8, A9).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/tree/temporary.h"
#include "chunker/codec.h"
#include "chunker/digest.h"
#include "tests/fault/attack.h"
#include "tests/fault/attack_place.h"

#define STREAM LADE_EXIT_STREAM
#define SIZE 200000u
#define LEVEL 6

static uint8_t content[2 * SIZE], packed[SIZE];

/* Pack SIZE bytes as the next stretch. Returns its length. */
static size_t pack(struct lade_codec *codec, const uint8_t *data)
{
	const struct lade_codec_stream stream = { LEVEL, false, SIZE };
	size_t len = 0;
	bool begins;

	assert_int_equal(lade_codec_continue(codec, &stream, lade_slice(data, SIZE), packed, sizeof(packed), &len, &begins), 0);
	return len;
}

/* [packed] [run] All SIZE bytes of a file, said to be packed by codec; packed has len bytes. */
static void say_run(struct peer *peer, uint32_t slot, uint32_t codec, const uint8_t *data, size_t len)
{
	const struct lade_msg_packed said = { .codec = codec, .len = SIZE };
	struct lade_msg_run run = { .slot = slot, .len = SIZE };

	lade_digest(&peer->key, data, SIZE, run.digest);
	lade_put_packed(&peer->out, &said);
	lade_put_run(&peer->out, &run);
	peer_say_payload(peer, packed, len, (uint32_t)len);
}

/* One run. data: what is to be said of it. */
struct lie {
	uint32_t codec;
	size_t cut; /* bytes that are missing at its end */
	bool noise; /* it is no frame */
};

static void lie(struct peer *peer, const struct attack *attack)
{
	const struct lie *said = attack->data;
	uint32_t slot = attack_one_file(peer, SIZE);
	struct lade_codec *codec;
	size_t len;

	assert_int_equal(lade_codec_new(&codec), 0);
	len = pack(codec, content);
	lade_codec_free(codec);
	if (said->noise)
		memset(packed, 0xa5, len);
	say_run(peer, slot, said->codec, content, len - said->cut);
	(void)peer_finish_session(peer);
}

/* ---- bombs ---- */

/* A frame of RFC 8878 that is nothing but repeated bytes: each four of its bytes are BOMB_BLOCK when they are unpacked. */
#define BOMB_BLOCK (128u << 10)
#define BOMB_BLOCKS 2000u
#define BOMB_HEADER_MAX 14u

struct bomb {
	uint32_t codec;
	uint8_t header[BOMB_HEADER_MAX]; /* behind the magic number */
	size_t header_len;
	unsigned blocks;
	uint32_t said_len;               /* what comes out of it, as it is said; the run's length, too */
};

/* Put it to packed. Returns its length. */
static size_t make_bomb(const struct bomb *bomb)
{
	size_t len = 4 + bomb->header_len;

	memcpy(packed, "\x28\xb5\x2f\xfd", 4);
	memcpy(packed + 4, bomb->header, bomb->header_len);
	for (unsigned i = 0; i < bomb->blocks; i++, len += 4) {
		/* A stretch is never the end of its frame. */
		bool last = i + 1 == bomb->blocks && bomb->codec == LADE_CODEC_ZSTD;
		uint32_t header = BOMB_BLOCK << 3 | 1u << 1 | last;

		packed[len] = (uint8_t)header;
		packed[len + 1] = (uint8_t)(header >> 8);
		packed[len + 2] = (uint8_t)(header >> 16);
		packed[len + 3] = 'x';
	}
	return len;
}

/* The session ends of it, and has not taken the memory for what is in there. */
static void explode(struct peer *peer, const struct attack *attack)
{
	const struct bomb *bomb = attack->data;
	const struct lade_msg_packed said = { .codec = bomb->codec, .len = bomb->said_len };
	const struct lade_msg_run run = { .slot = attack_one_file(peer, LADE_FILE_SIZE_MAX), .len = bomb->said_len };
	size_t len = make_bomb(bomb);
	struct lade_message message;
	long before, peak;

	attack_find_server(peer);
	before = peer_memory_peak_kib(peer);
	lade_put_packed(&peer->out, &said);
	lade_put_run(&peer->out, &run);
	peer_say_payload(peer, packed, len, (uint32_t)len);
	/* Whoever believes it asks for the run again. */
	while (!peer->fatal && peer_hear(peer, &message) == PEER_MESSAGE && message.type != LADE_MSG_WANT_RUN)
		;
	assert_int_equal(peer->fatal, 1);
	/* It waits for us to hang up, but not for ever. */
	peak = peer_memory_peak_kib(peer);
	assert_true(before > 0 && peak < before + ATTACK_MEMORY_KIB);
}

/* A bundle does not go on with anything. */
static void bundle(struct peer *peer, const struct attack *attack)
{
	const struct lade_msg_packed said = { .codec = LADE_CODEC_ZSTD_BEGIN, .len = 1000 };
	const struct lade_msg_bundle of_one = { 1 };

	(void)attack;
	(void)attack_one_file(peer, SIZE);
	lade_put_packed(&peer->out, &said);
	lade_put_bundle(&peer->out, &of_one);
	peer_say_payload(peer, packed, 100, 100);
	(void)peer_finish_session(peer);
}

/* What stands where the temporary file of a name is to be. */
static const char *obstacle(const char *name)
{
	char temporary[LADE_TEMPORARY_NAME_SIZE];

	lade_temporary_name(name, 0, temporary);
	return scene_path(attack_scene(), temporary);
}

/* Two files, the first of which cannot be written. What was packed of it is gone on with by the second. */
static void behind(struct peer *peer, const struct attack *attack)
{
	struct lade_codec *codec;
	uint32_t first, second;

	(void)attack;
	assert_int_equal(mkdir(obstacle("first"), 0700), 0);
	attack_root(peer);
	attack_file(peer, "first", SIZE);
	attack_file(peer, "second", SIZE);
	attack_entries_end(peer);
	first = peer_hear_want(peer, 0);
	second = peer_hear_want(peer, 1);
	assert_int_equal(lade_codec_new(&codec), 0);
	say_run(peer, first, LADE_CODEC_ZSTD_BEGIN, content, pack(codec, content));
	peer_put_file_end(peer, first, false, SIZE, SCENE_OLD_TIME + 1000);
	say_run(peer, second, LADE_CODEC_ZSTD_GO_ON, content + SIZE, pack(codec, content + SIZE));
	peer_put_file_end(peer, second, false, SIZE, SCENE_OLD_TIME + 1000);
	peer_say(peer);
	lade_codec_free(codec);
	assert_true(peer_finish_session(peer));
}

static void second_is_whole(const struct scene *scene)
{
	assert_int_equal(rmdir(obstacle("first")), 0);
	assert_int_equal(access(scene_path(scene, "first"), F_OK), -1);
	scene_check_file(scene, "second", content + SIZE, SIZE);
}

#define LIE(title, ...) { title, lie, .status = STREAM, .data = &(const struct lie){ __VA_ARGS__ } }
/* Headers: no length and a window of so many bytes; a length of eight bytes, and all of it in view. */
#define WINDOW(log) .header = { 0, (uint8_t)(((log) - 10) << 3) }, .header_len = 2
#define LENGTH(...) .header = { 0xe0, __VA_ARGS__ }, .header_len = 9
#define BOMB(title, ...) { title, explode, .status = STREAM, .flags = ATTACK_BESIDE, .data = &(const struct bomb){ __VA_ARGS__ } }

static const struct attack attacks[] = {
	LIE("a codec that there is not", .codec = 0),
	LIE("another", .codec = 4),
	LIE("a stretch as a frame of its own", .codec = LADE_CODEC_ZSTD),
	LIE("a stretch that goes on with nothing", .codec = LADE_CODEC_ZSTD_GO_ON),
	LIE("a stretch that is cut short", .codec = LADE_CODEC_ZSTD_BEGIN, .cut = 10),
	LIE("a stretch that is none", .codec = LADE_CODEC_ZSTD_BEGIN, .noise = true),
	LIE("a frame that is none", .codec = LADE_CODEC_ZSTD, .noise = true),
	BOMB("a frame of which 250 MiB come out", .codec = LADE_CODEC_ZSTD, WINDOW(20), .blocks = BOMB_BLOCKS, .said_len = SIZE),
	BOMB("a stretch of which 250 MiB come out", .codec = LADE_CODEC_ZSTD_BEGIN, WINDOW(20), .blocks = BOMB_BLOCKS, .said_len = SIZE),
	BOMB("a frame that says it is 1 EiB", .codec = LADE_CODEC_ZSTD, LENGTH(0, 0, 0, 0, 0, 0, 0, 16), .blocks = 2,
	     .said_len = 2 * BOMB_BLOCK),
	BOMB("a stretch that says it is 1 TiB", .codec = LADE_CODEC_ZSTD_BEGIN, LENGTH(0, 0, 0, 0, 0, 1, 0, 0), .blocks = 2,
	     .said_len = 2 * BOMB_BLOCK),
	BOMB("a stretch with a window of 512 MiB", .codec = LADE_CODEC_ZSTD_BEGIN, WINDOW(29), .blocks = 2, .said_len = 2 * BOMB_BLOCK),
	BOMB("a run that is said to be unpacked longer than any may be", .codec = LADE_CODEC_ZSTD, WINDOW(20), .blocks = BOMB_BLOCKS,
	     .said_len = LADE_PAYLOAD_MAX + 1),
	BOMB("a run of which 4 GiB are to come", .codec = LADE_CODEC_ZSTD, WINDOW(20), .blocks = BOMB_BLOCKS, .said_len = UINT32_MAX),
	{ "a bundle that begins a frame", bundle, .status = STREAM },
	{ "a stretch behind one that was let pass", behind, .status = LADE_EXIT_PARTIAL, .after = second_is_whole },
};

int main(void)
{
	uint64_t x = 42;

	/* Text of a sort, in which the second half is like the first. */
	for (size_t i = 0; i < sizeof(content); i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		content[i] = i >= SIZE && i % 100 ? content[i - SIZE] : (uint8_t)('a' + (x >> 60));
	}
	return attack_run("hostile packing", attacks, sizeof(attacks) / sizeof(attacks[0]));
}
