# tests/scenario/tcp.sh: one tree behind lade serve --listen.
. "${srcdir:-.}/tests/scenario/lib.sh"
. "${srcdir:-.}/tests/scenario/transfers.sh"

need_server
ok "the server starts and names its port"

fresh_source "$T/src"
transfers push '' "$remote" --token-file "$token"
transfers pull "$remote" '' --token-file "$token"

# Who may.
head -c 32 /dev/urandom | base64 >"$T/wrong-token"
chmod 600 "$T/wrong-token"
exits "a wrong token is exit 5" 5 lade sync -a --token-file "$T/wrong-token" "$T/src/" "$remote$T/never/"
says "it says so" '[Aa]uthentication|[Tt]oken'
check "nothing was made" test ! -e "$T/never"
exits "no token is refused" "1|5" lade sync -a "$T/src/" "$remote$T/never/"
says "the message names the option" 'token'
exits "a token file that is missing is exit 1 or 5" "1|5|11" lade sync -a --token-file "$T/none" "$T/src/" "$remote$T/never/"
says "it is named" "$T/none"

# Who answers.
exits "a port where nobody listens is exit 10" 10 lade sync -a --token-file "$token" "$T/src/" lade+tcp://127.0.0.1:1/tmp/x/
says "the message says so" 'refused'
cat >"$T/stranger" <<'END'
use IO::Socket::INET;
my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1", LocalPort => 0) or die $!;
print STDERR "port ", $listener->sockport, "\n";
while (my $peer = $listener->accept) {
	print $peer "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
	close $peer;
}
END
start perl "$T/stranger" 2>"$T/stranger.err"
wait_for grep -q port "$T/stranger.err"
stranger_port=$(sed -n 's/port //p' "$T/stranger.err")
exits "a web server on the port is exit 2 or 12" "2|12" \
	lade sync -a --token-file "$token" "$T/src/" "lade+tcp://127.0.0.1:$stranger_port/tmp/x/"
says "the message says what it is not" 'does not speak|closed'

# Who asks: strangers neither stop the server nor keep others waiting.
# In a subshell: the server may hang up first, and bash dies of SIGPIPE.
stranger() (
	exec 8<>"/dev/tcp/127.0.0.1/$port" || return
	printf '%b' "$1" >&8
	timeout 5 cat <&8 >/dev/null
)
stranger 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n' 2>/dev/null
head -c 100000 /dev/urandom >"$T/noise"
timeout 5 bash -c "cat '$T/noise' >/dev/tcp/127.0.0.1/$port" 2>/dev/null
# One that connects and says nothing.
exec 7<>"/dev/tcp/127.0.0.1/$port"
syncs "the server still serves" -a --token-file "$token" "$T/src/sizes" "$remote$T/after-strangers/"
exec 7<&- 7>&-
same "and serves right" "$T/src/sizes" "$T/after-strangers/sizes"
check "the server is still the same process" alive "$server_pid"

# Four at once.
pids=()
for n in 1 2 3 4; do
	"$LADE" sync -a --token-file "$token" "$T/src/" "$remote$T/at-once-$n/" 2>"$T/at-once-$n.err" &
	pids+=($!)
done
for n in 1 2 3 4; do
	wait "${pids[n - 1]}" || diagnose <"$T/at-once-$n.err"
	same "session $n of four at once" "$T/src" "$T/at-once-$n"
done

# An end on request.
kill -TERM "$server_pid"
ends "the server ends on SIGTERM" "0|20|143" "$server_pid"

exits "an address that is not ours is exit 1 or 10" "1|10" run "$LADE" serve --listen 203.0.113.1:1 --token-file "$token"
says "the address is named" '203\.0\.113\.1'
chmod 644 "$token"
exits "a token that others can read is refused" "1|5" run "$LADE" serve --listen 127.0.0.1:0 --token-file "$token"
says "the file is named" "$token"

finish
