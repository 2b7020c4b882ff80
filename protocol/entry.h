/*
 * What an ENTRY may say: the rules that every name and type from a peer must pass
 * before anything is done with them (see [entry]), and the words of itemized changes.
 */
#ifndef LADE_PROTOCOL_ENTRY_H
#define LADE_PROTOCOL_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/message.h"

/* Values of an entry's link field. */
#define LADE_LINK_NONE 0u   /* one name, or names are not tracked */
#define LADE_LINK_LEADER 1u /* the first name of an inode that has more */
#define LADE_LINK_FOLLOWS 2u /* plus the index of the leader: another name of it */

/* Values of ENTRIES_END's incomplete: whether deletions may rely on what was said. */
#define LADE_SCAN_COMPLETE 0u
#define LADE_SCAN_INCOMPLETE 1u /* something could not be read */
#define LADE_SCAN_GUARDED 2u    /* a source may not be the one that is meant: whatever was asked for, nothing is deleted */

/*
 * Options of a session that the other side must know: the bits of OPEN's options (see [open]). No enumeration: its
 * constants are of type int.
 */
#define LADE_OPTION(bit) (UINT64_C(1) << (bit))
#define LADE_OPTION_RECURSIVE LADE_OPTION(0)
#define LADE_OPTION_LINKS LADE_OPTION(1)
#define LADE_OPTION_PERMS LADE_OPTION(2)
#define LADE_OPTION_TIMES LADE_OPTION(3)
#define LADE_OPTION_GROUP LADE_OPTION(4)
#define LADE_OPTION_OWNER LADE_OPTION(5)
#define LADE_OPTION_DEVICES LADE_OPTION(6)
#define LADE_OPTION_SPECIALS LADE_OPTION(7)
#define LADE_OPTION_HARD_LINKS LADE_OPTION(8)
#define LADE_OPTION_ACLS LADE_OPTION(9)
#define LADE_OPTION_XATTRS LADE_OPTION(10)
#define LADE_OPTION_CHECKSUM LADE_OPTION(11)
#define LADE_OPTION_DELETE LADE_OPTION(12)
#define LADE_OPTION_DRY_RUN LADE_OPTION(13)
#define LADE_OPTION_ITEMIZE LADE_OPTION(14) /* send ITEM for what changes */
#define LADE_OPTION_NUMERIC_IDS LADE_OPTION(15)
#define LADE_OPTION_FSYNC LADE_OPTION(16) /* files reach the disk before they are renamed */
#define LADE_OPTION_VERIFY LADE_OPTION(17) /* digest local copies too */
#define LADE_OPTION_FAIL_CHANGED LADE_OPTION(18) /* a file that kept changing counts as vanished (24) */
#define LADE_OPTION_WHOLE_FILE LADE_OPTION(19) /* files are sent whole, never described */
#define LADE_OPTION_FUZZY LADE_OPTION(20) /* a new file may be made from one of a similar name */
#define LADE_OPTION_INPLACE LADE_OPTION(21) /* files that are there are written over */
#define LADE_OPTION_SPARSE LADE_OPTION(22) /* zeros become holes */
#define LADE_OPTION_INDEX LADE_OPTION(23) /* the receiver knows the chunks of all files that it has */
#define LADE_OPTION_DIRS LADE_OPTION(25) /* directories take part, but not what is in them */
#define LADE_OPTION_RELATIVE LADE_OPTION(26) /* sources keep the whole path that was written */
#define LADE_OPTION_NO_IMPLIED_DIRS LADE_OPTION(27) /* but the directories on the way to them stay as they are */
#define LADE_OPTION_ONE_FILE_SYSTEM LADE_OPTION(28) /* file systems of other devices are not looked into */
#define LADE_OPTION_NO_MOUNT_POINTS LADE_OPTION(29) /* nor are the directories made where they begin */
#define LADE_OPTION_COPY_LINKS LADE_OPTION(30) /* what a symlink leads to takes its place, */
#define LADE_OPTION_COPY_DIRLINKS LADE_OPTION(31) /* if that is a directory */
#define LADE_OPTION_SAFE_LINKS LADE_OPTION(32) /* symlinks that lead out of the transfer are left out, */
#define LADE_OPTION_COPY_UNSAFE_LINKS LADE_OPTION(33) /* or what they lead to takes their place */
#define LADE_OPTION_MUNGE_LINKS LADE_OPTION(34) /* the client's side keeps symlinks in a form that nobody can follow */
#define LADE_OPTION_IGNORE_MISSING_ARGS LADE_OPTION(35) /* sources that are not there are no errors */
#define LADE_OPTION_DELETE_MISSING_ARGS LADE_OPTION(36) /* and what has their name at the destination goes */
#define LADE_OPTION_EXISTING LADE_OPTION(37) /* nothing is made that is not there */
#define LADE_OPTION_IGNORE_EXISTING LADE_OPTION(38) /* nothing that is there is updated, but for directories */
#define LADE_OPTION_UPDATE LADE_OPTION(39) /* files that are newer than the sender's stay */
#define LADE_OPTION_IGNORE_TIMES LADE_OPTION(40) /* size and time do not tell that a file is the same */
#define LADE_OPTION_SIZE_ONLY LADE_OPTION(41) /* the size alone does */
#define LADE_OPTION_PRUNE_EMPTY_DIRS LADE_OPTION(42) /* directories without anything else in them are not said */
#define LADE_OPTION_KEEP_DIRLINKS LADE_OPTION(43) /* a symlink to a directory is as good as the directory */
#define LADE_OPTION_MKPATH LADE_OPTION(44) /* what the destination's path lacks is made */
#define LADE_OPTION_PREALLOCATE LADE_OPTION(45) /* files have their blocks before their content */
#define LADE_OPTION_APPEND LADE_OPTION(46) /* files grow at their end; what they have is taken as right */
#define LADE_OPTION_APPEND_VERIFY LADE_OPTION(47) /* the same, but what they have is compared */
#define LADE_OPTION_DELETE_EXCLUDED LADE_OPTION(24) /* rules that name no side protect nothing */
#define LADE_OPTION_EXECUTABILITY LADE_OPTION(48) /* without -p: whether a file may be executed is kept */
#define LADE_OPTION_OMIT_DIR_TIMES LADE_OPTION(49)
#define LADE_OPTION_OMIT_LINK_TIMES LADE_OPTION(50)
#define LADE_OPTION_ATIMES LADE_OPTION(51)
#define LADE_OPTION_OPEN_NOATIME LADE_OPTION(52) /* reading leaves no trace in access times */
#define LADE_OPTION_FAKE_SUPER LADE_OPTION(53) /* what only root can give a file is kept in attributes: of this side's files */
#define LADE_OPTION_SUPER LADE_OPTION(54)    /* try what root may do, whoever this is */
#define LADE_OPTION_NO_SUPER LADE_OPTION(55) /* do not, though this be root */
#define LADE_OPTIONS_SUPER (LADE_OPTION_FAKE_SUPER | LADE_OPTION_SUPER | LADE_OPTION_NO_SUPER)
#define LADE_OPTION_COPY_DEVICES LADE_OPTION(56) /* the sender takes devices for regular files */
#define LADE_OPTION_WRITE_DEVICES LADE_OPTION(57) /* the receiver does */
#define LADE_OPTION_IGNORE_ERRORS LADE_OPTION(58) /* deletion does not need a complete scan */
#define LADE_OPTION_FORCE LADE_OPTION(59) /* directories with content give way to what is none */
#define LADE_OPTION_BACKUP LADE_OPTION(60) /* what is replaced or deleted stays as a backup */
#define LADE_OPTION_DELAY_UPDATES LADE_OPTION(61) /* files get their names at the end, all of them */
#define LADE_OPTION_REMOVE_SOURCE_FILES LADE_OPTION(62) /* the sender removes what the receiver has stored */
#define LADE_OPTIONS_KNOWN (LADE_OPTION(63) - 1)

