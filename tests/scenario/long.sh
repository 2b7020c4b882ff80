# tests/scenario/long.sh: what takes minutes; run by packaging/check --long.

# roomy: print the first directory whose file system has room for two trees of a million
# files and some. Where inodes are made as needed (btrfs) df says 0 in all, or "-".
roomy() {
	local dir total free
	for dir in "${TMPDIR:-/tmp}" /var/tmp /tmp; do
		[ -w "$dir" ] || continue
		read -r total free <<<"$(df --output=itotal,iavail "$dir" | tail -n 1)"
		[[ $total =~ ^[1-9] ]] && [ "$free" -lt 2200000 ] && continue
		echo "$dir"
		return
	done
	return 1
}

# Before lib.sh makes its directory.
room=$(roomy) && export TMPDIR=$room
. "${srcdir:-.}/tests/scenario/lib.sh"

[ -n "${LADE_LONG:-}" ] || skip_all "a long test: set LADE_LONG=1"
LIMIT=1800

# make_files DIR COUNT: empty files.
make_files() {
	mkdir -p "$1" &&
		perl -e 'chdir shift or die; for (1 .. shift) { open F, ">", "file-$_" or die "file-$_: $!" }' "$1" "$2"
}

# make_directories DIR: a thousand directories of a thousand files.
make_directories() {
	local n
	for n in {1..1000}; do
		make_files "$1/$n" 1000 || return
	done
}

# peaks PID: until it ends, write the largest memory in KiB of each process of a session, itself
# and its children, to $T/.peaks/PROCESS. The kernel keeps the maximum: only what a process takes
# after the last look, in its last moments, can be missed.
peaks() {
	local pid now end=$((SECONDS + LIMIT))
	rm -rf "$T/.peaks"
	mkdir "$T/.peaks"
	while alive "$1"; do
		[ "$SECONDS" -lt "$end" ] || kill -KILL "$1"
		for pid in "$1" $(cat "/proc/$1"/task/*/children 2>/dev/null); do
			now=$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status" 2>/dev/null)
			[ -z "$now" ] || echo "$now" >"$T/.peaks/$pid"
		done
		sleep 0.05
	done
	diagnose <<<"largest memory of each process, KiB: $(cat "$T"/.peaks/* 2>/dev/null | tr '\n' ' ')"
}

# bounded: both sides of the session were seen, and neither took 64 MiB.
bounded() {
	local file seen=0
	for file in "$T"/.peaks/*; do
		[ -e "$file" ] || continue
		seen=$((seen + 1))
		[ "$(cat "$file")" -lt 65536 ] || { echo "process ${file##*/}: $(cat "$file") KiB"; return 1; }
	done
	[ "$seen" -ge 2 ] || { echo "two processes were expected, $seen seen"; return 1; }
}

# listing DIR FILE: path, mode, time and size of all that is in a tree; a directory's size is its
# file system's affair. Fails if any step does.
listing() {
	(set -o pipefail
	cd "$1" && find . -printf '%p %y %m %T@' \( -type d -o -printf ' %s' \) -printf '\n' | sort -T "$T" >"$2")
}

# arrived COUNT: both trees have that many entries, and the same ones.
arrived() {
	local found
	listing "$T/million" "$T/.expected" && listing "$T/million-dst" "$T/.found" || return
	found=$(wc -l <"$T/.expected")
	[ "$found" = "$1" ] || { echo "the source has $found entries, not $1"; return 1; }
	cmp "$T/.expected" "$T/.found"
}

# million NAME COUNT MAKE...: sync the tree of COUNT entries that a command makes in
# $T/million, once with and once without something to do.
million() {
	local name=$1 count=$2
	shift 2
	check "$name: the source is made" "$@"
	start "$LADE" sync -a "$T/million/" "$T/million-dst/" >"$out" 2>"$err"
	peaks "$started"
	ends "$name" 0 "$started"
	check "$name: memory is bounded" bounded
	check "$name: all arrived" arrived "$count"
	start "$LADE" sync -ai --delete "$T/million/" "$T/million-dst/" >"$out" 2>"$err"
	peaks "$started"
	ends "$name: the second run" 0 "$started"
	silent "$name: it has nothing to do"
	check "$name: its memory is bounded" bounded
	rm -rf "$T/million" "$T/million-dst" "$T/.expected" "$T/.found"
}

if [ -n "$room" ]; then
	million "a directory of a million files" 1000001 make_files "$T/million" 1000000
	million "a thousand directories of a thousand files" 1001001 make_directories "$T/million"
else
	skip "a million files" "no 2200000 free inodes in TMPDIR, /var/tmp or /tmp"
