/*
 * What is printed: escapes, numbers, itemized lines as rsync 3.5 prints them for the same
 * changes, reports, the errors' repetition, progress on terminals and elsewhere.
 */
#include <errno.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/escape.h"
#include "agent/figures.h"
#include "agent/itemize.h"
#include "agent/progress.h"
#include "agent/screen.h"
#include "agent/sync/sync.h"
#include "protocol/entry.h"

#define S 1000000000LL
#define FILE_MODE (S_IFREG | 0644)
#define DIR_MODE (S_IFDIR | 0755)
#define LINK_MODE (S_IFLNK | 0777)

#define INFO(category, to) { .info[LADE_INFO_##category] = { to, true } }
#define NAMES { .info[LADE_INFO_NAME] = { 1, true }, .info[LADE_INFO_DEL] = { 1, true }, .info[LADE_INFO_STATS] = { 1, true } }
#define SHORT_SUMS INFO(STATS, 1)
#define ALL_SUMS INFO(STATS, 2)
#define WHOLE_PROGRESS INFO(PROGRESS, 2)

static int64_t clock_ns;

static int64_t fake_clock(void)
{
	return clock_ns;
}

/* A screen whose two streams are memory. */
struct fixture {
	struct lade_screen *screen;
	const struct lade_events *events;
	char *out_text, *err_text;
	size_t out_len, err_len;
	FILE *out, *err;
};

static void start(struct fixture *fixture, struct lade_screen_settings settings)
{
	memset(fixture, 0, sizeof(*fixture));
	fixture->out =
		settings.out ? settings.out : open_memstream(&fixture->out_text, &fixture->out_len);
	fixture->err = open_memstream(&fixture->err_text, &fixture->err_len);
	assert_true(fixture->out && fixture->err);
	settings.out = fixture->out;
	settings.err = fixture->err;
	settings.now_ns = fake_clock;
	clock_ns = 100 * S;
	lade_verbosity_finish(&settings.verbosity, 0);
	assert_int_equal(lade_screen_new(&settings, &fixture->screen), 0);
	fixture->events = lade_screen_events(fixture->screen);
}

static void stop(struct fixture *fixture)
{
	lade_screen_free(fixture->screen);
	fclose(fixture->out);
	fclose(fixture->err);
	free(fixture->out_text);
	free(fixture->err_text);
}

static void send_item(struct fixture *fixture, uint32_t changes, uint32_t mode, const char *path)
{
	const struct lade_msg_item item = {
		.changes = changes, .mode = mode, .path = lade_slice(path, strlen(path)),
	};

	fixture->events->item(fixture->events->context, &item);
}

static void send_report(struct fixture *fixture, uint32_t severity, const char *subject,
			const char *reason)
{
	const struct lade_msg_report report = {
		.severity = severity,
		.error = EACCES,
		.operation = lade_slice("open", 4),
		.subject = lade_slice(subject, strlen(subject)),
		.reason = lade_slice(reason, strlen(reason)),
	};

	fixture->events->report(fixture->events->context, &report);
}

static void send_progress(struct fixture *fixture, uint64_t done, uint64_t bytes, bool scanned,
			  bool last)
{
	const struct lade_progress progress = {
		.files = 10,
		.files_done = done == bytes ? 10 : 1,
		.bytes = bytes,
		.bytes_done = done,
		.scanned = scanned,
	};

	fixture->events->progress(fixture->events->context, &progress, last);
}

static void out_is(struct fixture *fixture, const char *expected)
{
	fflush(fixture->out);
	assert_string_equal(fixture->out_text ? fixture->out_text : "", expected);
}

static void err_is(struct fixture *fixture, const char *expected)
{
	fflush(fixture->err);
	assert_string_equal(fixture->err_text ? fixture->err_text : "", expected);
}

static void escapes_to(const char *bytes, const char *expected)
{
	struct lade_writer writer;

	lade_writer_init(&writer, 1024);
	lade_escape_put_text(&writer, bytes);
	lade_writer_put_u8(&writer, 0);
	assert_int_equal(writer.error, 0);
	assert_string_equal((const char *)writer.data, expected);
	lade_writer_fini(&writer);
}

static void test_escapes(void **state)
{
	(void)state;
	setlocale(LC_CTYPE, "C");
	escapes_to("", "");
	escapes_to("plain name~ !", "plain name~ !");
	escapes_to("a\nb\001c\x7f", "a\\#012b\\#001c\\#177");
	escapes_to("\033[2J", "\\#033[2J");
	escapes_to("tab\tstays", "tab\tstays");
	escapes_to("\xc3\xbc\xff", "\\#303\\#274\\#377");
	escapes_to("\\#123", "\\#134#123");
	escapes_to("\\#12x \\# \\ \\#12", "\\#12x \\# \\ \\#12");
	escapes_to("\\#8\\#9999", "\\#8\\#134#9999");
}

