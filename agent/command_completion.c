/*
 * Completion: a fixed text for each shell, with the options of `lade sync` from their table in it. So what is completed is what this
 * program knows, and the files that packagers install only call it.
 */
#include "agent/command_completion.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "agent/option_table.h"
#include "agent/screen.h"
#include "protocol/exit_status.h"
#include "transport/mover.h"

#define COMMANDS "sync list init backup run check snapshots ls restore dump stats key daemon status serve paths help version"

/* What may follow `lade key`. */
/* How repositories on other hosts are reached. */
#define REACH_WORDS \
	" --rsh= --lade-path= --host-key= --ca= --token-file= --accept-new-host --limit-upload= --limit-download="
#define KEY_WORDS \
	"show new hosts forget authorize token add remove list password --key= --file= --tokens= --password-file= --force --json --repo= " \
	"--repository-file= --password-command= --key-file= --identity= --pin= --plaintext" REACH_WORDS " --passphrase --new-password-file= --recipient= --read-only " \
	"--write-only= --label= --help"

/* What may follow `lade init`. */
#define INIT_WORDS \
	"--repo= --repository-file= --password-file= --password-command= --recipient= --no-passphrase --plaintext --label= --json" REACH_WORDS " --help"

/* What may follow `lade backup`, beside paths. */
#define BACKUP_WORDS \
	"--files-from= --files-from0= --stdin --stdin-from-command --stdin-filename= --exclude= --iexclude= --exclude-file= --iexclude-file= --exclude-caches " \
	"--exclude-if-present= --exclude-larger-than= --one-file-system --gitignore --tag= --host= --job= --time= --skip-if-unchanged --dry-run --force " \
	"--compression= --threads= --verbose --quiet --json --repo= --repository-file= --password-file= --password-command= --key-file= --identity= --pin= " \
	"--plaintext --help"

/* What may follow `lade run`. */
#define RUN_WORDS "--due --list --check --jobs-dir= --verbose --quiet --json --help"

/* What may follow `lade check`. */
#define CHECK_WORDS \
	"--repo=" REACH_WORDS " --repository-file= --password-file= --password-command= --key-file= --identity= --pin= --plaintext --no-key --read-data --read-data-subset= " \
	"--json --quiet --verbose --help"

/* What may follow the commands that read backups. */
#define READING_WORDS \
	"--repo=" REACH_WORDS " --repository-file= --password-file= --password-command= --key-file= --identity= --pin= --plaintext --host= --path= --tag= --help "
#define SNAPSHOTS_WORDS READING_WORDS "latest --latest= --group-by= --compact --json"
#define LS_WORDS READING_WORDS "latest --long --human-readable --recursive --json"
#define RESTORE_WORDS \
	READING_WORDS "latest --target= --include= --iinclude= --include-file= --exclude= --iexclude= --exclude-file= --overwrite= --delete --dry-run --verify " \
	"--sparse --numeric-ids --threads= --verbose --quiet --json"
#define DUMP_WORDS READING_WORDS "latest --target= --archive=tar --threads="
#define STATS_WORDS READING_WORDS "latest --mode=restore-size --mode=files-by-contents --mode=raw-data --json"

/* What the value of an option is. */
struct values {
	const char *words; /* it is one of these; NULL: any */
	bool files, directories, commands;
};

/* Options whose values are words. */
static const struct {
	const char *name;
	const char *words;
} known_words[] = {
	{ "checksum-choice", "xxh128 sha256 blake2b" },
	{ "compress-choice", "zstd auto none" },
	{ "outbuf", "None Line Block" },
	{ "info", "ALL NONE HELP BACKUP COPY DEL FLIST MISC MOUNT NAME NONREG PROGRESS PROGRESS2 REMOVE SKIP STATS SYMSAFE" },
	{ "debug", "ALL NONE HELP" },
};

