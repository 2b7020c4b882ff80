/*
 * The help. The options of sync come from their table (agent/option_table.c), grouped as
 * people think; the rest is text.
 */
#include "agent/help.h"

#include <string.h>

#include "agent/option_table.h"
#include "config.h"
#include "protocol/error.h"
#include "protocol/hello.h"

/* Where the texts of options begin. */
#define TEXT_COLUMN 30

static const char general[] =
	"usage: lade COMMAND [ARGUMENT]...\n"
	"\n"
	"Commands\n"
	"  sync     make a tree equal to another, here or on another host\n"
	"  list     show what a daemon serves, or what a tree holds\n"
	"  daemon   serve trees with TLS to strangers, as its configuration says\n"
	"  status   show the sessions of a daemon of this host\n"
	"  init     make a repository for backups\n"
	"  backup   add a snapshot of files to a repository\n"
	"  snapshots  list the backups of a repository; `lade ls` what is in one, `lade stats` what they take\n"
	"  restore  bring a backup, or a part of it, into a directory\n"
	"  dump     write a file of a backup, or a tree as tar, to standard output\n"
	"  run      run backup jobs: those that are named, or all that are due\n"
	"  check    say whether a repository is whole\n"
	"  key      keys, known hosts, tokens and passwords of daemons and their clients; keys of repositories\n"
	"  serve    answer a `lade sync` of another host\n"
	"  filter   say which rule leaves a path out of a sync\n"
	"  paths    show the ways in which bytes can move here, and what they cost\n"
	"  help     this text, or that of a command: lade help sync\n"
	"  version  the version\n";

#define SYNC_SHORT "usage: lade sync [OPTION]... SRC... DST\n"

static const char sync_short[] =
	SYNC_SHORT
	"\n"
	"  lade sync -a src/ dst/                make dst equal to src\n"
	"  lade sync -ai --delete src/ host:dst/ on another host, show changes, delete what src lacks\n"
	"  lade sync -ain ...                    show what it would do\n"
	"\n"
	"'lade help sync' lists all options, 'man lade' explains them.\n";

static const char sync_usage[] =
	SYNC_SHORT
	"\n"
	"Makes DST hold what the sources hold; only what differs is transferred. SRC is the\n"
	"file or directory itself, SRC/ is what the directory holds.\n"
	"\n"
	"Sources and destination\n"
	"  PATH                        on this host\n"
	"  [USER@]HOST:PATH            over a remote shell (ssh); lade is run there too\n"
	"  lade://[USER@]HOST[:PORT]/MODULE/PATH\n"
	"                              in what a `lade daemon` serves as MODULE, with TLS\n"
	"  lade+tcp://HOST:PORT/PATH   from or to a `lade serve --listen`; needs --token-file\n"
	"One side is local; all sources are on one host. ./a:b is a local name with a colon.\n";

static const char sync_end[] =
	"\n"
	"Later options override earlier ones. --no-OPTION takes an option back: -a --no-owner.\n"
	"\n"
	"Exit status: 0 all is well, 1 usage, 2 no common protocol, 3 sources and destination do\n"
	"not fit, 5 authentication, 10 connection, 11 file input or output, 12 protocol stream,\n"
	"14 a process failed, 20 interrupted, 22 memory, 23 some files failed, 24 some vanished,\n"
	"30 silence or the end of the time that was given, 35 nobody answered.\n"
	"127 and 255 are those of the remote shell.\n";

static const char serve[] =
	"usage: lade serve --stdio [--restrict DIR [--read-only|--write-only|--append-only]]\n"
	"       lade serve --stdio --repository [--restrict DIR [--read-only|--append-only [--writer ID]]\n"
	"                  [--quota SIZE] [--min-free SIZE]]\n"
	"       lade serve --listen ADDR:PORT --token-file FILE [--repository]\n"
	"\n"
	"  --stdio              answer one session on standard input and output; this is what\n"
	"                       `lade sync` runs on the far side of a remote shell\n"
	"  --restrict DIR       serve DIR and what is in it alone, which is / to the client: for a\n"
	"                       forced command of ssh (command=\"lade serve --stdio --restrict DIR\")\n"
	"  --read-only          the client may receive,\n"
	"  --write-only         or only send,\n"
	"  --append-only        or only add: nothing that is there is changed or deleted\n"
	"  --repository         serve repositories instead of trees: with --append-only the client adds\n"
	"                       backups and reads, and the server publishes them\n"
	"  --writer ID          as this writer alone, whom `lade key add --write-only` names; without it\n"
	"                       the client is, until it hangs up, whom it first says\n"
	"  --quota SIZE         all files in DIR together may have so many bytes (500m, 2tib),\n"
	"  --min-free SIZE      and so many stay free on its disk: what would be more is refused\n"
	"  --listen ADDR:PORT   answer sessions over plain TCP on a loopback address; port 0 takes\n"
	"                       a free one. The address is printed when it is ready.\n"
	"  --token-file FILE    the shared secret: a line of at least 16 bytes in a file that only\n"
	"                       its owner may read. Make one: (umask 077; openssl rand -hex 32 >FILE)\n"
	"\n"
	"The sessions have the rights of the user who runs it. SIGTERM and SIGINT end the\n"
	"listener; sessions that have begun go on to their end.\n";

