/*
 * Asking. A signal must neither leave a terminal behind that does not show what is typed, nor be lost: its handlers are ours meanwhile,
 * as in readpassphrase(3) of the BSDs.
 */
#include "agent/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "agent/escape.h"

#define QUESTION_MAX 4096u

static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
	signalled = number;
}

static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

#define NUMBER_COUNT (sizeof(numbers) / sizeof(numbers[0]))

/* Have reads end when a signal comes that would end the program; those that are ignored stay so. */
static void take_signals(struct sigaction old_out[NUMBER_COUNT])
{
	struct sigaction ours = { .sa_handler = on_signal }; /* without SA_RESTART */

	signalled = 0;
	sigemptyset(&ours.sa_mask);
	for (size_t i = 0; i < NUMBER_COUNT; i++)
		if (sigaction(numbers[i], NULL, &old_out[i]) == 0 && old_out[i].sa_handler != SIG_IGN)
			(void)sigaction(numbers[i], &ours, NULL);
}

static void give_signals_back(const struct sigaction old[NUMBER_COUNT])
{
	for (size_t i = 0; i < NUMBER_COUNT; i++)
		(void)sigaction(numbers[i], &old[i], NULL);
}

static int write_question(int fd, const char *question)
{
	struct lade_writer text;
	int result = -1;

	lade_writer_init(&text, 4 * QUESTION_MAX);
	while (*question) {
		size_t len = strcspn(question, "\n");

		lade_escape_put(&text, lade_slice(question, len));
		question += len;
		if (*question) {
			lade_writer_put_bytes(&text, "\n", 1);
			question++;
		}
	}
	if (!text.error)
		result = write(fd, text.data, text.len) == (ssize_t)text.len ? 0 : -1;
	lade_writer_fini(&text);
	return result ? LADE_E_SYSTEM : 0;
}

/* Read to the end of the line; what does not fit is dropped. */
static int read_answer(int fd, char *answer_out, size_t size)
{
	size_t len = 0;
	bool fits = true;
	char byte = '\0';

	while (!signalled) {
		ssize_t got = read(fd, &byte, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return LADE_E_SYSTEM;
		if (got == 0)
			return LADE_E_CLOSED;
		if (byte == '\n')
			break;
		fits = fits && len + 1 < size;
		if (fits)
			answer_out[len++] = byte;
	}
	explicit_bzero(&byte, sizeof(byte));
	answer_out[len] = '\0';
	return signalled ? LADE_E_CANCELLED : fits ? 0 : LADE_E_LIMIT;
}

/* Ask without showing the answer, from before the question on: who types at once is not seen, and nothing of it is lost. */
static int ask_hidden(int fd, const char *question, char *answer_out, size_t size)
{
	struct termios shown, hidden;
	int error;

	if (tcgetattr(fd, &shown))
		return LADE_E_SYSTEM;
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	if (tcsetattr(fd, TCSAFLUSH, &hidden))
		return LADE_E_SYSTEM;
	error = write_question(fd, question);
	if (!error)
		error = read_answer(fd, answer_out, size);
	(void)tcsetattr(fd, TCSADRAIN, &shown);
	(void)!write(fd, "\n", 1);
	return error;
}

int lade_terminal_ask(const char *question, bool hidden, char *answer_out, size_t size)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC), error;
	struct sigaction old[NUMBER_COUNT];

	if (fd < 0)
		return LADE_E_ABSENT;
	take_signals(old);
	error = hidden ? ask_hidden(fd, question, answer_out, size) : write_question(fd, question);
	if (!error && !hidden)
		error = read_answer(fd, answer_out, size);
	if (error)
		explicit_bzero(answer_out, size);
	give_signals_back(old);
	close(fd);
	return error;
}
