/*
 * The escapes of a format. Each is composed by itself, because its width counts characters that are known only then.
 */
#include "agent/out_format.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/figures.h"
#include "protocol/entry.h"

#define WIDTH_MAX 1000u
#define DIGEST_DIGITS (2 * LADE_DIGEST_LEN)

/* One escape, taken to pieces. */
struct escape {
	char letter;    /* 0: the text ends before it */
	unsigned human;
	unsigned width;
	bool left;
	size_t len;     /* from the percent sign to the letter */
};

/* Count apostrophes at *at, which is moved behind them. */
static unsigned take_apostrophes(const char **at)
{
	unsigned count = 0;

	for (; **at == '\''; (*at)++)
		count++;
	return count;
}

/* at is at a percent sign. */
static struct escape take_escape(const char *at)
{
	struct escape escape = { .letter = 0 };
	const char *start = at++;

	escape.human = take_apostrophes(&at);
	escape.left = *at == '-';
	at += escape.left;
	for (; isdigit((unsigned char)*at); at++)
		if (escape.width < WIDTH_MAX)
			escape.width = escape.width * 10 + (unsigned)(*at - '0');
	if (escape.width > WIDTH_MAX)
		escape.width = WIDTH_MAX;
	escape.human += take_apostrophes(&at);
	escape.letter = *at;
	escape.len = (size_t)(at - start) + (*at != '\0');
	/* What the format breaks off in is text. */
	if (!escape.letter)
		escape.width = 0;
	return escape;
}

/* The next escape of *format, which is moved behind it; *text_out is the text before. False at the end: all is text. */
static bool next_escape(const char **format, struct lade_slice *text_out, struct escape *escape_out)
{
	const char *percent = strchr(*format, '%');

	*text_out = lade_slice(*format, percent ? (size_t)(percent - *format) : strlen(*format));
	if (!percent)
		return false;
	*escape_out = take_escape(percent);
	*format = percent + escape_out->len;
	return true;
}

uint64_t lade_format_parts(const char *format)
{
	static const struct {
		char letter;
		uint64_t part;
	} parts[] = {
		{ 'l', LADE_ITEMS_SIZE }, { 'M', LADE_ITEMS_TIME }, { 'U', LADE_ITEMS_IDS }, { 'G', LADE_ITEMS_IDS },
		{ 'b', LADE_ITEMS_MOVED }, { 'c', LADE_ITEMS_MOVED }, { 'C', LADE_ITEMS_DIGEST },
	};
	uint64_t wanted = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (lade_format_has(format, parts[i].letter))
			wanted |= parts[i].part;
	return wanted;
}

bool lade_format_has(const char *format, char letter)
{
	struct lade_slice text;
	struct escape escape;

	while (next_escape(&format, &text, &escape))
		if (escape.letter == letter)
			return true;
	return false;
}

static void put_text(struct lade_writer *writer, const char *text)
{
	lade_writer_put_bytes(writer, text, strlen(text));
}

static void put_figure(struct lade_writer *writer, uint64_t value, unsigned human)
{
	char figure[LADE_FIGURE_SIZE];

	put_text(writer, lade_figure(figure, value, human));
}

void lade_format_time(struct lade_writer *writer, time_t time, char between)
{
	char text[64];
	struct tm parts;
	int len;

	if (localtime_r(&time, &parts))
		len = snprintf(text, sizeof(text), "%04" PRId64 "/%02d/%02d%c%02d:%02d:%02d", (int64_t)parts.tm_year + 1900, parts.tm_mon + 1,
			       parts.tm_mday, between, parts.tm_hour, parts.tm_min, parts.tm_sec);
	else
		len = snprintf(text, sizeof(text), "%" PRId64, (int64_t)time);
	lade_writer_put_bytes(writer, text, (size_t)len);
}

/* rwxr-xr-x, with s, S, t and T where they stand in ls(1). */
static void put_permissions(struct lade_writer *writer, uint32_t mode)
{
	static const struct {
		uint32_t bit;
		unsigned column;
		char both, alone;
	} special[] = { { S_ISUID, 2, 's', 'S' }, { S_ISGID, 5, 's', 'S' }, { S_ISVTX, 8, 't', 'T' } };
	char text[] = "rwxrwxrwx";

	for (unsigned i = 0; i < 9; i++)
		if (!(mode & (0400u >> i)))
			text[i] = '-';
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (mode & special[i].bit)
			text[special[i].column] = text[special[i].column] == 'x' ? special[i].both : special[i].alone;
	put_text(writer, text);
}

static void put_digest(struct lade_writer *writer, struct lade_slice digest)
{
	char text[DIGEST_DIGITS + 1];

	memset(text, ' ', DIGEST_DIGITS);
	for (size_t i = 0; i < LADE_DIGEST_LEN && digest.len == LADE_DIGEST_LEN; i++)
		snprintf(text + 2 * i, 3, "%02x", digest.data[i]);
	lade_writer_put_bytes(writer, text, DIGEST_DIGITS);
}