static const char list[] =
	"usage: lade list [OPTION]... SRC...\n"
	"\n"
	"  lade list lade://HOST/              the modules of a daemon, with what is said of them\n"
	"  lade list lade://HOST/MODULE/PATH   what is there, as `lade sync --list-only` shows it; so for\n"
	"                                      any other source\n"
	"\n"
	"The options are those of `lade sync`: -r, --json, --exclude, --password-file and so on.\n";

static const char daemon_text[] =
	"usage: lade daemon [--config FILE] [--check]\n"
	"\n"
	"  --config=FILE   what is served, where and to whom; else /etc/lade/daemon.conf, or as a user\n"
	"                  ~/.config/lade/daemon.conf: lade-daemon.conf(5)\n"
	"  --check         say what is wrong with it, or what would be served, and end\n"
	"\n"
	"It stays in the foreground, as systemd wants it (lade.service). SIGHUP reads the\n"
	"configuration again, opens the log anew and ends no session; a wrong configuration changes\n"
	"nothing. SIGTERM and SIGINT end it: sessions have `stop timeout`, or none with a second one.\n"
	"lade-daemon(8) has the rest.\n";

static const char status[] =
	"usage: lade status [--config FILE|--socket PATH] [--json] [--watch SECONDS]\n"
	"\n"
	"Shows the sessions of a daemon of this host, to root and to the user who runs it.\n"
	"\n"
	"  --config=FILE     the daemon that has this configuration; else the usual one\n"
	"  --socket=PATH     or the one with this status socket\n"
	"  --json            one object a line: the daemon, then each session\n"
	"  --watch=SECONDS   again and again\n"
	"\n"
	"Exit status: 0, 1 for usage, 10 if no daemon answers.\n";

static const char init[] =
	"usage: lade init [--repo=REPO] [OPTION]...\n"
	"\n"
	"Makes a repository, encrypted, in a folder that is empty or not there yet, here or on another host, with all its keys behind\n"
	"a password, and prints its pin: a text that is no secret, by which it is known from others.\n"
	"\n"
	"  -r, --repo=REPO             where: a local folder, [USER@]HOST:PATH behind ssh, lade://HOST/NAME at a\n"
	"                              daemon; else as --repository-file, LADE_REPOSITORY or LADE_REPOSITORY_FILE say\n"
	"  --repository-file=FILE      a file whose line says it\n"
	"  --password-file=FILE        the password is the line of FILE (-: of standard input)\n"
	"  --password-command=COMMAND  or the line that COMMAND prints; else as LADE_PASSWORD,\n"
	"                              LADE_PASSWORD_FILE or LADE_PASSWORD_COMMAND say, or as it is typed twice\n"
	"  --recipient=RECIPIENT       an identity opens it, too: lade-recipient-..., as `lade key new\n"
	"                              --recipient=FILE` prints it; may be given again\n"
	"  --no-passphrase             nothing but the recipients' identities open it\n"
	"  --plaintext                 do not encrypt; every command on it takes this word, or its pin, then\n"
	"  --label=TEXT                what `lade key list` calls the keys; whoever reads the folder can read it\n"
	"  -q, --quiet                 print the pin, and nothing else\n"
	"  --json                      print an object\n"
	"  --rsh=COMMAND               the remote shell, instead of LADE_RSH or ssh\n"
	"  --lade-path=PROGRAM         where lade is on the other host\n"
	"  --host-key=FILE             our key, by which a daemon knows us\n"
	"  --ca=FILE                   trust daemons with certificates of these authorities\n"
	"  --token-file=FILE           what USER shows to a daemon\n"
	"  --accept-new-host           take the key of a daemon's host that is not known\n"
	"  --limit-upload=KIB          KiB of the repository a second that go there at most,\n"
	"  --limit-download=KIB        and that come from there\n"
	"\n"
	"Exit status: 0, or 1 if it is not made.\n";