static void test_escapes_follow_the_locale(void **state)
{
	(void)state;
	if (!setlocale(LC_CTYPE, "C.UTF-8")) {
		print_message("no UTF-8 locale\n");
		skip();
	}
	escapes_to("\xc3\xbc\xe2\x82\xac", "\xc3\xbc\xe2\x82\xac");
	escapes_to("\xc3", "\\#303");
	escapes_to("\xc3\xbc\xff\xfe", "\xc3\xbc\\#377\\#376");
	escapes_to("\xe2\x82", "\\#342\\#202");
	escapes_to("\xc3(", "\\#303(");
	/* CSI of the C1 range: a terminal would obey. */
	escapes_to("\xc2\x9b", "\\#302\\#233");
	setlocale(LC_CTYPE, "C");
}

static void figure_is(uint64_t value, unsigned human, const char *expected)
{
	char figure[LADE_FIGURE_SIZE];

	assert_string_equal(lade_figure(figure, value, human), expected);
}

static void test_figures(void **state)
{
	char figure[LADE_FIGURE_SIZE];

	(void)state;
	figure_is(1234567, 0, "1234567");
	figure_is(0, 1, "0");
	figure_is(999, 1, "999");
	figure_is(1000, 1, "1,000");
	figure_is(1234567, 1, "1,234,567");
	figure_is(UINT64_MAX, 1, "18,446,744,073,709,551,615");
	figure_is(999, 2, "999");
	figure_is(1000, 2, "1.00K");
	figure_is(1265648, 2, "1.27M");
	figure_is(999999, 2, "1.00M");
	figure_is(1023, 3, "1023");
	figure_is(1265648, 3, "1.21M");
	figure_is(UINT64_MAX, 2, "18.45E");
	figure_is(UINT64_MAX, 3, "16.00E");
	assert_string_equal(lade_figure_seconds(figure, 0), "0:00:00");
	assert_string_equal(lade_figure_seconds(figure, 3661), "1:01:01");
	assert_string_equal(lade_figure_seconds(figure, 360000), "100:00:00");
}

/* Each line is what rsync 3.5.0 printed for the change. */
static const struct {
	uint32_t changes;
	uint32_t mode;
	const char *path;
	const char *target;
	const char *itemized;
	const char *named; /* "": -v does not name it */
} items[] = {
	{ LADE_ITEM_NEW | LADE_ITEM_DATA, FILE_MODE, "d/b", "", ">f+++++++++ d/b", "d/b" },
	{ LADE_ITEM_NEW | LADE_ITEM_LOCAL, DIR_MODE, "d", "", "cd+++++++++ d/", "d/" },
	{ LADE_ITEM_NEW | LADE_ITEM_LOCAL, DIR_MODE, ".", "", "cd+++++++++ ./", "./" },
	{ LADE_ITEM_NEW | LADE_ITEM_LOCAL, DIR_MODE, "", "", "cd+++++++++ ./", "./" },
	{ LADE_ITEM_NEW | LADE_ITEM_LOCAL, LINK_MODE, "l", "a", "cL+++++++++ l -> a", "l -> a" },
	{ LADE_ITEM_NEW | LADE_ITEM_LOCAL, S_IFIFO, "fifo", "", "cS+++++++++ fifo", "fifo" },
	{ LADE_ITEM_NEW | LADE_ITEM_LOCAL, S_IFSOCK, "sock", "", "cS+++++++++ sock", "sock" },
	{ LADE_ITEM_NEW | LADE_ITEM_LOCAL, S_IFCHR, "dev", "", "cD+++++++++ dev", "dev" },
	{ LADE_ITEM_NEW | LADE_ITEM_LOCAL, S_IFBLK, "dev", "", "cD+++++++++ dev", "dev" },
	{ LADE_ITEM_NEW | LADE_ITEM_HARD_LINK, FILE_MODE, "a", "a2", "hf+++++++++ a => a2",
	  "a => a2" },
	{ LADE_ITEM_HARD_LINK, FILE_MODE, "b", "a", "hf          b => a", "b => a" },
	{ LADE_ITEM_HARD_LINK | LADE_ITEM_SIZE, FILE_MODE, "a2", "", "hf.s....... a2", "a2" },
	{ LADE_ITEM_LOCAL | LADE_ITEM_CHECKSUM, LINK_MODE, "lc", "b", "cLc........ lc -> b",
	  "lc -> b" },
	{ LADE_ITEM_LOCAL | LADE_ITEM_CHECKSUM | LADE_ITEM_TIME_NOW, LINK_MODE, "lc", "b",
	  "cLc.T...... lc -> b", "lc -> b" },
	{ LADE_ITEM_TIME, LINK_MODE, "lt", "a", ".L..t...... lt -> a", "" },
	{ LADE_ITEM_DATA | LADE_ITEM_SIZE, FILE_MODE, "a", "", ">f.s....... a", "a" },
	{ LADE_ITEM_DATA | LADE_ITEM_TIME, FILE_MODE, "t", "", ">f..t...... t", "t" },
	{ LADE_ITEM_DATA | LADE_ITEM_SIZE | LADE_ITEM_TIME_NOW, FILE_MODE, "a2", "",
	  ">f.sT...... a2", "a2" },
	{ LADE_ITEM_DATA | LADE_ITEM_CHECKSUM, FILE_MODE, "a", "", ">fc........ a", "a" },
	{ LADE_ITEM_DATA, FILE_MODE, "a", "", ">f......... a", "a" },
	{ LADE_ITEM_PERMS, FILE_MODE, "d/b", "", ".f...p..... d/b", "" },
	{ LADE_ITEM_OWNER, FILE_MODE, "b", "", ".f....o.... b", "" },
	{ LADE_ITEM_GROUP, FILE_MODE, "b", "", ".f.....g... b", "" },
	{ LADE_ITEM_ACL, FILE_MODE, "b", "", ".f.......a. b", "" },
	{ LADE_ITEM_XATTR, FILE_MODE, "b", "", ".f........x b", "" },
	{ LADE_ITEM_ATIME, FILE_MODE, "b", "", ".f......u.. b", "" },
	{ LADE_ITEM_TIME, S_IFIFO, "ff", "", ".S..t...... ff", "" },
	{ LADE_ITEM_PERMS, DIR_MODE, "dp", "", ".d...p..... dp/", "dp/" },
	{ LADE_ITEM_TIME, DIR_MODE, "dt/", "", ".d..t...... dt/", "dt/" },
	{ 0, FILE_MODE, "same", "", ".f          same", "" },
	{ 0, DIR_MODE, ".", "", ".d          ./", "" },
	{ LADE_ITEM_DELETED, FILE_MODE, "x", "", "*deleting   x", "deleting x" },
	{ LADE_ITEM_DELETED, DIR_MODE, "dd/y", "", "*deleting   dd/y/", "deleting dd/y/" },
	{ LADE_ITEM_DELETED, LINK_MODE, "l", "a", "*deleting   l", "deleting l" },
	{ LADE_ITEM_NEW | LADE_ITEM_DATA, FILE_MODE, "c\001\\#123\t", "",
	  ">f+++++++++ c\\#001\\#134#123\t", "c\\#001\\#134#123\t" },
	{ LADE_ITEM_NEW | LADE_ITEM_LOCAL, LINK_MODE, "l", "a\n", "cL+++++++++ l -> a\\#012",
	  "l -> a\\#012" },
	{ LADE_ITEM_TIME | LADE_ITEM_DATA, FILE_MODE, "f", "not shown", ">f..t...... f", "f" },
};

