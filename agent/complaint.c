/*
 * Complaints about command lines. Nothing is printed here: the commands do that.
 */
#include "agent/complaint.h"

#include <stdarg.h>
#include <stdio.h>

#include "protocol/exit_status.h"


int lade_complain(struct lade_complaint *complaint, int exit_status, const char *format, ...)
{
	va_list arguments;

	complaint->exit_status = exit_status;
	va_start(arguments, format);
	(void)vsnprintf(complaint->text, sizeof(complaint->text), format, arguments);
	va_end(arguments);
	return LADE_E_USAGE;
}

int lade_complain_memory(struct lade_complaint *complaint)
{
	(void)lade_complain(complaint, LADE_EXIT_MEMORY, "out of memory");
	return LADE_E_MEMORY;
}

int lade_complain_fault(struct lade_complaint *complaint, int exit_status,
			const struct lade_fault *fault)
{
	if (!fault->subject[0])
		return lade_complain(complaint, exit_status, "%s: %s", fault->operation,
				     lade_fault_reason(fault));
	return lade_complain(complaint, exit_status, "%s \"%s\": %s", fault->operation,
			     fault->subject, lade_fault_reason(fault));
}