/* Of commands that open a repository. */
#define OPENING \
	"Which repository, and what opens it\n" \
	"  -r, --repo=REPO             the repository, as in `lade init`; else as --repository-file=FILE, LADE_REPOSITORY or\n" \
	"                              LADE_REPOSITORY_FILE say\n" \
	"  --password-file=FILE        the password is the line of FILE, or\n" \
	"  --password-command=COMMAND  the line that COMMAND prints; else as LADE_PASSWORD,\n" \
	"                              LADE_PASSWORD_FILE or LADE_PASSWORD_COMMAND say, or as it is typed\n" \
	"  --key-file=FILE             instead: the key file of a client (LADE_KEY_FILE)\n" \
	"  --identity=FILE             instead: an identity that is one of its recipients (LADE_IDENTITY)\n" \
	"  --pin=PIN                   what `lade init` printed: it has to be this repository\n" \
	"  --plaintext                 it may be one without encryption\n"

static const char backup[] =
	"usage: lade backup [--repo=REPO] [OPTION]... PATH...\n"
	"       lade backup [--repo=REPO] [OPTION]... --stdin [--stdin-filename=PATH]\n"
	"       lade backup [--repo=REPO] [OPTION]... --stdin-from-command [--stdin-filename=PATH] -- COMMAND [ARGUMENT]...\n"
	"\n"
	"Adds a snapshot of the paths to a repository: what it has already is not stored again, and files\n"
	"that look as they did at the last backup of the same paths from here are not even opened.\n"
	"\n"
	"What is backed up\n"
	"  --files-from=FILE           the paths in FILE (-: standard input), too, one a line\n"
	"  --files-from0=FILE          the same, a NUL behind each; --files-from-raw is another name\n"
	"  --stdin                     a file of what standard input says\n"
	"  --stdin-from-command        a file of what COMMAND prints, if it ends with 0\n"
	"  --stdin-filename=PATH       the file's name; else stdin\n"
	"\n"
	"What is left out of it\n"
	"  -e, --exclude=PATTERN       what matches, directories with what is in them; *, ?, [], ** as in rsync,\n"
	"                              with a / before it from the root. The last that matches decides;\n"
	"                              !PATTERN takes back\n"
	"  --iexclude=PATTERN          the same, upper and lower case alike\n"
	"  --exclude-file=FILE         patterns, one a line, # before comments\n"
	"  --iexclude-file=FILE        the same, upper and lower case alike\n"
	"  --exclude-caches            what directories with a CACHEDIR.TAG hold\n"
	"  --exclude-if-present=NAME[:HEADER]\n"
	"                              what directories with a file NAME (that begins with HEADER) hold\n"
	"  --exclude-larger-than=SIZE  files of more than SIZE bytes: 100M, 2G\n"
	"  -x, --one-file-system       other file systems than those of the paths\n"
	"  --gitignore                 what .gitignore files name\n"
	"\n"
	"What the snapshot says\n"
	"  --tag=TAG[,TAG]...          tags; may be given again\n"
	"  -H, --host=NAME             the host, instead of this one\n"
	"  --job=NAME                  the job that it is of\n"
	"  --time=TIME                 when: '2026-11-22 03:00:00', or @ and seconds since 1970; else now\n"
	"  --skip-if-unchanged         make none if all is as in the last one of the same paths from here\n"
	"\n"
	"How\n"
	"  -n, --dry-run               write nothing, but tell what would be\n"
	"  -f, --force                 read all files, also those that look unchanged\n"
	"  --compression=LEVEL         off, auto, fast, better, max, or 1 to 19; auto is 3\n"
	"  --threads=COUNT             that read, compress and encrypt; else one for each processor\n"
	"  -v, --verbose               the figures in the end; -vv: what is read; -vvv: all\n"
	"  -q, --quiet                 neither progress nor figures\n"
	"  --json                      one object a line: status, error, summary, exit_error\n"
	"  -h, --help                  this text\n"
	"\n"
	OPENING
	"\n"
	"Exit status: 0; 1: there is no snapshot; 3: there is one, but something could not be read; 10: there is\n"
	"no repository; 12: wrong password or key; 130: interrupted, and the next one goes on from there.\n";

