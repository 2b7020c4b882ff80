# tests/fault/repository_full.sh: a disk that is full at each step of a backup, where the repository is and where a host keeps what it knows; and system calls that fail.
# Everything is in mount and user namespaces of its own, where that is allowed, so that it needs no rights.
if [ -z "${LADE_TEST_INSIDE:-}" ] && [ "$(id -u)" != 0 ] && unshare -rm true 2>/dev/null; then
	LADE_TEST_INSIDE=1 exec unshare -rm bash "$0" "$@"
fi
. "${srcdir:-.}/tests/fault/repository.sh"

# So many moments of each kind are tried, evenly from all that there are; with LADE_TEST_EVERY fewer, with LADE_LONG all of them.
moments=14
[ -z "${LADE_TEST_EVERY:-}" ] || moments=8
[ -z "$long" ] || moments=100000

# each MOST: the moments from 0 to MOST that are tried, one a line.
each() { perl -e 'my ($most, $n) = @ARGV; my %seen; $n = $most + 1 if $n > $most + 1; for (0 .. $n - 1) { my $k = $n > 1 ? int($_ * $most / ($n - 1)) : 0; print "$k\n" unless $seen{$k}++ }' "$1" "$moments"; }

# The tree that all snapshots are of, and what the repository was before.
small_tree tree

# ---- a full disk ----
# leave DIR PAGES INODES: there is room for so many blocks of 4 KiB, and so many files.
leave() {
	local room
	free_all "$1"
	room=$(($(df --output=avail -k "$1" | tail -n1) / 4 - $2))
	[ "$room" -le 0 ] || head -c $((room * 4096)) /dev/zero >"$1/ballast"
	room=$(($(df --output=iavail "$1" | tail -n1) - $3))
	[ "$room" -le 0 ] || perl -e 'my ($dir, $n) = @ARGV; for (1 .. $n) { open my $f, ">", "$dir/ballast.$_" or last }' "$1" "$room"
}
free_all() { rm -f "$1"/ballast*; }

# used DIR: blocks and files that are in use there.
used_blocks() { df --output=used -k "$1" | tail -n1; }
used_files() { df --output=iused "$1" | tail -n1; }

small() {
	mkdir -p "$1"
	mount -t tmpfs -o "size=12m,nr_inodes=600,mode=755" lade-test "$1" 2>/dev/null && own_mounts+=("$1")
}

# start_again: repository and what is known of it as in the beginning of each try.
start_again() {
	rm -rf "$disk/repo" "$T/state" "$T/cache"
	cp -a "$T/seed/repo" "$disk/repo"
	cp -a "$T/seed/state" "$T/seed/cache" "$T"
	cp "$T/seed/good-snapshots" "$good"
}

# after_fault LABEL FILE: all that has to be true after a backup in which something went wrong: what was there is there, and the next one is right.
after_fault() {
	find_wrong "$1" "$2" unwhole
	find_wrong "$1" "$2" wrong_snapshots
	lade backup --json tree
	[ "$status" = 0 ] || find_wrong "$1: the next backup" "$2" show_run
	find_wrong "$1: the next backup" "$2" remember_made
	find_wrong "$1: the next backup" "$2" unwhole
}

# A backup at a disk that has no room for it says so, and ends with 1; or there was room, and it is right.
full_at() {
	lade backup --json tree
	case $status in
	0)
		fitted=$((fitted + 1))
		find_wrong "$1: it seems to fit" "$2" remember_made
		;;
	1)
		failed=$((failed + 1))
		grep -q 'No space left on device' "$out" "$err" || find_wrong "$1: it does not say why" "$2" show_run
		;;
	*) find_wrong "$1" "$2" show_run ;;
	esac
}

