/*
 * Trust on first use, as ssh(1) has it: a host that is not known is shown once, with its key, to a person who can compare that; a
 * host whose key changed is never asked about, as everybody says yes. An authority (--ca) takes the place of the first, not of the second: whoever has
 * a host's key in his file wants that one.
 */
#include "agent/host_trust.h"

#include <stdio.h>
#include <string.h>

#include "agent/fingerprint.h"
#include "agent/known_hosts.h"
#include "agent/terminal.h"
#include "agent/user_directory.h"
#include "protocol/exit_status.h"

/* A person who does not answer with yes or no is asked again so often. */
#define TRIES 3

/* What is being judged. */
struct judgement {
	const struct lade_host_claim *claim;
	char name[LADE_HOST_NAME_SIZE];
	char fingerprint[LADE_FINGERPRINT_TEXT_SIZE];
	char own_file[PATH_MAX];  /* the user's known hosts; "": he has no place for them */
	struct lade_fault nowhere; /* then why */
};

static int remember(const struct judgement *judgement, const struct lade_tls_peer *peer, struct lade_complaint *complaint)
{
	struct lade_fault fault;

	if (!*judgement->own_file)
		return lade_complain_fault(complaint, LADE_EXIT_FILE, &judgement->nowhere);
	if (lade_known_hosts_add(judgement->own_file, judgement->name, peer->fingerprint, &fault))
		return lade_complain_fault(complaint, LADE_EXIT_FILE, &fault);
	return 0;
}

static int refuse_changed(const struct judgement *judgement, const struct lade_host_entry *entry, struct lade_complaint *complaint)
{
	char known[LADE_FINGERPRINT_TEXT_SIZE];

	lade_fingerprint_show(entry->fingerprint, known);
	return lade_complain(complaint, LADE_EXIT_AUTH,
			     "the key of host %s is not the known one: it shows %s, but %.300s line %u has %s. Somebody else may be answering in its "
			     "place; it was told nothing. If you know that the host has a new key, forget the old one: lade key forget %s",
			     judgement->name, judgement->fingerprint, entry->file, entry->line, known, judgement->name);
}

/* Nobody can be asked. */
static int refuse_unknown(const struct judgement *judgement, struct lade_complaint *complaint)
{
	return lade_complain(complaint, LADE_EXIT_AUTH,
			     "host %s (%s) is not known, and there is no terminal to ask on: its key is %s. If that is right, add the line "
			     "\"%s %s\" to %.300s; --accept-new-host takes whatever key comes first",
			     judgement->name, judgement->claim->address, judgement->fingerprint, judgement->name, judgement->fingerprint,
			     *judgement->own_file ? judgement->own_file : LADE_KNOWN_HOSTS_SYSTEM);
}

/* Ask the user. Returns 0 for yes. */
static int ask(const struct judgement *judgement, struct lade_complaint *complaint)
{
	char question[1024], answer[16];
	int error;

	snprintf(question, sizeof(question),
		 "Host %s (%s) is not known.\nIts key is %s\n(on the host, the daemon's log and `lade key show` tell it).\n"
		 "Go on, and remember it (yes/no)? ", judgement->name, judgement->claim->address, judgement->fingerprint);
	for (unsigned i = 0; i < TRIES; i++) {
		error = lade_terminal_ask(i ? "Please answer yes or no: " : question, false, answer, sizeof(answer));
		if (error == LADE_E_ABSENT)
			return refuse_unknown(judgement, complaint);
		if (error == LADE_E_CANCELLED)
			return lade_complain(complaint, LADE_EXIT_SIGNAL, "interrupted");
		if (!error && strcmp(answer, "yes") == 0)
			return 0;
		if ((error && error != LADE_E_LIMIT) || strcmp(answer, "no") == 0)
			break;
	}
	return lade_complain(complaint, LADE_EXIT_AUTH, "host %s is not known, and nobody said yes to its key", judgement->name);
}

/* What the files say. */
static int look_up(struct judgement *judgement, const struct lade_tls_peer *peer, enum lade_host_verdict *verdict_out,
		   struct lade_host_entry *entry_out, struct lade_complaint *complaint)
{
	const char *files[2];
	unsigned count = 0;
	struct lade_fault fault;

	if (lade_user_directory_config("known_hosts", judgement->own_file, &judgement->nowhere))
		judgement->own_file[0] = '\0';
	else
		files[count++] = judgement->own_file;
	files[count++] = LADE_KNOWN_HOSTS_SYSTEM;
	if (lade_known_hosts_judge(files, count, judgement->name, peer->fingerprint, verdict_out, entry_out, &fault))
		return lade_complain_fault(complaint, LADE_EXIT_AUTH, &fault);
	return 0;
}

int lade_host_trust(const struct lade_host_claim *claim, const struct lade_tls_peer *peer, struct lade_complaint *complaint)
{
	struct judgement judgement = { .claim = claim };
	enum lade_host_verdict verdict;
	struct lade_host_entry entry;
	int error;

	if (lade_known_hosts_name(claim->host, claim->port, judgement.name))
		return lade_complain(complaint, LADE_EXIT_USAGE, "'%s' is no name of a host", claim->host);
	lade_fingerprint_show(peer->fingerprint, judgement.fingerprint);
	error = look_up(&judgement, peer, &verdict, &entry, complaint);
	if (error)
		return error;
	if (verdict == LADE_HOST_CHANGED)
		return refuse_changed(&judgement, &entry, complaint);
	if (claim->by_authority)
		return peer->trusted ? 0 :
			lade_complain(complaint, LADE_EXIT_AUTH, "the certificate of host %s (%s) is not trusted: %s", judgement.name, claim->address,
				      peer->distrust ? peer->distrust : "no authority vouches for it");
	if (verdict == LADE_HOST_KNOWN)
		return 0;
	if (claim->accept_new)
		return remember(&judgement, peer, complaint);
	error = ask(&judgement, complaint);
	if (!error)
		error = remember(&judgement, peer, complaint);
	return error ? error : LADE_E_AGAIN;
}
