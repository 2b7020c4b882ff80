/*
 * The list is ours, what stands in it is not.
 */
#include "agent/texts.h"

#include <stdlib.h>

#include "protocol/grow.h"

int lade_texts_add(struct lade_texts *list, const char *text, struct lade_complaint *complaint)
{
	const char **texts = lade_grown(list->texts, list->count, &list->capacity, sizeof(*texts));

	if (!texts)
		return lade_complain_memory(complaint);
	list->texts = texts;
	texts[list->count++] = text;
	return 0;
}

void lade_texts_fini(struct lade_texts *list)
{
	free(list->texts);
	*list = (struct lade_texts){ .texts = NULL };
}