/* The words of --path, as one text. */
static const char *path_words(void)
{
	static char words[128];
	size_t len = 0;

	for (int path = 0; path < LADE_PATH_COUNT && len < sizeof(words); path++)
		len += (size_t)snprintf(words + len, sizeof(words) - len, "%s%s", path ? " " : "", lade_path_name((enum lade_path)path));
	return words;
}

static struct values values_of(const struct lade_option_row *row)
{
	struct values values = { NULL, false, false, false };

	for (size_t i = 0; row->name && i < sizeof(known_words) / sizeof(known_words[0]); i++)
		if (strcmp(row->name, known_words[i].name) == 0)
			values.words = known_words[i].words;
	if (row->id == LADE_SYNC_PATH)
		values.words = path_words();
	values.files = strcmp(row->value, "FILE") == 0;
	values.directories = strcmp(row->value, "DIR") == 0;
	values.commands = strcmp(row->value, "COMMAND") == 0 || strcmp(row->value, "PROGRAM") == 0;
	return values;
}

/* Print text inside single quotes of a shell; `also` are characters that need a backslash there. */
static void print_inside_quotes(FILE *file, const char *text, const char *also)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\'", file);
		else if (strchr(also, *text))
			fputc('\\', file);
		fputc(*text, file);
	}
}

/* Call print for each option that works, in the order of the table. */
static void each_option(FILE *file, void (*print)(FILE *file, const struct lade_option_row *row))
{
	size_t count;
	const struct lade_option_row *rows = lade_sync_options(&count);

	for (size_t i = 0; i < count; i++)
		if (rows[i].text)
			print(file, &rows[i]);
}

/* ---- bash ---- */

static void bash_words(FILE *file, const struct lade_option_row *row)
{
	const char *names[] = { row->name, row->alias };

	for (int i = 0; i < 2; i++)
		if (names[i])
			fprintf(file, " --%s%s", names[i], row->value ? "=" : "");
	if (row->letter)
		fprintf(file, " -%c", row->letter);
}

static void bash_no_words(FILE *file, const struct lade_option_row *row)
{
	if (row->negatable && row->name)
		fprintf(file, " --no-%s", row->name);
}

static void bash_values(FILE *file, const struct lade_option_row *row)
{
	struct values values;
	const char *bar = "";

	if (!row->value)
		return;
	values = values_of(row);
	fputs("\t", file);
	if (row->name)
		fprintf(file, "--%s", row->name), bar = "|";
	if (row->alias)
		fprintf(file, "%s--%s", bar, row->alias), bar = "|";
	if (row->letter)
		fprintf(file, "%s-%c", bar, row->letter);
	if (values.words)
		fprintf(file, ") _lade_reply -W '%s' ;;\n", values.words);
	else if (values.commands)
		fputs(") _lade_reply -c ;;\n", file);
	else if (values.directories)
		fputs(") compopt -o filenames; _lade_reply -d ;;\n", file);
	else if (values.files)
		fputs(") compopt -o filenames; _lade_reply -f ;;\n", file);
	else
		fputs(") ;;\n", file);
}

