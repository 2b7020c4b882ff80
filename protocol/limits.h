/*
 * The bounds of everything a peer may say. Each is checked before memory is taken.
 * Lengths are bytes, counts are items. Changing one that a peer can observe is a
 * change of the protocol (see PROTOCOL.md).
 */
#ifndef LADE_PROTOCOL_LIMITS_H
#define LADE_PROTOCOL_LIMITS_H

#define LADE_NAME_MAX 255u              /* one path component, as in every Linux file system */
#define LADE_PATH_MAX (1u << 20)        /* a whole relative path; far beyond the kernel's PATH_MAX */
#define LADE_TARGET_MAX 4096u           /* a symlink's target, its terminating NUL included */
#define LADE_DEPTH_MAX 16384u           /* directories inside each other */
#define LADE_XATTR_NAME_MAX 255u        /* XATTR_NAME_MAX */
#define LADE_XATTR_VALUE_MAX 65536u     /* XATTR_SIZE_MAX */
#define LADE_XATTR_COUNT_MAX 1024u      /* attributes of one entry */
#define LADE_XATTRS_MAX (128u << 10)    /* all attributes of one entry, encoded */
#define LADE_CONTROL_MAX (256u << 10)   /* control bytes of one frame */
#define LADE_PAYLOAD_MAX (4u << 20)     /* payload bytes of one frame: the largest run */
#define LADE_RUN_DEFAULT (1u << 20)     /* run length a sender chooses unless it knows better */
#define LADE_SMALL_MAX (64u << 10)      /* largest file that travels in a bundle */
#define LADE_BUNDLE_MAX (512u << 10)    /* payload of a bundle: several small files */
#define LADE_BUNDLE_COUNT_MAX 1024u     /* files in one bundle */
#define LADE_SLOTS_MAX 8192u            /* files asked for and not yet acknowledged */
#define LADE_DESCRIPTORS_MAX 16u        /* descriptors in flight on a local session */
#define LADE_ENTRY_CREDIT (1u << 20)    /* entry bytes in flight, see [credit] */
#define LADE_RULES_MAX (128u << 10)     /* all filter rules, encoded */
#define LADE_SOURCES_MAX 1024u          /* source paths of one session */
#define LADE_NAMES_MAX (1u << 30)       /* all names of a list of sources, and what is needed to tell them apart */
#define LADE_ALTERNATIVES_MAX 20u        /* alternative directories of one session */
#define LADE_TEXT_MAX 4096u             /* free text in a report */
#define LADE_TOPIC_MAX 31u              /* what a note is about */
#define LADE_DIGEST_LEN 16u             /* XXH3-128 */
#define LADE_SECRET_LEN 32u             /* each side's share of the run key */
#define LADE_SELECTION_MAX 4096u      /* a secret in SELECT, a comment in MODULE */
#define LADE_MODULES_MAX 65536u       /* modules of one list */
#define LADE_PROOF_LEN 32u              /* proof of a token */
#define LADE_FILE_SIZE_MAX INT64_MAX    /* off_t */
#define LADE_RUN_TRIES 3u               /* how often one run is asked for again */
#define LADE_WANT_RUNS_MAX 1024u        /* runs asked for again and not yet answered */
#define LADE_CUT_CLASS_MIN 12u          /* log2 of the nominal length of chunks; of random data they are 1.2 times as long */
#define LADE_CUT_CLASS_MAX 20u          /* 1 MiB */
#define LADE_CHUNK_NAME_LEN 6u          /* the first bytes of a chunk's digest */
#define LADE_RECIPE_MAX (16u << 10)     /* chunks of one piece of a recipe, encoded */
#define LADE_RECIPE_CREDIT (4u << 20)   /* bytes of recipes in flight, see [recipe] */
#define LADE_GAP_MAX (128u << 10)       /* new bytes of one gap that is wanted by signature */
#define LADE_GAP_OLD_MAX (256u << 10)   /* old bytes that a signature covers */
#define LADE_BLOCK_DIGEST_LEN 6u        /* of one block in a signature */
#define LADE_BLOCK_MIN 64u              /* bytes of a block, but for a shorter last one */
#define LADE_BLOCK_MAX 65536u
#define LADE_SIGNATURE_MAX (LADE_GAP_OLD_MAX / LADE_BLOCK_MIN * LADE_BLOCK_DIGEST_LEN)
#define LADE_SIGNATURES_MAX (1u << 20)  /* bytes of signatures in flight, see [want-gap] */
#define LADE_PATCH_MAX (LADE_GAP_MAX + LADE_GAP_MAX / 8) /* a patch for one gap, its literals included */
#define LADE_WANT_GAPS_MAX 1024u        /* gaps wanted and not yet answered */
#define LADE_CODEC_ZSTD 1u              /* how a payload may be packed, see [packed]: by itself, */
#define LADE_CODEC_ZSTD_BEGIN 2u        /* as the first stretch of a frame, */
#define LADE_CODEC_ZSTD_GO_ON 3u        /* as the next one */
#define LADE_MAX_DELETE_MAX UINT32_C(0x7fffffff)    /* names that a session is told it may delete */
#define LADE_STORE_PATH_MAX 4096u       /* where a repository is */
#define LADE_STORE_NAME_MAX 200u        /* the name of an object */
#define LADE_PUTS_MAX 128u              /* objects of one session that are begun and not ended */
#define LADE_LISTED_MAX (64u << 10)     /* names of one piece of a list, encoded */
#define LADE_LIST_MAX (256u << 20)      /* all of a list, encoded, that a client takes */
#define LADE_RESULT_MAX 255u            /* how a request went, see [answer] */
#define LADE_DEFERRED_MAX (256u << 10)        /* files about which the receiver decides later, see [defer] */

#endif