static void test_items(void **state)
{
	struct lade_writer writer;

	(void)state;
	lade_writer_init(&writer, 1024);
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		const struct lade_msg_item item = {
			.changes = items[i].changes,
			.mode = items[i].mode,
			.path = lade_slice(items[i].path, strlen(items[i].path)),
			.target = lade_slice(items[i].target, strlen(items[i].target)),
		};

		lade_writer_reset(&writer);
		lade_itemize(&writer, &(struct lade_item_style){ .outgoing = false }, &item);
		lade_writer_put_u8(&writer, 0);
		assert_string_equal((const char *)writer.data, items[i].itemized);
		lade_writer_reset(&writer);
		lade_itemize(&writer, &(struct lade_item_style){ .outgoing = true }, &item);
		assert_int_equal(writer.data[0],
				 items[i].itemized[0] == '>' ? '<' : items[i].itemized[0]);
		lade_writer_reset(&writer);
		if (lade_itemize_names(&item))
			lade_itemize_name(&writer, &(struct lade_item_style){ .outgoing = false }, &item);
		lade_writer_put_u8(&writer, 0);
		assert_string_equal((const char *)writer.data, items[i].named);
	}
	lade_writer_fini(&writer);
}

static void test_what_items_print(void **state)
{
	struct fixture fixture;

	(void)state;
	start(&fixture,
	      (struct lade_screen_settings){ .itemize = 1, .verbosity = NAMES, .session.style.outgoing = true });
	send_item(&fixture, LADE_ITEM_DATA | LADE_ITEM_NEW, FILE_MODE, "f");
	out_is(&fixture, "<f+++++++++ f\n");
	stop(&fixture);
	start(&fixture, (struct lade_screen_settings){ .verbosity = NAMES });
	send_item(&fixture, LADE_ITEM_DATA | LADE_ITEM_NEW, FILE_MODE, "f");
	send_item(&fixture, LADE_ITEM_PERMS, FILE_MODE, "g");
	out_is(&fixture, "f\n");
	stop(&fixture);
	start(&fixture, (struct lade_screen_settings){
				.verbosity = ALL_SUMS, .itemize = 1, .quiet = true });
	send_item(&fixture, LADE_ITEM_DATA | LADE_ITEM_NEW, FILE_MODE, "f");
	assert_int_equal(lade_screen_finish(fixture.screen, 0, &(struct lade_summary){ .seconds = 0 }), 0);
	out_is(&fixture, "");
	err_is(&fixture, "");
	stop(&fixture);
}

/* Send an item with a size and a target. */
static void send_whole_item(struct fixture *fixture, uint32_t changes, uint32_t mode, const char *path, uint64_t size)
{
	const struct lade_msg_item item = {
		.changes = changes, .mode = mode, .path = lade_slice(path, strlen(path)), .size = size,
	};

	fixture->events->item(fixture->events->context, &item);
}

