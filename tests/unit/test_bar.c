/*
 * The line on a terminal that is drawn anew: over what stood there, cut to the width, and cleared.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/bar.h"

#define TEN "0123456789"
#define SEVENTY TEN TEN TEN TEN TEN TEN TEN
#define NINETY SEVENTY TEN TEN
#define SEVENTY_NINE "\r" SEVENTY "012345678"

static char *text;
static size_t text_len;

/* A stream to memory, which is no terminal. */
static FILE *memory(void)
{
	FILE *stream = open_memstream(&text, &text_len);

	assert_non_null(stream);
	return stream;
}

static void end(FILE *stream, const char *expected)
{
	fclose(stream);
	assert_string_equal(text, expected);
	free(text);
}

static void draws_over(void **state)
{
	struct lade_bar bar = { .file = NULL };
	FILE *stream = memory();

	(void)state;
	lade_bar_draw(&bar, stream, "twelve bytes", 12);
	lade_bar_draw(&bar, stream, "seven b", 7);
	lade_bar_draw(&bar, stream, "nine byte", 9);
	assert_ptr_equal(bar.file, stream);
	lade_bar_clear(&bar);
	assert_null(bar.file);
	end(stream, "\rtwelve bytes\rseven b     \rnine byte\r         \r");
}

static void clears_once(void **state)
{
	struct lade_bar bar = { .file = NULL };
	FILE *stream = memory();

	(void)state;
	lade_bar_clear(&bar);
	lade_bar_draw(&bar, stream, "abc", 2);
	lade_bar_clear(&bar);
	lade_bar_clear(&bar);
	/* Nothing of it is blanked the next time. */
	lade_bar_draw(&bar, stream, "a", 1);
	end(stream, "\rab\r  \r\ra");
}

/* What does not say how wide it is has 80 columns, of which the last stays free. */
static void default_width(void **state)
{
	char wide[200], expected[81];
	struct lade_bar bar = { .file = NULL };
	FILE *stream = memory();

	(void)state;
	memset(wide, 'x', sizeof(wide));
	expected[0] = '\r';
	memset(expected + 1, 'x', 79);
	expected[80] = '\0';
	lade_bar_draw(&bar, stream, wide, sizeof(wide));
	assert_int_equal(bar.len, 79);
	end(stream, expected);
}

/* A terminal of so many columns. */
static void on_terminal(unsigned short columns, const char *drawn, const char *expected)
{
	const struct winsize size = { .ws_row = 24, .ws_col = columns };
	const int master = posix_openpt(O_RDWR | O_NOCTTY);
	struct lade_bar bar = { .file = NULL };
	struct termios raw;
	char got[128];
	FILE *terminal;
	ssize_t len;

	if (master < 0 || grantpt(master) || unlockpt(master))
		skip();
	terminal = fopen(ptsname(master), "r+");
	assert_non_null(terminal);
	assert_int_equal(tcgetattr(fileno(terminal), &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(fileno(terminal), TCSANOW, &raw), 0);
	assert_int_equal(ioctl(fileno(terminal), TIOCSWINSZ, &size), 0);
	lade_bar_draw(&bar, terminal, drawn, strlen(drawn));
	len = read(master, got, sizeof(got) - 1);
	assert_true(len > 0);
	got[len] = '\0';
	assert_string_equal(got, expected);
	fclose(terminal);
	close(master);
}

static void fits_the_terminal(void **state)
{
	(void)state;
	on_terminal(10, "0123456789abcdef", "\r012345678");
	on_terminal(10, "01234", "\r01234");
	on_terminal(1, "01234", "\r");
	/* One that does not know its width. */
	on_terminal(0, NINETY, SEVENTY_NINE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(draws_over), cmocka_unit_test(clears_once), cmocka_unit_test(default_width), cmocka_unit_test(fits_the_terminal),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
