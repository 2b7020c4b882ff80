# tests/scenario/tls.sh: lade:// from the client's side: which daemons it believes, who it says that it is, and one tree behind a module.
. "${srcdir:-.}/tests/scenario/lib.sh"
. "${srcdir:-.}/tests/scenario/transfers.sh"

known=$XDG_CONFIG_HOME/lade/known_hosts
state=$T/daemon/state
mkdir -p "$T/open" "$T/up" "$T/locked/lade"
echo content >"$T/open/file"

# at_terminal INPUT COMMAND...: run with a terminal of its own, at which INPUT is typed as soon as a line ends in "? " or ": ", one line each time. What
# the terminal shows goes to $out.
at_terminal() {
	local input=$1
	shift
	timeout -k 5 "$LIMIT" perl -e '
		use POSIX; use strict;
		my ($input, @command) = @ARGV;
		my @lines = split /^/, $input;
		open my $master, "+<", "/dev/ptmx" or exit 98;
		my ($unlock, $number) = (pack("i", 0), pack("i", 0));
		ioctl $master, 0x40045431, $unlock or exit 98;   # TIOCSPTLCK
		ioctl $master, 0x80045430, $number or exit 98;   # TIOCGPTN
		# Open before there is a reader: without anybody at that end there is nothing to be read.
		sysopen my $slave, "/dev/pts/" . unpack("i", $number), POSIX::O_RDWR | POSIX::O_NOCTTY or exit 98;
		my $pid = fork;
		if (!$pid) {
			POSIX::setsid();
			ioctl $slave, 0x540e, 0 or exit 98;           # TIOCSCTTY
			open STDOUT, ">&", $slave;
			open STDERR, ">&", $slave;
			exec @command or exit 98;
		}
		close $slave;
		my $shown = "";
		while (sysread $master, my $some, 4096) {
			print $some;
			$shown .= $some;
			if ($shown =~ /[?:] \z/) { $shown = ""; @lines ? syswrite $master, shift @lines : last }
		}
		close $master;
		waitpid $pid, 0;
		exit($? & 127 ? 128 + ($? & 127) : $? >> 8)' "$input" "$@" >"$out" 2>"$err" </dev/null
	status=$?
}

# While all the rest is looked at, somebody does not let go of known hosts.
flock "$T/locked/lade/known_hosts" env XDG_CONFIG_HOME="$T/locked" "$LADE" key forget host 2>"$T/locked/err" &
forgetter=$!
own_pids+=("$forgetter")

daemon_lines=("[open]" "path = $T/open" "auth = any" "comment = for everybody"
	"[keys]" "path = $T/open" "auth = authorized:me" "list = no"
	"[word]" "path = $T/open" "auth = token:alice, token:bob"
	"[all]" "path = /" "exclude = $T/daemon" "auth = any" "read only = no" "$(as_we_are)")