static void test_what_is_up_to_date(void **state)
{
	static const struct lade_verbosity names2 = { .info[LADE_INFO_NAME] = { 2, true } };
	struct fixture fixture;

	(void)state;
	start(&fixture, (struct lade_screen_settings){ .verbosity = names2 });
	send_item(&fixture, 0, FILE_MODE, "same");
	send_item(&fixture, 0, DIR_MODE, "dir");
	send_item(&fixture, LADE_ITEM_PERMS, FILE_MODE, "mode");
	send_item(&fixture, LADE_ITEM_LOCAL | LADE_ITEM_HARD_LINK, FILE_MODE, "linked");
	send_item(&fixture, LADE_ITEM_LOCAL, DIR_MODE, "made");
	send_item(&fixture, LADE_ITEM_DELETED, FILE_MODE, "gone");
	out_is(&fixture, "same is uptodate\nmode\nlinked is uptodate\nmade/ is uptodate\n");
	stop(&fixture);
	start(&fixture, (struct lade_screen_settings){ .itemize = 2 });
	send_item(&fixture, 0, FILE_MODE, "same");
	send_item(&fixture, LADE_ITEM_LOCAL | LADE_ITEM_HARD_LINK, FILE_MODE, "linked");
	send_item(&fixture, LADE_ITEM_LOCAL, DIR_MODE, "made");
	out_is(&fixture, ".f          same\nhf          linked\ncd          made/\n");
	stop(&fixture);
	/* A peer that tells more than it was asked for changes nothing. */
	start(&fixture, (struct lade_screen_settings){ .itemize = 1 });
	send_item(&fixture, 0, FILE_MODE, "same");
	out_is(&fixture, "");
	stop(&fixture);
}

static void test_formats(void **state)
{
	struct fixture fixture;

	(void)state;
	start(&fixture, (struct lade_screen_settings){ .format = "%o:%n" });
	send_item(&fixture, LADE_ITEM_DATA, FILE_MODE, "f");
	send_item(&fixture, LADE_ITEM_PERMS, FILE_MODE, "not named");
	send_item(&fixture, LADE_ITEM_DELETED, FILE_MODE, "gone");
	out_is(&fixture, "recv:f\ndel.:gone\n");
	stop(&fixture);
	start(&fixture, (struct lade_screen_settings){ .format = "%n" });
	send_item(&fixture, LADE_ITEM_DELETED, FILE_MODE, "gone");
	out_is(&fixture, "deleting gone\n");
	stop(&fixture);
	start(&fixture, (struct lade_screen_settings){ .format = "%n %i" });
	send_item(&fixture, LADE_ITEM_DELETED, FILE_MODE, "gone");
	send_item(&fixture, LADE_ITEM_PERMS, FILE_MODE, "mode");
	out_is(&fixture, "gone *deleting  \nmode .f...p.....\n");
	stop(&fixture);
}

static void test_notes(void **state)
{
	struct lade_msg_report note = {
		.severity = LADE_REPORT_NOTE, .topic = LADE_TOPIC_NONREG, .operation = lade_slice("skipping \"", 10),
		.subject = lade_slice("a\n", 2), .reason = lade_slice("\"", 1),
	};
	struct fixture fixture;

	(void)state;
	start(&fixture, (struct lade_screen_settings){ .itemize = 1 });
	fixture.events->report(fixture.events->context, &note);
	/* One that a newer peer might know. */
	note.topic = LADE_TOPIC_MAX;
	fixture.events->report(fixture.events->context, &note);
	out_is(&fixture, "skipping \"a\\#012\"\nskipping \"a\\#012\"\n");
	/* An error is one, whatever it is about. */
	note.severity = LADE_REPORT_ERROR;
	fixture.events->report(fixture.events->context, &note);
	err_is(&fixture, "lade: skipping \" \"a\\#012\": \"\n");
	stop(&fixture);
	note.severity = LADE_REPORT_NOTE;
	start(&fixture, (struct lade_screen_settings){ .quiet = true });
	fixture.events->report(fixture.events->context, &note);
	out_is(&fixture, "");
	err_is(&fixture, "");
	stop(&fixture);
}

static void test_the_beginning(void **state)
{
	static const struct lade_verbosity loud = { .info[LADE_INFO_FLIST] = { 1, true }, .debug[LADE_DEBUG_DELTASUM] = { 1, true } };
	struct fixture fixture;

	(void)state;
	start(&fixture, (struct lade_screen_settings){ .verbosity = loud, .lists = true, .session.push = true, .itemize = 1 });
	lade_screen_begin(fixture.screen);
	send_item(&fixture, LADE_ITEM_DATA, FILE_MODE, "f");
	send_item(&fixture, LADE_ITEM_DATA, FILE_MODE, "f");
	out_is(&fixture, "sending incremental file list\n"
	       "delta-transmission disabled for local transfer or --whole-file\n>f......... f\n>f......... f\n");
	stop(&fixture);
	start(&fixture, (struct lade_screen_settings){ .verbosity = loud, .lists = true, .describes = true });
	lade_screen_begin(fixture.screen);
	send_item(&fixture, LADE_ITEM_DATA, FILE_MODE, "f");
	out_is(&fixture, "receiving incremental file list\ndelta-transmission enabled\n");
	stop(&fixture);
	start(&fixture, (struct lade_screen_settings){ .verbosity = loud });
	lade_screen_begin(fixture.screen);
	out_is(&fixture, "");
	stop(&fixture);
}