disk=$T/disk
if small "$disk"; then
	cd "$disk" || exit 99
	need_repository
	mv "$disk/me.identity" "$T"
	export LADE_REPOSITORY=$disk/repo LADE_IDENTITY=$T/me.identity
	cd "$T" || exit 99
	back_up "a backup"
	change_tree tree 1
	mkdir seed
	cp -a "$disk/repo" state cache "$good" seed
	# How much one takes.
	blocks=$(used_blocks "$disk") files=$(used_files "$disk")
	lade backup tree
	blocks=$((($(used_blocks "$disk") - blocks) / 4)) files=$(($(used_files "$disk") - files))
	for kind in blocks files; do
		failed=0 fitted=0
		for k in $(each $((${!kind} + 12))); do
			start_again
			if [ "$kind" = blocks ]; then leave "$disk" "$k" 400; else leave "$disk" 2000 "$k"; fi
			full_at "room for $k $kind" "$T/wrong-$kind"
			free_all "$disk"
			after_fault "after room for $k $kind" "$T/wrong-$kind"
		done
		echo "# $failed backups found no room for more $kind, $fitted did"
		check "backups failed for lack of $kind" [ "$failed" -gt $(((failed + fitted) / 4)) ]
		check "and succeeded when there were enough" [ "$fitted" -gt 0 ]
		report_all "room for few $kind: it is said, nothing is lost, and the next backup is right" "$T/wrong-$kind"
	done

	# What a host knows is of use, and not needed.
	small "$T/home"
	export XDG_STATE_HOME=$T/home/state XDG_CACHE_HOME=$T/home/cache
	cp -a seed/state seed/cache "$T/home"
	noted=0
	for k in $(each 24); do
		rm -rf "$disk/repo" "$T/home/state" "$T/home/cache"
		cp -a seed/repo "$disk"
		[ $((k % 2)) = 0 ] || cp -a seed/state seed/cache "$T/home"
		cp seed/good-snapshots "$good"
		leave "$T/home" "$k" 300
		lade backup --json tree
		if [ "$status" = 0 ]; then
			[ ! -s "$err" ] || noted=$((noted + 1))
			find_wrong "room for $k blocks" "$T/wrong-home" remember_made
		else
			find_wrong "room for $k blocks" "$T/wrong-home" show_run
		fi
		free_all "$T/home"
		after_fault "after room for $k blocks" "$T/wrong-home"
	done
	check "a note says that nothing is known" [ "$noted" -gt 0 ]
	report_all "no room for what the host knows: the backup succeeds" "$T/wrong-home"
	export XDG_STATE_HOME=$T/state XDG_CACHE_HOME=$T/cache
	free_all "$disk"
else
	skip "a full disk" "cannot mount a file system here"
	disk=$T
	need_repository
	back_up "a backup"
	change_tree tree 1
	mkdir seed
	cp -a repo state cache "$good" seed
fi

# ---- system calls that fail ----
if ! has_strace; then
	skip "system calls that fail" "strace does not work here"
	finish
fi

