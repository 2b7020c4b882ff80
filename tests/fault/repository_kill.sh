# tests/fault/repository_kill.sh: a backup, or a restore, is killed in the middle, at any moment, again and again. What was there before is there, and the next one goes on.
. "${srcdir:-.}/tests/fault/repository.sh"

rounds=$((50 / ${LADE_TEST_EVERY:-1}))
[ -z "$long" ] || rounds=500
# A repository is used for so many rounds, and then the first one again: all of its snapshots are looked at in each.
per_repository=6
tracing=
! has_strace || tracing=1
[ -n "$tracing" ] || skip "kills at system calls" "strace does not work here: by time alone"

# Moments that matter more than others: something is about to become different.
calls=(openat pwrite64 write renameat renameat2 linkat fsync syncfs unlinkat mkdirat close ftruncate utimensat flock)

# learn COMMAND...: how long it takes, and how many of each call one thread makes.
declare -A counts
learn() {
	local begin name count
	begin=${EPOCHREALTIME/./}
	"$@" >/dev/null 2>&1 </dev/null
	took=$((${EPOCHREALTIME/./} - begin))
	[ -n "$tracing" ] || return
	strace -f -qq -o "$T/.calls" "$@" >/dev/null 2>&1 </dev/null
	counts=()
	while read -r count name; do
		counts[$name]=$count
	done < <(perl -ne '/^(\d+) +(\w+)\(/ and $n{$2}{$1}++; END { for my $c (keys %n) { my ($most) = sort { $b <=> $a } values %{$n{$c}}; print "$most $c\n" } }' "$T/.calls")
}

# kill_after MICROSECONDS COMMAND...: kill it then, unless it has ended; $status is 137 if it was killed.
kill_after() {
	perl -e 'my $wait = shift; my $pid = fork // die; $pid or exec(@ARGV) || die; my $dead = 0; my $end = $wait / 1e6;
		use POSIX ":sys_wait_h"; use Time::HiRes qw(time sleep); my $from = time;
		while (!($dead = waitpid $pid, WNOHANG) && (my $left = $from + $end - time) > 0) { sleep $left < 0.005 ? $left : 0.005 }
		if (!$dead) { kill KILL => $pid; waitpid $pid, 0 }
		exit($? & 127 ? 137 : $? >> 8)' "$@" >"$out" 2>"$err" </dev/null
	status=$?
}