/* As in rsync, but that the name and the line come when the file is done. */
static void test_progress_of_files(void **state)
{
	static const struct lade_verbosity progress = { .info[LADE_INFO_PROGRESS] = { 1, true }, .info[LADE_INFO_NAME] = { 1, true } };
	struct lade_progress stands = { .entries = 4, .files = 2 };
	struct fixture fixture;

	(void)state;
	start(&fixture, (struct lade_screen_settings){ .verbosity = progress, .human = 1 });
	fixture.events->stands(fixture.events->context, &stands);
	clock_ns += S;
	send_whole_item(&fixture, LADE_ITEM_DATA, FILE_MODE, "f", 102400);
	send_whole_item(&fixture, LADE_ITEM_LOCAL | LADE_ITEM_NEW, DIR_MODE, "d", 0);
	stands.entries = 5;
	stands.scanned = true;
	fixture.events->stands(fixture.events->context, &stands);
	clock_ns += 3661 * S;
	send_whole_item(&fixture, LADE_ITEM_DATA | LADE_ITEM_NEW, FILE_MODE, "empty", 0);
	send_whole_item(&fixture, LADE_ITEM_DATA | LADE_ITEM_NEW, FILE_MODE, "last", 1048576);
	out_is(&fixture, "f\n"
	       "\r        102,400 100%    0.00kB/s    0:00:00  "
	       "\r        102,400 100%  100.00kB/s    0:00:01 (xfr#1, ir-chk=1/4)\n"
	       "d/\n"
	       "empty\n"
	       "\r              0 100%    0.00kB/s    1:01:01 (xfr#2, to-chk=1/5)\n"
	       "last\n"
	       "\r      1,048,576 100%    0.00kB/s    0:00:00  "
	       "\r      1,048,576 100%    0.00kB/s    0:00:00 (xfr#3, to-chk=0/5)\n");
	err_is(&fixture, "");
	stop(&fixture);
	/* Files that are under way at once are not faster than all together. */
	start(&fixture, (struct lade_screen_settings){ .verbosity = progress, .human = 1 });
	stands = (struct lade_progress){ .entries = 2, .files = 2, .bytes = 204800, .scanned = true };
	fixture.events->stands(fixture.events->context, &stands);
	clock_ns += 2 * S;
	stands.bytes_done = 204800;
	fixture.events->stands(fixture.events->context, &stands);
	send_whole_item(&fixture, LADE_ITEM_DATA, FILE_MODE, "a", 102400);
	clock_ns += S / 1000;
	send_whole_item(&fixture, LADE_ITEM_DATA, FILE_MODE, "b", 102400);
	out_is(&fixture, "a\n"
	       "\r        102,400 100%    0.00kB/s    0:00:00  "
	       "\r        102,400 100%   50.00kB/s    0:00:02 (xfr#1, to-chk=1/2)\n"
	       "b\n"
	       "\r        102,400 100%    0.00kB/s    0:00:00  "
	       "\r        102,400 100%  100.00kB/s    0:00:00 (xfr#2, to-chk=0/2)\n");
	stop(&fixture);
	/* Nobody is asked where it stands who does not show it. */
	start(&fixture, (struct lade_screen_settings){ .itemize = 1 });
	assert_null(fixture.events->stands);
	stop(&fixture);
}

static void test_json(void **state)
{
	static const struct lade_verbosity progress = { .info[LADE_INFO_PROGRESS] = { 1, true } };
	struct fixture fixture;

	(void)state;
	start(&fixture, (struct lade_screen_settings){ .verbosity = progress, .json = true });
	lade_screen_begin(fixture.screen);
	send_item(&fixture, 0, FILE_MODE, "same");
	send_item(&fixture, LADE_ITEM_DELETED, FILE_MODE, "gone");
	send_report(&fixture, LADE_REPORT_ERROR, "x", "why");
	send_report(&fixture, LADE_REPORT_NOTE, "x", "why");
	send_progress(&fixture, 10, 100, false, false);
	send_progress(&fixture, 100, 100, true, true);
	assert_int_equal(lade_screen_finish(fixture.screen, LADE_EXIT_STREAM, &(struct lade_summary){ .seconds = 0 }), LADE_EXIT_STREAM);
	out_is(&fixture, "{\"v\":1,\"event\":\"start\",\"direction\":\"receive\",\"dry_run\":false}\n"
	       "{\"v\":1,\"event\":\"delete\",\"path\":\"gone\",\"type\":\"file\"}\n"
	       "{\"v\":1,\"event\":\"error\",\"operation\":\"open\",\"subject\":\"x\",\"reason\":\"why\",\"errno\":13,\"exit\":0}\n"
	       "{\"v\":1,\"event\":\"note\",\"operation\":\"open\",\"subject\":\"x\",\"reason\":\"why\",\"errno\":13,\"exit\":0}\n"
	       "{\"v\":1,\"event\":\"progress\",\"entries\":0,\"scanned\":true,\"files\":10,\"files_total\":10,\"bytes\":100,"
	       "\"bytes_total\":100,\"percent\":100}\n"
	       "{\"v\":1,\"event\":\"end\",\"exit\":12,\"errors\":1}\n");
	err_is(&fixture, "lade: open \"x\": why\n");
	stop(&fixture);
}

