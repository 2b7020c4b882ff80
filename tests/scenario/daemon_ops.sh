# tests/scenario/daemon_ops.sh: lade daemon in operation: status, metrics, hooks, log, reload, stop, systemd.
. "${srcdir:-.}/tests/scenario/lib.sh"

# http REQUEST: what the metrics listener answers. printf's escapes.
http() {
	timeout 60 perl -MIO::Socket::INET -e '
		my ($port, $request) = @ARGV;
		my $peer = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port) or die $!;
		$request =~ s/\\r/\r/g; $request =~ s/\\n/\n/g;
		$SIG{PIPE} = "IGNORE";
		print $peer $request;
		$peer->flush;
		$peer->shutdown(1) if $request =~ /\n$/;
		local $/;
		print <$peer> // "";' "$metrics_port" "$1" >"$out" 2>"$err"
	status=$?
}
scrape() { http 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'; }
# metric LINE: a scrape has this line.
metric() { scrape && grep -qxF "$1" "$out"; }
# metrics_have NAME LINE: in time.
metrics_have() { wait_for metric "$2" && ok "$1" || not_ok "$1" "no line $2 in: $(grep -v '^#' "$out")"; }

# status_says PATTERN: what lade status prints has such a line.
status_says() { "$LADE" status --socket "$T/daemon/status" | grep -qE "$1"; }
in_status() { wait_for status_says "$2" && ok "$1" || not_ok "$1" "no such line: $2
$("$LADE" status --socket "$T/daemon/status" 2>&1)"; }
log_has() { grep -qE "$2" "$1"; }
logged() { wait_for log_has "$2" "$3" && ok "$1" || not_ok "$1" "no line matches $3 in: $(cat "$2")"; }

# slow_session RATE: a client that pushes 4 MiB at that many bytes a second into [drop]. Sets $slow_pid; it says in $T/slow.out.
slow_session() {
	rm -rf "$T/drop/slow"
	"$LADE" sync -a --bwlimit="$1" --accept-new-host "$T/large" "$daemon/drop/slow/" >"$T/slow.out" 2>&1 </dev/null &
	slow_pid=$!
	own_pids+=("$slow_pid")
	wait_for status_says ' drop +receive '
}

mkdir -p "$T/open" "$T/drop" "$T/second" "$T/etc"
echo content >"$T/open/file"
file_of_size "$T/large" 4194304
export LADE_TEST_SEEN=seen-by-nobody

# ---- hooks ----
cat >"$T/before" <<'END'
#!/bin/sh
# What it was told, and what it has open.
{ env | grep -E '^(LADE|PATH)' | sort; echo "words=$1,$2"; ls /proc/self/fd | tr '\n' ' '; } >"$(dirname "$0")/before.said"
[ ! -e "$(dirname "$0")/refuse" ]
END
cat >"$T/after" <<'END'
#!/bin/sh
env | grep '^LADE' | sort >"$(dirname "$0")/after.part"
mv "$(dirname "$0")/after.part" "$(dirname "$0")/after.said"
END
chmod 755 "$T/before" "$T/after"

settings=("stop timeout = 300" "metrics = 127.0.0.1:0" "login timeout = 10")
modules=("[open]" "path = $T/open" "auth = any"
	"[drop]" "path = $T/drop" "auth = any" "read only = no" "$(as_we_are)"
	"[hooked]" "path = $T/open" "auth = any" "before = $T/before one two;three" "after = $T/after")

exits "without a daemon there is no status" 10 lade status --socket "$T/daemon/status"
says "it says so" 'no daemon answers'
perl -MIO::Socket::UNIX -e '
	my $s = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 1) or die;
	open(my $ready, ">", "$ARGV[0].ready") or die;
	my $peer = $s->accept;
	sysread($peer, my $words, 5);
	print $peer "lade \033[2J\n";' "$T/liar" >/dev/null 2>&1 &
own_pids+=("$!")
wait_for test -e "$T/liar.ready"
exits "what a terminal would obey is no status" 10 lade status --socket "$T/liar"
check "none of it is printed" test ! -s "$out"
need_daemon "${settings[@]}" "${modules[@]}"
metrics_port=$(sed -nE 's,.*metrics on http://127\.0\.0\.1:([0-9]+)/.*,\1,p' "$T/.server.err")
check "the metrics have a port of their own" test -n "$metrics_port"

# ---- status ----
exits "the status of an idle daemon" 0 lade status --socket "$T/daemon/status"
prints "it has no sessions" "process $server_pid, .*: 0 sessions, 0 logins"
exits "the configuration says where it is" 0 lade status --config "$daemon_conf"
check "the socket is nobody else's" test "$(stat -c %a "$T/daemon/status")" = 600
if is_root && have setpriv; then
	chmod 666 "$T/daemon/status"
	exits "another user gets nothing, whatever its mode" 10 run setpriv --reuid=65534 --regid=65534 --clear-groups "$LADE" status --socket "$T/daemon/status"
	check "nothing at all" test ! -s "$out"
	chmod 600 "$T/daemon/status"
else
	skip "another user gets nothing, whatever its mode" "needs root"
	skip "nothing at all" "needs root"
fi
exits "nonsense is refused" 1 lade status --socket a --config b
exits "seconds are checked" 1 lade status --watch=0

slow_session 10k
in_status "a session has its line" '^ *[0-9]+  127\.0\.0\.1:[0-9]+  anybody|^ *[0-9]+  127\.0\.0\.1:[0-9]+  key '
in_status "with how far it is" ' drop +receive +0/1\+? +[0-9.]+[KM]?/4\.19M\+? +[0-9.]+[KM]?/s +[0-9]+% '
exits "the same as JSON" 0 lade status --json --socket "$T/daemon/status"
prints "a line for the daemon" '^\{"v":1,"event":"daemon","version":"[^"]+","pid":[0-9]+,.*"sessions":1,'
prints "a line for the session" '^\{"v":1,"event":"session","number":[0-9]+,"peer":"127\.0\.0\.1:[0-9]+".*"module":"drop","action":"receive","files":1,'

# Who is connected and says nothing keeps nobody from it.
for n in 1 2 3 4 5 6; do
	perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Peer => $ARGV[0]) or die; sleep 100' "$T/daemon/status" >/dev/null 2>&1 &
	own_pids+=("$!")
