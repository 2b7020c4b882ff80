/*
 * Where the attacks of a table are made: on a server at the other end of a connection (attack_local.c), or on a module of a running
 * daemon (attack_daemon.c). A test program links one of them.
 */
#ifndef LADE_TESTS_FAULT_ATTACK_PLACE_H
#define LADE_TESTS_FAULT_ATTACK_PLACE_H

#include "tests/fault/attack.h"

/* False if this attack means nothing there. */
bool attack_possible(const struct attack *attack);

/* The server's exit status that is expected there. */
int attack_status(const struct attack *attack);

/* Connect peer to a server that reaches the scene. */
void attack_begin(struct peer *peer, const struct attack *attack, const struct scene *scene);

/* True if Landlock keeps the server in the scene's inside. */
bool attack_is_walled(void);

/* Know the process that serves peer, which has said something: from now on peer->child is it, for those who look at what it takes. */
void attack_find_server(struct peer *peer);

/* Wait until the server has hung up, without reading what it says. Not over TCP where the connection is the test's own. */
void attack_wait_end(struct peer *peer);

/* Hear to the end and close. Returns the server's exit status. */
int attack_end(struct peer *peer, const struct attack *attack);

#endif
