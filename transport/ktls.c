/*
 * The kernel wants a structure of its own for each cipher. GCM's first four bytes of the vector are its "salt", and what it calls
 * "iv" are the other eight; ChaCha20-Poly1305 takes all twelve as "iv".
 */
#include "transport/ktls.h"

#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "transport/tls_keys.h"
#include "transport/tls_record.h"

/* Not in the headers of every C library. */
#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#ifndef SOL_TLS
#define SOL_TLS 282
#endif

/* The structures begin alike. */
union crypto_info {
	struct tls_crypto_info any;
	struct tls12_crypto_info_aes_gcm_128 aes_128;
	struct tls12_crypto_info_aes_gcm_256 aes_256;
	struct tls12_crypto_info_chacha20_poly1305 chacha;
};

int lade_ktls_prepare(int fd)
{
	if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) && errno != EEXIST)
		return -1;
	return 0;
}

static void put_number(uint8_t out[8], uint64_t number)
{
	for (int i = 8; i-- > 0; number >>= 8)
		out[i] = (uint8_t)number;
}

/* Fill the structure of the suite's cipher. Returns its length; 0: there is none. */
static socklen_t fill(union crypto_info *info, uint16_t suite, const struct lade_tls_traffic_keys *keys, uint64_t records)
{
	memset(info, 0, sizeof(*info));
	info->any.version = TLS_1_3_VERSION;
	switch (suite) {
	case LADE_TLS_AES_128_GCM:
		info->any.cipher_type = TLS_CIPHER_AES_GCM_128;
		memcpy(info->aes_128.key, keys->key, sizeof(info->aes_128.key));
		memcpy(info->aes_128.salt, keys->iv, sizeof(info->aes_128.salt));
		memcpy(info->aes_128.iv, keys->iv + sizeof(info->aes_128.salt), sizeof(info->aes_128.iv));
		put_number(info->aes_128.rec_seq, records);
		return sizeof(info->aes_128);
	case LADE_TLS_AES_256_GCM:
		info->any.cipher_type = TLS_CIPHER_AES_GCM_256;
		memcpy(info->aes_256.key, keys->key, sizeof(info->aes_256.key));
		memcpy(info->aes_256.salt, keys->iv, sizeof(info->aes_256.salt));
		memcpy(info->aes_256.iv, keys->iv + sizeof(info->aes_256.salt), sizeof(info->aes_256.iv));
		put_number(info->aes_256.rec_seq, records);
		return sizeof(info->aes_256);
	case LADE_TLS_CHACHA20_POLY1305:
		info->any.cipher_type = TLS_CIPHER_CHACHA20_POLY1305;
		memcpy(info->chacha.key, keys->key, sizeof(info->chacha.key));
		memcpy(info->chacha.iv, keys->iv, sizeof(info->chacha.iv));
		put_number(info->chacha.rec_seq, records);
		return sizeof(info->chacha);
	default:
		return 0;
	}
}

int lade_ktls_set(int fd, bool transmit, uint16_t suite, const struct lade_tls_direction *direction)
{
	struct lade_tls_traffic_keys keys;
	union crypto_info info;
	socklen_t len = 0;
	int result = -1;

	if (!lade_tls_traffic_keys(suite, direction->secret, &keys))
		len = fill(&info, suite, &keys, direction->records);
	if (len)
		result = setsockopt(fd, SOL_TLS, transmit ? TLS_TX : TLS_RX, &info, len);
	else
		errno = EOPNOTSUPP;
	OPENSSL_cleanse(&keys, sizeof(keys));
	OPENSSL_cleanse(&info, sizeof(info));
	return result;
}

int lade_ktls_send(int fd, uint8_t type, const uint8_t *bytes, size_t len, int flags)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(uint8_t))];
	} control = { .bytes = { 0 } };
	struct iovec vector = { (void *)bytes, len };
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *part = CMSG_FIRSTHDR(&message);
	ssize_t sent;

	part->cmsg_level = SOL_TLS;
	part->cmsg_type = TLS_SET_RECORD_TYPE;
	part->cmsg_len = CMSG_LEN(sizeof(type));
	memcpy(CMSG_DATA(part), &type, sizeof(type));
	do {
		sent = sendmsg(fd, &message, flags);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -1 : 0;
}

/* A record that is not good leaves its error to whoever writes next, too, who is to tell the peer. errno stays. */
static void forget_error(int fd)
{
	int error = errno, left;
	socklen_t len = sizeof(left);

	(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &left, &len);
	errno = error;
}

ssize_t lade_ktls_receive(int fd, struct iovec *vectors, size_t count, uint8_t *type_out, bool *end_out)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(uint8_t))];
	} control;
	struct msghdr message = {
		.msg_iov = vectors,
		.msg_iovlen = count,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t got;

	do {
		got = recvmsg(fd, &message, 0);
	} while (got < 0 && errno == EINTR);
	*type_out = LADE_TLS_DATA;
	*end_out = message.msg_flags & MSG_EOR;
	if (got < 0) {
		forget_error(fd);
		return got;
	}
	for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part))
		if (part->cmsg_level == SOL_TLS && part->cmsg_type == TLS_GET_RECORD_TYPE)
			memcpy(type_out, CMSG_DATA(part), sizeof(*type_out));
	return got;
}

bool lade_ktls_rekeys(void)
{
	unsigned long major, minor;
	struct utsname name;
	char *end;

	if (uname(&name))
		return false;
	major = strtoul(name.release, &end, 10);
	minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
	return major > 6 || (major == 6 && minor >= 14);
}
