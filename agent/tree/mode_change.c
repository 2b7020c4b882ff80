/*
 * Each change becomes bits to clear and bits to set, but for those that depend on the mode they meet: X, which needs to know whether
 * anybody may execute the file, and the copying of one class's bits to another's.
 *
 * What rsync does and chmod(1) does not: "=" leaves set-id and sticky bits alone where none is named; "+s" alone is that of
 * the user; only one operator is in each change.
 */
#include "agent/tree/mode_change.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "protocol/error.h"
#include "protocol/grow.h"

#define PERMISSION_BITS 07777u
#define EXECUTE_BITS 0111u
#define ALL_CLASSES 0111u /* one bit for each of user, group and others, at their lowest permission */

struct lade_mode_change {
	unsigned clear, set;
	bool no_files, no_directories;
	bool careful;        /* X: set no execution bits in what is no directory, and had none */
	unsigned copy_shift; /* of the class whose bits are copied, and */
	char copy_operator;  /* how: + - =, or 0: nothing is copied */
	unsigned copy_classes, copy_mask;
};

/* One change while it is parsed. */
struct wording {
	const char *at;     /* what is not parsed yet */
	unsigned classes;   /* as ALL_CLASSES; 0: nobody in particular */
	unsigned own_bits;  /* the set-id bits of these classes */
	unsigned mask;      /* not in the umask */
	struct lade_mode_change change;
};

static void take_classes(struct wording *wording)
{
	for (;; wording->at++) {
		switch (*wording->at) {
		case 'D':
			wording->change.no_files = true;
			break;
		case 'F':
			wording->change.no_directories = true;
			break;
		case 'u':
			wording->classes |= 0100;
			wording->own_bits |= S_ISUID;
			break;
		case 'g':
			wording->classes |= 0010;
			wording->own_bits |= S_ISGID;
			break;
		case 'o':
			wording->classes |= 0001;
			break;
		case 'a':
			wording->classes |= ALL_CLASSES;
			wording->own_bits |= S_ISUID | S_ISGID;
			break;
		default:
			return;
		}
	}
}

/* Octal digits: all permission bits, as they are. */
static bool take_octal(struct wording *wording)
{
	unsigned mode = 0;

	if (wording->classes || *wording->at < '0' || *wording->at > '7')
		return false;
	for (; *wording->at >= '0' && *wording->at <= '7' && mode <= PERMISSION_BITS; wording->at++)
		mode = mode * 8 + (unsigned)(*wording->at - '0');
	wording->change.clear = PERMISSION_BITS;
	wording->change.set = mode;
	return mode <= PERMISSION_BITS;
}

/* The permissions after the operator: of one class, and the bits beyond the nine. */
static unsigned take_permissions(struct wording *wording, unsigned *special_out)
{
	unsigned permissions = 0;

	for (*special_out = 0;; wording->at++) {
		switch (*wording->at) {
		case 'r':
			permissions |= 4;
			break;
		case 'w':
			permissions |= 2;
			break;
		case 'X':
			wording->change.careful = true;
			permissions |= 1;
			break;
		case 'x':
			permissions |= 1;
			break;
		case 's':
			*special_out |= wording->own_bits ? wording->own_bits : S_ISUID;
			break;
		case 't':
			*special_out |= S_ISVTX;
			break;
		default:
			return permissions;
		}
	}
}

/* A class in place of permissions: its bits are copied. Set-id and sticky bits of a class that is set so go. */
static bool take_copy(struct wording *wording, char operator)
{
	static const char classes[] = "ogu";
	const char *class = *wording->at ? strchr(classes, *wording->at) : NULL;
	unsigned to = wording->classes ? wording->classes : ALL_CLASSES;

	if (!class)
		return false;
	wording->at++;
	wording->change.copy_operator = operator;
	wording->change.copy_shift = 3 * (unsigned)(class - classes);
	wording->change.copy_classes = to;
	wording->change.copy_mask = wording->classes ? 0777 : wording->mask;
	if (operator == '=')
		wording->change.clear = to * 7 | (to & 0100 ? S_ISUID : 0) | (to & 0010 ? S_ISGID : 0) | (to & 0001 ? S_ISVTX : 0);
	return true;
}

static bool take_symbolic(struct wording *wording)
{
	struct lade_mode_change *change = &wording->change;
	unsigned to = wording->classes ? wording->classes : ALL_CLASSES, bits, special;
	char operator = *wording->at;

	if (operator != '+' && operator != '-' && operator != '=')
		return false;
	wording->at++;
	if (take_copy(wording, operator))
		return true;
	bits = to * take_permissions(wording, &special);
	if (!wording->classes)
		bits &= wording->mask;
	if (operator == '-') {
		change->clear = bits | special;
		change->careful = false;
		return true;
	}
	change->set = bits | special;
	if (operator == '=')
		change->clear = to * 7 | (special ? wording->own_bits : 0);
	return true;
}

/* One change, up to a comma or the end. */
static bool take_change(struct wording *wording)
{
	take_classes(wording);
	if (wording->change.no_files && wording->change.no_directories)
		return false;
	if (!take_octal(wording) && (wording->change.clear || !take_symbolic(wording)))
		return false;
	return !*wording->at || *wording->at == ',';
}

static int append(struct lade_mode_changes *changes, const struct lade_mode_change *change)
{
	struct lade_mode_change *items = lade_grown(changes->items, changes->count, &changes->capacity, sizeof(*items));

	if (!items)
		return LADE_E_MEMORY;
	changes->items = items;
	changes->items[changes->count++] = *change;
	return 0;
}

int lade_mode_changes_add(struct lade_mode_changes *changes, const char *text, mode_t umask)
{
	size_t before = changes->count;
	int error = 0;

	for (;;) {
		struct wording wording = { .at = text, .mask = ~(unsigned)umask & 0777 };

		error = take_change(&wording) ? append(changes, &wording.change) : LADE_E_USAGE;
		if (error || !*wording.at)
			break;
		text = wording.at + 1;
	}
	if (error)
		changes->count = before;
	return error;
}

void lade_mode_changes_fini(struct lade_mode_changes *changes)
{
	free(changes->items);
	*changes = (struct lade_mode_changes){ NULL, 0, 0 };
}

static unsigned apply(const struct lade_mode_change *change, unsigned bits, bool may_execute)
{
	unsigned copied = change->copy_classes * (bits >> change->copy_shift & 7) & change->copy_mask;
	unsigned set = change->careful && !may_execute ? change->set & ~EXECUTE_BITS : change->set;

	if (change->copy_operator == '-')
		return bits & ~copied;
	return (bits & ~change->clear) | set | (change->copy_operator ? copied : 0);
}

mode_t lade_mode_changes_apply(const struct lade_mode_changes *changes, mode_t mode)
{
	bool directory = S_ISDIR(mode), may_execute = directory || (mode & EXECUTE_BITS);
	unsigned bits = mode & PERMISSION_BITS;

	if (S_ISLNK(mode))
		return mode;
	for (size_t i = 0; i < changes->count; i++)
		if (directory ? !changes->items[i].no_directories : !changes->items[i].no_files)
			bits = apply(&changes->items[i], bits, may_execute);
	return (mode & S_IFMT) | bits;
}
