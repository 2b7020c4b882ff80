/*
 * For tests: encode any message by its type.
 */
#ifndef LADE_TESTS_PUT_MESSAGE_H
#define LADE_TESTS_PUT_MESSAGE_H

#include "protocol/message.h"

/* Encode whatever message holds; see the writer's error. */
static inline void put_message(struct lade_writer *writer, const struct lade_message *message)
{
	switch (message->type) {
#define BEGIN(name, NAME, number) \
	case LADE_MSG_##NAME: \
		lade_put_##name(writer, &message->name); \
		break;
#include "protocol/messages.def"
	}
}

#endif
