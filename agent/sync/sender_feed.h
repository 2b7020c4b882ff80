/*
 * The feeder's parts: sender_feed.c (what is next, and what is said of a file),
 * sender_bundle.c (small files), sender_large.c (files in runs, and their recipes), sender_run.c (one run), sender_direct.c (past the page cache),
 * sender_describe.c (one piece of a recipe), sender_kept.c (recipes that need not be made), sender_range.c (what is asked for of a file).
 * They run in the one thread that writes to the connection. Stays in agent/sync/.
 *
 * Functions that write return 0, or a failure of the connection; what is wrong with a
 * file is said to the receiver and to the user on the way.
 */
#ifndef LADE_AGENT_SYNC_SENDER_FEED_H
#define LADE_AGENT_SYNC_SENDER_FEED_H

#include "agent/sync/cut_stream.h"
#include "agent/sync/path_choice.h"
#include "agent/sync/recipe_store.h"
#include "agent/sync/sender_internal.h"
#include "chunker/codec.h"
#include "chunker/delta.h"
#include "transport/direct.h"
#include "transport/mapping.h"

/* A file's recipe: not to be kept; to be kept when it is made; kept, and said instead of being made. */
enum kept { KEPT_NOT = 0, KEPT_MADE, KEPT_SAID };

/* feeder->store_fd: there is no place for recipes. */
#define LADE_NO_STORE (-2)

/* The file that is being sent in runs, or described. */
struct large {
	bool open;
	uint32_t slot;
	struct source *source;
	int fd;
	uint64_t off;
	uint64_t extent_end; /* data goes on at least to here */
	bool cut_short;      /* it is shorter than announced, or unreadable from here on */
	bool direct;         /* feeder->direct reads it */
	bool cutting;        /* described: cuts has been started, with this extent */
	enum kept kept;
};

/* The file of which a range was asked for last: several in a row are the rule. */
struct asked_file {
	int fd; /* -1: none */
	uint32_t slot, turn;
};

struct feeder {
	struct lade_sender *sender;
	struct lade_session *session;
	struct lade_path_choice choice;
	enum lade_path path;        /* of the run at hand */
	struct lade_writer control; /* of the frame being made */
	uint8_t *bundle;            /* LADE_BUNDLE_MAX bytes */
	struct large large;
	struct lade_direct *direct; /* made when it is first needed */
	struct lade_mapping window;
	int window_fd;
	uint64_t window_off;
	uint8_t *run; /* LADE_PAYLOAD_MAX bytes of address space, for a run that is read: made when it is first needed */
	struct lade_cut_stream cuts;      /* of the file that is being described */
	struct lade_writer chunks;        /* of the piece at hand */
	struct lade_digest_stream *piece; /* its digest */
	int store_fd;                     /* of recipes; -1: not opened yet */
	struct lade_recipe_of kept_of;    /* these four: of a described file whose recipe is kept */
	struct lade_writer kept;
	struct lade_reader kept_left;     /* KEPT_SAID: what is still to be said */
	struct timespec kept_start;       /* KEPT_MADE: when reading began */
	struct lade_block_key block_key;
	struct lade_writer patch;
	struct asked_file asked;
	struct lade_effort effort;
	struct lade_codec *codec; /* these two are made when they are first needed */
	uint8_t *packed;          /* LADE_RUN_DEFAULT bytes */
	uint32_t packed_slot;     /* the file that the last run that was packed is of */
	bool answers;     /* the run at hand was asked for by itself: its bytes were counted before */
	bool steady;      /* it is copied, so that it stays what its digest says */
	bool bundle_last; /* the last turn was a bundle's: the next is a run's */
};

/* ---- sender_feed.c ---- */

/* Write the control that was collected as one frame, with payload_len bytes to follow. */
int lade_feed_write_control(struct feeder *feeder, uint32_t payload_len, struct lade_fault *fault);

/* Open a source where it was found, and see what it is now. -1 and errno if it cannot be opened; the caller closes it. */
int lade_feed_open_source(const struct source *source, struct stat *st);

/* fstat(2) of source, which is open as fd. */
int lade_feed_stat_source(const struct source *source, int fd, struct stat *st);

/* [file-end] Lock held. Another attempt, if one is wanted, sends what st names. */
void lade_feed_say_file_end(struct feeder *feeder, uint32_t slot, struct source *source, const struct stat *st);

/* [file-gone] It cannot be opened or read, for the reason error_number. */
void lade_feed_say_gone(struct feeder *feeder, uint32_t slot, const struct source *source, int error_number);

