# tests/scenario/daemon_settings.sh: lade daemon: settings that no other scenario would miss if they did nothing.
. "${srcdir:-.}/tests/scenario/lib.sh"

mkdir -p "$T/tree" "$T/super" "$T/large" "$T/conf.d" "$T/who" "$T/src"
# They have to be there.
(umask 077 && : >"$T/who/keys" && : >"$T/who/tokens")
chmod 755 "$T/tree" "$T/large"
for name in a.c a.o kept.o a.tmp kept.tmp; do echo "$name" >"$T/tree/$name"; done
echo '*.tmp' >"$T/excluded"
echo '/kept.tmp' >"$T/included"
file_of_size "$T/large/file" 3000000
file_of_size "$T/large/less" 150000
chmod 644 "$T/large"/*
echo special >"$T/src/special"
chmod 4711 "$T/src/special"
printf '%s\n' "[included]" "path = $T/tree" "auth = any" >"$T/conf.d/one.conf"

# Users that every system has, for a daemon of root's.
users=() identity=()
if is_root; then
	users=("user = daemon")
	identity=("[own]" "path = $T/large" "auth = any" "uid = bin" "gid = sys" "use chroot = yes")
fi
settings=("include = $T/conf.d/*.conf" "authorized keys = $T/who/keys" "tokens = $T/who/tokens" "login timeout = 60" "stop timeout = 1"
	${users[@]+"${users[@]}"})
modules=("[filters]" "path = $T/tree" "auth = any" "include from = $T/included" "include = kept.o" "exclude from = $T/excluded" "exclude = *.o"
	"[super]" "path = $T/super" "auth = any" "read only = no" "fake super = yes" "$(as_we_are)"
	"[near]" "path = $T/tree" "auth = any" "hosts allow = 127.0.0.1"
	"[slow]" "path = $T/large" "auth = any" "bwlimit = 100k"
	"[large]" "path = $T/large" "auth = any"
	"[known]" "path = $T/tree" "auth = authorized"
	"[word]" "path = $T/tree" "auth = token:alice"
	${identity[@]+"${identity[@]}"})
need_daemon "${settings[@]}" "max connections = 3" "max connections per peer = 2" "max logins = 4" "max logins per peer = 3" "${modules[@]}"
syncs "include: a module of another file" -a --accept-new-host "$daemon/included/" "$T/got/"
same "is served" "$T/tree" "$T/got"

syncs "patterns" -a "$daemon/filters/" "$T/patterns/"
report "include, exclude, and both from files" "$(differ <(printf '%s\n' a.c kept.o kept.tmp) <(ls "$T/patterns"))"

syncs "hosts allow: an address that is named" -a "$daemon/near/" "$T/near/"
exits "and one that is not" 5 lade sync -a --address=127.0.0.3 "$daemon/near/" "$T/never/"

# ---- who ----
exits "authorized keys: a key that is not there" 5 lade sync -a "$daemon/known/" "$T/never/"
"$LADE" key show | "$LADE" key authorize - me --file="$T/who/keys"
syncs "and one that is" -a "$daemon/known/" "$T/known/"
(umask 077 && "$LADE" key token new alice --tokens="$T/who/tokens" >"$T/alice")
syncs "tokens: one that is in the file" -a --password-file="$T/alice" "${daemon/lade:\/\//lade:\/\/alice@}/word/" "$T/word/"

# ---- fake super ----
if lade sync -a "$T/src/special" "$daemon/super/" && [ "$status" = 0 ]; then
	check "fake super: there it gives nobody rights" test ! -u "$T/super/special"
	syncs "it goes back" -a "$daemon/super/special" "$T/back/"
	check "as it came" test -u "$T/back/special"
else
	for n in 1 2 3; do skip "fake super, $n" "no extended attributes on this file system"; done
fi

# ---- bwlimit ----
begun=${EPOCHREALTIME/[.,]/}
syncs "bwlimit: a file of 150 kB" -a "$daemon/slow/less" "$T/slow/"
check "takes its time" test $((${EPOCHREALTIME/[.,]/} - begun)) -gt 700000

# ---- logins: strangers that say nothing, and how many of them are hung up on ----
cat >"$T/strangers" <<'END'
use IO::Socket::INET;
use IO::Select;
my ($port, @from) = @ARGV;
my @all = map { IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port, LocalAddr => $_) or die $! } @from;
my $select = IO::Select->new(@all);
my $closed = 0;
$| = 1;
# Until the test is content, and ends this.
while (my @ready = $select->can_read) {
	for (@ready) { $select->remove($_); $closed++ }
	print "$closed hung up on\n";
}
sleep 1000;
END
# left COUNT: the daemon has so many children.
left() { [ "$(pgrep -c -P "$server_pid")" = "$1" ]; }
# strangers NAME COUNT ADDRESS...: one connection from each address, in this order; so many of them are hung up on.
strangers() {
	local name=$1 count=$2 holder
	shift 2
	start perl "$T/strangers" "$port" "$@" >"$T/strangers.said"
	holder=$started
	wait_for grep -q "^$count hung up on" "$T/strangers.said" && ok "$name" || not_ok "$name" "$(cat "$T/strangers.said")"
	wait_for left $(($# - count)) || not_ok "$name: the others stay" "$(pgrep -c -P "$server_pid") of $#"
	kill "$holder"
	wait "$holder" 2>/dev/null
	wait_for left 0
}
strangers "max logins per peer: the fourth of one address is not let in" 1 127.0.0.1 127.0.0.1 127.0.0.1 127.0.0.1
strangers "max logins: the fifth of all has the place of another" 1 127.0.0.1 127.0.0.1 127.0.0.1 127.0.0.2 127.0.0.3
daemon_says 'ended for want of places' && ok "which the log tells" || not_ok "which the log tells" "$(show_server)"

# ---- sessions ----
# hold MODULE ADDRESS: a session that takes its time. Sets $worker, its process, and $held.
held=()
hold() {
	local before
	before=$(pgrep -c -P "$server_pid")
	start "$LADE" sync -a --bwlimit=10k --address="$2" "$daemon/$1/file" "$T/held${#held[@]}/" >/dev/null 2>&1
	held+=("$started")
	wait_for test -d "$T/held$((${#held[@]} - 1))"
	wait_for left $((before + 1)) || not_ok "a session of $1 is held"
	worker=$(pgrep -n -P "$server_pid")
}
release() {
	kill "${held[@]}"
	wait "${held[@]}" 2>/dev/null
	held=()
	wait_for left 0
	rm -rf "$T"/held*
}
hold large 127.0.0.1
shown=$(awk '/^Uid/ { print $2 }' "/proc/$worker/status")
if is_root; then
	check "user: a session without a user of its own has that one" test "$shown" = "$(id -u daemon)"
else
	skip "user: a session without a user of its own has that one" "needs root"
fi
hold large 127.0.0.1
exits "max connections per peer: a third one of that address" 10 lade sync -a "$daemon/large/less" "$T/never/"
says "it says so" 'one address may have'
hold large 127.0.0.2
exits "max connections: a fourth one of any" 10 lade sync -a --address=127.0.0.3 "$daemon/large/less" "$T/never/"
says "it says so" 'as many sessions as may be are open'
release
if is_root; then
	hold own 127.0.0.1
	check "uid: its sessions run as that user" test "$(awk '/^Uid/ { print $2, $3, $4, $5 }' "/proc/$worker/status" | tr ' ' '\n' | sort -u)" = "$(id -u bin)"
	check "gid: and of that group" test "$(awk '/^Gid/ { print $2, $3, $4, $5 }' "/proc/$worker/status" | tr ' ' '\n' | sort -u)" = \
		"$(getent group sys | cut -d : -f 3)"
	check "use chroot: the module is their root" test "$(readlink "/proc/$worker/root")" = "$T/large"
	release
else
	for what in uid gid "use chroot"; do skip "$what" "needs root"; done
fi
kill "$server_pid"
wait "$server_pid" 2>/dev/null

# ---- how files are read: system calls ----
if [ -n "${LADE_TEST_NO_STRACE:-}" ]; then
	for what in directio aio; do skip "$what" "tracing is forbidden here (LADE_TEST_NO_STRACE)"; done
	finish
fi
# What is traced looks for leaks in vain. The tracer is a grandchild (-D): the daemon has the number that we know.
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
printf '#!/bin/sh\nexec strace -D -f -e trace=fcntl,io_uring_setup -o "%s" "%s" "$@"\n' "$T/trace" "$LADE" >"$T/traced"
chmod 755 "$T/traced"
# traced LINE...: a session of a module with these lines; its system calls are in $T/trace then.
traced() {
	local lade=$LADE
	LADE=$T/traced
	rm -rf "$T/traced.got"
	need_daemon "stop timeout = 1" "[large]" "path = $T/large" "auth = any" "$(as_we_are)" "$@"
	LADE=$lade
	syncs "a session with ${*:-nothing}" -aW --accept-new-host "$daemon/large/file" "$T/traced.got/"
	kill "$server_pid"
	wait "$server_pid" 2>/dev/null
	direct=no ahead=no
	! grep -qE 'F_SETFL, .*O_DIRECT' "$T/trace" || direct=yes
	! grep -q 'io_uring_setup(' "$T/trace" || ahead=yes
}
traced
check "reads files through the page cache" test "$direct $ahead" = "no no"
traced "directio = 1m"
check "directio: a session reads large ones past it" test "$direct $ahead" = "yes no"
traced "directio = 1m" "aio = yes"
check "aio: and ahead" test "$direct $ahead" = "yes yes"
traced "directio = 4m" "aio = yes"
check "directio: but none that is shorter" test "$direct $ahead" = "no no"

finish