done
in_status "who asks for the status and does not go on keeps nobody from it for long" ' drop +receive '

# ---- metrics ----
scrape
check "metrics are text of Prometheus" grep -q '^Content-Type: text/plain; version=0.0.4' "$out"
metrics_have "live sessions are counted" 'lade_sessions 1'
metrics_have "and those that began" 'lade_sessions_started_total{module="drop"} 1'
metrics_have "and bytes, while they come" 'lade_sessions_ended_total{module="drop",outcome="ok"} 0'
moved() { scrape && grep -qE '^lade_received_bytes_total\{module="drop"\} [1-9]' "$out"; }
check "bytes are counted while they come" wait_for moved
# Each sample has its type before it, and each line is one of the format.
report "every line is of the format" "$(tr -d '\r' <"$out" | sed '1,/^$/d' | grep -vE '^# (HELP|TYPE) [a-z_]+ .+$|^[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+]+$')"
http 'GET / HTTP/1.1\r\n\r\n'
prints "another path is 404" '^HTTP/1\.1 404 '
http 'POST /metrics HTTP/1.1\r\n\r\n'
prints "another method is 405" '^HTTP/1\.1 405 '
http 'GET /metrics HTTP/1.0\n\n'
prints "a bare newline will do" '^HTTP/1\.1 200 '
http 'garbage\x00\x16\r\n\r\n'
prints "garbage is 400" '^HTTP/1\.1 400 '
http "GET /metrics HTTP/1.1\\r\\nX: $(printf 'x%.0s' {1..9000})"
prints "what does not end is 431" '^HTTP/1\.1 431 '
for n in 1 2 3 4 5 6; do
	perl -MIO::Socket::INET -e '$p = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $ARGV[0]) or die; $p->print("GET /"); $p->flush; sleep 100' \
		"$metrics_port" >/dev/null 2>&1 &
	own_pids+=("$!")
done
metrics_have "slow requests keep nobody from them for long" 'lade_sessions 1'

