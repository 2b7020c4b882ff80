/*
 * Fixed-width little-endian integers in byte arrays of any alignment.
 */
#ifndef LADE_PROTOCOL_BYTEORDER_H
#define LADE_PROTOCOL_BYTEORDER_H

#include <stdint.h>

/* Store the low 16 bits of value at p[0..1]. */
static inline void lade_put_le16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)value;
	p[1] = (uint8_t)(value >> 8);
}

/* Store value at p[0..3]. */
static inline void lade_put_le32(uint8_t *p, uint32_t value)
{
	lade_put_le16(p, (uint16_t)value);
	lade_put_le16(p + 2, (uint16_t)(value >> 16));
}

/* Store value at p[0..7]. */
static inline void lade_put_le64(uint8_t *p, uint64_t value)
{
	lade_put_le32(p, (uint32_t)value);
	lade_put_le32(p + 4, (uint32_t)(value >> 32));
}

/* Load 16 bits from p[0..1]. */
static inline uint16_t lade_get_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

/* Load 32 bits from p[0..3]. */
static inline uint32_t lade_get_le32(const uint8_t *p)
{
	return lade_get_le16(p) | (uint32_t)lade_get_le16(p + 2) << 16;
}

/* Load 64 bits from p[0..7]. */
static inline uint64_t lade_get_le64(const uint8_t *p)
{
	return lade_get_le32(p) | (uint64_t)lade_get_le32(p + 4) << 32;
}

#endif
