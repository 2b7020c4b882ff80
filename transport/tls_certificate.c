/*
 * A certificate of our own is a way for a key to travel, nothing else: it says CN=lade and is valid as long as RFC 5280, 4.1.2.5, can say.
 */
#include "transport/tls_certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/tls_signer.h"

/* A file of certificates is not larger: those that all the world trusts take 200 KiB. */
#define FILE_MAX (4u << 20)
#define SECURITY_BITS_MIN 112
#define KEY_LEN 32u

/* SubjectPublicKeyInfo of RFC 8410, DER: the key follows. */
static const uint8_t spki_start[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00 };

void lade_tls_fingerprint(const uint8_t public_key[32], uint8_t fingerprint_out[LADE_TLS_FINGERPRINT_LEN])
{
	uint8_t spki[sizeof(spki_start) + KEY_LEN];

	memcpy(spki, spki_start, sizeof(spki_start));
	memcpy(spki + sizeof(spki_start), public_key, KEY_LEN);
	SHA256(spki, sizeof(spki), fingerprint_out);
}

/* Fill in all but the signature. */
static bool fill(X509 *certificate, EVP_PKEY *public_key)
{
	X509_NAME *name = X509_get_subject_name(certificate);

	return X509_set_version(certificate, X509_VERSION_3) && ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) &&
		ASN1_TIME_set_string(X509_getm_notBefore(certificate), "19700101000000Z") &&
		ASN1_TIME_set_string(X509_getm_notAfter(certificate), "99991231235959Z") &&
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"lade", -1, -1, 0) &&
		X509_set_issuer_name(certificate, name) && X509_set_pubkey(certificate, public_key);
}

X509 *lade_tls_certificate_make(OSSL_LIB_CTX *libctx, const struct lade_tls_signer *signer, EVP_PKEY *key)
{
	X509 *certificate = X509_new_ex(libctx, LADE_TLS_PROPERTIES);
	/* OpenSSL's own key has the encoder. */
	EVP_PKEY *public_key = EVP_PKEY_new_raw_public_key_ex(libctx, "ED25519", LADE_TLS_PROPERTIES, signer->public_key, KEY_LEN);

	if (!certificate || !public_key || !fill(certificate, public_key) || X509_sign(certificate, key, NULL) <= 0) {
		X509_free(certificate);
		certificate = NULL;
	}
	EVP_PKEY_free(public_key);
	return certificate;
}

/* ---- files ---- */

int lade_tls_no_password(char *buf, int size, int writing, void *argument)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)argument;
	return -1;
}

static int cannot(int code, const char *operation, const char *file, struct lade_fault *fault)
{
	return lade_fault_set(fault, code, operation, file);
}

/* Read a file into memory, which the caller frees. */
static int read_file(const char *file, char **bytes_out, size_t *len_out, struct lade_fault *fault)
{
	int fd = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY), error = 0;
	struct stat st;
	size_t len = 0;
	ssize_t got = 0;
	char *bytes = NULL;

	if (fd < 0 || fstat(fd, &st))
		error = cannot(LADE_E_SYSTEM, "open certificates", file, fault);
	else if (!S_ISREG(st.st_mode) || st.st_size > (off_t)FILE_MAX)
		error = cannot(LADE_E_REFUSED, "find certificates in", file, fault);
	else if (!(bytes = malloc((size_t)st.st_size + 1)))
		error = cannot(LADE_E_MEMORY, "read certificates", file, fault);
	while (!error && len < (size_t)st.st_size && (got = read(fd, bytes + len, (size_t)st.st_size - len)) > 0)
		len += (size_t)got;
	if (got < 0)
		error = cannot(LADE_E_SYSTEM, "read certificates", file, fault);
	if (fd >= 0)
		close(fd);
	if (error) {
		free(bytes);
		return error;
	}
	*bytes_out = bytes;
	*len_out = len;
	return 0;
}

/* Read the next certificate. NULL: there are no more, or *error_out is a failure. X509_free() frees it. */
static X509 *next_certificate(BIO *bio, OSSL_LIB_CTX *libctx, const char *file, int *error_out, struct lade_fault *fault)
{
	X509 *certificate = X509_new_ex(libctx, LADE_TLS_PROPERTIES);
	unsigned long why;

	if (!certificate)
		*error_out = cannot(LADE_E_MEMORY, "read certificates", file, fault);
	if (!certificate || PEM_read_bio_X509(bio, &certificate, lade_tls_no_password, NULL))
		return certificate;
	why = ERR_peek_last_error();
	if (ERR_GET_LIB(why) != ERR_LIB_PEM || ERR_GET_REASON(why) != PEM_R_NO_START_LINE)
		*error_out = cannot(LADE_E_REFUSED, "understand a certificate in", file, fault);
	/* If it came and was damaged, it is freed already. */
	X509_free(certificate);
	return NULL;
}