# ---- reload, while a session runs ----
listen=127.0.0.1:0
conf_with() { printf '%s\n' "listen = $listen" "state = $T/daemon/state" "status = $T/daemon/status" "${settings[@]}" "$@" "${modules[@]}" >"$daemon_conf"; }
printf 'nonsense\n' >>"$daemon_conf"
kill -HUP "$server_pid"
logged "a wrong configuration is told" "$T/.server.err" 'daemon\.conf:[0-9]+: '
logged "and changes nothing" "$T/.server.err" 'the configuration stays as it was'
metrics_have "it is counted" 'lade_reload_failures_total 1'
modules+=("[second]" "path = $T/second" "auth = any" "read only = no" "$(as_we_are)")
conf_with "log file = $T/log"
kill -HUP "$server_pid"
logged "a new one is taken, and its log" "$T/log" 'read .*daemon\.conf again'
logged "a listener that stays has its port still" "$T/log" "listening on 127\.0\.0\.1:$port"
syncs "a module that was added is there" -a "$T/open/" "$daemon/second/"
logged "its session is in the new log" "$T/log" ': second receive files=1 .*status=0'
mv "$T/log" "$T/log.1"
kill -HUP "$server_pid"
logged "the log is opened anew" "$T/log" 'again$'
listen=127.0.0.1:0,127.0.0.2:0
conf_with "log file = $T/log" "log format = \$module:\$address:\$status"
kill -HUP "$server_pid"
two_ports() { [ "$(grep -c 'listening on' "$T/log")" -ge 3 ]; }
check "one more listener is opened" wait_for two_ports
other=$(sed -nE 's/.*listening on (127\.0\.0\.2:[0-9]+).*/\1/p' "$T/log")
syncs "it serves" -a --accept-new-host "lade://$other/open/" "$T/by-other/"
logged "the line has the form of the configuration" "$T/log" '\] open:127\.0\.0\.1:0$'
conf_with "log file = $T/log" "log format = \$nonsense"
kill -HUP "$server_pid"
logged "a wrong form is a fault of the configuration" "$T/log" 'nonsense'
listen=127.0.0.1:0
conf_with
kill -HUP "$server_pid"
logged "back to standard error" "$T/.server.err" 'again$'
exits "a listener that is gone is closed" 10 lade sync -a "lade://$other/open/" "$T/never/"
check "the session has lived through all that" alive "$slow_pid"
kill -KILL "$slow_pid"
wait "$slow_pid" 2>/dev/null
ended_badly() { scrape && grep -qE '^lade_sessions_ended_total\{module="drop",outcome="(failed|partial)"\} 1' "$out"; }
check "a client that goes is counted as a failure" wait_for ended_badly

# ---- hooks ----
syncs "a session with hooks" -a "$daemon/hooked/file" "$T/hooked/"
wait_for test -e "$T/after.said"
check "the hook before it knows the module" grep -qx LADE_MODULE=hooked "$T/before.said"
check "and the address" grep -qx LADE_ADDRESS=127.0.0.1 "$T/before.said"
check "no shell had a look at its words" grep -qxF 'words=one,two;three' "$T/before.said"
report "it has nothing of the daemon's environment" "$(grep LADE_TEST_SEEN "$T/before.said")"
check "nor of its descriptors" grep -qE '^0 1 2 3 ?$' "$T/before.said"
check "the hook behind it knows how it ended" grep -qx LADE_EXIT_STATUS=0 "$T/after.said"
check "and what it did" grep -qx LADE_ACTION=send "$T/after.said"
rm "$T/after.said"
touch "$T/refuse"
exits "a hook may refuse a session" 1 lade sync -a "$daemon/hooked/file" "$T/refused/"
says "the client is told" "hook for this module refused"
check "nothing was sent" test ! -e "$T/refused/file"
metrics_have "that is counted" 'lade_sessions_ended_total{module="hooked",outcome="refused"} 1'
metrics_have "so are logins that are refused" 'lade_logins_refused_total{reason="module"} 0'
exits "of a module that is not there, for one" 5 lade sync -a "$daemon/none/" "$T/never/"
metrics_have "by their reason" 'lade_logins_refused_total{reason="module"} 1'
exec 8<>"/dev/tcp/127.0.0.1/$port"
printf 'GET / HTTP/1.1\r\n\r\n' >&8
exec 8<&- 8>&-
metrics_have "a handshake that failed is counted" 'lade_handshake_failures_total 1'

# ---- a new key ----
keys() { [ "$(grep -c 'host key SHA256:' "$T/.server.err")" = "$1" ]; }
before=$(grep -c 'host key SHA256:' "$T/.server.err")
mv "$T/daemon/state/host_key" "$T/old_key"
kill -HUP "$server_pid"
check "a key that is gone is made anew" wait_for keys $((before + 1))
exits "clients notice" 5 lade sync -a "$daemon/open/" "$T/never/"
mv -f "$T/old_key" "$T/daemon/state/host_key"
kill -HUP "$server_pid"
check "and read anew when it is back" wait_for keys $((before + 2))
syncs "then all is well" -a "$daemon/open/" "$T/old-key/"