static void print_bash(FILE *file)
{
	fputs("# bash completion of lade, made by `lade completion bash`\n"
	      "_lade_reply()\n{\n"
	      "\tmapfile -t COMPREPLY < <(compgen \"$@\" -- \"$cur\")\n}\n"
	      "# The value of an option; fails if $1 takes none.\n"
	      "_lade_value()\n{\n"
	      "\tcase $1 in\n",
	      file);
	each_option(file, bash_values);
	fputs("\t*) return 1 ;;\n\tesac\n}\n"
	      "_lade_place()\n{\n"
	      "\tcompopt -o filenames\n"
	      "\tif [[ $cur != *:* ]]; then\n"
	      "\t\t_lade_reply -f\n"
	      "\telif [[ $cur != lade:* && $cur != lade+tcp:* ]]; then\n"
	      "\t\t# Over ssh, by what bash-completion has for scp; its name depends on the version.\n"
	      "\t\tif declare -F _comp_compgen >/dev/null; then\n"
	      "\t\t\t_comp_compgen -x scp remote_files\n"
	      "\t\telif declare -F _xfunc >/dev/null; then\n"
	      "\t\t\tlocal IFS=$'\\n'\n"
	      "\t\t\t_xfunc ssh _scp_remote_files\n"
	      "\t\tfi\n"
	      "\tfi\n}\n"
	      "_lade()\n{\n"
	      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	      "\tCOMPREPLY=()\n"
	      "\tif ((COMP_CWORD == 1)); then\n"
	      "\t\t_lade_reply -W '" COMMANDS "'\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\tcase ${COMP_WORDS[1]} in\n"
	      "\tsync | list) ;;\n"
	      "\thelp) _lade_reply -W '" COMMANDS "'; return ;;\n"
	      "\tserve) _lade_reply -W '--stdio --restrict --read-only --write-only --append-only --repository --writer --quota --min-free --listen --token-file --help' -f; return ;;\n"
	      "\tinit) _lade_reply -W '" INIT_WORDS "' -f; return ;;\n"
	      "\tbackup) _lade_reply -W '" BACKUP_WORDS "' -f; return ;;\n"
	      "\trun) _lade_reply -W '" RUN_WORDS "'; return ;;\n"
	      "\tcheck) _lade_reply -W '" CHECK_WORDS "' -f; return ;;\n"
	      "\tsnapshots) _lade_reply -W '" SNAPSHOTS_WORDS "' -f; return ;;\n"
	      "\tls) _lade_reply -W '" LS_WORDS "' -f; return ;;\n"
	      "\trestore) _lade_reply -W '" RESTORE_WORDS "' -f; return ;;\n"
	      "\tdump) _lade_reply -W '" DUMP_WORDS "' -f; return ;;\n"
	      "\tstats) _lade_reply -W '" STATS_WORDS "' -f; return ;;\n"
	      "\tkey) _lade_reply -W '" KEY_WORDS "' -f; return ;;\n"
	      "\tpaths) compopt -o filenames; _lade_reply -f; return ;;\n"
	      "\t*) return ;;\n"
	      "\tesac\n"
	      "\t# The shell takes = for a word of its own.\n"
	      "\tif [[ $cur == = ]]; then\n"
	      "\t\tcur=\n"
	      "\telif [[ $prev == = ]]; then\n"
	      "\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}\n"
	      "\tfi\n"
	      "\t_lade_value \"$prev\" && return\n"
	      "\tif [[ $cur == --no* ]]; then\n"
	      "\t\t_lade_reply -W '",
	      file);
	each_option(file, bash_no_words);
	fputs("'\n\telif [[ $cur == -* ]]; then\n\t\t_lade_reply -W '", file);
	each_option(file, bash_words);
	fputs("'\n\t\t[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace\n"
	      "\telse\n"
	      "\t\t# Nor does it keep host:path together.\n"
	      "\t\tif [[ ${COMP_LINE:0:COMP_POINT} =~ [^[:space:]]+$ ]]; then\n"
	      "\t\t\t[[ ${BASH_REMATCH[0]} != *:* ]] || cur=${BASH_REMATCH[0]}\n"
	      "\t\tfi\n"
	      "\t\t_lade_place\n"
	      "\tfi\n}\n"
	      "complete -F _lade lade\n",
	      file);
}

/* ---- zsh ---- */

static void zsh_spec(FILE *file, const char *dashes, const char *name, const struct lade_option_row *row)
{
	struct values values;

	fprintf(file, "\t\t'*%s%s%s[", dashes, name, row->value ? dashes[1] ? "=" : "+" : "");
	print_inside_quotes(file, row->text, "[]:\\");
	fputs("]", file);
	if (row->value) {
		values = values_of(row);
		fprintf(file, ":%s:", row->value);
		if (values.words)
			fprintf(file, "(%s)", values.words);
		else if (values.commands)
			fputs("_command_names -e", file);
		else if (values.directories)
			fputs("_files -/", file);
		else if (values.files)
			fputs("_files", file);
	}
	fputs("'\n", file);
}