static const char run[] =
	"usage: lade run [OPTION]... NAME...\n"
	"       lade run --due|--list|--check [OPTION]... [NAME]...\n"
	"\n"
	"Runs backup jobs: the files NAME.conf in /etc/lade/jobs.d (root) or ~/.config/lade/jobs.d, of which\n"
	"lade-jobs(5) has the settings. One at a time; where nobody watches, and all is well, it says nothing.\n"
	"\n"
	"  --due           those whose time has come, of all or of these: what cron(8) calls\n"
	"  --list          show when they ran last, what came of it, and when they are due\n"
	"  --check         tell all that is wrong with their files\n"
	"  --jobs-dir=DIR  they are in DIR\n"
	"  -v, --verbose   as with `lade backup`\n"
	"  -q, --quiet     as well\n"
	"  --json          as well; of --list one object a line\n"
	"\n"
	"Exit status: the worst of all jobs: 0, 3 if some files could not be read, 11 if it runs already, 10 if\n"
	"there is no repository, 12 for a wrong password or key, 1 for another failure, 130 if it was\n"
	"interrupted.\n";

static const char check[] =
	"usage: lade check [--repo=REPO] [OPTION]...\n"
	"\n"
	"Says whether a repository is whole: names, signatures, chains of snapshots, tables, and that each\n"
	"chunk of each file of each snapshot is in a pack that is there. Changes nothing. What is wrong is\n"
	"named, with the snapshots and paths that it hurts.\n"
	"\n"
	"  --read-data             read all packs besides, and open every chunk\n"
	"  --read-data-subset=n/t  a part of them: the n-th of t parts, each of which has other packs,\n"
	"  --read-data-subset=x%   x percent of them, by chance,\n"
	"  --read-data-subset=nG   or so many bytes (K, M, G, T), by chance\n"
	"  --no-key                without any key: read all packs, and compare them with their names, which\n"
	"                          are their hashes\n"
	"  -v, --verbose           tell as well what is left over, which does no harm\n"
	"  -q, --quiet             say nothing but what is wrong\n"
	"  --json                  one object a line\n"
	"\n"
	OPENING
	"\n"
	"Exit status: 0 if nothing is wrong, 1 if something is, 10 if there is no repository, 12 for a wrong\n"
	"password or key, 130 if it was interrupted.\n";

#define READING \
	"  -r, --repo=REPO, --repository-file, --password-file, --password-command, --key-file,\n" \
	"  --identity, --pin, --plaintext\n" \
	"                          which repository, and what opens it: `lade help key`\n" \
	"  -H, --host=NAME, --path=PATH, --tag=TAG\n" \
	"                          'latest' is the latest one of this host, with this path, with this tag\n"

static const char snapshots[] =
	"usage: lade snapshots [OPTION]... [SNAP]...\n"
	"\n"
	"Lists the backups of a repository, or those that are named: by the beginning of an id, or 'latest'.\n"
	"\n"
	"  --latest=COUNT          so many, the latest, of each host and set of paths\n"
	"  -g, --group-by=WHAT     a table for each group: of host, paths, tags, with commas\n"
	"  -c, --compact           one line for each\n"
	"  --json                  one array of objects\n"
	READING
	"\n"
	"Exit status: 0, 1, 10 if there is no repository, 12 for a wrong password or key.\n";

static const char ls[] =
	"usage: lade ls [OPTION]... SNAP[:PATH] [PATH]...\n"
	"\n"
	"Lists what is in a backup, or below PATH in it; of paths that come as words of their own only what\n"
	"is in these directories.\n"
	"\n"
	"  -l, --long              modes, owners, sizes and times as well\n"
	"  --human-readable        sizes as 1.18M\n"
	"  --recursive             all below the paths\n"
	"  --json                  an object for each, one a line\n"
	READING
	"\n"
	"Exit status: 0, 1, 3 if a part of it could not be read, 10, 12.\n";