# ---- the end ----
slow_session 400k
metrics_have "it is the only one" 'lade_sessions 1'
kill -TERM "$server_pid"
logged "SIGTERM: sessions have time" "$T/.server.err" 'stopping: 1 sessions have 300 s'
exits "nobody new gets in" 10 lade sync -a "$daemon/open/" "$T/never/"
ends "a session ends in its time" 0 "$slow_pid"
check "with all of the file" cmp "$T/large" "$T/drop/slow/large"
ends "then the daemon does" 0 "$server_pid"
check "its status socket is gone" test ! -e "$T/daemon/status"

settings=("stop timeout = 1" "metrics = 127.0.0.1:0")
need_daemon "${settings[@]}" "${modules[@]}"
slow_session 20k
kill -TERM "$server_pid"
ends "a session that takes too long is ended" 20 "$slow_pid"

check "its client is told by whom" grep -q 'the other side was told to stop' "$T/slow.out"
ends "the daemon ends all the same" 0 "$server_pid"
logged "the log says how the session ended" "$T/.server.err" 'drop receive .*status=20'

settings=("stop timeout = 3600")
need_daemon "${settings[@]}" "${modules[@]}"
slow_session 20k
kill -TERM "$server_pid"
logged "a long time to stop" "$T/.server.err" 'have 3600 s'
kill -TERM "$server_pid"
ends "is over with the second signal" 0 "$server_pid"
ends "for the session, too" 20 "$slow_pid"

# A hook that does not end.
cat >"$T/before" <<'END'
#!/bin/sh
sleep 1000 &
echo $! >"$(dirname "$0")/sleeper"
wait
END
settings=("stop timeout = 1")
need_daemon "${settings[@]}" "${modules[@]}"
"$LADE" sync -a --accept-new-host "$daemon/hooked/file" "$T/never/" >/dev/null 2>&1 </dev/null &
own_pids+=("$!")
wait_for test -s "$T/sleeper"
in_status "a hook that runs is seen" ' hooked +hook '
kill -TERM "$server_pid"
ends "a hook does not keep the daemon from its end" 0 "$server_pid"
check "nor does what it has started live on" wait_for ended "$(cat "$T/sleeper")"

# ---- systemd ----
cat >"$T/listener" <<'END'
use Socket;
socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die;
bind($s, sockaddr_un($ARGV[0])) or die $!;
$| = 1;
print "ready\n";
while (defined recv($s, my $words, 4096, 0)) { print map { "$_\n" } split /\n/, $words }
END
start perl "$T/listener" "$T/notify" >"$T/notify.said"
wait_for grep -q ready "$T/notify.said"
told() { wait_for grep -qE "$2" "$T/notify.said" && ok "$1" || not_ok "$1" "$(cat "$T/notify.said")"; }
settings=("stop timeout = 30")
export NOTIFY_SOCKET=$T/notify WATCHDOG_USEC=400000
need_daemon "${settings[@]}" "${modules[@]}"
unset NOTIFY_SOCKET WATCHDOG_USEC
told "systemd is told that it is ready" '^READY=1$'
told "and how many sessions there are" '^STATUS=0 sessions, 0 logins$'
beats() { [ "$(grep -c '^WATCHDOG=1$' "$T/notify.said")" -ge 3 ]; }
check "and again and again that it lives" wait_for beats
kill -STOP "$server_pid"
stopped() { grep -q '^State:.T' "/proc/$server_pid/status"; }
wait_for stopped
before=$(grep -c '^WATCHDOG=1$' "$T/notify.said")
sleep 1
check "but not while it hangs" test "$(grep -c '^WATCHDOG=1$' "$T/notify.said")" -le $((before + 1))
kill -CONT "$server_pid"
kill -HUP "$server_pid"
told "and that it reloads" '^RELOADING=1$'
told "with the time" '^MONOTONIC_USEC=[0-9]+$'
ready_again() { [ "$(grep -c '^READY=1$' "$T/notify.said")" -ge 2 ]; }
check "and is ready again" wait_for ready_again
slow_session 100k
told "and what it does" '^STATUS=1 session, 0 logins$'
kill -TERM "$server_pid"
told "and that it stops" '^STOPPING=1$'
kill -TERM "$server_pid"
ends "and it does" 0 "$server_pid"
wait "$slow_pid" 2>/dev/null

# The journal's socket has one place, which is ours in the daemon's own namespace of mounts.
mkdir "$T/journal"
printf '%s\n' "listen = 127.0.0.1:0" "state = $T/daemon/state" "status = $T/daemon/status" "log = journal" "${modules[@]}" >"$T/journal.conf"
if ! is_root; then
	for n in {1..6}; do skip "the journal, $n" "needs root"; done
