/*
 * iconv(3) both ways. What it can open is asked for by the other side as well: names of character sets are words, without what
 * iconv(3) takes behind a slash, which would make names that do not come back as they were.
 */
#include "agent/tree/charset.h"

#include <errno.h>
#include <iconv.h>
#include <langinfo.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/entry.h"

/* What names are on their way. */
#define WIRE "UTF-8"

#define NOT_OPEN ((iconv_t)-1)

struct lade_charset {
	pthread_mutex_t lock; /* a descriptor of iconv(3) has a state */
	iconv_t ways[2];      /* by enum lade_charset_way */
};

static bool is_word(const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:+()";

	return *name && strlen(name) <= LADE_CHARSET_NAME_MAX && !name[strspn(name, letters)];
}

int lade_charset_new(const char *name, struct lade_charset **charset_out, struct lade_fault *fault)
{
	const char *word = !*name || strcmp(name, ".") == 0 ? nl_langinfo(CODESET) : name;
	struct lade_charset *charset = calloc(1, sizeof(*charset));

	if (!charset)
		return lade_fault_set(fault, LADE_E_MEMORY, "convert names", NULL);
	charset->ways[LADE_CHARSET_OUT] = charset->ways[LADE_CHARSET_IN] = NOT_OPEN;
	if (pthread_mutex_init(&charset->lock, NULL)) {
		free(charset);
		return lade_fault_set(fault, LADE_E_MEMORY, "convert names", NULL);
	}
	if (is_word(word)) {
		charset->ways[LADE_CHARSET_OUT] = iconv_open(WIRE, word);
		charset->ways[LADE_CHARSET_IN] = iconv_open(word, WIRE);
	}
	if (charset->ways[LADE_CHARSET_OUT] == NOT_OPEN || charset->ways[LADE_CHARSET_IN] == NOT_OPEN) {
		lade_charset_free(charset);
		return lade_fault_set(fault, LADE_E_UNSUPPORTED, "convert names (--iconv): there is no character set", word);
	}
	*charset_out = charset;
	return 0;
}

void lade_charset_free(struct lade_charset *charset)
{
	if (!charset)
		return;
	for (int way = 0; way < 2; way++)
		if (charset->ways[way] != NOT_OPEN)
			iconv_close(charset->ways[way]);
	pthread_mutex_destroy(&charset->lock);
	free(charset);
}

/*
 * Convert from the initial state, and back to it at the end, into size bytes at out. Lock held. False with errno. What iconv(3)
 * replaces by something similar counts as not converted.
 */
static bool convert(iconv_t way, const char *data, size_t len, char *out, size_t size, size_t *len_out)
{
	char *in = (char *)(uintptr_t)data, *end = out;
	size_t left = size, similar;

	(void)iconv(way, NULL, NULL, NULL, NULL);
	similar = iconv(way, &in, &len, &end, &left);
	if (similar != (size_t)-1 && iconv(way, NULL, NULL, &end, &left) != (size_t)-1) {
		*len_out = size - left;
		errno = EILSEQ;
		return similar == 0;
	}
	/* EINVAL: it ends within a character. */
	errno = errno == E2BIG ? ENAMETOOLONG : EILSEQ;
	return false;
}

bool lade_charset_name(struct lade_charset *charset, enum lade_charset_way way, struct lade_slice name, char out[LADE_NAME_MAX + 1],
		       size_t *len_out)
{
	iconv_t there = charset->ways[way], back = charset->ways[way == LADE_CHARSET_OUT ? LADE_CHARSET_IN : LADE_CHARSET_OUT];
	char again[LADE_NAME_MAX];
	size_t len = 0;
	bool done;

	pthread_mutex_lock(&charset->lock);
	done = convert(there, (const char *)name.data, name.len, out, LADE_NAME_MAX, len_out);
	if (done && (!convert(back, out, *len_out, again, sizeof(again), &len) ||
		     !lade_slice_equal(lade_slice(again, len), name) || !lade_entry_name_valid(lade_slice(out, *len_out)))) {
		errno = EILSEQ;
		done = false;
	}
	pthread_mutex_unlock(&charset->lock);
	if (done)
		out[*len_out] = '\0';
	return done;
}

bool lade_charset_text(struct lade_charset *charset, enum lade_charset_way way, struct lade_slice text, char *out, size_t size,
		       size_t *len_out)
{
	bool done = text.len < size;

	errno = ENAMETOOLONG;
	if (charset) {
		pthread_mutex_lock(&charset->lock);
		done = convert(charset->ways[way], (const char *)text.data, text.len, out, size - 1, len_out);
		pthread_mutex_unlock(&charset->lock);
	} else if (done) {
		if (text.len)
			memcpy(out, text.data, text.len);
		*len_out = text.len;
	}
	if (!done)
		return false;
	errno = EILSEQ;
	out[*len_out] = '\0';
	return !memchr(out, '\0', *len_out);
}

struct lade_slice lade_charset_show(struct lade_charset *charset, enum lade_charset_way way, struct lade_slice text, char *out, size_t size)
{
	size_t len;

	if (!charset || !text.len || !lade_charset_text(charset, way, text, out, size, &len))
		return text;
	return lade_slice(out, len);
}
