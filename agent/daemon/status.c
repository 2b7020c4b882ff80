/*
 * The two forms. What peers have chosen (identities are names of theirs, in a way) is escaped in both.
 */
#include "agent/daemon/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/escape.h"
#include "agent/figures.h"
#include "agent/json.h"

/* ---- the table ---- */

enum column { NUMBER, PEER, IDENTITY, MODULE, ACTION, FILES, BYTES, RATE, SHARE, AGE, PATH, COLUMN_COUNT };

static const struct {
	const char *title;
	bool right; /* figures end below each other */
} columns[COLUMN_COUNT] = {
	[NUMBER] = { "NO", true },
	[PEER] = { "PEER", false },
	[IDENTITY] = { "AS", false },
	[MODULE] = { "MODULE", false },
	[ACTION] = { "DOES", false },
	[FILES] = { "FILES", true },
	[BYTES] = { "BYTES", true },
	[RATE] = { "RATE", true },
	[SHARE] = { "%", true },
	[AGE] = { "AGE", true },
	[PATH] = { "PATH", false },
};

/* A line of the table, its cells one behind the other, each with a NUL. */
struct line {
	struct lade_writer text;
	size_t at[COLUMN_COUNT];
};

static void end_cell(struct line *line, enum column column, size_t begin)
{
	line->at[column] = begin;
	lade_writer_put_u8(&line->text, 0);
}

/* A text of somebody's. Empty: a dash, or the columns behind it would be taken for it. */
static void put_cell(struct line *line, enum column column, const char *text)
{
	size_t begin = line->text.len;

	lade_escape_put_text(&line->text, *text ? text : "-");
	end_cell(line, column, begin);
}

/* "done/all", and "+" behind it while all is not final. */
static void put_part(struct line *line, enum column column, uint64_t done, uint64_t all, bool scanned, unsigned human)
{
	char one[LADE_FIGURE_SIZE], two[LADE_FIGURE_SIZE], text[2 * LADE_FIGURE_SIZE + 4];

	snprintf(text, sizeof(text), "%s/%s%s", lade_figure(one, done, human), lade_figure(two, all, human), scanned ? "" : "+");
	put_cell(line, column, text);
}

static unsigned share(const struct lade_status_session *session)
{
	uint64_t all = session->bytes, done = session->bytes_done < all ? session->bytes_done : all;

	/* Beyond 2^57 bytes the product would not fit. */
	return all ? (unsigned)(all > UINT64_MAX / 100 ? done / (all / 100) : done * 100 / all) : session->scanned ? 100 : 0;
}

static void fill_line(struct line *line, const struct lade_status_session *session)
{
	char text[LADE_FIGURE_SIZE + 4], figure[LADE_FIGURE_SIZE];

	lade_writer_reset(&line->text);
	snprintf(text, sizeof(text), "%" PRIu64, session->number);
	put_cell(line, NUMBER, text);
	put_cell(line, PEER, session->peer);
	put_cell(line, IDENTITY, session->identity);
	put_cell(line, MODULE, session->module);
	put_cell(line, ACTION, session->action);
	put_part(line, FILES, session->files_done, session->files, session->scanned, LADE_HUMAN_PLAIN);
	put_part(line, BYTES, session->bytes_done, session->bytes, session->scanned, LADE_HUMAN_DECIMAL);
	snprintf(text, sizeof(text), "%s/s", lade_figure(figure, session->rate, LADE_HUMAN_DECIMAL));
	put_cell(line, RATE, text);
	snprintf(text, sizeof(text), "%u%%", share(session));
	put_cell(line, SHARE, text);
	put_cell(line, AGE, lade_figure_seconds(figure, session->seconds));
	put_cell(line, PATH, session->path);
}

static void fill_titles(struct line *line)
{
	lade_writer_reset(&line->text);
	for (unsigned column = 0; column < COLUMN_COUNT; column++)
		put_cell(line, (enum column)column, columns[column].title);
}

static const char *cell(const struct line *line, unsigned column)
{
	return (const char *)line->text.data + line->at[column];
}

