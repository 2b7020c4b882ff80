/*
 * Secret memory: pages of their own, since advice is given to pages.
 */
#include "agent/secret.h"

#include <sodium.h>
#include <sys/mman.h>

void *lade_secret_new(size_t size)
{
	void *secret = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (secret == MAP_FAILED)
		return NULL;
	if (madvise(secret, size, MADV_DONTFORK)) {
		(void)munmap(secret, size);
		return NULL;
	}
	(void)madvise(secret, size, MADV_DONTDUMP);
	(void)mlock(secret, size);
	return secret;
}

void lade_secret_free(void *secret, size_t size)
{
	if (!secret)
		return;
	sodium_memzero(secret, size);
	(void)munmap(secret, size);
}
