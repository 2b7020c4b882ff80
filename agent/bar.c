/*
 * The cursor stays behind the text. A line that is as long as the one before leaves none of it; a shorter one has blanks behind it.
 */
#include "agent/bar.h"

#include <sys/ioctl.h>

#define COLUMNS_DEFAULT 80u

static size_t columns(FILE *terminal)
{
	struct winsize size;

	if (ioctl(fileno(terminal), TIOCGWINSZ, &size) || size.ws_col == 0)
		return COLUMNS_DEFAULT;
	return size.ws_col;
}

void lade_bar_draw(struct lade_bar *bar, FILE *terminal, const char *text, size_t len)
{
	const size_t width = columns(terminal);
	size_t blanks;

	/* The last column stays free: many terminals wrap as soon as it is written. */
	if (len > width - 1)
		len = width - 1;
	blanks = bar->len > len ? bar->len - len : 0;
	(void)fprintf(terminal, "\r%.*s%*s", (int)len, text, (int)blanks, "");
	(void)fflush(terminal);
	*bar = (struct lade_bar){ terminal, len };
}

void lade_bar_clear(struct lade_bar *bar)
{
	if (!bar->file)
		return;
	(void)fprintf(bar->file, "\r%*s\r", (int)bar->len, "");
	(void)fflush(bar->file);
	*bar = (struct lade_bar){ .file = NULL };
}