static void widen(const struct line *line, size_t width[COLUMN_COUNT])
{
	for (unsigned column = 0; column < COLUMN_COUNT && !line->text.error; column++) {
		size_t len = strlen(cell(line, column));

		width[column] = len > width[column] ? len : width[column];
	}
}

static void pad(struct lade_writer *writer, size_t count)
{
	while (count--)
		lade_writer_put_u8(writer, ' ');
}

static void put_line(const struct line *line, const size_t width[COLUMN_COUNT], struct lade_writer *writer)
{
	for (unsigned column = 0; column < COLUMN_COUNT && !line->text.error; column++) {
		size_t len = strlen(cell(line, column));

		if (column)
			pad(writer, 2);
		if (columns[column].right)
			pad(writer, width[column] - len);
		lade_writer_put_bytes(writer, cell(line, column), len);
		if (!columns[column].right && column + 1 < COLUMN_COUNT)
			pad(writer, width[column] - len);
	}
	lade_writer_put_u8(writer, '\n');
	if (line->text.error && !writer->error)
		writer->error = line->text.error;
}

static const char *plural(unsigned count)
{
	return count == 1 ? "" : "s";
}

void lade_status_render_text(const struct lade_status *status, struct lade_writer *writer)
{
	size_t width[COLUMN_COUNT] = { 0 };
	char text[256], age[LADE_FIGURE_SIZE];
	struct line line;
	int len;

	len = snprintf(text, sizeof(text), "lade %s, process %ld, for %s: %u session%s, %u login%s%s\n", status->version, status->pid,
		       lade_figure_seconds(age, status->seconds), status->session_count, plural(status->session_count), status->logins,
		       plural(status->logins), status->stopping ? ", stopping" : "");
	lade_writer_put_bytes(writer, text, (size_t)len);
	if (!status->session_count)
		return;
	lade_writer_init(&line.text, SIZE_MAX);
	/* Once for the widths, once for the lines. */
	fill_titles(&line);
	widen(&line, width);
	for (unsigned i = 0; i < status->session_count; i++) {
		fill_line(&line, &status->sessions[i]);
		widen(&line, width);
	}
	fill_titles(&line);
	put_line(&line, width, writer);
	for (unsigned i = 0; i < status->session_count; i++) {
		fill_line(&line, &status->sessions[i]);
		put_line(&line, width, writer);
	}
	lade_writer_fini(&line.text);
}

/* ---- JSON ---- */

void lade_status_render_json(const struct lade_status *status, struct lade_writer *writer)
{
	lade_json_begin(writer, "daemon");
	lade_json_text(writer, "version", status->version);
	lade_json_signed(writer, "pid", status->pid);
	lade_json_number(writer, "seconds", status->seconds);
	lade_json_number(writer, "sessions", status->session_count);
	lade_json_number(writer, "logins", status->logins);
	lade_json_bool(writer, "stopping", status->stopping);
	lade_json_end(writer);
	lade_writer_put_u8(writer, '\n');
	for (unsigned i = 0; i < status->session_count; i++) {
		const struct lade_status_session *session = &status->sessions[i];

		lade_json_begin(writer, "session");
		lade_json_number(writer, "number", session->number);
		lade_json_text(writer, "peer", session->peer);
		lade_json_text(writer, "identity", session->identity);
		lade_json_text(writer, "module", session->module);
		lade_json_text(writer, "action", session->action);
		lade_json_number(writer, "files", session->files);
		lade_json_number(writer, "files_done", session->files_done);
		lade_json_number(writer, "bytes", session->bytes);
		lade_json_number(writer, "bytes_done", session->bytes_done);
		lade_json_bool(writer, "scanned", session->scanned);
		lade_json_number(writer, "received", session->received);
		lade_json_number(writer, "sent", session->sent);
		lade_json_number(writer, "rate", session->rate);
		lade_json_number(writer, "seconds", session->seconds);
		lade_json_text(writer, "path", session->path);
		lade_json_end(writer);
		lade_writer_put_u8(writer, '\n');
	}
}
