/*
 * Where a daemon has its files unless it is told: root's are below /etc, /var/lib and /run, a user's where the XDG Base Directory Specification has
 * them. Each returns an absolute path that the caller frees, or NULL: no memory, or (errno ENOENT) a user without a home.
 */
#ifndef LADE_AGENT_DAEMON_PLACE_H
#define LADE_AGENT_DAEMON_PLACE_H

/* The configuration: /etc/lade/daemon.conf, or $XDG_CONFIG_HOME/lade/daemon.conf. */
char *lade_daemon_place_config(void);

/* The directory of the state: /var/lib/lade, or $XDG_STATE_HOME/lade/daemon. */
char *lade_daemon_place_state(void);

/* The status socket: /run/lade/status, or $XDG_RUNTIME_DIR/lade/status; beside the state for a user who has no such directory. */
char *lade_daemon_place_status(void);

/* The file name of the state; the caller frees it; NULL: no memory. */
char *lade_daemon_place_below(const char *state, const char *name);

#endif