static void test_sums(void **state)
{
	const struct lade_summary sums = {
		.totals = {
			.entries = 1234, .files = 1000, .dirs = 230, .links = 4, .transferred = 5, .created = 6, .created_dirs = 2,
			.deleted = 7, .deleted_specials = 7, .total_bytes = 7654321, .transferred_bytes = 1234567,
			.transferred_size = 2234567, .entry_bytes = 4321, .scan_ms = 1042,
		},
		.sent_len = 1300000, .received_len = 2000,
	};
	struct fixture fixture;

	(void)state;
	start(&fixture, (struct lade_screen_settings){ .verbosity = ALL_SUMS, .human = 1 });
	clock_ns += 2 * S;
	assert_int_equal(lade_screen_finish(fixture.screen, 0, &sums), 0);
	out_is(&fixture, "\n"
	       "Number of files: 1,234 (reg: 1,000, dir: 230, link: 4)\n"
	       "Number of created files: 6 (reg: 4, dir: 2)\n"
	       "Number of deleted files: 7 (special: 7)\n"
	       "Number of regular files transferred: 5\n"
	       "Total file size: 7,654,321 bytes\n"
	       "Total transferred file size: 2,234,567 bytes\n"
	       "Literal data: 1,234,567 bytes\n"
	       "Matched data: 1,000,000 bytes\n"
	       "File list size: 4,321\n"
	       "File list generation time: 1.042 seconds\n"
	       "File list transfer time: 0.000 seconds\n"
	       "Total bytes sent: 1,300,000\n"
	       "Total bytes received: 2,000\n"
	       "\n"
	       "sent 1,300,000 bytes  received 2,000 bytes  651,000.00 bytes/sec\n"
	       "total size is 7,654,321  speedup is 5.88\n");
	stop(&fixture);
	start(&fixture, (struct lade_screen_settings){ .verbosity = SHORT_SUMS, .human = 2, .dry_run = true });
	assert_int_equal(lade_screen_finish(fixture.screen, LADE_EXIT_PARTIAL, &sums), LADE_EXIT_PARTIAL);
	out_is(&fixture, "\nsent 1.30M bytes  received 2.00K bytes  0.00 bytes/sec\ntotal size is 7.65M  speedup is 5.88 (DRY RUN)\n");
	stop(&fixture);
	start(&fixture, (struct lade_screen_settings){ .verbosity = ALL_SUMS });
	assert_int_equal(lade_screen_finish(fixture.screen, LADE_EXIT_STREAM, &sums),
			 LADE_EXIT_STREAM);
	out_is(&fixture, "");
	err_is(&fixture, "lade: the transfer failed\n");
	stop(&fixture);
}

static void test_reports(void **state)
{
	struct fixture fixture;
	const struct lade_msg_report bare = { .severity = LADE_REPORT_FATAL,
					      .operation = lade_slice("give up", 7) };

	(void)state;
	start(&fixture, (struct lade_screen_settings){ .quiet = false });
	send_report(&fixture, LADE_REPORT_NOTE, "a", "why");
	send_report(&fixture, LADE_REPORT_WARNING, "b", "why");
	send_report(&fixture, LADE_REPORT_ERROR, "c\n\033", "why\r");
	send_report(&fixture, LADE_REPORT_ERROR, "", "");
	fixture.events->report(fixture.events->context, &bare);
	err_is(&fixture, "lade: note: open \"a\": why\n"
	       "lade: warning: open \"b\": why\n"
	       "lade: open \"c\\#012\\#033\": why\\#015\n"
	       "lade: open: Permission denied\n"
	       "lade: give up\n");
	stop(&fixture);
	start(&fixture, (struct lade_screen_settings){ .quiet = true });
	send_report(&fixture, LADE_REPORT_NOTE, "a", "why");
	send_report(&fixture, LADE_REPORT_WARNING, "b", "why");
	send_report(&fixture, LADE_REPORT_ERROR, "c", "why");
	err_is(&fixture, "lade: warning: open \"b\": why\nlade: open \"c\": why\n");
	stop(&fixture);
}

static void test_what_the_status_means(void **state)
{
	static const struct {
		int status;
		bool error;
		const char *text;
	} cases[] = {
		{ 0, false, "" },
		{ LADE_EXIT_PARTIAL, true,
		  "lade: open \"x\": why\n"
		  "lade: some files could not be transferred (exit status 23); see the errors above\n" },
		{ LADE_EXIT_PARTIAL, false,
		  "lade: some files could not be transferred (exit status 23)\n" },
		{ LADE_EXIT_VANISHED, false,
		  "lade: some files vanished or changed before they could be transferred (exit status 24)\n" },
		{ LADE_EXIT_SIGNAL, false, "lade: interrupted (exit status 20)\n" },
		{ LADE_EXIT_SIGNAL, true, "lade: open \"x\": why\n" },
		{ LADE_EXIT_AUTH, true, "lade: open \"x\": why\n" },
	};
	struct fixture fixture;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(&fixture, (struct lade_screen_settings){ .quiet = false });
		if (cases[i].error)
			send_report(&fixture, LADE_REPORT_ERROR, "x", "why");
		assert_int_equal(lade_screen_finish(fixture.screen, cases[i].status,
						    &(struct lade_summary){ .seconds = 0 }),
				 cases[i].status);
		err_is(&fixture, cases[i].text);
		stop(&fixture);
	}
}

