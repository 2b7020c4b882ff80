/*
 * Sums as lines. Counts by kind leave out kinds that did not occur, as in rsync.
 */
#include "agent/summary.h"

#include <inttypes.h>
#include <stdio.h>

#include "agent/figures.h"

#define LINE_SIZE 320

/* Where lines go. */
struct out {
	const struct lade_summary *summary;
	lade_summary_line *line;
	void *context;
};

static void put_bytes(const struct out *out, const char *title, uint64_t value, const char *unit)
{
	char text[LINE_SIZE], figure[LADE_FIGURE_SIZE];

	snprintf(text, sizeof(text), "%s: %s%s", title, lade_figure(figure, value, out->summary->human), unit);
	out->line(out->context, text);
}

/* Counts are never scaled: nobody has 1.23K files. */
static unsigned count_human(const struct out *out)
{
	return out->summary->human ? LADE_HUMAN_GROUPED : LADE_HUMAN_PLAIN;
}

/* One kind, if there are any: behind a bracket or a comma. */
static size_t put_kind(const struct out *out, char text[LINE_SIZE], size_t len, bool first, const char *name, uint64_t count)
{
	char figure[LADE_FIGURE_SIZE];

	if (!count)
		return len;
	return len + (size_t)snprintf(text + len, LINE_SIZE - len, "%s%s: %s", first ? " (" : ", ", name,
				      lade_figure(figure, count, count_human(out)));
}

/* A count and what it consists of; kinds are reg, dir, link, dev, special. */
static void put_count(const struct out *out, const char *title, uint64_t all, const uint64_t kinds[5])
{
	static const char *const names[] = { "reg", "dir", "link", "dev", "special" };
	char text[LINE_SIZE], figure[LADE_FIGURE_SIZE];
	size_t len = (size_t)snprintf(text, sizeof(text), "%s: %s", title, lade_figure(figure, all, count_human(out)));
	size_t start = len;

	for (int i = 0; i < 5; i++)
		len = put_kind(out, text, len, len == start, names[i], kinds[i]);
	if (len > start)
		snprintf(text + len, sizeof(text) - len, ")");
	out->line(out->context, text);
}

/* Of what a peer says the parts may be more than the whole. */
static uint64_t rest(uint64_t all, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	uint64_t parts = a + b + c + d;

	return all > parts ? all - parts : 0;
}

static void put_counts(const struct out *out)
{
	const struct lade_msg_end *t = &out->summary->totals;
	const uint64_t files[] = { t->files, t->dirs, t->links, t->devices, t->specials };
	const uint64_t created[] = {
		rest(t->created, t->created_dirs, t->created_links, t->created_devices, t->created_specials),
		t->created_dirs, t->created_links, t->created_devices, t->created_specials,
	};
	const uint64_t deleted[] = {
		rest(t->deleted, t->deleted_dirs, t->deleted_links, t->deleted_devices, t->deleted_specials),
		t->deleted_dirs, t->deleted_links, t->deleted_devices, t->deleted_specials,
	};
	char text[LINE_SIZE], figure[LADE_FIGURE_SIZE];

	put_count(out, "Number of files", t->entries, files);
	put_count(out, "Number of created files", t->created, created);
	put_count(out, "Number of deleted files", t->deleted, deleted);
	snprintf(text, sizeof(text), "Number of regular files transferred: %s", lade_figure(figure, t->transferred, count_human(out)));
	out->line(out->context, text);
}

uint64_t lade_summary_matched(const struct lade_summary *summary)
{
	const struct lade_msg_end *totals = &summary->totals;

	/* In a dry run nothing is looked at. Files that changed, and damage, can make more travel than there is. */
	if (summary->dry_run || totals->transferred_size < totals->transferred_bytes)
		return 0;
	return totals->transferred_size - totals->transferred_bytes;
}

void lade_summary_all(const struct lade_summary *summary, lade_summary_line *line, void *context)
{
	const struct out out = { summary, line, context };
	const struct lade_msg_end *totals = &summary->totals;
	char text[LINE_SIZE];

	put_counts(&out);
	put_bytes(&out, "Total file size", totals->total_bytes, " bytes");
	put_bytes(&out, "Total transferred file size", totals->transferred_size, " bytes");
	put_bytes(&out, "Literal data", totals->transferred_bytes, " bytes");
	put_bytes(&out, "Matched data", lade_summary_matched(summary), " bytes");
	put_bytes(&out, "File list size", totals->entry_bytes, "");
	snprintf(text, sizeof(text), "File list generation time: %" PRIu64 ".%03u seconds", totals->scan_ms / 1000,
		 (unsigned)(totals->scan_ms % 1000));
	line(context, text);
	/* It travels while it is made. */
	line(context, "File list transfer time: 0.000 seconds");
	put_bytes(&out, "Total bytes sent", summary->sent_len, "");
	put_bytes(&out, "Total bytes received", summary->received_len, "");
}

double lade_summary_speedup(const struct lade_summary *summary)
{
	double moved = (double)summary->sent_len + (double)summary->received_len;

	return moved > 0 ? (double)summary->totals.total_bytes / moved : 0;
}

void lade_summary_short(const struct lade_summary *summary, lade_summary_line *line, void *context)
{
	double moved = (double)summary->sent_len + (double)summary->received_len;
	char text[LINE_SIZE], a[LADE_FIGURE_SIZE], b[LADE_FIGURE_SIZE], c[LADE_FIGURE_SIZE];

	snprintf(text, sizeof(text), "sent %s bytes  received %s bytes  %s bytes/sec", lade_figure(a, summary->sent_len, summary->human),
		 lade_figure(b, summary->received_len, summary->human),
		 lade_figure_real(c, summary->seconds > 0 ? moved / summary->seconds : 0, summary->human));
	line(context, text);
	snprintf(text, sizeof(text), "total size is %s  speedup is %s%s", lade_figure(a, summary->totals.total_bytes, summary->human),
		 lade_figure_real(b, lade_summary_speedup(summary), summary->human ? LADE_HUMAN_GROUPED : LADE_HUMAN_PLAIN),
		 summary->dry_run ? " (DRY RUN)" : "");
	line(context, text);
}

void lade_summary_log(const struct lade_summary *summary, lade_summary_line *line, void *context)
{
	char text[LINE_SIZE];

	snprintf(text, sizeof(text), "sent %" PRIu64 " bytes  received %" PRIu64 " bytes  total size %" PRIu64, summary->sent_len,
		 summary->received_len, summary->totals.total_bytes);
	line(context, text);
}