/* What becomes of a file that is in an alternative directory already: the values of OPEN's alternative (see [open]). */
enum lade_alternative {
	LADE_ALTERNATIVE_NONE,    /* there are no such directories */
	LADE_ALTERNATIVE_COMPARE, /* it is left out */
	LADE_ALTERNATIVE_COPY,    /* it is copied from there */
	LADE_ALTERNATIVE_LINK,    /* it is another name of the file there */
	LADE_ALTERNATIVE_COUNT,
};

/* Bits of ITEM's changes (see [item]). */
enum lade_item {
	LADE_ITEM_NEW = 1u << 0,      /* was not there */
	LADE_ITEM_DATA = 1u << 1,     /* content travelled */
	LADE_ITEM_LOCAL = 1u << 2,    /* made or changed without content: a directory, a symlink, a device */
	LADE_ITEM_HARD_LINK = 1u << 3, /* linked to target */
	LADE_ITEM_DELETED = 1u << 4,
	LADE_ITEM_CHECKSUM = 1u << 5, /* content differs by digest; for a symlink its target, for a device its number */
	LADE_ITEM_SIZE = 1u << 6,
	LADE_ITEM_TIME = 1u << 7,
	LADE_ITEM_TIME_NOW = 1u << 8, /* the time becomes that of the transfer: times are not kept */
	LADE_ITEM_PERMS = 1u << 9,
	LADE_ITEM_OWNER = 1u << 10,
	LADE_ITEM_GROUP = 1u << 11,
	LADE_ITEM_ACL = 1u << 12,
	LADE_ITEM_XATTR = 1u << 13,
	LADE_ITEM_ATIME = 1u << 14,
};

