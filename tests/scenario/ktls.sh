# tests/scenario/ktls.sh: lade:// where the kernel protects the bytes, in a virtual machine with Debian's kernel: this host's own may have been
# built without TLS. tests/vm/ktls is what runs in there, packaging/kernel fetches the kernel.
. "${srcdir:-.}/tests/scenario/lib.sh"

kernel=${LADE_KERNEL:-${abs_top_builddir:-$PWD/build}/kernel}
! grep -qaE '__(asan|tsan)_init' "$LADE" || skip_all "too slow with sanitizers in an emulated machine"
[ -d "$kernel/boot" ] || skip_all "no kernel for a virtual machine here (packaging/kernel)"
for program in qemu-system-x86_64 busybox cpio strace; do
	have "$program" || skip_all "no $program here"
done

# Sessions move where the kernel cannot take another key: this one is as old as that.
moving=("${abs_top_builddir:-$PWD/build}/tests/fault/test_moving")
[ -x "${moving[0]}" ] || moving=()

# It takes 30 s where nobody else needs the processors.
LIMIT=$((3 * LIMIT))
run "${srcdir:-.}/tests/vm/boot" -t "$LIMIT" -k "$kernel" -w "$T/vm" "${srcdir:-.}/tests/vm/ktls" "$LADE" "$(command -v strace)" \
	"${abs_top_builddir:-$PWD/build}/tests/unit/test_connection_tls" "${moving[@]}"
if [ "$status" != 0 ]; then
	not_ok "the virtual machine does its work" "$(show_run; tail -n 5 "$T/vm/console")"
	finish
fi

# part NAME: what the machine printed under that name.
part() { sed -n "/^== $1\$/,/^== /{/^== /d;p}" "$out"; }

# part_says WHAT PART PATTERN: each of these is a test.
part_says() {
	if part "$2" | grep -qE -e "$3"; then
		ok "$1"
	else
		not_ok "$1" "no line of the part $2 matches: $3
$(part "$2")"
	fi
}

# moved PART sent|received: the bytes that calls without copying moved that way.
moved() { part "$1-moved" | sed -n "s/^$2 //p"; }
large=1500000

for way in pull push; do
	part_says "a client ends well ($way)" "yes.$way.client" '^status 0$'
	part_says "it says that the kernel protects both directions ($way)" "yes.$way.client" 'sent by the kernel, received by the kernel'
	part_says "one whose server does that itself ends well ($way)" "no.$way.client" '^status 0$'
done
part_says "the trees arrive by the kernel's TLS" yes.differences '^none$'
part_says "and where the kernel speaks with the server itself" no.differences '^none$'
part_says "the log says that the kernel protects a session that sends" yes.log 'out send .*in=kernel,out=kernel status=0'
part_says "and one that receives" yes.log 'in receive .*in=kernel,out=kernel status=0'
part_says "with \"ktls = off\" it does not when sending" no.log 'out send .*in=user,out=user status=0'
part_says "nor when receiving" no.log 'in receive .*in=user,out=user status=0'

[ -z "${moving[*]}" ] || part_says "sessions that move do so by the kernel's TLS" moving '^status 0$'

# The large file goes without copying; the small ones are too short for that.
check "the client splices from the socket" test "$(moved yes.pull.client received)" = "$large"
check "the client sends files to the socket" test "$(moved yes.push.client sent)" = "$large"
part_says "with \"sendfile = no\" the kernel protects what it sends all the same" yes.log 'copied send .*in=kernel,out=kernel status=0'
check "but of that module's files it sends none: the server sends files to the socket" test "$(moved yes.daemon sent)" = "$large"
check "the server splices from the socket" test "$(moved yes.daemon received)" = "$large"
check "with \"ktls = off\" it moves nothing so" test "$(moved no.daemon sent) $(moved no.daemon received)" = "0 0"

# Both ends of three sessions; then the client's of three more.
for counter in TlsTxSw TlsRxSw; do
	part_says "the kernel counts the sockets ($counter)" yes.counters "^${counter}[[:space:]]+6$"
	part_says "and those of clients alone ($counter)" no.counters "^${counter}[[:space:]]+9$"
done
part_says "no record failed" no.counters '^TlsDecryptError[[:space:]]+0$'
part_says "none is left that sends" no.counters '^TlsCurrTxSw[[:space:]]+0$'
part_says "none is left that receives" no.counters '^TlsCurrRxSw[[:space:]]+0$'

# What a peer may do, and ciphers: the unit test does it with the kernel's help where there is any.
part_says "the unit test of protected connections passes there" unit '^status 0$'
report "all of it" "$(part unit | grep -A 5 '^not ok')"
finish