static bool begins_with(struct lade_slice path, const char *name, size_t len)
{
	return path.len >= len && memcmp(path.data, name, len) == 0 && (path.len == len || path.data[len] == '/');
}

/*
 * What of its source stands before the path of an item: the first source that it can be from. One that is named gives what is
 * before its name.
 */
static struct lade_slice prefix_of(const struct lade_format_session *session, struct lade_slice path)
{
	for (unsigned i = 0; session->push && i < session->source_count; i++) {
		const char *source = session->sources[i], *slash = strrchr(source, '/'), *name = slash ? slash + 1 : source;
		bool content = !*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;

		if (content)
			return lade_slice(source, strlen(source));
		if (begins_with(path, name, strlen(name)))
			return lade_slice(source, (size_t)(name - source));
	}
	return lade_slice("", 0);
}

/* The path with its source, without the slash of the root, as in rsync. */
static void put_long_path(struct lade_writer *writer, const struct lade_format_session *session,
			  const struct lade_msg_item *item)
{
	struct lade_slice path = item->path.len ? item->path : lade_slice(".", 1), prefix = { NULL, 0 };

	/* What is deleted is from none of them. */
	if (!(item->changes & LADE_ITEM_DELETED))
		prefix = prefix_of(session, path);
	while (path.len > 1 && path.data[path.len - 1] == '/')
		path.len--;
	while (prefix.len && prefix.data[0] == '/')
		prefix = lade_slice(prefix.data + 1, prefix.len - 1);
	lade_itemize_escaped(writer, &session->style, prefix);
	if (prefix.len && prefix.data[prefix.len - 1] != '/')
		lade_writer_put_u8(writer, '/');
	lade_itemize_escaped(writer, &session->style, path);
}

static const char *operation_of(const struct lade_format_session *session, const struct lade_msg_item *item)
{
	if (item->changes & LADE_ITEM_DELETED)
		return "del.";
	return session->push ? "send" : "recv";
}

/* Append what an escape stands for. False: it stands for itself. Long because there are many; each is a line or two. */
static bool put_value(struct lade_writer *writer, const struct escape *escape, const struct lade_format_session *session,
		      const struct lade_msg_item *item)
{
	switch (escape->letter) {
	case 'b':
		put_figure(writer, item->moved, escape->human);
		break;
	case 'B':
		/* As in rsync nothing is told of what is deleted. */
		put_permissions(writer, item->changes & LADE_ITEM_DELETED ? 0 : item->mode);
		break;
	case 'c':
		put_figure(writer, item->signed_len, escape->human);
		break;
	case 'C':
		put_digest(writer, item->digest);
		break;
	case 'f':
		put_long_path(writer, session, item);
		break;
	case 'G':
		put_figure(writer, item->gid, 0);
		break;
	case 'i':
		lade_itemize_columns(writer, &session->style, item);
		break;
	case 'l':
		put_figure(writer, item->size, escape->human);
		break;
	case 'L':
		lade_itemize_target(writer, &session->style, item);
		break;
	case 'm': /* modules are a daemon's */
		break;
	case 'M':
		lade_format_time(writer, (time_t)item->mtime_s, '-');
		break;
	case 'n':
		lade_itemize_path(writer, &session->style, item);
		break;
	case 'o':
		put_text(writer, operation_of(session, item));
		break;
	case 'p':
		put_figure(writer, (uint64_t)session->pid, 0);
		break;
	case 't':
		lade_format_time(writer, session->now, ' ');
		break;
	case 'U':
		put_figure(writer, item->uid, 0);
		break;
	case '%':
		lade_writer_put_u8(writer, '%');
		break;
	default:
		return false;
	}
	return true;
}

static void put_blanks(struct lade_writer *writer, size_t count)
{
	while (count--)
		lade_writer_put_u8(writer, ' ');
}

static void put_escape(struct lade_writer *writer, const char *end, const struct escape *escape,
		       const struct lade_format_session *session, const struct lade_msg_item *item)
{
	struct lade_writer value;
	size_t blanks;

	lade_writer_init(&value, SIZE_MAX);
	if (!put_value(&value, escape, session, item))
		lade_writer_put_bytes(&value, end - escape->len, escape->len);
	blanks = value.len < escape->width ? escape->width - value.len : 0;
	if (!escape->left)
		put_blanks(writer, blanks);
	lade_writer_put_bytes(writer, value.data, value.len);
	if (escape->left)
		put_blanks(writer, blanks);
	lade_writer_fini(&value);
}

void lade_out_format_put(struct lade_writer *writer, const char *format, const struct lade_format_session *session,
		     const struct lade_msg_item *item)
{
	struct lade_slice text;
	struct escape escape;

	while (next_escape(&format, &text, &escape)) {
		lade_itemize_escaped(writer, &session->style, text);
		put_escape(writer, format, &escape, session, item);
	}
	lade_itemize_escaped(writer, &session->style, text);
}