# count_calls COMMAND...: how many of each call the thread makes that makes most of them, once it looks at the repository or the tree: what the loader does before that is not ours.
declare -A first counts
count_calls() {
	local name from count
	strace -f -qq -o "$T/.calls" "$@" >/dev/null 2>&1 </dev/null
	first=() counts=()
	while read -r name from count; do
		first[$name]=$from
		counts[$name]=$count
	done < <(perl -ne 'BEGIN { $start = quotemeta $ENV{LADE_REPOSITORY} } $begun ||= /$start/; /^(\d+) +(\w+)\(/ or next; $n{$2}{$1}++; $before{$2} = $n{$2}{$1} unless $begun;
		END { for my $c (keys %n) { my ($most) = sort { $b <=> $a } values %{$n{$c}}; my $b = $before{$c} // 0; print "$c ", $b + 1, " ", $most - $b, "\n" if $most > $b } }' "$T/.calls")
}

# crashed: the status is that of a signal, of a sanitizer, or of the time limit.
crashed() { [ "$status" -ge 124 ] || [ "$status" = 99 ]; }

# with_fault FAULT CALL NUMBER COMMAND...
with_fault() { run strace -f -qq -o /dev/null -e trace="$2" -e inject="$2:$1:when=$3" "${@:4}"; }

faults=(openat:error=EIO openat:error=EMFILE openat:error=EINTR pread64:error=EIO pread64:error=EINTR pread64:retval=0 preadv2:error=EIO pwrite64:error=EIO pwrite64:error=ENOSPC pwrite64:error=EINTR
	renameat2:error=EIO renameat2:error=ENOSPC renameat:error=EIO linkat:error=ENOSPC fsync:error=EIO fsync:error=ENOSPC syncfs:error=EIO unlinkat:error=EIO newfstatat:error=EIO getdents64:error=EIO mkdir:error=ENOSPC
	mkdirat:error=ENOSPC flock:error=EINTR utimensat:error=EIO ftruncate:error=ENOSPC close:error=EIO)

start_again
count_calls "$LADE" backup --json tree
tried=0 failed=0
for fault in "${faults[@]}"; do
	call=${fault%%:*}
	[ -n "${counts[$call]:-}" ] || continue
	for k in $(moments=$((moments > 100 ? moments : moments / 3)) each $((counts[$call] - 1))); do
		start_again
		with_fault "${fault#*:}" "$call" $((first[$call] + k)) "$LADE" backup --json tree
		label="$fault, call $((first[$call] + k))"
		tried=$((tried + 1))
		if crashed; then
			find_wrong "$label" "$T/wrong-fault" show_run
		elif [ "$status" = 0 ]; then
			find_wrong "$label" "$T/wrong-fault" remember_made
		else
			failed=$((failed + 1))
			[ -s "$err" ] || grep -q '"message_type":"\(exit_\)\?error"' "$out" || find_wrong "$label: it does not say why" "$T/wrong-fault" show_run
		fi
		after_fault "after $label" "$T/wrong-fault"
	done
done
echo "# $failed of $tried backups failed"
check "system calls that fail end backups" [ "$failed" -gt 0 ]
report_all "with an error, or a snapshot that is right; and the next one is right in any case" "$T/wrong-fault"

# ---- restores ----
start_again
back_up "another backup"
latest=$(tail -n1 "$good" | cut -d' ' -f1)
mkdir old
small_tree old
restore=("$LADE" restore "$latest:$T/tree" --target now --delete)
rm -rf now
cp -a old now
count_calls "${restore[@]}"
tried=0 failed=0
for fault in "${faults[@]}"; do
	call=${fault%%:*}
	[ -n "${counts[$call]:-}" ] || continue
	for k in $(moments=$((moments > 100 ? moments : moments * 3 / 7)) each $((counts[$call] - 1))); do
		rm -rf now
		[ $((RANDOM % 2)) = 0 ] || cp -a old now
		with_fault "${fault#*:}" "$call" $((first[$call] + k)) "${restore[@]}"
		label="restore, $fault, call $((first[$call] + k))"
		tried=$((tried + 1))
		if crashed; then
			find_wrong "$label" "$T/wrong-restore" show_run
		elif [ "$status" = 0 ]; then
			# An empty file that could not be removed is seen by the next one.
			find now -maxdepth 1 -name '.lade.*' -size 0 -delete
			find_wrong "$label, which succeeds" "$T/wrong-restore" compare_trees tree now
		else
			failed=$((failed + 1))
			[ -s "$err" ] || find_wrong "$label: it does not say why" "$T/wrong-restore" show_run
		fi
		run "${restore[@]}"
		[ "$status" = 0 ] || find_wrong "after $label" "$T/wrong-restore" show_run
		find_wrong "after $label" "$T/wrong-restore" compare_trees tree now
		find_wrong "after $label" "$T/wrong-restore" find now -name '.lade.*'
	done
done
echo "# $failed of $tried restores failed"
check "system calls that fail fail restores" [ "$failed" -gt 0 ]
report_all "with an error, or all is right; and the next restore completes it in any case" "$T/wrong-restore"
# A rename that is done and says that it was not cannot be had in this way: tests/unit/test_repository_session.c has it, of each operation.
finish