need_daemon "${daemon_lines[@]}"
fingerprint=$("$LADE" key show --key="$state/host_key")
pattern=${fingerprint//+/\\+}
check "the daemon starts and its key has a fingerprint" grep -qF "$fingerprint" "$T/.server.err"

# ---- which daemon ----
exits "an unknown host without a terminal is exit 5" 5 lade sync -a "$daemon/open/" "$T/never/"
says "its fingerprint is shown" "$pattern"
says "with a line that would make it known" "127.0.0.1:$port SHA256:"
check "it is not remembered" test ! -e "$known"
check "a key of our own was made all the same" test "$(stat -c %a "$XDG_CONFIG_HOME/lade/key")" = 600
at_terminal $'no\n' "$LADE" sync -a "$daemon/open/" "$T/never/"
check "at a terminal, no is exit 5" test "$status" = 5
prints "the question has the fingerprint" "$pattern"
prints "and the address" '127\.0\.0\.1'
at_terminal $'maybe\nperhaps\nof course\n' "$LADE" sync -a "$daemon/open/" "$T/never/"
check "what is neither yes nor no is asked again, but not for ever" test "$status" = 5
prints "so it says" 'yes or no'
check "nothing was made" test ! -e "$T/never"
at_terminal $'\x03' "$LADE" sync -a "$daemon/open/" "$T/never/"
check "an interrupt is exit 20" test "$status" = 20
check "and the host is not known now" test ! -e "$known"
at_terminal $'yes\n' "$LADE" sync -a "$daemon/open/" "$T/asked/"
check "yes goes on" test "$status" = 0
same "and the tree arrives" "$T/open" "$T/asked"
check "the host is remembered" grep -qxF "127.0.0.1:$port $fingerprint" "$known"
syncs "and not asked for again" -a "$daemon/open/" "$T/known/"
lade key hosts
prints "lade key hosts shows it" "^127\.0\.0\.1:$port $pattern\$"

# Another name for it is another host.
exits "what is known is known by its name" 5 lade sync -a "lade://localhost:$port/open/" "$T/never/"
syncs "--accept-new-host takes it" -4 -a --accept-new-host "lade://localhost:$port/open/" "$T/localhost/"
check "and remembers it" grep -qxF "localhost:$port $fingerprint" "$known"
syncs "capital letters do not matter" -4 -a "lade://LOCALHOST:$port/open/" "$T/localhost/"

# A changed key.
other=SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
printf '# mine\n127.0.0.1:%s %s\n' "$port" "$other" >"$known"
exits "a changed key is exit 5" 5 lade sync -a "$daemon/open/" "$T/never/"
says "both fingerprints are shown, and where the old one stands" "$pattern.*known_hosts line 2 has $other"
says "and what to do" "lade key forget 127\.0\.0\.1:$port"
exits "--accept-new-host does not change that" 5 lade sync -a --accept-new-host "$daemon/open/" "$T/never/"
at_terminal $'yes\n' "$LADE" sync -a "$daemon/open/" "$T/never/"
check "nor is anybody asked" test "$status" = 5
check "nothing was made" test ! -e "$T/never"
exits "it can be forgotten" 0 lade key forget "127.0.0.1:$port"
check "remarks stay" test "$(cat "$known")" = "# mine"
exits "what is not known cannot" 11 lade key forget "127.0.0.1:$port"
syncs "then it is new again" -a --accept-new-host "$daemon/open/" "$T/known/"
chmod 666 "$known"
exits "known hosts that others can write to are exit 5" 5 lade sync -a "$daemon/open/" "$T/never/"
says "it says what to do" 'chmod go-w'
chmod 644 "$known"

# ---- who we are ----
exits "a key that is not known is exit 5" 5 lade sync -a "$daemon/keys/" "$T/never/"
"$LADE" key show | "$LADE" key authorize - me --file="$state/authorized_keys" || not_ok "our key is authorized"
syncs "one that is authorized gets in" -a "$daemon/keys/" "$T/by-key/"
lade key new --key="$T/other-key"
exits "another one does not" 5 lade sync -a --key="$T/other-key" "$daemon/keys/" "$T/never/"
"$LADE" key authorize "$("$LADE" key show --key="$T/other-key")" you --file="$state/authorized_keys"
exits "nor does one that is authorized with another name" 5 lade sync -a --key="$T/other-key" "$daemon/keys/" "$T/never/"
chmod 640 "$T/other-key"
exits "a key that others can read is exit 5" 5 lade sync -a --key="$T/other-key" "$daemon/open/" "$T/never/"
exits "a key that is not there is exit 11" 11 lade sync -a --key="$T/no-key" "$daemon/open/" "$T/never/"
exits "who has no place for a key and known hosts is nobody in particular" 5 run env XDG_CONFIG_HOME=/dev/null/none "$LADE" list "$daemon/open/"
says "who knows no host" 'not known, and there is no terminal'
lade key new --key="$T/sealed/lade/key"
chmod 755 "$T/sealed" "$T/sealed/lade"
chmod 000 "$T/sealed/lade/key"
run ${as_nobody[@]+"${as_nobody[@]}"} env XDG_CONFIG_HOME="$T/sealed" "$LADE" list "$daemon/open/"
check "who has a key that he cannot read is told so" test "$status" = 11
says "and which it is" 'open key .*sealed/lade/key.*Permission denied'

(umask 077 && "$LADE" key token new alice --tokens="$state/tokens" >"$T/alice")
check "a token is a line" grep -qxE 'lade-token-[A-Za-z0-9_-]{43}' "$T/alice"
check "which is stored nowhere" bash -c "! grep -qF '$(cut -c 12- "$T/alice")' '$state/tokens'"
alice=${daemon/lade:\/\//lade:\/\/alice@} bob=${daemon/lade:\/\//lade:\/\/bob@} carol=${daemon/lade:\/\//lade:\/\/carol@}
exits "a module for users is not for nobody" 5 lade sync -a "$daemon/word/" "$T/never/"
syncs "a token gets in" -a --password-file="$T/alice" "$alice/word/" "$T/by-token/"
run env LADE_PASSWORD_FILE="$T/alice" "$LADE" sync -a "$alice/word/" "$T/by-token/"
check "by LADE_PASSWORD_FILE" test "$status" = 0
run env LADE_PASSWORD="$(cat "$T/alice")" "$LADE" sync -a "$alice/word/" "$T/by-token/"
check "by LADE_PASSWORD" test "$status" = 0
"$LADE" sync -a --password-file=- "$alice/word/" "$T/by-token/" <"$T/alice"
check "by standard input" test $? = 0
at_terminal "$(cat "$T/alice")"$'\n' "$LADE" sync -a "$alice/word/" "$T/by-token/"
check "at a terminal" test "$status" = 0
check "where it is not shown" bash -c "! grep -qF lade-token '$out'"
exits "without one it is exit 5" 5 lade sync -a "$alice/word/" "$T/never/"
says "it says how to give one" 'password-file'
exits "somebody else's token is wrong" 5 lade sync -a --password-file="$T/alice" "$bob/word/" "$T/never/"
printf 'correct horse\n' >"$T/bob"
chmod 600 "$T/bob"
exits "a password is set" 0 lade key password bob --password-file="$T/bob" --tokens="$state/tokens"
syncs "and gets in" -a --password-file="$T/bob" "$bob/word/" "$T/by-password/"
(umask 077 && head -c 17M /dev/zero >"$T/longer")
exits "in a file that is too long none is set" 11 lade key password bob --password-file="$T/bob" --tokens="$T/longer"
says "it says so" 'longer.*limit'
printf 'wrong horse!\n' >"$T/bob"
exits "another one does not" 5 lade sync -a --password-file="$T/bob" "$bob/word/" "$T/never/"
says "it says so" 'the user or the password .or token. is wrong'
exits "nor does a user who is not there" 5 lade sync -a --password-file="$T/bob" "$carol/word/" "$T/never/"
says "in the same words" 'the user or the password .or token. is wrong'
exits "nor one who has a token, where there is no module" 5 lade sync -a --password-file="$T/alice" "$alice/nothing/" "$T/never/"
says "in the same words, again" 'the user or the password .or token. is wrong'
chmod 644 "$T/bob"
exits "a password that others can read is exit 5" 5 lade sync -a --password-file="$T/bob" "$bob/word/" "$T/never/"
at_terminal $'long enough\nlong enough!\n' "$LADE" key password bob --tokens="$state/tokens"
check "two different passwords are exit 5" test "$status" = 5
at_terminal $'long enough\nlong enough\n' "$LADE" key password bob --tokens="$state/tokens"
check "the same twice is taken" test "$status" = 0
# With job control a shell shows what is typed when a command that was stopped goes on.
at_terminal $'\x1along enough\nlong enough\n' bash -mc '"$1" key password bob --tokens="$2"; exit $?' - "$LADE" "$state/tokens"
check "the key that stops programs does not stop a hidden question" test "$status" = 0
run env LADE_PASSWORD='long enough' "$LADE" sync -a "$bob/word/" "$T/by-password/"
check "and gets in" test "$status" = 0
lade key token list --tokens="$state/tokens"
check "users are listed" test "$(sort "$out")" = $'alice token\nbob password'
exits "a user is removed" 0 lade key token remove alice --tokens="$state/tokens"
exits "and does not get in any more" 5 lade sync -a --password-file="$T/alice" "$alice/word/" "$T/never/"
check "nothing was made by all of these" test ! -e "$T/never"

# ---- lists ----
lade list "$daemon/"
check "lade list shows the modules" test "$status" = 0
prints "with what is said of them" $'^open +\tfor everybody$'
check "not those that are not to be listed" bash -c "! grep -q '^keys' '$out'"
lade list --json "$daemon/"
prints "as JSON" '"event":"module","name":"open","comment":"for everybody"'
lade list "$daemon/open/"
prints "lade list shows a tree" ' file$'
lade sync -v -a "$daemon/open/" "$T/verbose/"
prints "-v tells how the connection is protected" '^TLS 1\.3, TLS_[A-Z0-9_]+, sent by (lade|the kernel), received by (lade|the kernel)$'

# ---- one tree ----
fresh_source "$T/src"
transfers push '' "$daemon/all"
transfers pull "$daemon/all" ''

pids=()
for n in 1 2 3; do
	"$LADE" sync -a "$T/src/" "$daemon/all$T/at-once-$n/" 2>"$T/at-once-$n.err" &
	pids+=($!)
done
for n in 1 2 3; do
	wait "${pids[n - 1]}" || diagnose <"$T/at-once-$n.err"
	same "session $n of three at once" "$T/src" "$T/at-once-$n"
done
check "the daemon is still the same process" alive "$server_pid"

# ---- an authority ----
# authority NAME: makes NAME.key and NAME.pem.
authority() {
	openssl req -x509 -newkey ed25519 -nodes -days 30 -subj "/CN=$1" -keyout "$T/$1.key" -out "$T/$1.pem" 2>/dev/null
}
# vouch AUTHORITY NAMES DAYS: a certificate for the daemon's key.
vouch() {
	openssl req -new -key "$state/host_key" -subj /CN=daemon -out "$T/request" 2>/dev/null &&
		openssl x509 -req -in "$T/request" -CA "$T/$1.pem" -CAkey "$T/$1.key" -CAcreateserial -days "$3" \
			-extfile <(echo "subjectAltName=$2") -out "$T/host.pem" 2>/dev/null
}
restart() {
	kill -TERM "$server_pid"
	wait "$server_pid" 2>/dev/null
	rm "$T/.server.err"
	need_daemon "$@" "${daemon_lines[@]}"
	: >"$known"
}

if have openssl && authority ca && authority elsewhere && vouch ca "IP:127.0.0.1,DNS:localhost" 30; then
	restart "certificate = $T/host.pem"
	syncs "a certificate of the authority makes a host known" -a --ca="$T/ca.pem" "$daemon/open/" "$T/by-ca/"
	check "which is not remembered" test ! -s "$known"
	syncs "so does its name" -4 -a --ca="$T/ca.pem" "lade://localhost:$port/open/" "$T/by-ca/"
	exits "without --ca it is a host as any other" 5 lade sync -a "$daemon/open/" "$T/never/"
	exits "another authority does not vouch for it" 5 lade sync -a --ca="$T/elsewhere.pem" "$daemon/open/" "$T/never/"
	says "it says why" 'not trusted'
	exits "an authority that is not there is an error" "1|5|10|11" lade sync -a --ca="$T/none.pem" "$daemon/open/" "$T/never/"
	says "that names it" 'none\.pem'
	printf '127.0.0.1:%s %s\n' "$port" "$other" >"$known"
	exits "a host that is known by another key is refused, whoever vouches" 5 lade sync -a --ca="$T/ca.pem" "$daemon/open/" "$T/never/"
	says "it says so" 'not the known one'
	vouch ca "IP:127.0.0.2,DNS:elsewhere" 30
	restart "certificate = $T/host.pem"
	exits "a certificate for another host is not trusted" 5 lade sync -a --ca="$T/ca.pem" "$daemon/open/" "$T/never/"
	says "it says so" 'not trusted'
	# The daemon does not start with a certificate that has expired, so it is the authority's.
	openssl req -new -key "$T/ca.key" -subj /CN=ca -out "$T/request" 2>/dev/null &&
		openssl x509 -req -in "$T/request" -signkey "$T/ca.key" -days -1 -extfile <(echo basicConstraints=critical,CA:TRUE) \
			-out "$T/old.pem" 2>/dev/null
	vouch ca "IP:127.0.0.1" 30
	restart "certificate = $T/host.pem"
	exits "nor is one whose authority has expired" 5 lade sync -a --ca="$T/old.pem" "$daemon/open/" "$T/never/"
	says "it says so" 'not trusted: .*expired'
	check "nothing was made" test ! -e "$T/never"

	# Somebody who shakes hands and says no more.
	mkfifo "$T/fifo"
	exec {fifo}<>"$T/fifo"
	openssl s_server -accept 127.0.0.1:0 -tls1_3 -num_tickets 0 -key "$T/ca.key" -cert "$T/ca.pem" <"$T/fifo" >"$T/silent.out" 2>&1 &
	own_pids+=($!)
	wait_for grep -q '^ACCEPT .*:' "$T/silent.out"
	silent=lade://127.0.0.1:$(sed -n 's/^ACCEPT .*://p' "$T/silent.out")
	exits "a list is not waited for longer than --timeout" 30 lade list --timeout=1 --accept-new-host "$silent/"
	says "it says so" 'the time of --timeout'
	exec {fifo}>&-
else
	skip "certificates of an authority" "openssl is not installed"
fi

# ---- who answers ----
exits "a port where nobody listens is exit 10" 10 lade sync -a lade://127.0.0.1:1/open/ "$T/never/"
start_server
exits "a server without TLS is exit 2" "2|12" lade sync -a "lade://127.0.0.1:$port/open/" "$T/never/"
kill -TERM "$server_pid"
wait "$server_pid"

wait "$forgetter"
check "known hosts that stay locked are exit 11" test $? = 11
check "it says so" grep -q 'lock .*known_hosts.*busy' "$T/locked/err"

finish