static const char restore[] =
	"usage: lade restore [OPTION]... SNAP[:PATH] --target=DIR\n"
	"\n"
	"Brings a backup, or what is in PATH of it, into DIR. What is there and right stays, of files that\n"
	"are not only what differs is fetched. Run it again if it was interrupted.\n"
	"\n"
	"  -t, --target=DIR        where; it is made if it is missing\n"
	"  -i, --include=PATTERN   only what matches, and all that is in a directory that does;\n"
	"                          --iinclude whatever the case, --include-file=FILE those of a file,\n"
	"                          --iinclude-file\n"
	"  -e, --exclude=PATTERN   leave out what matches; --iexclude, --exclude-file, --iexclude-file\n"
	"  --overwrite=WHEN        files that are there: if-changed (size and time tell; so it is without this),\n"
	"                          always (their content is compared), if-newer (those of the backup), never\n"
	"  --delete                delete what the backup has not, in what was backed up\n"
	"  -n, --dry-run           say what would be done\n"
	"  --verify                then read all files again, and compare\n"
	"  --sparse                zeros become holes; those that were holes do in any case\n"
	"  --numeric-ids           owners by number, not by name\n"
	"  --threads=COUNT         else as many as there are processors\n"
	"  -v, --verbose           sums; -vv: what was restored; -vvv: what was there, too\n"
	"  -q, --quiet             nothing but errors\n"
	"  --json                  objects, one a line\n"
	READING
	"\n"
	"Exit status: 0, 1, 3 if something could not be restored, 10, 12, 130 if it was interrupted.\n";

static const char dump[] =
	"usage: lade dump [OPTION]... SNAP[:PATH] [PATH]\n"
	"\n"
	"Writes a file of a backup to standard output; of a directory, or without a path, a tar archive,\n"
	"with extended attributes and ACLs.\n"
	"\n"
	"  -t, --target=FILE       write to FILE\n"
	"  -a, --archive=tar       the form of archives: the one there is\n"
	"  --threads=COUNT         else as many as there are processors\n"
	READING
	"\n"
	"Exit status: 0, 1 if not all of it was written, 10, 12.\n";

static const char stats[] =
	"usage: lade stats [OPTION]... [SNAP]...\n"
	"\n"
	"Says how much all backups, or those that are named, hold together.\n"
	"\n"
	"  --mode=restore-size       what restoring each of them writes (so it is without this)\n"
	"  --mode=files-by-contents  files of one content once\n"
	"  --mode=raw-data           chunks, each once, and what they take in the repository\n"
	"  --json                    an object\n"
	READING
	"\n"
	"Exit status: 0, 1, 3 if a part of it could not be read, 10, 12.\n";

static const char key[] =
	"usage: lade key show [--json] [--key=FILE]\n"
	"       lade key new [--force] [--json] [--key=FILE|--recipient=FILE]\n"
	"       lade key hosts [--json]\n"
	"       lade key forget HOST[:PORT]\n"
	"       lade key authorize FINGERPRINT|- NAME [--file=FILE]\n"
	"       lade key token new USER [--force] [--tokens=FILE]\n"
	"       lade key token remove USER [--tokens=FILE]\n"
	"       lade key token list [--tokens=FILE]\n"
	"       lade key password USER [--password-file=FILE] [--tokens=FILE]\n"
	"       lade key list [--repo=REPO] [--json]\n"
	"       lade key add [--repo=REPO] [--passphrase|--recipient=RECIPIENT] [--read-only] [--label=TEXT]\n"
	"       lade key add [--repo=REPO] --write-only=FILE [--label=NAME]\n"
	"       lade key remove ID [--repo=REPO] [--force]\n"
	"\n"
	"For clients of a daemon\n"
	"  show       the fingerprint of your key, by which daemons know you\n"
	"  new        make a key; the first connection does so, too. --force replaces the one there is\n"
	"  hosts      the hosts whose keys are known\n"
	"  forget     forget the keys of a host, which has new ones\n"
	"\n"
	"Where a daemon runs\n"
	"  authorize  let the key with this fingerprint (-: from standard input) be known as NAME\n"
	"  token      make a random secret for a user, which is shown once; remove what a user has;\n"
	"             list users\n"
	"  password   set a user's password, as it is typed twice or as it stands in a file\n"
	"\n"
	"For repositories\n"
	"  list       the passwords and recipients that open it\n"
	"  add        let another password open it, which is typed twice, or a recipient; or make the key\n"
	"             file of a client that may only add. They have what the key has that you open it with\n"
	"  remove     take one away, by its ID or the beginning of it\n"
	"\n"
	"  --key=FILE            a key, instead of ~/.config/lade/key\n"
	"  --file=FILE           instead of authorized_keys in the daemon's state directory\n"
	"  --tokens=FILE         instead of tokens there\n"
	"  --password-file=FILE  the password is the line of FILE (-: of standard input)\n"
	"  --force               replace what is there; remove the last key that has the root key\n"
	"  --json                one object a line\n"
	"  --recipient=FILE      of new: make an identity, which opens repositories, and print its recipient\n"
	"\n"
	OPENING
	"\n"
	"Options of add\n"
	"  --passphrase                a password, which is typed twice: so it is without another choice\n"
	"  --new-password-file=FILE    it is the line of FILE\n"
	"  --recipient=RECIPIENT       a recipient, lade-recipient-...\n"
	"  --read-only                 one that may only read\n"
	"  --write-only=FILE           make FILE, the key of a client that may only add\n"
	"  --label=TEXT                what list calls it, or the client's name\n";

