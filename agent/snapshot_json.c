/*
 * What cannot be opened with the keys at hand is not there; its id and times are.
 */
#include "agent/snapshot_json.h"

#include <sodium.h>
#include <string.h>

#include "agent/snapshot_reading.h"

static void put_hash(struct lade_writer *writer, const char *key, const uint8_t hash[LADE_HASH_LEN], size_t digits)
{
	char text[2 * LADE_HASH_LEN + 1];

	(void)sodium_bin2hex(text, sizeof(text), hash, LADE_HASH_LEN);
	text[digits] = '\0';
	lade_json_text(writer, key, text);
}

static void put_known(struct lade_writer *writer, const char *key, struct lade_slice text)
{
	if (text.data)
		lade_json_bytes(writer, key, text);
}

static void put_time(struct lade_writer *writer, const char *key, int64_t seconds, uint32_t nanoseconds)
{
	char text[LADE_SNAPSHOT_TIME_SIZE];

	lade_snapshot_time_exact(seconds, nanoseconds, text);
	lade_json_text(writer, key, text);
}

static void put_figures(struct lade_writer *writer, const struct lade_snapshot_figures *figures)
{
	lade_json_number(writer, "total_files_processed", figures->files);
	lade_json_number(writer, "total_dirs_processed", figures->directories);
	lade_json_number(writer, "total_bytes_processed", figures->bytes);
	lade_json_number(writer, "data_added", figures->bytes_new);
	lade_json_number(writer, "data_added_packed", figures->bytes_stored);
	lade_json_number(writer, "error_count", figures->errors);
}

void lade_snapshot_json(struct lade_writer *writer, const struct lade_snapshot_item *item)
{
	const struct lade_snapshot_description *description = &item->description;

	put_hash(writer, "id", item->hash, 2 * LADE_HASH_LEN);
	put_hash(writer, "short_id", item->hash, LADE_SNAPSHOT_SHORT_LEN);
	put_time(writer, "time", (int64_t)item->head.time, 0);
	lade_json_text(writer, "writer", item->label);
	lade_json_number(writer, "number", item->id.number);
	if (!item->is_open)
		return;
	put_known(writer, "hostname", description->host);
	put_known(writer, "username", description->user);
	lade_json_texts(writer, "paths", description->paths.texts, description->paths.count);
	if (item->tags.count)
		lade_json_texts(writer, "tags", item->tags.texts, item->tags.count);
	if (description->excludes.count)
		lade_json_texts(writer, "excludes", description->excludes.texts, description->excludes.count);
	if (description->has_parent)
		put_hash(writer, "parent", description->parent, 2 * LADE_HASH_LEN);
	put_known(writer, "program_version", description->program);
	put_known(writer, "job", description->job);
	if (description->has_times) {
		put_time(writer, "backup_start", description->begin.seconds, description->begin.nanoseconds);
		put_time(writer, "backup_end", description->end.seconds, description->end.nanoseconds);
	}
	if (description->has_figures)
		put_figures(writer, &description->figures);
}
