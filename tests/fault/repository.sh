# tests/fault/repository.sh: what tests of faults in repositories share: a repository, a tree, and what has to be true of both whatever happened.
# Sourced by them in the place of tests/scenario/lib.sh, which it includes.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154

# Nothing here needs a disk: what a killed process has written the kernel has. Barriers cost nothing in memory.
if [ -z "${TMPDIR:-}" ] && probe=$(mktemp /dev/shm/lade-probe.XXXXXX 2>/dev/null); then
	cp "$(type -P true)" "$probe" && chmod 700 "$probe" && "$probe" 2>/dev/null && [ "$(df --output=avail -k /dev/shm | tail -n1)" -gt 500000 ] && export TMPDIR=/dev/shm
	rm -f "$probe"
fi
. "${srcdir:-.}/tests/scenario/lib.sh"

# What is not for the program.
long=${LADE_LONG:-} no_strace=${LADE_TEST_NO_STRACE:-}
unset "${!LADE_@}"
LADE=$T/lade
export XDG_STATE_HOME=$T/state XDG_CACHE_HOME=$T/cache
cd "$T" || exit 99
# LeakSanitizer cannot look at what is traced, nor wants to at what is killed.
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0

# Another one each time, so that each time something else is tried; what fails says which it was.
seed=${SEED:-$(($(date +%s) % 30000))}
RANDOM=$seed
echo "# SEED=$seed"

# has_strace: it is there, and may trace.
has_strace() { [ -z "$no_strace" ] && have strace && strace -f -qq -o "$T/.strace" true 2>/dev/null; }

# need_repository: in $T/repo; without one the test ends here. An identity opens it, as that costs no second for each run.
need_repository() {
	lade key new --recipient=me.identity
	exits "a repository" 0 lade init -r repo --no-passphrase --recipient "$(cat "$out")" --json
	sed -nE 's/.*"pin":"([^"]*).*/\1/p' "$out" >>me.identity
	export LADE_REPOSITORY=$T/repo LADE_IDENTITY=$T/me.identity
	[ "$status" = 0 ] || finish
}

# small_tree DIR: a file of several chunks, small ones, sparse ones, and what is no file.
small_tree() {
	local n
	mkdir -p "$1/sub/empty"
	file_of_size "$1/large" 1500000
	for n in {1..15}; do
		file_of_size "$1/small$n" $((n * 97))
		file_of_size "$1/sub/other$n" $((n * 500))
	done
	truncate -s 3M "$1/sparse"
	printf middle | dd of="$1/sparse" bs=1 seek=1000000 conv=notrunc status=none
	truncate -s 100000 "$1/hole"
	ln -s small1 "$1/link"
	echo nothing >"$1/becomes-directory"
	mkdir "$1/becomes-file"
}

# change_tree DIR NUMBER: some of it becomes other. $change_len bytes of it are new, and compress to nothing less.
change_len=300000
change_tree() {
	local n
	head -c "$change_len" /dev/urandom >"$1/new$2"
	head -c 97 /dev/urandom >"$1/small1"
	for n in 2 3 4; do
		head -c $((n * 97)) /dev/urandom >"$1/small$(((n + $2) % 15 + 1))"
	done
	head -c 500 /dev/urandom | dd of="$1/large" bs=1 seek=$(($2 % 100 * 10000)) conv=notrunc status=none
	echo "$2" >>"$1/sub/other1"
	rm -f "$1/new$(($2 - 2))"
	ln -snf "small$2" "$1/link"
	if [ $(($2 % 2)) = 0 ]; then
		rm -rf "$1/becomes-directory" "$1/becomes-file"
		mkdir "$1/becomes-directory"
		echo "$2" >"$1/becomes-directory/file"
		echo "$2" >"$1/becomes-file"
	else
		rm -rf "$1/becomes-directory" "$1/becomes-file"
		mkdir "$1/becomes-file"
		echo "$2" >"$1/becomes-file/file"
		echo "$2" >"$1/becomes-directory"
	fi
}

# back_up NAME: a backup that has to succeed, of $T/tree; it is right, and remembered.
back_up() {
	exits "$1" 0 lade backup --json tree
	find_wrong "$1" "$T/wrong-made" remember_made
	report_all "it is right" "$T/wrong-made"
}

# snapshots: the ids of all there are, the oldest first.
snapshots() {
	lade snapshots --json
	[ "$status" = 0 ] || show_run
	grep -oE '"id":"[0-9a-f]{64}"' "$out" | cut -d'"' -f4
}

# made: the id of the snapshot that the last `lade backup --json` has made.
made() { sed -nE 's/.*"message_type":"summary".*"snapshot_id":"([0-9a-f]+)".*/\1/p' "$out"; }

# Ids and digests of what snapshots should be, one a line: as they were when they had been compared with their tree.
good=$T/good-snapshots

# dump_digest ID: the digest of all of the tree in a snapshot, metadata and content; nothing and 1 if it cannot be read.
dump_digest() {
	"$LADE" dump "$1" "$T/tree" 2>"$err" >"$T/.dump" </dev/null || return 1
	sha256sum <"$T/.dump" | cut -d' ' -f1
}

# compare_trees EXPECTED FOUND: what differs, but for their own times and modes.
compare_trees() {
	tree_listing "$1" | tail -n +2 >"$T/.expected"
	tree_listing "$2" | tail -n +2 >"$T/.found"
	differ "$T/.expected" "$T/.found"
}

# remember_made: the snapshot that was made just now is what $T/tree is: say what is wrong with it, and remember it.
remember_made() {
	local id
	id=$(made)
	[ -n "$id" ] || show_run
	rm -rf "$T/restored"
	lade restore "$id:$T/tree" --target "$T/restored"
	[ "$status" = 0 ] || show_run
	compare_trees "$T/tree" "$T/restored"
	echo "$id $(dump_digest "$id")" >>"$good"
}

# wrong_snapshots: say which of the remembered snapshots are not what they were.
wrong_snapshots() {
	local id digest
	while read -r id digest; do
		[ "$(dump_digest "$id")" = "$digest" ] || {
			echo "snapshot $id is another one, or cannot be read:"
			head -c 500 "$err"
		}
	done <"$good"
}

# unwhole: say what a check of all of the repository finds, but for notes.
unwhole() {
	lade check --read-data
	[ "$status" = 0 ] || show_run
}

# find_wrong WHAT FILE COMMAND...: what the command prints goes to the file, under a heading.
find_wrong() {
	local what=$1 file=$2 text
	shift 2
	text=$("$@" 2>&1)
	[ -z "$text" ] || printf '%s (%s):\n%s\n' "$what" "$*" "${text:0:2000}" >>"$file"
}

# report_all NAME FILE: passes if nothing was written to the file.
report_all() { report "$1" "$(head -c 6000 "$2" 2>/dev/null)"; }