static const char paths[] =
	"usage: lade paths [FILE|DIR]\n"
	"\n"
	"Shows which ways of moving bytes work here (on the file system of FILE or DIR): the\n"
	"names that `lade sync --path=NAME` takes.\n";

static const char filter[] =
	"usage: lade filter [OPTION]... PATH...\n"
	"\n"
	"Says for each PATH, which is relative to the root of the transfer, whether a `lade sync` with\n"
	"these rules would take it, and which rule decides. It need not exist; a slash behind it makes\n"
	"it a directory then.\n"
	"\n"
	"The rules: --exclude, --include, --exclude-from, --include-from, --filter (-f), -F,\n"
	"--cvs-exclude (-C) and --gitignore, as in `lade sync`. Besides:\n"
	"  --root=DIR           the root of the transfer: of `lade sync DIR/ DST`; else here\n"
	"  --receiver           DIR is the destination: say what is protected from deletion\n"
	"  --delete-excluded    with --receiver: as with this option of `lade sync`\n";

static const char help[] =
	"usage: lade help [COMMAND]\n";

static const char version[] =
	"usage: lade version\n";

static void print_option(FILE *file, const struct lade_option_row *row)
{
	char words[128] = "  ";
	size_t len = 2;
	int room;

	/* Long names stand below each other, with or without a letter before them. */
	if (row->letter)
		len += (size_t)snprintf(words + len, sizeof(words) - len, "-%c%s", row->letter,
					row->name ? ", " : "");
	else
		len += (size_t)snprintf(words + len, sizeof(words) - len, "    ");
	if (row->name)
		len += (size_t)snprintf(words + len, sizeof(words) - len, "--%s", row->name);
	if (row->value)
		len += (size_t)snprintf(words + len, sizeof(words) - len, "=%s", row->value);
	if (row->alias)
		len += (size_t)snprintf(words + len, sizeof(words) - len, ", --%s", row->alias);
	room = len + 2 <= TEXT_COLUMN ? TEXT_COLUMN - (int)len : 0;
	if (room == 0)
		fprintf(file, "%s\n%*s%s\n", words, TEXT_COLUMN, "", row->text);
	else
		fprintf(file, "%s%*s%s\n", words, room, "", row->text);
}

static void print_group(FILE *file, enum lade_sync_group group)
{
	size_t count, printed = 0;
	const struct lade_option_row *rows = lade_sync_options(&count);

	for (size_t i = 0; i < count; i++) {
		if (rows[i].group != (int)group || !rows[i].text)
			continue;
		if (!printed++)
			fprintf(file, "\n%s\n", lade_sync_group_title(group));
		print_option(file, &rows[i]);
	}
}

static void print_sync(FILE *file)
{
	fputs(sync_usage, file);
	for (int group = LADE_GROUP_NONE + 1; group < LADE_GROUP_COUNT; group++)
		print_group(file, (enum lade_sync_group)group);
	fputs(sync_end, file);
}

int lade_help_print(FILE *file, const char *command)
{
	static const struct {
		const char *command;
		const char *text;
	} texts[] = {
		{ "list", list }, { "daemon", daemon_text }, { "status", status }, { "init", init }, { "backup", backup },
		{ "run", run }, { "check", check }, { "snapshots", snapshots }, { "ls", ls }, { "restore", restore }, { "dump", dump },
		{ "stats", stats }, { "key", key }, { "serve", serve }, { "filter", filter }, { "paths", paths },
		{ "help", help }, { "version", version },
	};

	if (!command) {
		fputs(general, file);
		return 0;
	}
	if (strcmp(command, "sync") == 0) {
		print_sync(file);
		return 0;
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(command, texts[i].command) == 0) {
			fputs(texts[i].text, file);
			return 0;
		}
	}
	return LADE_E_ABSENT;
}

void lade_help_print_usage(FILE *file)
{
	fputs(sync_short, file);
}

void lade_help_print_version(FILE *file)
{
	fprintf(file, "lade %s (protocol %u)\n", PACKAGE_VERSION, LADE_VERSION_MAX);
}
