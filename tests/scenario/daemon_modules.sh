# tests/scenario/daemon_modules.sh: lade daemon: what the settings of a module do to those who use it.
. "${srcdir:-.}/tests/scenario/lib.sh"

mkdir -p "$T/tree/sub/hidden" "$T/from/sub/hidden"
echo seen >"$T/tree/seen"
echo seen >"$T/tree/sub/kept.secret"
echo hidden >"$T/tree/a.secret"
echo hidden >"$T/tree/sub/hidden/file"
chmod -R a+rX "$T/tree"
mkdir -p "$T/kept/pub/keys" "$T/kept/keys" "$T/kept/private" "$T/kept/closed" "$T/kept/full"
for file in pub/x.key private/file keys/secret full/file open; do
	echo hidden >"$T/kept/$file"
done
chmod 600 "$T/kept/keys/secret"
mkdir "$T/large"
head -c 40000000 /dev/zero >"$T/large/zeros"

need_daemon "[tree]" "path = $T/tree" "auth = any" "read only = no" "$(as_we_are)" \
	"filter = -_/sub/hidden/ + kept.secret - *.secret" \
	"[kept]" "path = $T/kept" "auth = any" "read only = no" "$(as_we_are)" \
	"filter = - /private - *.key - /keys/secret - /closed/ - /full/ + /open/ - /open" \
	"[small]" "path = $T/large" "auth = any" "max memory = 128m"

# What a filter hides.
lade sync --accept-new-host --list-only -r "$daemon/tree/"
check "a list has what can be seen" grep -q ' sub/kept\.secret$' "$out"
check "and nothing that is hidden" test -z "$(grep -E 'a\.secret|hidden' "$out")"
syncs "a module with a filter is fetched" -a "$daemon/tree/" "$T/got/"
check "without what is hidden" absent "$T/got/a.secret" "$T/got/sub/hidden"
check "and with the rest" exist "$T/got/seen" "$T/got/sub/kept.secret"
exits "what is hidden is not there for who knows its name" 23 lade sync -a "$daemon/tree/a.secret" "$T/stolen/"
exits "nor is what is below it" 23 lade sync -a "$daemon/tree/sub/hidden/file" "$T/stolen/"
check "it did not come" absent "$T/stolen/a.secret" "$T/stolen/file"
echo mine >"$T/from/new"
echo mine >"$T/from/a.secret"
echo mine >"$T/from/sub/hidden/file"
exits "a push of the same names" "0|23" lade sync -a --delete "$T/from/" "$daemon/tree/"
check "brings what may be there" cmp "$T/from/new" "$T/tree/new"
check "deletes what can be seen" absent "$T/tree/seen"
check "changes nothing that is hidden" [ "$(cat "$T/tree/a.secret" "$T/tree/sub/hidden/file")" = "$(printf 'hidden\nhidden')" ]
mkdir "$T/empty"
exits "nor does one that deletes everything" "0|23" lade sync -a --delete "$T/empty/" "$daemon/tree/"
check "delete it" exist "$T/tree/a.secret" "$T/tree/sub/hidden/file"

# What is hidden is not written by way of another name. Each of these names one that may be used, and something that has a hidden one for a copy of it.
is_kept() {
	local file
	for file in pub/x.key private/file keys/secret full/file open; do
		[ "$(cat "$T/kept/$file" 2>&1)" = hidden ] || echo "$file: $(ls -ld "$T/kept/$file" 2>&1)"
	done
	[ -d "$T/kept/closed" ] || ls -ld "$T/kept/closed"
}
mkdir -p "$T/way/private" "$T/kinds/open"
echo mine >"$T/way/x"
echo mine >"$T/way/private/file"
lade sync -a "$T/way/" "$daemon/kept/pub/"
check "what may be there is there" exist "$T/kept/pub/x" "$T/kept/pub/private/file"
echo another >"$T/way/x"
echo another >"$T/way/private/file"
exits "--suffix that makes a hidden name of another" 23 lade sync -ab --suffix=.key "$T/way/x" "$daemon/kept/pub/"
says "is an error of the file" 'back up "x": Permission denied'
exits "--backup-dir under which a path is a hidden one" 23 lade sync -ab --backup-dir=/ "$T/way/private" "$daemon/kept/pub/"
says "too" 'back up "private/file": Permission denied'
exits "--delete with such backups" 23 lade sync -ab --delete --backup-dir=/ "$T/empty/" "$daemon/kept/pub/private/../"
report "nothing that is hidden was written over" "$(is_kept)"
echo mine >"$T/way/secret"
syncs "a partial directory in which the file's name is hidden is not used" -a --partial-dir=keys "$T/way/secret" "$daemon/kept/"
syncs "nor one for all" -a --partial-dir=/keys "$T/way/secret" "$daemon/kept/pub/"
report "what is hidden is not taken for what was left of a file" "$(is_kept)"
echo mine >"$T/kinds/closed"
echo mine >"$T/kinds/full"
exits "what is of another kind does not take the place of what is hidden" 23 lade sync -r "$T/kinds/" "$daemon/kept/"
exits "not by force either" 23 lade sync -r --force --delete "$T/kinds/" "$daemon/kept/"
says "which is told" 'withholds.*"(closed|full|open)"'
report "all that is hidden is there" "$(is_kept)"