elif ! unshare -m mount -t tmpfs none /run 2>/dev/null; then
	for n in {1..6}; do skip "the journal, $n" "cannot mount a file system here"; done
elif "$LADE" daemon --check --config "$T/journal.conf" 2>&1 | grep -q 'log to the journal'; then
	for n in {1..6}; do skip "the journal, $n" "built without the journal"; done
else
	start perl "$T/listener" "$T/journal/socket" >"$T/journal.said"
	wait_for grep -q ready "$T/journal.said"
	start unshare -m sh -c 'mount -t tmpfs none /run && mkdir -p /run/systemd/journal && mount --bind "$1" /run/systemd/journal && exec "$2" daemon --config "$3"' \
		sh "$T/journal" "$LADE" "$T/journal.conf" 2>"$T/.server.err"
	server_pid=$started
	logged "the journal gets the log" "$T/journal.said" '^MESSAGE=.*listening on 127\.0\.0\.1:'
	daemon=lade://127.0.0.1:$(sed -nE 's/.*listening on 127\.0\.0\.1:([0-9]+).*/\1/p' "$T/journal.said" | head -n 1)
	syncs "a session" -a --accept-new-host "$daemon/open/file" "$T/journal1/"
	syncs "and another" -a "$T/open/file" "$daemon/drop/journal2/"
	two_sessions() { [ "$(grep -c '^LADE_SESSION=[0-9]*$' "$T/journal.said")" = 2 ]; }
	check "each has one line" wait_for two_sessions
	for field in "MESSAGE=session [0-9]+ of 127\.0\.0\.1:[0-9]+ as '[a-z]+': open send files=1 .* status=0" PRIORITY=6 SYSLOG_IDENTIFIER=lade \
		'LADE_PEER=127\.0\.0\.1:[0-9]+' LADE_ADDRESS=127\.0\.0\.1 'LADE_IDENTITY=[a-z]+' LADE_MODULE=open LADE_MODULE=drop LADE_ACTION=send \
		LADE_ACTION=receive 'LADE_PATH=.+,in=[a-z]+,out=[a-z]+' LADE_FILES=1 'LADE_BYTES_IN=[1-9][0-9]*' 'LADE_BYTES_OUT=[1-9][0-9]*' 'LADE_SECONDS=[0-9]+\.[0-9]{3}' \
		LADE_STATUS=0; do
		grep -qxE "$field" "$T/journal.said" || echo "$field"
	done >"$T/journal.lacks"
	report "with all of its fields" "$(cat "$T/journal.lacks")"
	kill -TERM "$server_pid"
	ends "nothing is said elsewhere" 0 "$server_pid"
	[ ! -s "$T/.server.err" ] || not_ok "standard error is empty" "$(show_server)"
fi

if have systemd-socket-activate; then
	socket_port=$((20000 + RANDOM % 30000))
	start systemd-socket-activate -l "127.0.0.1:$socket_port" "$LADE" daemon --config "$daemon_conf" 2>"$T/.server.err"
	server_pid=$started
	wait_for grep -q 'Listening on' "$T/.server.err"
	syncs "a socket of systemd's is served" -a --accept-new-host "lade://127.0.0.1:$socket_port/open/" "$T/activated/"
	check "and no other" test "$(grep -c 'listening on' "$T/.server.err")" = 1
	kill -HUP "$server_pid"
	logged "it reloads" "$T/.server.err" 'again$'
	syncs "and has its socket still" -a "lade://127.0.0.1:$socket_port/open/" "$T/activated2/"
	kill -TERM "$server_pid"
	ends "and ends" 0 "$server_pid"
	start systemd-socket-activate --datagram -l "127.0.0.1:$socket_port" "$LADE" daemon --config "$daemon_conf" 2>"$T/.server.err"
	wait_for grep -q 'Listening on' "$T/.server.err"
	perl -MIO::Socket::INET -e 'IO::Socket::INET->new(Proto => "udp", PeerAddr => "127.0.0.1", PeerPort => $ARGV[0])->send("x")' "$socket_port"
	ends "a socket of another kind is refused" 10 "$started"
	check "by name" grep -q 'no listening TCP socket' "$T/.server.err"
else
	for n in 1 2 3 4 5 6 7; do skip "socket activation, $n" "no systemd-socket-activate here"; done
fi

finish
