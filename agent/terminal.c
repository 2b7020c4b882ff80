/*
 * Asking. A signal must neither leave a terminal behind that does not show what is typed, nor be lost: those that end programs come only
 * while an answer is waited for, and their handlers are ours meanwhile.
 */
#include "agent/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

/* What signals did before. */
struct signals {
	struct sigaction actions[NUMBER_COUNT];
	sigset_t mask;
};

/* Hold back what would end the program, but for read_answer(); what is ignored stays so. */
static void take_signals(struct signals *old_out)
{
	const struct sigaction ours = { .sa_handler = on_signal }; /* without SA_RESTART */
	sigset_t held;

	signalled = 0;
	sigemptyset(&held);
	for (size_t i = 0; i < NUMBER_COUNT; i++)
		sigaddset(&held, numbers[i]);
	(void)sigprocmask(SIG_BLOCK, &held, &old_out->mask);
	for (size_t i = 0; i < NUMBER_COUNT; i++)
		if (sigaction(numbers[i], NULL, &old_out->actions[i]) == 0 && old_out->actions[i].sa_handler != SIG_IGN)
			(void)sigaction(numbers[i], &ours, NULL);
}

static void give_signals_back(const struct signals *old)
{
	for (size_t i = 0; i < NUMBER_COUNT; i++)
		(void)sigaction(numbers[i], &old->actions[i], NULL);
	(void)sigprocmask(SIG_SETMASK, &old->mask, NULL);
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

/* Read to the end of the line; what does not fit is dropped. mask: signals that are held back meanwhile. */
static int read_answer(int fd, const sigset_t *mask, char *answer_out, size_t size)
{
	struct pollfd wait_for = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	bool fits = true;
	char byte = '\0';

	while (!signalled) {
		ssize_t got = ppoll(&wait_for, 1, NULL, mask) < 0 ? -1 : read(fd, &byte, 1);

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

/*
 * Ask without showing the answer, from before the question on: who types at once is not seen, and nothing of it is lost. Nobody stops the
 * program by a key meanwhile: when it went on, the shell would have made the terminal show what is typed.
 */
static int ask_hidden(int fd, const char *question, const sigset_t *mask, char *answer_out, size_t size)
{
	const struct sigaction ignored = { .sa_handler = SIG_IGN };
	struct termios shown, hidden;
	struct sigaction stop;
	int error;

	if (tcgetattr(fd, &shown))
		return LADE_E_SYSTEM;
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	(void)sigaction(SIGTSTP, &ignored, &stop);
	error = tcsetattr(fd, TCSAFLUSH, &hidden) ? LADE_E_SYSTEM : write_question(fd, question);
	if (!error)
		error = read_answer(fd, mask, answer_out, size);
	(void)tcsetattr(fd, TCSADRAIN, &shown);
	(void)!write(fd, "\n", 1);
	(void)sigaction(SIGTSTP, &stop, NULL);
	return error;
}

int lade_terminal_ask(const char *question, bool hidden, char *answer_out, size_t size)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC), error;
	struct signals old;

	if (fd < 0)
		return LADE_E_ABSENT;
	take_signals(&old);
	error = hidden ? ask_hidden(fd, question, &old.mask, answer_out, size) : write_question(fd, question);
	if (!error && !hidden)
		error = read_answer(fd, &old.mask, answer_out, size);
	if (error)
		explicit_bzero(answer_out, size);
	give_signals_back(&old);
	close(fd);
	return error;
}