# Memory: level 19 looks 128 MiB back. A sanitizer takes more than anything else.
if grep -qaE '__(asan|tsan)_init' "$LADE"; then
	skip "sessions with little memory" "sanitizers map all of it"
else
	# One of the same module, under way.
	"$LADE" sync -a --bwlimit=100k "$daemon/small/" "$T/slow/" >"$T/slow.out" 2>&1 </dev/null &
	slow_pid=$!
	own_pids+=("$slow_pid")
	wait_for test -d "$T/slow"
	exits "a session that needs more memory than its module gives ends" 22 lade sync -a --zl=19 "$daemon/small/" "$T/more/"
	says "the client is told why" 'out of memory'
	daemon_says 'small send .*status=22' && ok "the log says how it ended" || not_ok "the log says how it ended" "$(cat "$T/.server.err")"
	syncs "one that needs less goes on" -a -z "$daemon/small/" "$T/less/"
	check "and is complete" cmp "$T/large/zeros" "$T/less/zeros"
	exits "a client may ask for less, not for more" 22 lade sync -a --zl=19 --max-alloc=2g "$daemon/small/" "$T/more/"
	check "a session beside them did not notice" alive "$slow_pid"
	kill "$slow_pid"
	wait "$slow_pid" 2>/dev/null

	# What speaks to strangers has a limit of its own.
	greeter_is_limited() {
		local limit
		limit=$(sed -n 's/^Max data size *\([0-9]*\) .*/\1/p' "/proc/$(pgrep -n -P "$server_pid")/limits")
		[ -n "$limit" ] && [ "$limit" -ge $((64 << 20)) ] && [ "$limit" -lt $((256 << 20)) ]
	}
	exec 7<>"/dev/tcp/127.0.0.1/$port"
	wait_for greeter_is_limited && ok "a greeter gets no more than some memory" || not_ok "a greeter gets no more than some memory"
	exec 7<&- 7>&-
fi

# What a session's process does when something fails before it has begun, and who it is then.
if [ -z "${LADE_TEST_NO_STRACE:-}" ] && have strace && strace -o /dev/null true 2>/dev/null; then
	program=$LADE
	# traced OPTIONS LINE...: a daemon under strace, which writes $T/trace. The process that is started is the daemon.
	traced() {
		printf '#!/bin/sh\nASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" exec strace -D -o "%s" %s "%s" "$@"\n' \
			"$T/trace" "$1" "$program" >"$T/traced"
		chmod 755 "$T/traced"
		LADE=$T/traced
		shift
		need_daemon "$@"
		LADE=$program
	}
	traced "-f -e trace=setresuid,exit_group" "[gone]" "path = $T/gone" "auth = any"
	lade sync -a --accept-new-host "$daemon/gone/" "$T/got-gone/"
	says "a module that is not there is refused" 'its log says why'
	if is_root; then
		daemon_says 'session 1 .*: gone none'
		report "by somebody who is not root" "$(n=$(grep -c 'setresuid(.*= 0' "$T/trace"); [ "$n" = 2 ] || cat "$T/trace")"
	else
		skip "by somebody who is not root" "needs root"
	fi
	kill "$server_pid"
	wait "$server_pid" 2>/dev/null

	# The greeter and the hook begin, the worker does not. The hook waits until there is no greeter any more.
	cat >"$T/before" <<-'END'
		#!/bin/sh
		for n in 0 1 2 3 4 5 6 7 8 9; do
			[ "$(pgrep -c -P "$PPID")" -gt 1 ] || exit 0
			sleep 1
		done
	END
	chmod 755 "$T/before"
	traced "-e trace=clone,clone3,fork -e inject=clone,clone3,fork:error=EAGAIN:when=3" "metrics = 127.0.0.1:0" \
		"[tree]" "path = $T/tree" "auth = any" "before = $T/before"
	lade sync -a --accept-new-host "$daemon/tree/" "$T/got-none/"
	daemon_says 'fork: Resource' && ok "the log tells of a worker that cannot be" || not_ok "the log tells of a worker that cannot be" "$(cat "$T/.server.err")"
	daemon_says 'session 1 .*: tree none .*status=14$' && ok "and of its session" || not_ok "and of its session" "$(cat "$T/.server.err")"
	kill "$server_pid"
	wait "$server_pid" 2>/dev/null
else
	skip "faults of a session's process" "tracing is forbidden here (LADE_TEST_NO_STRACE)"
fi

finish
