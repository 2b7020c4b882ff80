/*
 * What the processes of a daemon say to each other: datagrams of fixed layout over a SOCK_SEQPACKET pair between the monitor and each
 * greeter or worker. The monitor takes nothing on trust: lengths and types are checked, texts end where their field ends.
 *
 *   greeter                         monitor
 *     SIGN       ------------------>             once: bytes to be signed with the host key
 *                <------------------ SIGNATURE
 *     ASK        ------------------>             who somebody is, and what for he comes
 *                <------------------ VERDICT
 *     HANDOVER   ------------------>             the connection's keys; the greeter ends
 *     JOIN       ------------------>             or: which session somebody belongs to who comes with another connection
 *                <------------------ VERDICT
 *     HANDOVER   ------------------>
 *   worker
 *                <------------------ HANDOVER    the same keys
 *                <------------------ JOINING     now and then: another connection, whose descriptor comes along
 *     TAKEN      ------------------>             it was looked at
 *     PROGRESS   ------------------>             now and then
 *     RESULT     ------------------>             at the end
 *   either
 *     COMPLAINT  ------------------>             for the log: why it ends early
 */
#ifndef LADE_AGENT_DAEMON_CHANNEL_H
#define LADE_AGENT_DAEMON_CHANNEL_H

#include <stdint.h>

#include "agent/complaint.h"
#include "chunker/digest.h"
#include "protocol/error.h"
#include "protocol/message.h"
#include "transport/tls.h"

/* Longest content that is signed: that of TLS 1.3, RFC 8446, 4.4.3: 64 blanks, a context of 34 bytes and a hash of up to 64. */
#define LADE_SIGN_MAX 192u
#define LADE_USER_MAX 255u
#define LADE_PASSWORD_MAX 4096u

enum lade_channel_type {
	LADE_CHANNEL_SIGN = 1,
	LADE_CHANNEL_SIGNATURE,
	LADE_CHANNEL_ASK,
	LADE_CHANNEL_VERDICT,
	LADE_CHANNEL_HANDOVER,
	LADE_CHANNEL_PROGRESS,
	LADE_CHANNEL_RESULT,
	LADE_CHANNEL_COMPLAINT,
	LADE_CHANNEL_JOIN,
	LADE_CHANNEL_JOINING,
	LADE_CHANNEL_TAKEN,
};

struct lade_channel_sign {
	uint32_t len;
	uint8_t data[LADE_SIGN_MAX];
};

struct lade_channel_signature {
	uint8_t signature[LADE_TLS_SIGNATURE_LEN];
};

/* [select], and who says it. */
struct lade_channel_ask {
	char module[LADE_NAME_MAX + 1];
	char user[LADE_USER_MAX + 1]; /* empty: no secret */
	uint32_t secret_len;
	uint8_t secret[LADE_PASSWORD_MAX];
	uint8_t known, trusted; /* 0 or not, as in struct lade_tls_peer, as the next ones */
	uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN];
	char name[LADE_TLS_NAME_SIZE];
};

struct lade_channel_verdict {
	int exit;       /* 0: let in; else the client's exit status */
	char text[512]; /* for the client, why not */
};

struct lade_channel_handover {
	struct lade_tls_state state;
	struct lade_run_key key;
	uint8_t rekeys;          /* 0 or not, as struct lade_connection has it */
};

/* [join], and who says it. */
struct lade_channel_join {
	uint64_t session;
	uint8_t proof[LADE_PROOF_LEN];
	uint8_t exporter[LADE_TLS_EXPORTER_LEN];
	uint8_t known;           /* 0 or not */
	uint8_t fingerprint[LADE_TLS_FINGERPRINT_LEN];
};

/* Both of them; the handover comes first, where it stands alone. */
struct lade_channel_joining {
	struct lade_channel_handover handover;
	struct lade_channel_join join;
};

struct lade_channel_taken {
	uint8_t good;            /* 0: it was none of the session's */
};

/* What the worker of a session does. */
enum lade_channel_action { LADE_CHANNEL_NOTHING, LADE_CHANNEL_SENDS, LADE_CHANNEL_RECEIVES };

struct lade_channel_progress {
	uint64_t files, files_done, bytes, bytes_done; /* as in struct lade_progress */
	uint64_t received, sent; /* bytes of frames */
	uint8_t scanned;         /* 0 or not */
	uint8_t action;          /* enum lade_channel_action */
	char path[64];           /* how they are protected and moved; empty: not known yet */
};

struct lade_channel_result {
	struct lade_channel_progress last;
	struct lade_msg_end totals;
	int exit;
	uint8_t sends;           /* 0 or not: the worker did */
};

struct lade_channel_complaint {
	char text[LADE_COMPLAINT_SIZE];
};

/* Any of them. */
struct lade_channel_message {
	enum lade_channel_type type;
	union {
		struct lade_channel_sign sign;
		struct lade_channel_signature signature;
		struct lade_channel_ask ask;
		struct lade_channel_verdict verdict;
		struct lade_channel_handover handover;
		struct lade_channel_progress progress;
		struct lade_channel_result result;
		struct lade_channel_complaint complaint;
		struct lade_channel_join join;
		struct lade_channel_joining joining;
		struct lade_channel_taken taken;
	};
};

/* Make a channel: ends[0] for the monitor, where sending and receiving never wait, ends[1] for the other process. Returns 0 or LADE_E_SYSTEM. */
int lade_channel_pair(int ends[2], struct lade_fault *fault);

/* Send message, as much of it as its type has. Returns 0, LADE_E_CLOSED (nobody is there), LADE_E_SYSTEM. */
int lade_channel_send(int fd, const struct lade_channel_message *message, struct lade_fault *fault);

/*
 * Receive the next message: zeros behind what its type has, texts with an end. Returns 0, LADE_E_CLOSED, LADE_E_AGAIN (the monitor's end: none is there),
 * LADE_E_PROTOCOL (a type that does not exist, or another length than it has), LADE_E_SYSTEM.
 */
int lade_channel_receive(int fd, struct lade_channel_message *message, struct lade_fault *fault);

/* Send message with descriptor, which stays the caller's. Returns as lade_channel_send(). */
int lade_channel_send_with(int fd, const struct lade_channel_message *message, int descriptor, struct lade_fault *fault);

/* Receive as lade_channel_receive() does, and the descriptor that came along: the caller closes it; -1: none did. */
int lade_channel_receive_with(int fd, struct lade_channel_message *message, int *descriptor_out, struct lade_fault *fault);

/* Send a complaint about a fault; what becomes of it is nobody's concern. */
void lade_channel_complain(int fd, const struct lade_fault *about);

/* Send a question and receive its answer, which has to be of type. As the two above. */
int lade_channel_ask(int fd, struct lade_channel_message *message, enum lade_channel_type type, struct lade_fault *fault);

#endif