/* What items say beside what changed, where the user asks for it: bits of the parameter ITEMS (see [item]). */
enum lade_item_part {
	LADE_ITEMS_UNCHANGED = 1u << 0, /* there is an item for each entry, also where nothing changes */
	LADE_ITEMS_SIZE = 1u << 1,
	LADE_ITEMS_TIME = 1u << 2,
	LADE_ITEMS_IDS = 1u << 3,
	LADE_ITEMS_MOVED = 1u << 4,     /* bytes of content that travelled, and of signatures */
	LADE_ITEMS_DIGEST = 1u << 5,    /* of the content as it is then */
	LADE_ITEMS_KNOWN = (1u << 6) - 1,
};

/* What a note is about (see [report]): those that the user wants are bits, 1 << topic, of the parameter NOTES. */
enum lade_topic {
	LADE_TOPIC_NONE,     /* a message for people: it has the form of an error */
	LADE_TOPIC_ALWAYS,   /* this one and those below are one line of three texts; this one is always wanted */
	LADE_TOPIC_NONREG,   /* what is neither file nor directory, and so left out */
	LADE_TOPIC_NAME,     /* names of what is made beside the items: the destination */
	LADE_TOPIC_SKIP,     /* files that an option leaves as they are */
	LADE_TOPIC_BACKUP,
	LADE_TOPIC_COPY,     /* files that are copied from elsewhere on the receiver's host */
	LADE_TOPIC_MOUNT,    /* mount points that are left out */
	LADE_TOPIC_REMOVE,   /* what is removed at the source */
	LADE_TOPIC_SYMSAFE,  /* symlinks that are not safe */
	LADE_TOPIC_MISC,
	LADE_TOPIC_FILTER,   /* what the rules hide */
	LADE_TOPIC_UNSAFE,   /* symlinks that are left out because they are not safe */
	LADE_TOPIC_SKIP_WHY, /* no note has it: what SKIP says is to say what would have been done, too */
	LADE_TOPIC_COUNT,
};

/* Severities of a REPORT (see [report]). */
enum lade_severity {
	LADE_REPORT_NOTE = 0,    /* worth knowing; the exit status stays */
	LADE_REPORT_WARNING = 1, /* something was left out on purpose or vanished */
	LADE_REPORT_ERROR = 2,   /* one file or directory failed; the session goes on */
	LADE_REPORT_FATAL = 3,   /* the session ends */
};

/*
 * True if name is one path component: not empty, not "." or "..", at most
 * LADE_NAME_MAX bytes, without a slash or NUL.
 */
bool lade_entry_name_valid(struct lade_slice name);

/* True if path is made of valid names with one slash between them. */
bool lade_entry_names_valid(struct lade_slice path);

/* True if path, with a slash before it or without, is made of valid names, one at least; there may be slashes behind it. */
bool lade_entry_path_valid(const char *path);

/*
 * True if a session with these options (LADE_OPTION_ bits) does nothing with an entry of this mode: its type is not copied. Such an entry
 * is said all the same, so that what has its name at the destination is not deleted.
 */
bool lade_entry_left_out(uint64_t options, uint32_t mode);

/*
 * Check what can be checked of an entry on its own: the name ("." is allowed for a
 * directory if root_allowed), a known type, and that the fields belong to that type.
 * Returns 0 or LADE_E_PROTOCOL.
 */
int lade_entry_check(const struct lade_msg_entry *entry, bool root_allowed);

#endif
