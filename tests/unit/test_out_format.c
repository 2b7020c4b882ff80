/*
 * Formats of lines about items, levels of what is told, and sums: what rsync 3.5.0 prints for the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/out_format.h"
#include "agent/summary.h"
#include "agent/verbosity.h"
#include "protocol/entry.h"

static const char *const sources[] = { "/top/src/", "x/named", "y/other" };

static struct lade_format_session session = { .push = true, .sources = sources, .source_count = 1, .pid = 4711, .now = 86399 };

static struct lade_msg_item item_of(uint32_t changes, uint32_t mode, const char *path)
{
	return (struct lade_msg_item){ .changes = changes, .mode = mode, .path = lade_slice(path, strlen(path)) };
}

static void formats_to(const char *format, const struct lade_msg_item *item, const char *expected)
{
	struct lade_writer writer;

	lade_writer_init(&writer, SIZE_MAX);
	lade_out_format_put(&writer, format, &session, item);
	lade_writer_put_u8(&writer, 0);
	assert_int_equal(writer.error, 0);
	assert_string_equal((const char *)writer.data, expected);
	lade_writer_fini(&writer);
}

static void test_escapes(void **state)
{
	struct lade_msg_item item = item_of(LADE_ITEM_NEW | LADE_ITEM_DATA, S_IFREG | 04751, "d/a");
	uint8_t digest[LADE_DIGEST_LEN] = { 0x6b, 0xba, 0x86, 0xc7 };

	(void)state;
	item.size = 1234567;
	item.mtime_s = 1000000000;
	item.uid = 1000;
	item.gid = 100;
	item.moved = 1200;
	item.signed_len = 36;
	formats_to("%i %n%L", &item, ">f+++++++++ d/a");
	formats_to("", &item, "");
	formats_to("%b %c %l %U %G %p", &item, "1200 36 1234567 1000 100 4711");
	formats_to("%'l %''l %'''l", &item, "1,234,567 1.23M 1.18M");
	formats_to("[%10l|%-10l|%'10l|%10'l|%2l]", &item, "[   1234567|1234567   | 1,234,567| 1,234,567|1234567]");
	formats_to("%B %M %t", &item, "rwsr-x--x 2001/09/09-01:46:40 1970/01/01 23:59:59");
	item.mtime_s = 67768036191676799;
	formats_to("%M", &item, "2147485547/12/31-23:59:59");
	item.mtime_s = INT64_MAX;
	formats_to("%M", &item, "9223372036854775807");
	formats_to("%o %m.", &item, "send .");
	formats_to("%f|%10n|", &item, "top/src/d/a|       d/a|");
	/* Those of a daemon, and what is none. */
	formats_to("%a %h %P %u %q 100%% 50% %", &item, "%a %h %P %u %q 100% 50% %");
	formats_to("%", &item, "%");
	formats_to("%'", &item, "%'");
	formats_to("%-5", &item, "%-5");
	formats_to("%C.", &item, "                                .");
	item.digest = lade_slice(digest, sizeof(digest));
	formats_to("%C.", &item, "6bba86c7000000000000000000000000.");
	item.digest = lade_slice(digest, 3);
	formats_to("%C.", &item, "                                .");
}

static void test_names(void **state)
{
	struct lade_msg_item item = item_of(LADE_ITEM_NEW | LADE_ITEM_LOCAL, S_IFLNK | 0777, "named/l\n");

	(void)state;
	item.target = lade_slice("t\033", 2);
	formats_to("%i %n%L", &item, "cL+++++++++ named/l\\#012 -> t\\#033");
	session.source_count = 3;
	formats_to("%f", &item, "top/src/named/l\\#012");
	session.sources = sources + 1;
	session.source_count = 2;
	formats_to("%f", &item, "x/named/l\\#012");
	item = item_of(LADE_ITEM_NEW, S_IFDIR | 0755, "other");
	formats_to("%f %n", &item, "y/other other/");
	item = item_of(LADE_ITEM_NEW, S_IFDIR | 01755, "otherwise");
	formats_to("%f %n %B", &item, "otherwise otherwise/ rwxr-xr-t");
	session.sources = sources;
	session.source_count = 1;
	item = item_of(LADE_ITEM_NEW, S_IFDIR | 02745, "");
	formats_to("%f %n %B", &item, "top/src/. ./ rwxr-Sr-x");
	session.push = false;
	formats_to("%f %o", &item, ". recv");
	session.push = true;
	item = item_of(LADE_ITEM_DELETED, S_IFDIR | 0755, "gone");
	formats_to("%o %n %f %B", &item, "del. gone/ gone ---------");
	formats_to("%i %n%L", &item, "*deleting   gone/");
	item = item_of(0, S_IFREG, "a\xc3\xbc");
	session.style.eight_bit = true;
	formats_to("%i %n", &item, ".f          a\xc3\xbc");
	session.style.eight_bit = false;
	formats_to("%n", &item, "a\\#303\\#274");
}

static void test_what_a_format_needs(void **state)
{
	(void)state;
	assert_int_equal(lade_format_parts("%i %n%L %o %f %t %p %B %%l"), 0);
	assert_int_equal(lade_format_parts("%'10l"), LADE_ITEMS_SIZE);
	assert_int_equal(lade_format_parts("%M%U%b"), LADE_ITEMS_TIME | LADE_ITEMS_IDS | LADE_ITEMS_MOVED);
	assert_int_equal(lade_format_parts("%G%c%C"), LADE_ITEMS_IDS | LADE_ITEMS_MOVED | LADE_ITEMS_DIGEST);
	assert_true(lade_format_has("x%-12i", 'i'));
	assert_false(lade_format_has("%%i", 'i'));
	assert_false(lade_format_has("", 'i'));
	assert_false(lade_format_has("%", 'i'));
}