/* Hand every certificate in a file to take, which returns false if it cannot. Returns how many there were, or a failure. */
static int each_certificate(SSL_CTX *context, OSSL_LIB_CTX *libctx, const char *file,
			    bool (*take)(SSL_CTX *context, X509 *certificate, int number), struct lade_fault *fault)
{
	X509 *certificate;
	size_t len = 0;
	char *bytes = NULL;
	int count = 0, error = read_file(file, &bytes, &len, fault);
	BIO *bio = error ? NULL : BIO_new_mem_buf(bytes, (int)len);

	if (!error && !bio)
		error = cannot(LADE_E_MEMORY, "read certificates", file, fault);
	while (!error && (certificate = next_certificate(bio, libctx, file, &error, fault))) {
		if (!take(context, certificate, count++))
			error = cannot(LADE_E_REFUSED, "use a certificate of", file, fault);
		X509_free(certificate);
	}
	BIO_free(bio);
	if (!error && !count)
		error = cannot(LADE_E_REFUSED, "find a certificate in", file, fault);
	free(bytes);
	return error ? error : count;
}

static bool take_own(SSL_CTX *context, X509 *certificate, int number)
{
	return number ? SSL_CTX_add1_chain_cert(context, certificate) : SSL_CTX_use_certificate(context, certificate);
}

static bool take_trusted(SSL_CTX *context, X509 *certificate, int number)
{
	(void)number;
	return X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate);
}

int lade_tls_certificate_use(SSL_CTX *context, OSSL_LIB_CTX *libctx, const char *file, struct lade_fault *fault)
{
	int count = each_certificate(context, libctx, file, take_own, fault);

	return count < 0 ? count : 0;
}

int lade_tls_certificate_trust(SSL_CTX *context, OSSL_LIB_CTX *libctx, const char *file, struct lade_fault *fault)
{
	int count = each_certificate(context, libctx, file, take_trusted, fault);

	return count < 0 ? count : 0;
}

/* ---- what one says ---- */

bool lade_tls_certificate_strong(X509 *certificate)
{
	const EVP_PKEY *key = X509_get0_pubkey(certificate);

	return key && (EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "EC") || EVP_PKEY_is_a(key, "RSA") ||
		       EVP_PKEY_is_a(key, "RSA-PSS")) && EVP_PKEY_get_security_bits(key) >= SECURITY_BITS_MIN;
}

bool lade_tls_certificate_fingerprint(X509 *certificate, uint8_t fingerprint_out[LADE_TLS_FINGERPRINT_LEN])
{
	unsigned char *spki = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &spki);

	if (len <= 0)
		return false;
	SHA256(spki, (size_t)len, fingerprint_out);
	OPENSSL_free(spki);
	return true;
}

/* Copy a name if it may be shown and compared. */
static bool copy_name(const ASN1_STRING *string, char name_out[LADE_TLS_NAME_SIZE])
{
	const unsigned char *bytes = string ? ASN1_STRING_get0_data(string) : NULL;
	int len = string ? ASN1_STRING_length(string) : 0;

	if (len <= 0 || len >= (int)LADE_TLS_NAME_SIZE)
		return false;
	for (int i = 0; i < len; i++)
		if (bytes[i] <= ' ' || bytes[i] > '~')
			return false;
	memcpy(name_out, bytes, (size_t)len);
	name_out[len] = '\0';
	return true;
}

/* The first alternative name of a type. */
static const ASN1_STRING *alternative(const GENERAL_NAMES *names, int type)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == type)
			return name->d.ia5;
	}
	return NULL;
}

void lade_tls_certificate_name(X509 *certificate, char name_out[LADE_TLS_NAME_SIZE])
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	const X509_NAME *subject = X509_get_subject_name(certificate);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	const ASN1_STRING *name = names ? alternative(names, GEN_DNS) : NULL;

	if (!name && names)
		name = alternative(names, GEN_EMAIL);
	if (!name && at >= 0)
		name = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
	if (!copy_name(name, name_out))
		name_out[0] = '\0';
	GENERAL_NAMES_free(names);
}