/* ---- sender_bundle.c ---- */

/* [bundle] Send what small files are wanted, up to one bundle. */
int lade_feed_send_bundle(struct feeder *feeder, struct lade_fault *fault);

/* ---- sender_pack.c ---- */

/*
 * Compress raw (LADE_RUN_DEFAULT bytes at most) at a level of lade_effort_level(). *packed_out is borrowed until the next
 * call, and empty if raw is to travel as it is. Returns 0, or LADE_E_MEMORY.
 */
int lade_feed_pack(struct feeder *feeder, int level, struct lade_slice raw, struct lade_slice *packed_out,
		   struct lade_fault *fault);

/*
 * The same for a run of a file of size bytes; *codec_out is how it is packed: at high levels with the runs of the file before it in view. One
 * that is packed must be sent.
 */
int lade_feed_pack_run(struct feeder *feeder, int level, const struct lade_msg_run *run, uint64_t size,
		       struct lade_slice raw, struct lade_slice *packed_out, uint32_t *codec_out, struct lade_fault *fault);

/* [packed] The next message's payload is packed by codec, and has raw_len bytes without that. */
void lade_feed_say_packed(struct feeder *feeder, uint32_t codec, size_t raw_len);

/* ---- sender_large.c ---- */

/* Send the next run of the file that is being sent in runs; before its first the file is opened, after its last ended. */
int lade_feed_next_run(struct feeder *feeder, struct lade_fault *fault);

/* Forget the file that is being sent. */
void lade_feed_close_large(struct feeder *feeder);

/* ---- sender_describe.c ---- */

/*
 * [recipe] Describe the next piece of the open file. There is credit for it. Returns 0, 1 if the file is no longer that
 * long (or unreadable), or a failure.
 */
int lade_feed_describe(struct feeder *feeder, struct lade_fault *fault);

/* ---- sender_kept.c ---- */

/* The open file, of which st is what fstat says, is to be described: look for a kept recipe of it. */
void lade_feed_find_kept(struct feeder *feeder, const struct stat *st);

/* [recipe] [hole] Say the next message of the recipe that was kept. There is credit for it. 0 or a failure. */
int lade_feed_say_kept(struct feeder *feeder, struct lade_fault *fault);

/* Remember a piece that was said of the open file, if its recipe is to be kept. */
void lade_feed_keep_piece(struct feeder *feeder, const struct lade_msg_recipe *recipe);

/* The same for a hole: len bytes at off. */
void lade_feed_keep_hole(struct feeder *feeder, uint64_t off, uint64_t len);

/* All of the open file was described, and st is what fstat says now: keep its recipe, if that is to be. */
void lade_feed_keep(struct feeder *feeder, const struct stat *st);

/* ---- sender_range.c ---- */

/*
 * [want-run] [patch] Send a range that was asked for. Until it is answered the receiver
 * may not let go of the slot, so the source stays; afterwards it is not looked at.
 */
int lade_feed_send_range(struct feeder *feeder, const struct wanted_range *wanted, struct lade_fault *fault);

/* Close the file of which a range was sent last. */
void lade_feed_close_asked(struct feeder *feeder);

/* ---- sender_run.c ---- */

/*
 * [run] Digest and send one run of fd, which has size bytes. Returns 0, 1 if the file is no longer that
 * long (or unreadable), or a failure of the connection.
 */
int lade_feed_send_run(struct feeder *feeder, int fd, uint64_t size, struct lade_msg_run *run,
		       struct lade_fault *fault);

/* [run-abort] What was announced cannot be completed. */
int lade_feed_abort_run(struct feeder *feeder, const struct lade_msg_run *run, struct lade_fault *fault);

/* Let go of the mapped window. */
void lade_feed_close_window(struct feeder *feeder);

/* ---- sender_direct.c ---- */

/* The open file was not read yet: have it read past the page cache, if it is to be and can be. It need not succeed. */
void lade_feed_open_direct(struct feeder *feeder);

/* True if fd is the open file, and is read so. */
bool lade_feed_is_direct(const struct feeder *feeder, int fd);

/*
 * Read a run of the open file, which is read so. Its bytes are borrowed until the next one, or the end of the file. NULL if the file is no longer that long, or
 * unreadable.
 */
const uint8_t *lade_feed_read_direct(struct feeder *feeder, const struct lade_msg_run *run);

/* The open file is about to be closed. */
void lade_feed_close_direct(struct feeder *feeder);

#endif
