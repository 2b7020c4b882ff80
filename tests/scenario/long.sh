# tests/scenario/long.sh: what takes minutes; run by packaging/check --long.
. "${srcdir:-.}/tests/scenario/lib.sh"

[ -n "${LADE_LONG:-}" ] || skip_all "a long test: set LADE_LONG=1"
LIMIT=1800

# make_files DIR COUNT: empty files.
make_files() {
	mkdir -p "$1"
	perl -e 'chdir shift; for (1 .. shift) { open F, ">", "file-$_" or die }' "$1" "$2"
}

# watch_peak PID: until it ends, the largest memory in KiB of it and its children; sets $peak.
watch_peak() {
	local pid now
	peak=0
	while alive "$1"; do
		for pid in "$1" $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
			now=$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status" 2>/dev/null)
			[ "${now:-0}" -le "$peak" ] || peak=$now
		done
		sleep 0.05
	done
}

# million NAME: sync $T/million, whatever it holds, once with and once without something to do.
million() {
	local listing
	start "$LADE" sync -a "$T/million/" "$T/million-dst/" >"$out" 2>"$err"
	watch_peak "$started"
	ends "$1" 0 "$started"
	check "$1: memory is bounded ($peak KiB)" test "$peak" -lt 65536
	listing=$(cd "$T/million" && find . -printf '%p %s %m %T@\n' | sort | sha256sum)
	check "$1: all arrived" test "$listing" = \
		"$(cd "$T/million-dst" && find . -printf '%p %s %m %T@\n' | sort | sha256sum)"
	start "$LADE" sync -ai --delete "$T/million/" "$T/million-dst/" >"$out" 2>"$err"
	watch_peak "$started"
	ends "$1: the second run" 0 "$started"
	silent "$1: it has nothing to do"
	check "$1: its memory is bounded ($peak KiB)" test "$peak" -lt 65536
	rm -rf "$T/million" "$T/million-dst"
}

make_files "$T/million" 1000000
million "a directory of a million files"
for n in {1..1000}; do
	make_files "$T/million/$n" 1000
done
million "a thousand directories of a thousand files"

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
