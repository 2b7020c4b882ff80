/*
 * Fuzz target of what is nested in entries and requests: lists of attributes and filter
 * rules. The first byte tells which. Rules that decode encode to the same bytes, and
 * can be asked; attributes that pass the check can be visited. The bytes of attributes are
 * tried as an ACL besides: what is well formed stays so when it is mapped, names nobody
 * twice then, and mapped again it stays the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/tree/attributes.h"
#include "agent/tree/attributes_acl.h"
#include "agent/tree/filter.h"
#include "protocol/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count_id(void *context, enum lade_identity_kind kind, uint32_t id)
{
	unsigned *count = context;

	(void)kind;
	(void)id;
	++*count;
	return 0;
}

static void try_attributes(const uint8_t *data, size_t size)
{
	struct lade_slice encoded = lade_slice(data, size);
	unsigned count = 0;

	if (lade_attributes_check(encoded) == 0 && lade_attributes_visit_ids(encoded, count_id,
									     &count))
		abort();
}

/* Ids of one kind rise; context is the least that may come, by kind. */
static int expect_rise(void *context, enum lade_identity_kind kind, uint32_t id)
{
	uint64_t *least = context;

	if (id < least[kind])
		abort();
	least[kind] = (uint64_t)id + 1;
	return 0;
}

static void try_acl(const uint8_t *data, size_t size)
{
	uint64_t least[2] = { 0, 0 };
	uint8_t *once, *twice;
	size_t len;

	if (!lade_attributes_acl_is_valid(lade_slice(data, size)))
		return;
	once = malloc(size);
	twice = malloc(size);
	if (!once || !twice)
		abort();
	memcpy(once, data, size);
	len = lade_attributes_acl_map(once, size, NULL);
	if (len > size || !lade_attributes_acl_is_valid(lade_slice(once, len)))
		abort();
	(void)lade_attributes_acl_visit(lade_slice(once, len), expect_rise, least);
	memcpy(twice, once, len);
	if (lade_attributes_acl_map(twice, len, NULL) != len || memcmp(once, twice, len) != 0)
		abort();
	free(once);
	free(twice);
}

static void try_rules(const uint8_t *data, size_t size)
{
	static const char *const paths[] = { "a", "a/b.o", ".git/x", "deep/er/and/deeper", "*" };
	struct lade_filter *filter;
	struct lade_writer writer;

	if (lade_filter_decode(lade_slice(data, size), &filter))
		return;
	lade_writer_init(&writer, LADE_RULES_MAX);
	if (lade_filter_encode(filter, &writer) || writer.len != size || memcmp(writer.data, data,
										size) != 0)
		abort();
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		(void)lade_filter_excludes(filter, paths[i], i % 2);
	lade_writer_fini(&writer);
	lade_filter_free(filter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 2) {
		try_rules(data + 1, size - 1);
	} else {
		try_attributes(data + 1, size - 1);
		try_acl(data + 1, size - 1);
	}
	return 0;
}