/* How often needle stands in text. */
static unsigned count_of(const char *text, const char *needle)
{
	unsigned count = 0;

	for (; (text = strstr(text, needle)); text += strlen(needle))
		count++;
	return count;
}

static void errors_between(unsigned errors, unsigned lines, unsigned expected_each,
			   const char *title)
{
	struct fixture fixture;

	start(&fixture, (struct lade_screen_settings){ .verbosity = NAMES });
	for (unsigned i = 0; i < errors; i++)
		send_report(&fixture, LADE_REPORT_ERROR, "x", "why");
	for (unsigned i = 0; i < lines; i++)
		send_item(&fixture, LADE_ITEM_DATA, FILE_MODE, "f");
	lade_screen_finish(fixture.screen, LADE_EXIT_PARTIAL, &(struct lade_summary){ .seconds = 0 });
	fflush(fixture.err);
	assert_int_equal(count_of(fixture.err_text, "lade: open \"x\": why\n"), expected_each);
	if (title)
		assert_non_null(strstr(fixture.err_text, title));
	stop(&fixture);
}

static void test_errors_that_scrolled_away_come_again(void **state)
{
	(void)state;
	/* The three lines of the sum at the end count too. */
	errors_between(2, 17, 2, NULL);
	errors_between(2, 18, 4, "lade: 2 errors:\n");
	errors_between(1, 100, 1, NULL);
	errors_between(100, 100, 200, "lade: 100 errors:\n");
	errors_between(150, 100, 250, "lade: and 50 more\n");
}

/* The first is out of sight, although the last is not. */
static void test_lines_are_counted_from_the_first_error(void **state)
{
	struct fixture fixture;

	(void)state;
	start(&fixture, (struct lade_screen_settings){ .itemize = 1 });
	send_report(&fixture, LADE_REPORT_ERROR, "first", "why");
	for (unsigned i = 0; i < 21; i++)
		send_item(&fixture, LADE_ITEM_DATA, FILE_MODE, "f");
	send_report(&fixture, LADE_REPORT_ERROR, "last", "why");
	lade_screen_finish(fixture.screen, LADE_EXIT_PARTIAL, &(struct lade_summary){ .seconds = 0 });
	fflush(fixture.err);
	assert_int_equal(count_of(fixture.err_text, "first"), 2);
	assert_int_equal(count_of(fixture.err_text, "last"), 2);
	stop(&fixture);
}

static void test_a_full_disk_is_told(void **state)
{
	FILE *full = fopen("/dev/full", "w");
	struct fixture fixture;

	(void)state;
	if (!full) {
		print_message("no /dev/full\n");
		skip();
	}
	start(&fixture, (struct lade_screen_settings){ .itemize = 1, .out = full });
	for (int i = 0; i < 10000; i++)
		send_item(&fixture, LADE_ITEM_DATA, FILE_MODE, "f");
	assert_int_equal(lade_screen_finish(fixture.screen, 0, &(struct lade_summary){ .seconds = 0 }),
			 LADE_EXIT_FILE);
	err_is(&fixture, "lade: write standard output: No space left on device\n");
	stop(&fixture);
}

static void test_progress_on_a_terminal(void **state)
{
	struct fixture fixture;
	const char *last;

	(void)state;
	start(&fixture, (struct lade_screen_settings){ .err_terminal = true });
	clock_ns += S / 2;
	send_progress(&fixture, 10, 100, false, false);
	err_is(&fixture, "");
	clock_ns += S / 2;
	send_progress(&fixture, 20, 100, false, false);
	fflush(fixture.err);
	assert_int_equal(fixture.err_text[0], '\r');
	assert_non_null(strstr(fixture.err_text, " 20% "));
	assert_null(strchr(fixture.err_text, '\n'));
	/* A message takes its place and starts at the left. */
	send_report(&fixture, LADE_REPORT_ERROR, "x", "why");
	fflush(fixture.err);
	last = strstr(fixture.err_text, "\rlade: open \"x\": why\n");
	assert_non_null(last);
	assert_int_equal(last[-1], ' ');
	clock_ns += S;
	send_progress(&fixture, 100, 100, true, true);
	assert_int_equal(lade_screen_finish(fixture.screen, 0, &(struct lade_summary){ .seconds = 0 }), 0);
	fflush(fixture.err);
	assert_int_equal(strlen(last), strlen("\rlade: open \"x\": why\n"));
	stop(&fixture);
}

static void test_progress_is_not_shown(void **state)
{
	static const struct lade_screen_settings cases[] = {
		{ .err_terminal = false },
		{ .err_terminal = true, .quiet = true },
		{ .err_terminal = true, .quiet = true, .verbosity = WHOLE_PROGRESS },
		{ .verbosity = WHOLE_PROGRESS, .quiet = true },
		{ .err_terminal = true, .out_terminal = true, .verbosity = NAMES },
		{ .err_terminal = true, .out_terminal = true, .itemize = 1 },
	};
	struct fixture fixture;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(&fixture, cases[i]);
		clock_ns += 10 * S;
		send_progress(&fixture, 20, 100, false, false);
		send_progress(&fixture, 100, 100, true, true);
		err_is(&fixture, "");
		stop(&fixture);
	}
}

