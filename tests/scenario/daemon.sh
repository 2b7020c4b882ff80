# tests/scenario/daemon.sh: lade daemon: what its processes do, who gets in, and what a crash of one of them means to the others.
. "${srcdir:-.}/tests/scenario/lib.sh"
. "${srcdir:-.}/tests/scenario/transfers.sh"

mkdir -p "$T/open" "$T/drop" "$T/locked" "$T/closed" "$T/nowhere"
echo content >"$T/open/file"
chmod 755 "$T/open"

need_daemon "stop timeout = 2" \
	"[open]" "path = $T/open" "auth = any" "comment = for everybody" \
	"[drop]" "path = $T/drop" "auth = any" "read only = no" "$(as_we_are)" \
	"[one]" "path = $T/open" "auth = any" "max connections = 1" "list = no" \
	"[locked]" "path = $T/locked" "auth = authorized" \
	"[closed]" "path = $T/closed" "auth = any" "hosts deny = *"
ok "the daemon starts with a key of its own and names its port"
check "its key is nobody else's" test "$(stat -c %a "$T/daemon/state/host_key")" = 600
daemon_says 'SHA256:[A-Za-z0-9+/]{43}' && ok "it shows its fingerprint" || not_ok "it shows its fingerprint"

# The first contact.
exits "without a terminal an unknown host is an error" 5 lade sync -a "$daemon/open/" "$T/never/"
says "it says what to do" 'accept-new-host'
check "nothing was made" test ! -e "$T/never"
syncs "the host is remembered when that is asked for" -a --accept-new-host "$daemon/open/" "$T/pulled/"
same "and the tree arrives" "$T/open" "$T/pulled"
syncs "from then on it is known" -a "$daemon/open/" "$T/pulled2/"

# What a module is for.
exits "a module is for reading unless it says otherwise" 1 lade sync -a "$T/open/" "$daemon/open/sub/"
says "it says so" 'read.only'
syncs "one that may be written to takes a tree" -a "$T/open/" "$daemon/drop/in/"
same "which is there" "$T/open" "$T/drop/in"
exits "a module that is not there is refused" 5 lade sync -a "$daemon/none/" "$T/never/"
says "by name" '"none"'
exits "an unknown key does not open a locked module" 5 lade sync -a "$daemon/locked/" "$T/never/"
says "whose key that is shown" 'SHA256:'
exits "an address that is denied gets nothing" 5 lade sync -a "$daemon/closed/" "$T/never/"
check "nothing was made" test ! -e "$T/never"

# Strangers.
exec 7<>"/dev/tcp/127.0.0.1/$port"
printf 'GET / HTTP/1.1\r\n\r\n' >&7
syncs "plain bytes on the port do not matter" -a "$daemon/open/" "$T/pulled3/"
exec 7<&- 7>&-

# A place for one.
head -c 8000000 /dev/urandom >"$T/open/large"
"$LADE" sync -a --bwlimit=20k "$daemon/one/large" "$T/slow/" >"$T/slow.out" 2>&1 &
slow_pid=$!
own_pids+=("$slow_pid")
wait_for test -d "$T/slow"
exits "a module for one session has no place for another" 10 lade sync -a "$daemon/one/file" "$T/never/"
says "it says so" 'try again'
syncs "other modules have" -a "$daemon/open/file" "$T/beside/"

# A crash.
# The processes of the other sessions are there a little longer than their clients.
alone() { [ "$(pgrep -c -P "$server_pid")" = 1 ]; }
wait_for alone
worker=$(pgrep -P "$server_pid" | head -n 1)
kill -SEGV "$worker"
wait "$slow_pid"
check "a client whose worker crashes is told that the connection ended" test $? = 12
daemon_says 'status=139' && ok "the log says how the session ended" || not_ok "the log says how the session ended"
syncs "the daemon goes on" -a "$daemon/open/file" "$T/after/"

# Its log, and its end.
daemon_says 'open send files=1 .*status=0' && ok "each session has its line" || not_ok "each session has its line" "$(cat "$T/.server.err")"
kill -TERM "$server_pid"
wait "$server_pid"
check "SIGTERM ends it in order" test $? = 0
exits "nobody listens any more" 10 lade sync -a "$daemon/open/" "$T/never/"

# Those above have all the time that they need to log in. Who says nothing gets little of it, from a daemon of his own.
need_daemon "login timeout = 1" "stop timeout = 2" "[open]" "path = $T/open" "auth = any"
exec 7<>"/dev/tcp/127.0.0.1/$port"
timeout "$LIMIT" cat <&7 >/dev/null
check "who says nothing is cut off in time" test $? != 124
exec 7<&- 7>&-

finish