fi

# Killed again and again at any moment, it always arrives in the end.
make_tree "$T/src"
slow_shell
for round in {1..40}; do
	rm -f "$T/far.pid"
	start "$LADE" sync -aH -e "$T/slow-shell" --lade-path="$LADE" "$T/src/" "far:$T/killed/" >"$out" 2>"$err"
	sleep "0.$((RANDOM % 900 + 100))"
	if [ $((round % 2)) = 0 ]; then
		kill -KILL "$started" 2>/dev/null
	else
		kill -KILL "$(cat "$T/far.pid" 2>/dev/null)" 2>/dev/null
	fi
	wait "$started" 2>/dev/null
	# Whatever is under a real name is whole.
	damaged=$(cd "$T/killed" 2>/dev/null && find . -type f ! -name '.lade.*' -print0 |
		while IFS= read -r -d '' file; do
			cmp -s "$file" "$T/src/$file" || printf '%q\n' "$file"
		done)
	[ -z "$damaged" ] || break
done
report "no kill leaves a damaged file" "$damaged"
syncs "the last run completes" -aH -e "$T/slow-shell" --lade-path="$LADE" "$T/src/" "far:$T/killed/"
same "the tree is whole" "$T/src" "$T/killed" hardlinks
no_leftovers "no temporary stays" "$T/killed"

# A file of 2 GiB, both sides killed a hundred times at any moment: each run goes on where the last one
# was cut off. What the last one sends beside what is not there yet is what a kill has cost.

# landed: KiB that are there of the file on its way.
landed() { find "$T/resumed" -name '.lade.*' -printf '%k\n'; }

resumed() {
	local round killed now before=0 whole=0
	for round in {1..100}; do
		rm -f "$T/.server.err"
		start_server || return
		start "$LADE" sync -a --token-file "$token" "$T/two-gib" "$remote$T/resumed/"
		sleep "0.$((RANDOM % 600 + 100))"
		killed=$started
		[ $((round % 2)) = 0 ] || killed=$(pgrep -P "$server_pid")
		[ -z "$killed" ] || kill -KILL "$killed" 2>/dev/null
		wait "$started" 2>/dev/null
		kill -TERM "$server_pid"
		wait "$server_pid" 2>/dev/null
		if [ -e "$T/resumed/two-gib" ]; then
			cmp "$T/two-gib" "$T/resumed/two-gib" || return
			rm "$T/resumed/two-gib"
			whole=$((whole + 1))
			before=0
			continue
		fi
		now=$(landed)
		[ "${now:-0}" -ge "$before" ] || { echo "round $round: ${now:-0} KiB after $before"; return 1; }
		before=${now:-0}
	done
	echo "100 kills; it became whole $whole times in spite of them; $before KiB are there"
}

if [ "$(df -k --output=avail "$T" | tail -n 1)" -gt 5000000 ]; then
	head -c 2147483648 /dev/urandom >"$T/two-gib"
	mkdir "$T/resumed"
	check "a hundred kills, and no ground is lost" resumed
	before=$(landed)
	rm -f "$T/.server.err"
	start_server || not_ok "the server starts" "$(cat "$T/.server.err")"
	syncs "the last run completes" -a --stats --token-file "$token" "$T/two-gib" "$remote$T/resumed/"
	sent=$(sed -n 's/^Literal data: \([0-9,]*\).*/\1/p' "$out" | tr -d ,)
	lost=$((sent - (2147483648 - ${before:-0} * 1024)))
	check "it sends again no more than 4 MiB ($lost bytes)" test "$lost" -le 4194304
	check "the file is whole" cmp "$T/two-gib" "$T/resumed/two-gib"
	no_leftovers "no temporary stays" "$T/resumed"
	rm -rf "$T/two-gib" "$T/resumed"
else
	skip "a file of 2 GiB, resumed a hundred times" "less than 5 GB free"
fi

# A flood of strangers keeps nobody out.
if start_server; then
	flood() {
		local n
		for n in {1..500}; do
			timeout 1 bash -c "echo $n >/dev/tcp/127.0.0.1/$port" 2>/dev/null
		done
	}
	floods=()
	for _ in 1 2 3 4; do
		flood &
		floods+=($!)
	done
	syncs "in a flood the server serves" -aH --token-file "$token" "$T/src/" "$remote$T/flooded/"
	same "and serves right" "$T/src" "$T/flooded" hardlinks
	wait "${floods[@]}"
	check "the server outlives it" alive "$server_pid"
else
	not_ok "the server starts" "$(cat "$T/.server.err")"
fi

finish