/* The levels of value after -v, verbose times, as digits in the order of the categories. */
static void levels_are(const char *value, unsigned verbose, const char *expected)
{
	struct lade_verbosity verbosity = { .info_help = false };
	char text[LADE_INFO_COUNT + LADE_DEBUG_COUNT + 2] = "";
	struct lade_complaint complaint;
	size_t len = 0;

	assert_int_equal(lade_verbosity_info(&verbosity, value, &complaint), 0);
	lade_verbosity_finish(&verbosity, verbose);
	for (size_t i = 0; i < LADE_INFO_COUNT; i++)
		text[len++] = (char)('0' + verbosity.info[i].level);
	text[len++] = ' ';
	for (size_t i = 0; i < LADE_DEBUG_COUNT; i++)
		text[len++] = (char)('0' + verbosity.debug[i].level);
	assert_string_equal(text, expected);
}

static void test_levels(void **state)
{
	(void)state;
	/* BACKUP COPY DEL FLIST MISC MOUNT NAME NONREG PROGRESS REMOVE SKIP STATS SYMSAFE, DELTASUM FILTER */
	levels_are("", 0, "0000000100000 00");
	levels_are("", 1, "0111101100011 00");
	levels_are("", 2, "1111212101111 11");
	levels_are("", 9, "1111212101111 11");
	levels_are("name2,progress2", 0, "0000002120000 00");
	levels_are("NAME0,stats,,", 1, "0111100100011 00");
	levels_are("none", 2, "0000000000000 11");
	levels_are("all", 0, "1111111111111 00");
	levels_are("ALL9,nonreg0", 0, "2222222022222 00");
	levels_are("none,del", 1, "0010000000000 00");
	levels_are("skip7", 0, "0000000100200 00");
}

static void test_levels_that_there_are_not(void **state)
{
	struct lade_verbosity verbosity = { .info_help = false };
	struct lade_complaint complaint;

	(void)state;
	assert_int_equal(lade_verbosity_info(&verbosity, "name,frob2", &complaint), LADE_E_USAGE);
	assert_non_null(strstr(complaint.text, "'frob'"));
	assert_int_equal(lade_verbosity_debug(&verbosity, "chdir", &complaint), LADE_E_USAGE);
	assert_int_equal(lade_verbosity_debug(&verbosity, "1", &complaint), 0);
	assert_int_equal(lade_verbosity_info(&verbosity, "help", &complaint), 0);
	assert_true(verbosity.info_help);
	assert_false(verbosity.debug_help);
	assert_int_equal(lade_verbosity_debug(&verbosity, "filter,HELP", &complaint), 0);
	assert_true(verbosity.debug_help);
}

static void test_notes(void **state)
{
	struct lade_verbosity verbosity = { .info_help = false };
	struct lade_complaint complaint;

	(void)state;
	lade_verbosity_finish(&verbosity, 0);
	assert_int_equal(lade_verbosity_notes(&verbosity), 1 << LADE_TOPIC_NONREG);
	assert_int_equal(lade_verbosity_info(&verbosity, "nonreg0,skip,mount", &complaint), 0);
	assert_int_equal(lade_verbosity_debug(&verbosity, "filter", &complaint), 0);
	assert_int_equal(lade_verbosity_notes(&verbosity),
			 1 << LADE_TOPIC_SKIP | 1 << LADE_TOPIC_MOUNT | 1 << LADE_TOPIC_FILTER);
	assert_int_equal(lade_verbosity_info(&verbosity, "skip2", &complaint), 0);
	assert_int_equal(lade_verbosity_notes(&verbosity), 1 << LADE_TOPIC_SKIP | 1 << LADE_TOPIC_SKIP_WHY | 1 << LADE_TOPIC_MOUNT |
			 1 << LADE_TOPIC_FILTER);
	/* What an option implies does not raise what was named, and never lowers. */
	lade_verbosity_imply(&verbosity, LADE_INFO_NONREG, 1);
	lade_verbosity_imply(&verbosity, LADE_INFO_STATS, 2);
	lade_verbosity_imply(&verbosity, LADE_INFO_STATS, 1);
	assert_int_equal(verbosity.info[LADE_INFO_NONREG].level, 0);
	assert_int_equal(verbosity.info[LADE_INFO_STATS].level, 2);
}

static void keep_line(void *context, const char *line)
{
	strcat(strcat(context, line), "\n");
}

/* A peer's sums may be anything. */
static void test_sums_of_a_liar(void **state)
{
	struct lade_summary sums = { .sent_len = UINT64_MAX, .received_len = UINT64_MAX, .seconds = 0, .human = 1 };
	char text[8192] = "";

	(void)state;
	memset(&sums.totals, 0xff, sizeof(sums.totals));
	lade_summary_all(&sums, keep_line, text);
	lade_summary_short(&sums, keep_line, text);
	lade_summary_log(&sums, keep_line, text);
	assert_non_null(strstr(text, "(reg: 18,446,744,073,709,551,615, dir: 18,446,744,073,709,551,615, link: "));
	assert_non_null(strstr(text, "Matched data: 0 bytes\n"));
	sums = (struct lade_summary){ .seconds = 1e-300, .sent_len = 1 };
	text[0] = '\0';
	lade_summary_all(&sums, keep_line, text);
	lade_summary_short(&sums, keep_line, text);
	assert_non_null(strstr(text, "Number of files: 0\n"));
	assert_non_null(strstr(text, "speedup is 0.00\n"));
	assert_true(lade_summary_speedup(&(struct lade_summary){ .seconds = 0 }) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_what_a_format_needs),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_levels_that_there_are_not),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_sums_of_a_liar),
	};

	setenv("TZ", "UTC", 1);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