static void zsh_option(FILE *file, const struct lade_option_row *row)
{
	const char letter[] = { row->letter, '\0' };

	if (row->name)
		zsh_spec(file, "--", row->name, row);
	if (row->alias)
		zsh_spec(file, "--", row->alias, row);
	if (row->letter)
		zsh_spec(file, "-", letter, row);
}

static void zsh_no_option(FILE *file, const struct lade_option_row *row)
{
	if (row->negatable && row->name)
		fprintf(file, "\t\t'*--no-%s[take back --%s]'\n", row->name, row->name);
}

static void print_zsh(FILE *file)
{
	fputs("#compdef lade\n"
	      "# zsh completion of lade, made by `lade completion zsh`\n"
	      "_lade_place()\n{\n"
	      "\tif compset -P '*:'; then\n"
	      "\t\tcompset -P '*' 0; _remote_files -- ssh\n"
	      "\telse\n"
	      "\t\t_alternative 'files:file:_files' 'hosts:remote host:_ssh_hosts -S :'\n"
	      "\tfi\n}\n"
	      "_lade_sync()\n{\n"
	      "\tlocal -a options=(\n",
	      file);
	each_option(file, zsh_option);
	each_option(file, zsh_no_option);
	fputs("\t)\n"
	      "\t_arguments -s -S $options '*:source or destination:_lade_place'\n}\n"
	      "_lade()\n{\n"
	      "\tif ((CURRENT == 2)); then\n"
	      "\t\tcompadd " COMMANDS "\n"
	      "\t\treturn\n"
	      "\tfi\n"
	      "\tcase $words[2] in\n"
	      "\tsync|list) shift words; ((CURRENT--)); _lade_sync ;;\n"
	      "\thelp) compadd " COMMANDS " ;;\n"
	      "\tserve) compadd -- --stdio --restrict --read-only --write-only --append-only --repository --writer --quota --min-free --listen --token-file --help; _files ;;\n"
	      "\tinit) compadd -- " INIT_WORDS "; _files ;;\n"
	      "\tbackup) compadd -- " BACKUP_WORDS "; _files ;;\n"
	      "\trun) compadd -- " RUN_WORDS " ;;\n"
	      "\tcheck) compadd -- " CHECK_WORDS "; _files ;;\n"
	      "\tsnapshots) compadd -- " SNAPSHOTS_WORDS "; _files ;;\n"
	      "\tls) compadd -- " LS_WORDS "; _files ;;\n"
	      "\trestore) compadd -- " RESTORE_WORDS "; _files ;;\n"
	      "\tdump) compadd -- " DUMP_WORDS "; _files ;;\n"
	      "\tstats) compadd -- " STATS_WORDS "; _files ;;\n"
	      "\tkey) compadd -- " KEY_WORDS "; _files ;;\n"
	      "\tpaths) _files ;;\n"
	      "\tesac\n}\n"
	      "if [[ $funcstack[1] == _lade ]]; then\n"
	      "\t_lade \"$@\"\n"
	      "else\n"
	      "\tcompdef _lade lade\n"
	      "fi\n",
	      file);
}

/* ---- fish ---- */

#define FISH_SYNC "complete -c lade -n '__fish_seen_subcommand_from sync list'"

static void fish_option(FILE *file, const struct lade_option_row *row)
{
	struct values values;

	fputs(FISH_SYNC, file);
	if (row->letter)
		fprintf(file, " -s %c", row->letter);
	if (row->name)
		fprintf(file, " -l %s", row->name);
	if (row->alias)
		fprintf(file, " -l %s", row->alias);
	if (row->value) {
		values = values_of(row);
		if (values.words)
			fprintf(file, " -x -a '%s'", values.words);
		else if (values.directories)
			fputs(" -x -a '(__fish_complete_directories)'", file);
		else if (values.commands)
			fputs(" -x -a '(__fish_complete_command)'", file);
		else
			fputs(values.files ? " -r -F" : " -x", file);
	}
	fputs(" -d '", file);
	/* fish knows \' inside single quotes. */
	for (const char *text = row->text; *text; text++) {
		if (*text == '\'' || *text == '\\')
			fputc('\\', file);
		fputc(*text, file);
	}
	fputs("'\n", file);
}

