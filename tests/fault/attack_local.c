/* Attacks on a server at the other end of a connection. */
#include "tests/fault/attack_place.h"

bool attack_possible(const struct attack *attack)
{
	(void)attack;
	return true;
}

int attack_status(const struct attack *attack)
{
	return attack->status;
}

void attack_begin(struct peer *peer, const struct attack *attack, const struct scene *scene)
{
	(void)scene;
	peer_start(peer, attack->kind);
}

bool attack_is_walled(void)
{
	return false;
}

void attack_find_server(struct peer *peer)
{
	/* It is the child that peer_start() has made. */
	(void)peer;
}

void attack_wait_end(struct peer *peer)
{
	peer_wait_end(peer);
}

int attack_end(struct peer *peer, const struct attack *attack)
{
	(void)attack;
	return peer_stop(peer);
}
