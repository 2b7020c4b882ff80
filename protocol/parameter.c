/*
 * Parameters: a key, and a value with its length before it, so that the shape can be checked without knowing them all.
 */
#include "protocol/parameter.h"

#include "protocol/byteorder.h"
#include "protocol/error.h"
#include "protocol/limits.h"

#define NUMBER_LEN 8u

void lade_parameter_put_text(struct lade_writer *writer, unsigned key, struct lade_slice text)
{
	lade_writer_put_varint(writer, key);
	lade_writer_put_slice(writer, text);
}

void lade_parameter_put_number(struct lade_writer *writer, unsigned key, uint64_t value)
{
	uint8_t bytes[NUMBER_LEN];

	lade_put_le64(bytes, value);
	lade_parameter_put_text(writer, key, lade_slice(bytes, sizeof(bytes)));
}

int lade_parameter_get(struct lade_reader *reader, unsigned after, unsigned *key_out, struct lade_slice *value_out)
{
	uint64_t key;

	if (!lade_reader_left(reader))
		return 0;
	key = lade_reader_get_varint(reader, UINT32_MAX);
	*value_out = lade_reader_get_slice(reader, LADE_CONTROL_MAX);
	if (reader->error)
		return reader->error;
	if (key <= after)
		return LADE_E_PROTOCOL;
	*key_out = (unsigned)key;
	return 1;
}

int lade_parameter_number(struct lade_slice value, uint64_t max, uint64_t *number_out)
{
	if (value.len != NUMBER_LEN)
		return LADE_E_PROTOCOL;
	*number_out = lade_get_le64(value.data);
	return *number_out > max ? LADE_E_LIMIT : 0;
}