static void fish_no_option(FILE *file, const struct lade_option_row *row)
{
	if (row->negatable && row->name)
		fprintf(file, FISH_SYNC " -l no-%s -d 'take back --%s'\n", row->name, row->name);
}

static void print_fish(FILE *file)
{
	fputs("# fish completion of lade, made by `lade completion fish`\n"
	      "complete -c lade -n __fish_use_subcommand -f -a '" COMMANDS "'\n"
	      "complete -c lade -n '__fish_seen_subcommand_from help' -f -a '" COMMANDS "'\n"
	      "complete -c lade -n '__fish_seen_subcommand_from init' -a '" INIT_WORDS "'\n"
	      "complete -c lade -n '__fish_seen_subcommand_from backup' -a '" BACKUP_WORDS "'\n"
	      "complete -c lade -n '__fish_seen_subcommand_from run' -f -a '" RUN_WORDS "'\n"
	      "complete -c lade -n '__fish_seen_subcommand_from check' -a '" CHECK_WORDS "'\n"
	      "complete -c lade -n '__fish_seen_subcommand_from snapshots' -a '" SNAPSHOTS_WORDS "'\n"
	      "complete -c lade -n '__fish_seen_subcommand_from ls' -a '" LS_WORDS "'\n"
	      "complete -c lade -n '__fish_seen_subcommand_from restore' -a '" RESTORE_WORDS "'\n"
	      "complete -c lade -n '__fish_seen_subcommand_from dump' -a '" DUMP_WORDS "'\n"
	      "complete -c lade -n '__fish_seen_subcommand_from stats' -a '" STATS_WORDS "'\n"
	      "complete -c lade -n '__fish_seen_subcommand_from key' -a '" KEY_WORDS "'\n"
	      "complete -c lade -n '__fish_seen_subcommand_from serve' -l stdio\n"
	      "complete -c lade -n '__fish_seen_subcommand_from serve' -r -F -l restrict\n"
	      "complete -c lade -n '__fish_seen_subcommand_from serve' -l read-only\n"
	      "complete -c lade -n '__fish_seen_subcommand_from serve' -l write-only\n"
	      "complete -c lade -n '__fish_seen_subcommand_from serve' -l append-only\n"
	      "complete -c lade -n '__fish_seen_subcommand_from serve' -l repository\n"
	      "complete -c lade -n '__fish_seen_subcommand_from serve' -x -l writer\n"
	      "complete -c lade -n '__fish_seen_subcommand_from serve' -x -l quota\n"
	      "complete -c lade -n '__fish_seen_subcommand_from serve' -x -l min-free\n"
	      "complete -c lade -n '__fish_seen_subcommand_from serve' -x -l listen\n"
	      "complete -c lade -n '__fish_seen_subcommand_from serve' -r -F -l token-file\n" FISH_SYNC
	      " -a '(__fish_complete_user_at_hosts | string replace -r \\$ :)' -d 'remote host'\n",
	      file);
	each_option(file, fish_option);
	each_option(file, fish_no_option);
}

int lade_command_completion(int argc, char **argv)
{
	static const struct {
		const char *shell;
		void (*print)(FILE *file);
	} shells[] = { { "bash", print_bash }, { "zsh", print_zsh }, { "fish", print_fish } };

	for (size_t i = 0; argc == 2 && i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (strcmp(argv[1], shells[i].shell) == 0) {
			shells[i].print(stdout);
			return LADE_EXIT_OK;
		}
	}
	lade_screen_print(stderr, "completion: of which shell? bash, zsh or fish");
	return LADE_EXIT_USAGE;
}
