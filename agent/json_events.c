/*
 * Events as JSON: each function here is one event, each line of it a member.
 */
#include "agent/json_events.h"

#include <string.h>
#include <sys/stat.h>

#include "protocol/entry.h"

void lade_json_start(struct lade_writer *writer, const char *direction, bool dry_run)
{
	lade_json_begin(writer, "start");
	lade_json_text(writer, "direction", direction);
	lade_json_bool(writer, "dry_run", dry_run);
	lade_json_end(writer);
}

static const char *type_of(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "symlink";
	case S_IFBLK:
		return "block";
	case S_IFCHR:
		return "character";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	default:
		return "file";
	}
}

/* What of an item is known only of what is there afterwards. */
static void put_present(struct lade_writer *writer, const struct lade_item_style *style, const struct lade_msg_item *item)
{
	struct lade_writer columns;

	lade_writer_init(&columns, SIZE_MAX);
	lade_itemize_columns(&columns, style, item);
	lade_json_bytes(writer, "changes", lade_slice(columns.data, columns.len));
	lade_writer_fini(&columns);
	if (item->target.len)
		lade_json_bytes(writer, item->changes & LADE_ITEM_HARD_LINK && !(item->changes & LADE_ITEM_LOCAL) ? "linked_to" :
				"target", item->target);
	lade_json_number(writer, "permissions", item->mode & 07777);
	/* Of a further name of a file its first one tells. */
	if (item->changes & LADE_ITEM_HARD_LINK)
		return;
	lade_json_number(writer, "size", item->size);
	lade_json_signed(writer, "mtime", item->mtime_s);
	lade_json_number(writer, "mtime_ns", item->mtime_ns);
	lade_json_number(writer, "uid", item->uid);
	lade_json_number(writer, "gid", item->gid);
	lade_json_number(writer, "transferred", item->moved);
}

void lade_json_item(struct lade_writer *writer, const struct lade_item_style *style, const struct lade_msg_item *item)
{
	bool deleted = item->changes & LADE_ITEM_DELETED;

	lade_json_begin(writer, deleted ? "delete" : "item");
	lade_json_bytes(writer, "path", item->path.len ? item->path : lade_slice(".", 1));
	lade_json_text(writer, "type", type_of(item->mode));
	if (!deleted)
		put_present(writer, style, item);
	lade_json_end(writer);
}

static const char *name_of(const struct lade_msg_report *report)
{
	switch (report->severity) {
	case LADE_REPORT_NOTE:
		return "note";
	case LADE_REPORT_WARNING:
		return "warning";
	default:
		return "error";
	}
}

void lade_json_report(struct lade_writer *writer, const struct lade_msg_report *report)
{
	lade_json_begin(writer, name_of(report));
	lade_json_bytes(writer, "operation", report->operation);
	lade_json_bytes(writer, "subject", report->subject);
	if (report->reason.len || !report->error)
		lade_json_bytes(writer, "reason", report->reason);
	else
		lade_json_text(writer, "reason", strerror((int)report->error));
	lade_json_number(writer, "errno", report->error);
	lade_json_number(writer, "exit", report->exit);
	lade_json_end(writer);
}

void lade_json_error(struct lade_writer *writer, const char *text)
{
	const struct lade_msg_report report = {
		.severity = LADE_REPORT_ERROR, .operation = lade_slice(text, strlen(text)),
	};

	lade_json_report(writer, &report);
}

void lade_json_progress(struct lade_writer *writer, const struct lade_progress_meter *meter)
{
	const struct lade_progress *now = &meter->now;

	lade_json_begin(writer, "progress");
	lade_json_number(writer, "entries", now->entries);
	lade_json_bool(writer, "scanned", now->scanned);
	lade_json_number(writer, "files", now->files_done);
	lade_json_number(writer, "files_total", now->files);
	lade_json_number(writer, "bytes", now->bytes_done);
	lade_json_number(writer, "bytes_total", now->bytes);
	lade_json_number(writer, "percent", meter->percent);
	lade_json_end(writer);
}

void lade_json_stats(struct lade_writer *writer, const struct lade_summary *summary)
{
	const struct lade_msg_end *totals = &summary->totals;

	lade_json_begin(writer, "stats");
	lade_json_number(writer, "entries", totals->entries);
	lade_json_number(writer, "files", totals->files);
	lade_json_number(writer, "directories", totals->dirs);
	lade_json_number(writer, "symlinks", totals->links);
	lade_json_number(writer, "devices", totals->devices);
	lade_json_number(writer, "specials", totals->specials);
	lade_json_number(writer, "created", totals->created);
	lade_json_number(writer, "deleted", totals->deleted);
	lade_json_number(writer, "transferred", totals->transferred);
	lade_json_number(writer, "total_size", totals->total_bytes);
	lade_json_number(writer, "transferred_size", totals->transferred_size);
	lade_json_number(writer, "literal", totals->transferred_bytes);
	lade_json_number(writer, "matched", lade_summary_matched(summary));
	lade_json_number(writer, "list_size", totals->entry_bytes);
	lade_json_number(writer, "list_ms", totals->scan_ms);
	lade_json_number(writer, "sent", summary->sent_len);
	lade_json_number(writer, "received", summary->received_len);
	lade_json_real(writer, "seconds", summary->seconds, 3);
	lade_json_real(writer, "speedup", lade_summary_speedup(summary), 2);
	lade_json_end(writer);
}

void lade_json_finish(struct lade_writer *writer, int exit_status, uint64_t errors)
{
	lade_json_begin(writer, "end");
	lade_json_number(writer, "exit", (uint64_t)exit_status);
	lade_json_number(writer, "errors", errors);
	lade_json_end(writer);
}
