/*
 * Extended attributes and ACLs: read into one encoded list, and written back.
 *
 * Writing and comparing are one merge of two sorted lists, the peer's and ours; only
 * what differs is touched. Names outside the wish are invisible in both directions,
 * so a peer cannot set what was not asked for.
 *
 * Limits: an attribute that changes between its listing and its reading is read as it
 * then is, or left out; there is no consistent view of several attributes.
 */
#include "agent/tree/attributes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/tree/attributes_acl.h"
#include "agent/tree/attributes_name.h"
#include "agent/tree/attributes_target.h"
#include "agent/tree/fake_super.h"
#include "protocol/limits.h"

struct item {
	struct lade_slice name;
	struct lade_slice value;
};

static int slice_compare(struct lade_slice a, struct lade_slice b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int difference = common ? memcmp(a.data, b.data, common) : 0;

	if (difference)
		return difference;
	return a.len < b.len ? -1 : a.len > b.len;
}

static int name_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Reading. */

/* Pick the wished names out of a list of NUL-terminated ones, in order; -1 if too many. */
static int select_names(const struct lade_attributes_wish *wish, const struct lade_attributes_bytes *list,
			const char *names_out[LADE_XATTR_COUNT_MAX])
{
	size_t count = 0, len;
	const char *name;

	for (size_t off = 0; off < list->len; off += len + 1) {
		len = strnlen(list->data + off, list->len - off);
		if (off + len == list->len)
			break; /* no NUL: not a name */
		name = len ? lade_attributes_name_spoken(wish->fake, list->data + off) : NULL;
		if (!name || !lade_attributes_name_is_wished(wish, lade_slice(name, strlen(name))))
			continue;
		if (count == LADE_XATTR_COUNT_MAX)
			return -1;
		names_out[count++] = name;
	}
	qsort(names_out, count, sizeof(names_out[0]), name_compare);
	return (int)count;
}