# kill_in COMMAND...: run it and kill it at some moment, $how; true if it was still there.
kill_in() {
	local call number begin
	call=${calls[RANDOM % ${#calls[@]}]}
	if [ -n "$tracing" ] && [ $((RANDOM % 2)) = 0 ] && [ -n "${counts[$call]:-}" ]; then
		number=$((RANDOM % counts[$call] + 1))
		how="at $call $number"
		kill_after "${LIMIT}000000" strace -f -qq -o /dev/null -e trace="$call" -e inject="$call:signal=KILL:when=$number" "$@"
	else
		number=$(((RANDOM * 32768 + RANDOM) % (took + took / 8)))
		how="after $number us"
		begin=${EPOCHREALTIME/./}
		kill_after "$number" "$@"
		# How long it takes depends on what else goes on: one that was over before it was killed tells how long that is now, and else it may be longer.
		if [ "$status" = 137 ]; then took=$((took + took / 16)); else took=$((${EPOCHREALTIME/./} - begin)); fi
	fi
	[ "$status" = 137 ]
}

# ---- backups ----
need_repository
small_tree tree
back_up "a backup"
change_tree tree 1
back_up "and another one"
mkdir seed
cp -a repo state cache tree "$good" seed

start_again() {
	rm -rf "$T/repo" "$T/state" "$T/cache" "$T/tree"
	cp -a "$T/seed/." "$T"
}

change_tree tree 2
learn "$LADE" backup tree
killed=0 resumed=0 committed=0

# One that was committed, and nobody has heard of it, is a snapshot of the tree as all others.
look_for_unknown() {
	local id
	unknown=()
	for id in $(snapshots); do
		grep -q "^$id " "$good" || unknown+=("$id")
	done
	[ "${#unknown[@]}" -le 1 ] || echo "${#unknown[@]} snapshots that were not made"
}

# The next one: what it puts, what it leaves.
next_backup() {
	local added
	lade backup --json tree
	[ "$status" = 0 ] || show_run
	added=$(sed -nE 's/.*"message_type":"summary".*"data_added":([0-9]+).*/\1/p' "$out")
	[ -z "$goes_on" ] || [ "${added:-$change_len}" -lt "$change_len" ] || echo "it put $added bytes: it did not go on"
	remember_made
	[ "${#unknown[@]}" = 0 ] || [ "$(dump_digest "${unknown[0]}")" = "$(tail -n1 "$good" | cut -d' ' -f2)" ] || echo "what the killed one has committed is wrong"
	# A host keeps more than its sessions, which are over; what it makes beside its place, and leaves there, goes after a day.
	find repo/sessions repo/tmp -type f -printf 'it left %P\n'
	find state \( -name 'session-*' -o -name parent \) -printf 'it left %P\n'
}

for ((round = 1; round <= rounds; round++)); do
	[ $((round % per_repository)) != 1 ] || start_again
	change_tree tree $((round + 2))
	kill_in "$LADE" backup tree && killed=$((killed + 1))
	label="round $round, killed $how"
	goes_on=$(find repo/sessions -name '*.table-*' -print -quit)
	find_wrong "$label" "$T/wrong-check" unwhole
	find_wrong "$label" "$T/wrong-before" wrong_snapshots
	look_for_unknown >"$T/.unknown"
	find_wrong "$label" "$T/wrong-unknown" cat "$T/.unknown"
	[ "${#unknown[@]}" = 0 ] || committed=$((committed + 1)) goes_on=1
	find_wrong "$label" "$T/wrong-next" next_backup
	# It is there now, and was compared with the one that is.
	for id in ${unknown[@]+"${unknown[@]}"}; do echo "$id $(dump_digest "$id")" >>"$good"; done
	[ -z "$goes_on" ] || resumed=$((resumed + 1))
done
echo "# $killed of $rounds were killed; $resumed had put what the next one found, of which $committed were committed"
check "backups were killed in the middle" [ $((killed * 4)) -ge "$rounds" ]
check "and some had put what the next one found" [ "$resumed" -gt 0 ]
report_all "after each the repository is whole" "$T/wrong-check"
report_all "and all snapshots are what they were" "$T/wrong-before"
report_all "nothing counts that is not a snapshot" "$T/wrong-unknown"
report_all "the next backup goes on, is right, and cleans up" "$T/wrong-next"

# ---- restores ----
start_again
change_tree tree 4
back_up "a third backup"
latest=$(tail -n1 "$good" | cut -d' ' -f1)
first=$(head -n1 "$good" | cut -d' ' -f1)
lade restore "$first:$T/tree" --target old
restore=("$LADE" restore "$latest:$T/tree" --target now --delete)

# prints of what is in a directory: path, size, time, digest.
contents() { tree_listing "$1" noowner | perl -ne 'my @f = split; $f[1] eq "f" and print "$f[0] @f[3, 4, 5]\n"'; }

contents old >old.contents
contents tree >new.contents

half_files() {
	contents now | grep -vE '^\./([^ ]*/)?\.lade\.' | grep -vxFf old.contents | grep -vxFf new.contents |
		while read -r path size time digest; do
			# Equal content may have either time.
			grep -q "^$(printf %s "$path" | sed 's/[].*[\\^$]/\\&/g') .* $digest\$" old.contents &&
				grep -q "^$(printf %s "$path" | sed 's/[].*[\\^$]/\\&/g') .* $digest\$" new.contents && continue
			echo "$path: $size bytes of $time, $digest: neither the old nor the new one"
		done
}

complete() {
	run "${restore[@]}"
	[ "$status" = 0 ] || show_run
	compare_trees tree now
	find now -name '.lade.*' -printf 'it left %P\n'
}

rm -rf now
cp -a old now
learn "${restore[@]}"
killed=0
for ((round = 1; round <= rounds; round++)); do
	rm -rf now
	[ $((round % 3)) = 0 ] || cp -a old now
	kill_in "${restore[@]}" && killed=$((killed + 1))
	label="round $round, killed $how"
	mkdir -p now
	find_wrong "$label" "$T/wrong-half" half_files
	# Twice, and then not.
	[ $((RANDOM % 4)) != 0 ] || kill_in "${restore[@]}"
	find_wrong "$label, then $how" "$T/wrong-complete" complete
done
echo "# $killed of $rounds were killed"
check "restores were killed in the middle" [ $((killed * 4)) -ge "$rounds" ]
report_all "each file is the old or the new one" "$T/wrong-half"
report_all "the next restore completes it, and leaves nothing" "$T/wrong-complete"
finish
