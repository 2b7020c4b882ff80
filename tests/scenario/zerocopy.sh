# tests/scenario/zerocopy.sh: with --path=sendfile the bytes of a large file do not pass
# through user space, on either side. strace counts what each system call returned.
#
# Where tracing is forbidden the test fails, unless LADE_TEST_NO_STRACE is set.
. "${srcdir:-.}/tests/scenario/lib.sh"

[ -z "${LADE_TEST_NO_STRACE:-}" ] || skip_all "tracing is forbidden here (LADE_TEST_NO_STRACE)"

# LeakSanitizer does not work under a tracer.
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"

size=$((1 << 30))
mkdir "$T/src"
head -c $((size / 16)) /dev/urandom >"$T/piece"
for _ in {1..16}; do cat "$T/piece"; done >"$T/src/file"
rm "$T/piece"

# sums TRACE SIDE: "zero copied", bytes that calls returned. A call that strace shows in two
# parts counts by its second one. splice moves each byte twice on the receiving side
# (socket to pipe, pipe to file) and counts by what left the socket.
sums() {
	perl -ne '
		my %copying = map { $_ => 1 } qw(read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2
			recvfrom recvmsg recvmmsg sendto sendmsg sendmmsg);
		s/^\d+ +//;
		/^(?:<\.\.\. )?(\w+)[ (].* = (\d+)(?: .*)?$/ or next;
		$zero += $2 if $1 eq "sendfile";
		$splice += $2 if $1 eq "splice";
		$copied += $2 if $copying{$1};
		END { printf "%d %d\n", $zero + ($ENV{SIDE} eq "receiver" ? $splice / 2 : $splice), $copied }' "$1"
}

# judge SIDE TRACE: at least 99 % without copying, less than 1 % with.
judge() {
	local zero copied
	read -r zero copied <<<"$(SIDE=$1 sums "$2")"
	check "the $1 moves 99 % by sendfile or splice ($zero bytes)" test "$zero" -ge $((size / 100 * 99))
	check "the $1 copies less than 1 % ($copied bytes)" test "$copied" -lt $((size / 100))
}

if ! run strace -f -o "$T/probe" true || [ "$status" != 0 ]; then
	not_ok "tracing works" "$(show_run)"
	finish
fi

token=$T/token
(umask 077 && head -c 32 /dev/urandom | base64 >"$token")
start strace -f -o "$T/receiver" "$LADE" serve --listen 127.0.0.1:0 --token-file "$token" 2>"$T/.server.err"
wait_for grep -qE 'listening on 127\.0\.0\.1:[0-9]+' "$T/.server.err"
port=$(sed -nE 's/.*listening on 127\.0\.0\.1:([0-9]+).*/\1/p' "$T/.server.err" | head -n 1)
run strace -f -o "$T/sender" "$LADE" sync -a --path=sendfile --token-file "$token" "$T/src/" \
	"lade+tcp://127.0.0.1:$port$T/dst/"
check "a file of 1 GiB arrives" test "$status" = 0
check "as it is" cmp "$T/src/file" "$T/dst/file"
# The tracer writes its last lines when what it traces ends: the session's process has.
judge sender "$T/sender"
judge receiver "$T/receiver"

# What is new in a file that is there already: that part, and nothing else, goes the same way.
new=$((64 << 20))
mkdir "$T/src2" "$T/dst2"
head -c $new "$T/src/file" >"$T/dst2/file"
head -c $new /dev/urandom | cat "$T/dst2/file" - >"$T/src2/file"
run strace -f -o "$T/sender" "$LADE" sync -a --path=sendfile --token-file "$token" "$T/src2/" \
	"lade+tcp://127.0.0.1:$port$T/dst2/"
check "a file of which half is there" test "$status" = 0
check "is as it was sent" cmp "$T/src2/file" "$T/dst2/file"
read -r zero _ <<<"$(SIDE=sender sums "$T/sender")"
check "its new half leaves by sendfile ($zero bytes)" test "$zero" -ge $((new / 10 * 9)) -a "$zero" -le $((new / 10 * 11))
# The server outlives its tracer.
read -r -a own_pids <<<"$(cat "/proc/$started/task/$started/children") $started"
finish