/* The mode of the file, or what it passes for. */
static mode_t mode_of(const struct lade_attributes_target *target)
{
	const struct lade_attributes_place *place = target->place;
	struct stat st;

	if (place->fd >= 0 ? fstat(place->fd, &st) : fstatat(place->directory_fd, place->name, &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	(void)lade_fake_super_read(place, &st, NULL);
	return st.st_mode;
}

/*
 * Have the ACL of this name that bytes stores, which become it. One that makes no sense is an error of the source; at the destination
 * it is an empty one, which is none that anybody wants: it goes. 0 or the fault.
 */
static int restore_acl(const struct lade_attributes_target *target, struct lade_slice name, struct lade_attributes_bytes *bytes, struct lade_fault *fault)
{
	char *acl = malloc(lade_attributes_acl_restored_size(bytes->len));
	size_t len;

	if (!acl)
		return lade_fault_set(fault, LADE_E_MEMORY, "read attributes of", target->subject);
	len = lade_attributes_acl_restore(name, lade_slice(bytes->data, bytes->len), mode_of(target), (uint8_t *)acl);
	lade_attributes_bytes_fini(bytes);
	bytes->data = acl;
	bytes->len = len;
	if (len || target->receives)
		return 0;
	errno = EINVAL;
	return lade_fault_set(fault, LADE_E_SYSTEM, "understand the faked ACL of", target->subject);
}

/* True if a value is none that counts: the kernel's ACL that is not as we know it, or no more than a mode. */
static bool is_no_acl(const struct lade_attributes_target *target, struct lade_slice name, struct lade_slice value)
{
	bool strange = !target->fake && !lade_attributes_acl_is_valid(value);

	return lade_attributes_acl_is_name(name) && (strange || lade_attributes_acl_is_mode(name, value));
}

/* Append one attribute to body. 1 if it is there, 0 if not (any more), or a code. */
static int read_one(const struct lade_attributes_target *target, const char *name, struct lade_writer *body,
		    struct lade_fault *fault)
{
	struct lade_slice name_slice = lade_slice(name, strlen(name)), value;
	char stored[LADE_ATTRIBUTES_STORED_SIZE];
	struct lade_attributes_bytes bytes;
	int code = 0;

	lade_attributes_bytes_init(&bytes);
	if (lade_attributes_target_fetch(target, lade_attributes_name_stored(target->fake, name, stored), &bytes) != 0) {
		bool guarded = (errno == EPERM || errno == EACCES) && strncmp(name, "user.", strlen("user.")) != 0;

		/* ENODATA: gone. EOPNOTSUPP: listed, but of a module that is not loaded here. A label that is guarded is none of ours. */
		if (errno != ENODATA && errno != EOPNOTSUPP && !guarded)
			code = lade_attributes_target_fail(target, "read attributes of", name, fault);
		goto out;
	}
	if (target->fake && lade_attributes_acl_is_name(name_slice))
		code = restore_acl(target, name_slice, &bytes, fault);
	value = lade_slice(bytes.data, bytes.len);
	if (code || is_no_acl(target, name_slice, value))
		goto out;
	if (value.len > LADE_XATTR_VALUE_MAX) {
		code = lade_fault_set(fault, LADE_E_LIMIT, "read attributes of", target->subject);
		goto out;
	}
	lade_writer_put_slice(body, name_slice);
	lade_writer_put_slice(body, value);
	code = body->error ? lade_fault_set(fault, body->error, "read attributes of", target->subject) : 1;
out:
	lade_attributes_bytes_fini(&bytes);
	return code;
}

static int read_names(const struct lade_attributes_target *target, const char *const *names, size_t count,
		      struct lade_writer *out, struct lade_fault *fault)
{
	struct lade_writer body;
	uint64_t kept = 0;
	int code = 0;

	/* Two bytes are enough for the count. */
	lade_writer_init(&body, LADE_XATTRS_MAX - 2);
	for (size_t i = 0; i < count && code >= 0; i++) {
		code = read_one(target, names[i], &body, fault);
		kept += code > 0;
	}
	if (code >= 0 && kept > 0) {
		lade_writer_put_varint(out, kept);
		lade_writer_put_bytes(out, body.data, body.len);
		code = out->error;
		if (code)
			lade_fault_set(fault, code, "read attributes of", target->subject);
	}
	lade_writer_fini(&body);
	return code < 0 ? code : 0;
}

static int read_target(const struct lade_attributes_wish *wish, const struct lade_attributes_target *target,
		       struct lade_writer *out, struct lade_fault *fault)
{
	const char *names[LADE_XATTR_COUNT_MAX];
	struct lade_attributes_bytes list;
	int count, code = 0;

	lade_attributes_bytes_init(&list);
	if (lade_attributes_target_fetch(target, NULL, &list) != 0) {
		if (errno != EOPNOTSUPP && errno != ENOSYS)
			code = lade_attributes_target_fail(target, "read attributes of", NULL, fault);
		goto out;
	}
	count = select_names(wish, &list, names);
	if (count < 0)
		code = lade_fault_set(fault, LADE_E_LIMIT, "read attributes of", target->subject);
	else if (count > 0)
		code = read_names(target, names, (size_t)count, out, fault);
out:
	lade_attributes_bytes_fini(&list);
	return code;
}

int lade_attributes_read(const struct lade_attributes_wish *wish,
			 const struct lade_attributes_place *place, struct lade_writer *out,
			 struct lade_fault *fault)
{
	struct lade_attributes_target target;
	int code;

	if (!wish->xattrs && !wish->acls)
		return 0;
	code = lade_attributes_target_init(&target, place, wish, fault);
	return code ? code : read_target(wish, &target, out, fault);
}

bool lade_attributes_may_set_acls(const struct lade_attributes_wish *wish)
{
	static const char access[] = LADE_ATTRIBUTES_ACCESS_ACL;

	return lade_attributes_name_is_wished(wish, lade_slice(access, sizeof(access) - 1));
}

mode_t lade_attributes_granted(int directory_fd, mode_t mask)
{
	struct lade_attributes_target target = { .fd = directory_fd };
	mode_t granted = 0777 & ~mask;
	struct lade_slice acl;
	struct lade_attributes_bytes bytes;
	int result;

	lade_attributes_bytes_init(&bytes);
	result = lade_attributes_target_fetch(&target, LADE_ATTRIBUTES_DEFAULT_ACL, &bytes);
	/* It may only be searched: it is asked for as what it is in /proc. */
	if (result && errno == EBADF) {
		target.fd = -1;
		(void)snprintf(target.path, sizeof(target.path), "/proc/self/fd/%d/.", directory_fd);
		result = lade_attributes_target_fetch(&target, LADE_ATTRIBUTES_DEFAULT_ACL, &bytes);
	}
	acl = lade_slice(bytes.data, bytes.len);
	if (result == 0 && lade_attributes_acl_is_valid(acl))
		granted = lade_attributes_acl_granted(acl);
	lade_attributes_bytes_fini(&bytes);
	return granted;
}

/* Encoded lists. */

/* Start reading a list; the number of its items in *count_out. */
static void list_open(struct lade_reader *reader, struct lade_slice encoded, uint64_t *count_out)
{
	lade_reader_init(reader, encoded.data, encoded.len);
	*count_out = encoded.len ? lade_reader_get_varint(reader, LADE_XATTR_COUNT_MAX) : 0;
}

static struct item list_get(struct lade_reader *reader)
{
	struct item item;

	item.name = lade_reader_get_slice(reader, LADE_XATTR_NAME_MAX);
	item.value = lade_reader_get_slice(reader, LADE_XATTR_VALUE_MAX);
	return item;
}

int lade_attributes_check(struct lade_slice encoded)
{
	struct item item, last = { { NULL, 0 }, { NULL, 0 } };
	struct lade_reader reader;
	uint64_t count;

	if (encoded.len > LADE_XATTRS_MAX)
		return LADE_E_LIMIT;
	list_open(&reader, encoded, &count);
	if (!reader.error && encoded.len > 0 && count == 0)
		return LADE_E_PROTOCOL; /* "none" has one form */
	for (uint64_t i = 0; i < count && !reader.error; i++) {
		item = list_get(&reader);
		if (reader.error)
			break;
		if (item.name.len == 0 || memchr(item.name.data, '\0', item.name.len))
			return LADE_E_PROTOCOL;
		if (i > 0 && slice_compare(last.name, item.name) >= 0)
			return LADE_E_PROTOCOL;
		if (lade_attributes_acl_is_name(item.name) &&
		    !lade_attributes_acl_is_valid(item.value))
			return LADE_E_PROTOCOL;
		last = item;
	}
	return lade_reader_finish(&reader);
}

int lade_attributes_visit_ids(struct lade_slice encoded,
			      int (*visit)(void *context, enum lade_identity_kind kind,
					   uint32_t id),
			      void *context)
{
	struct lade_reader reader;
	struct item item;
	uint64_t count;
	int result = 0;

	list_open(&reader, encoded, &count);
	while (count-- > 0 && result == 0) {
		item = list_get(&reader);
		if (reader.error)
			break;
		if (lade_attributes_acl_is_name(item.name))
			result = lade_attributes_acl_visit(item.value, visit, context);
	}
	return result;
}

/* Writing and comparing. */

struct merge {
	const struct lade_attributes_wish *wish;
	struct lade_attributes_target target;
	struct lade_identities *identities;
	struct lade_fault *fault; /* of the first failure */
	bool apply;               /* write, or only compare */
	bool removing;            /* writing: this pass only removes */
	bool xattrs_differ;
	bool acls_differ;
	bool changed;
	int code;        /* the first failure */
	bool acl_failed; /* it was about an ACL */
};

/* The first failure counts; but what is not supported at all is told of both kinds. */
static void note_failure(struct merge *merge, const char *name, bool is_acl)
{
	bool first = !merge->code;
	int code = lade_attributes_target_fail(&merge->target, is_acl ? "set the ACL of" : "set attributes of", name,
					       first ? merge->fault : NULL);

	if (first) {
		merge->code = code;
		merge->acl_failed = is_acl;
	} else if (merge->code == LADE_E_UNSUPPORTED && code == LADE_E_UNSUPPORTED && merge->acl_failed != is_acl) {
		lade_fault_set(merge->fault, code, "set attributes and the ACL of", merge->target.subject);
	}
}

/* Set an ACL of the target to a valid one, as it is stored (--fake-super). 0, or -1 with errno. */
static int store_acl(const struct lade_attributes_target *target, struct lade_slice name, const char *stored, struct lade_slice value)
{
	uint8_t *bytes = malloc(lade_attributes_acl_stored_size(value.len));
	struct lade_slice faked;
	int result;

	if (!bytes) {
		errno = ENOMEM;
		return -1;
	}
	faked = lade_slice(bytes, lade_attributes_acl_store(name, value, bytes));
	result = lade_attributes_target_set(target, stored, &faked);
	free(bytes);
	return result;
}

/* One difference: set name to value, or remove it (value NULL). */
static void settle(struct merge *merge, struct lade_slice name, const struct lade_slice *value)
{
	bool is_acl = lade_attributes_acl_is_name(name);
	const struct lade_attributes_target *target = &merge->target;
	char spoken[LADE_XATTR_NAME_MAX + 1], stored[LADE_ATTRIBUTES_STORED_SIZE];
	const char *text;
	int result;

	memcpy(spoken, name.data, name.len);
	spoken[name.len] = '\0';
	text = lade_attributes_name_stored(target->fake, spoken, stored);
	if (!value && lade_attributes_name_is_label(text))
		return;
	*(is_acl && merge->wish->acls ? &merge->acls_differ : &merge->xattrs_differ) = true;
	if (!merge->apply || merge->removing != !value)
		return;
	if (value && is_acl && target->fake)
		result = store_acl(target, name, text, *value);
	else
		result = lade_attributes_target_set(target, text, value);
	/* ENODATA: somebody else removed it. */
	if (result == 0 || (!value && errno == ENODATA))
		merge->changed = true;
	else
		note_failure(merge, text, is_acl);
}

/*
 * True if what the target has is what is wanted. When a file is changed its faked ACL is written anew: what of it is read in the mode
 * would change with that.
 */
static bool is_settled(const struct merge *merge, struct lade_slice name, struct lade_slice wanted, struct lade_slice ours)
{
	if (!lade_attributes_acl_is_name(name))
		return lade_slice_equal(wanted, ours);
	return !(merge->apply && merge->target.fake) && lade_attributes_acl_equal(name, wanted, ours);
}

/* Settle the peer's item against ours of the same name (NULL: we have none). */
static void settle_item(struct merge *merge, const struct item *theirs,
			const struct lade_slice *ours)
{
	struct lade_slice value = theirs->value;
	uint8_t *mapped = NULL;

	if (merge->removing)
		return;
	if (lade_attributes_acl_is_name(theirs->name)) {
		mapped = malloc(value.len);
		if (!mapped) {
			errno = ENOMEM;
			note_failure(merge, NULL, true);
			return;
		}
		memcpy(mapped, value.data, value.len);
		value = lade_slice(mapped,
				   lade_attributes_acl_map(mapped, value.len, merge->identities));
	}
	if (!ours || !is_settled(merge, theirs->name, value, *ours))
		settle(merge, theirs->name, &value);
	free(mapped);
}

/* The next item of either side that counts; false at the end. */
static bool next_wished(const struct merge *merge,
			bool (*counts)(const struct lade_attributes_wish *wish, struct lade_slice name),
			struct lade_reader *reader, uint64_t *left, struct item *item_out)
{
	while (*left > 0 && !reader->error) {
		--*left;
		*item_out = list_get(reader);
		if (!reader->error && counts(merge->wish, item_out->name) &&
		    !lade_attributes_acl_is_mode(item_out->name, item_out->value))
			return true;
	}
	return false;
}

static void merge_lists(struct merge *merge, struct lade_slice theirs, struct lade_slice ours)
{
	struct lade_reader their_reader, our_reader;
	struct item their_item, our_item;
	uint64_t their_left, our_left;
	bool theirs_there, ours_there;
	int order;

	list_open(&their_reader, theirs, &their_left);
	list_open(&our_reader, ours, &our_left);
	theirs_there = next_wished(merge, lade_attributes_name_is_asked_for, &their_reader, &their_left, &their_item);
	ours_there = next_wished(merge, lade_attributes_name_is_wished, &our_reader, &our_left, &our_item);
	while (theirs_there || ours_there) {
		if (theirs_there && ours_there)
			order = slice_compare(their_item.name, our_item.name);
		else
			order = theirs_there ? -1 : 1;
		if (order <= 0)
			settle_item(merge, &their_item, order == 0 ? &our_item.value : NULL);
		else
			settle(merge, our_item.name, NULL);
		if (order <= 0)
			theirs_there = next_wished(merge, lade_attributes_name_is_asked_for, &their_reader, &their_left, &their_item);
		if (order >= 0)
			ours_there = next_wished(merge, lade_attributes_name_is_wished, &our_reader, &our_left, &our_item);
	}
}

static int merge_run(struct merge *merge, const struct lade_attributes_place *place,
		     struct lade_slice encoded)
{
	struct lade_writer ours;
	int code;

	if (!merge->wish->xattrs && !merge->wish->acls)
		return 0;
	code = lade_attributes_target_init(&merge->target, place, merge->wish, merge->fault);
	if (code)
		return code;
	lade_writer_init(&ours, LADE_XATTRS_MAX);
	code = read_target(merge->wish, &merge->target, &ours, merge->fault);
	/* What goes makes room for what comes: ext4 has one block for all attributes of a file. */
	if (code == 0 && merge->apply) {
		merge->removing = true;
		merge_lists(merge, encoded, lade_slice(ours.data, ours.len));
		merge->removing = false;
	}
	if (code == 0)
		merge_lists(merge, encoded, lade_slice(ours.data, ours.len));
	lade_writer_fini(&ours);
	return code ? code : merge->code;
}

int lade_attributes_write(const struct lade_attributes_wish *wish,
			  const struct lade_attributes_place *place, struct lade_slice encoded,
			  struct lade_identities *identities, struct lade_fault *fault)
{
	struct merge merge = {
		.wish = wish, .identities = identities, .fault = fault, .apply = true
	};
	int code = merge_run(&merge, place, encoded);

	return code ? code : merge.changed;
}

int lade_attributes_compare(const struct lade_attributes_wish *wish,
			    const struct lade_attributes_place *place, struct lade_slice encoded,
			    struct lade_identities *identities, bool *xattrs_differ_out,
			    bool *acls_differ_out, struct lade_fault *fault)
{
	struct merge merge = {
		.wish = wish, .identities = identities, .fault = fault, .apply = false
	};
	int code = merge_run(&merge, place, encoded);

	*xattrs_differ_out = merge.xattrs_differ;
	*acls_differ_out = merge.acls_differ;
	return code ? code : merge.xattrs_differ || merge.acls_differ;
}
