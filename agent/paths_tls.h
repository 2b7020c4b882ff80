/*
 * Who protects the bytes of lade:// here.
 */
#ifndef LADE_AGENT_PATHS_TLS_H
#define LADE_AGENT_PATHS_TLS_H

/* Print the suite that this host prefers, and for each direction whether the kernel protects it, by trying. */
void lade_paths_tls_print(void);

#endif