static void test_progress_without_a_terminal_is_a_line_a_second(void **state)
{
	struct fixture fixture;

	(void)state;
	start(&fixture, (struct lade_screen_settings){ .verbosity = WHOLE_PROGRESS });
	for (unsigned i = 1; i <= 15; i++) {
		clock_ns += S / 5;
		send_progress(&fixture, i, 100, true, false);
	}
	fflush(fixture.out);
	assert_int_equal(count_of(fixture.out_text, "\n"), 3);
	assert_null(strchr(fixture.out_text, '\r'));
	send_progress(&fixture, 100, 100, true, true);
	fflush(fixture.out);
	assert_int_equal(count_of(fixture.out_text, "\n"), 4);
	assert_non_null(strstr(fixture.out_text, "100%"));
	assert_non_null(strstr(fixture.out_text, "(xfr#10, to-chk=0/0)"));
	stop(&fixture);
}

static void test_the_meter_never_runs_backwards(void **state)
{
	struct lade_progress_meter meter;
	struct lade_progress progress = { .files = 10, .bytes = 100, .bytes_done = 50 };
	char line[LADE_PROGRESS_LINE_SIZE];

	(void)state;
	lade_progress_start(&meter, 0);
	lade_progress_update(&meter, &progress, S);
	assert_int_equal(meter.percent, 50);
	/* The scan finds more: the percentage stays until the transfer has caught up. */
	progress.bytes = 1000;
	lade_progress_update(&meter, &progress, 2 * S);
	assert_int_equal(meter.percent, 50);
	progress.bytes_done = 40;
	lade_progress_update(&meter, &progress, 3 * S);
	assert_int_equal(meter.now.bytes_done, 50);
	progress.bytes_done = 1000;
	lade_progress_update(&meter, &progress, 4 * S);
	assert_int_equal(meter.percent, 99);
	lade_progress_line(&meter, 1, false, line);
	assert_non_null(strstr(line, " 99% "));
	progress.scanned = true;
	progress.files_done = 10;
	lade_progress_update(&meter, &progress, 5 * S);
	assert_int_equal(meter.percent, 100);
	lade_progress_line(&meter, 1, true, line);
	assert_non_null(strstr(line, "100% "));
	assert_non_null(strstr(line, "0:00:05"));
}

static void test_the_rate_is_smoothed(void **state)
{
	struct lade_progress_meter meter;
	struct lade_progress progress = { .files = 10, .bytes = 100000000000, .scanned = true };
	char line[LADE_PROGRESS_LINE_SIZE];
	int64_t now = 0;

	(void)state;
	lade_progress_start(&meter, now);
	for (int i = 0; i < 10; i++) {
		progress.bytes_done += 20000000;
		lade_progress_update(&meter, &progress, now += S / 5);
	}
	lade_progress_line(&meter, 2, false, line);
	assert_non_null(strstr(line, "200.00M "));
	assert_non_null(strstr(line, " 95.37MB/s"));
	assert_non_null(strstr(line, "0:16:38 (xfr#0, to-chk=10/0)"));
	/* A pause of a second is seen, but is no standstill. */
	lade_progress_update(&meter, &progress, now += S);
	assert_in_range(meter.rate / meter.weight, 50000000, 95000000);
	for (int i = 0; i < 100; i++)
		lade_progress_update(&meter, &progress, now += S);
	assert_in_range(meter.rate / meter.weight, 0, 1000);
	/* A clock that stands or goes back divides by nothing. */
	lade_progress_update(&meter, &progress, now);
	lade_progress_update(&meter, &progress, now - S);
	assert_true(meter.rate >= 0);
}

static void test_the_longest_line_fits(void **state)
{
	struct lade_progress_meter meter;
	const struct lade_progress progress = {
		.files = UINT64_MAX,
		.files_done = UINT64_MAX - 1,
		.bytes = UINT64_MAX,
		.bytes_done = UINT64_MAX - 1,
		.scanned = true,
	};
	char line[LADE_PROGRESS_LINE_SIZE];

	(void)state;
	lade_progress_start(&meter, 0);
	lade_progress_update(&meter, &progress, 1);
	for (int last = 0; last < 2; last++) {
		size_t len = lade_progress_line(&meter, 1, last, line);

		assert_int_equal(len, strlen(line));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_escapes_follow_the_locale),
		cmocka_unit_test(test_figures),
		cmocka_unit_test(test_items),
		cmocka_unit_test(test_what_items_print),
		cmocka_unit_test(test_what_is_up_to_date),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_the_beginning),
		cmocka_unit_test(test_progress_of_files),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_reports),
		cmocka_unit_test(test_what_the_status_means),
		cmocka_unit_test(test_errors_that_scrolled_away_come_again),
		cmocka_unit_test(test_lines_are_counted_from_the_first_error),
		cmocka_unit_test(test_a_full_disk_is_told),
		cmocka_unit_test(test_progress_on_a_terminal),
		cmocka_unit_test(test_progress_is_not_shown),
		cmocka_unit_test(test_progress_without_a_terminal_is_a_line_a_second),
		cmocka_unit_test(test_the_meter_never_runs_backwards),
		cmocka_unit_test(test_the_rate_is_smoothed),
		cmocka_unit_test(test_the_longest_line_fits),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
