# tests/scenario/daemon_tls.sh: who proves to be whom to a daemon and to its clients: keys, certificates and authorities that are wrong, expired, of another
# name, or of another key; and TLS that is none of ours.
. "${srcdir:-.}/tests/scenario/lib.sh"

have openssl || skip_all "no openssl here"
mkdir -p "$T/open" "$T/pki"
echo content >"$T/open/file"
cd "$T/pki" || exit 99

# authority NAME; key NAME; certificate NAME AUTHORITY DAYS SUBJECT ALTERNATIVE: files NAME.key and NAME.pem.
key() { openssl genpkey -algorithm ed25519 -out "$1.key" 2>/dev/null && chmod 600 "$1.key"; }
authority() { key "$1" && openssl req -x509 -new -key "$1.key" -subj "/CN=$1" -days 30 -out "$1.pem" 2>/dev/null; }
certificate() {
	openssl req -new -key "$1.key" -subj "/CN=$4" -out "$1.csr" 2>/dev/null &&
		openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days "$3" \
			-extfile <(echo "subjectAltName=$5") -out "$1.pem" 2>/dev/null
}
authority ca
authority other
for name in host renamed expired foreign user user2 old; do key "$name"; done
certificate host ca 30 localhost 'DNS:localhost,IP:127.0.0.1'
certificate renamed ca 30 elsewhere 'DNS:elsewhere.example,IP:192.0.2.1'
certificate expired ca -1 localhost 'DNS:localhost,IP:127.0.0.1'
certificate foreign other 30 localhost 'DNS:localhost,IP:127.0.0.1'
certificate user ca 30 alice 'email:alice@example'
certificate user2 other 30 alice 'email:alice@example'
certificate old ca -1 alice 'email:alice@example'
# A client's certificate stands beside its key.
for name in user user2 old; do cp "$name.pem" "$name.key.pem"; done
cp user.key bare.key
cp host.key wrong.key
cp user.pem wrong.key.pem
exist host.pem renamed.pem expired.pem foreign.pem user.pem user2.pem old.pem || { not_ok "certificates can be made"; finish; }
cd "$T" || exit 99

# serve NAME: a daemon with that key and certificate.
serve() {
	if [ -n "${server_pid:-}" ]; then
		kill "$server_pid"
		wait "$server_pid" 2>/dev/null
	fi
	rm -rf "$T/daemon"
	need_daemon "login timeout = 10" "stop timeout = 1" "ca = $T/pki/ca.pem" "host key = $T/pki/$1.key" "certificate = $T/pki/$1.pem" \
		"[open]" "path = $T/open" "auth = any" "$(as_we_are)" \
		"[named]" "path = $T/open" "auth = certificate:alice@example" "$(as_we_are)" \
		"[locked]" "path = $T/open" "auth = authorized" "$(as_we_are)"
}

# pull NAME STATUS MODULE ARGUMENTS...: and nothing comes unless the status is 0.
pull() {
	local name=$1 expected=$2 module=$3
	shift 3
	rm -rf "$T/got"
	exits "$name" "$expected" lade sync -a "$@" "$daemon/$module/" "$T/got/"
	[ "$expected" = 0 ] || check "$name: nothing came" test ! -e "$T/got/file"
}

serve host
pull "A11 a host with a certificate of the authority is known" 0 open --ca "$T/pki/ca.pem"
pull "A11 of another authority it is not" 5 open --ca "$T/pki/other.pem"
pull "A11 without an authority it is a stranger" 5 open
pull "A11 a user with a certificate is let in" 0 named --ca "$T/pki/ca.pem" --key "$T/pki/user.key"
pull "A11 one of another authority is not" 5 named --ca "$T/pki/ca.pem" --key "$T/pki/user2.key"
pull "A11 nor one whose time is over" 5 named --ca "$T/pki/ca.pem" --key "$T/pki/old.key"
pull "A11 nor one without a certificate" 5 named --ca "$T/pki/ca.pem" --key "$T/pki/bare.key"
pull "A11 a certificate of another key is refused" 5 named --ca "$T/pki/ca.pem" --key "$T/pki/wrong.key"

# Keys that the daemon knows, in a file that others may change.
keys=$T/daemon/state/authorized_keys
mkdir -p "$T/daemon/state"
fingerprint=$("$LADE" key show "$T/pki/user.key" 2>/dev/null | grep -oE 'SHA256:[A-Za-z0-9+/]{43}' | head -n 1)
[ -n "$fingerprint" ] || fingerprint=SHA256:$(openssl pkey -in "$T/pki/user.key" -pubout -outform DER | openssl dgst -sha256 -binary | base64 | tr -d =)
echo "$fingerprint alice" >"$keys"
chmod 644 "$keys"
pull "A11 a key that is authorized is let in" 0 locked --ca "$T/pki/ca.pem" --key "$T/pki/user.key"
chmod 666 "$keys"
pull "A11 a file of keys that others may change lets nobody in" 5 locked --ca "$T/pki/ca.pem" --key "$T/pki/user.key"
daemon_says 'group or others can write' && ok "A11 the log says why" || not_ok "A11 the log says why" "$(show_server)"
chmod 644 "$keys"
echo 'this is no line' >>"$keys"
pull "A11 a line that makes no sense lets nobody in" 5 locked --ca "$T/pki/ca.pem" --key "$T/pki/user.key"

# TLS that is none of ours.
s_client() { timeout "$LIMIT" openssl s_client -connect "127.0.0.1:$port" "$@" </dev/null >"$out" 2>&1; }
s_client -tls1_2
check "A11 TLS 1.2 is refused" grep -qE 'alert|no protocols|unsupported' "$out"
check "A11 no cipher was chosen for it" grep -qE 'Cipher is \(NONE\)|no peer certificate' "$out"
s_client -tls1_3 -ign_eof
check "A11 TLS 1.3 is spoken" grep -q 'TLSv1.3' "$out"
report "A11 there are no tickets" "$(grep -E 'New Session Ticket|Session-ID: .+[0-9A-F]{8}|Early data was accepted' "$out")"
check "A11 no early data is offered" grep -q 'Early data was not sent' "$out"
s_client -tls1_3 -groups P-521
check "A11 no other group is spoken" grep -q 'alert handshake failure\|handshake failure' "$out"
printf 'R\nR\nK\nk\nK\nk\nK\nk\nQ\n' | timeout "$LIMIT" openssl s_client -connect "127.0.0.1:$port" -tls1_3 >"$out" 2>&1
check "A9 renegotiation and KeyUpdates of openssl's end a connection" test $? != 124
pull "A11 others go on" 0 open --ca "$T/pki/ca.pem"

# Certificates of the daemon's that are not what they should be.
serve renamed
pull "A11 a certificate for another name is refused" 5 open --ca "$T/pki/ca.pem"
serve foreign
pull "A11 one of another authority is refused" 5 open --ca "$T/pki/ca.pem"
pull "A11 as a key alone it may be taken" 0 open --accept-new-host

kill "$server_pid"
wait "$server_pid" 2>/dev/null
sed -i "s|pki/foreign|pki/expired|" "$daemon_conf"
exits "A11 a daemon does not start with a certificate whose time is over" 1 lade daemon --config "$daemon_conf"
sed -i "s|certificate = .*|certificate = $T/pki/user.pem|" "$daemon_conf"
exits "A11 nor with one of another key" 1 lade daemon --config "$daemon_conf"
# It was good when it started: what a client sees then, another server shows.
openssl s_server -accept 127.0.0.1:0 -key "$T/pki/expired.key" -cert "$T/pki/expired.pem" -tls1_3 >"$T/.s_server" 2>&1 </dev/zero &
server_pid=$!
own_pids+=("$server_pid")
wait_for grep -q '^ACCEPT' "$T/.s_server"
daemon=lade://$(sed -n 's/^ACCEPT //p' "$T/.s_server" | head -n 1)
pull "A11 a certificate whose time is over is refused" 5 open --ca "$T/pki/ca.pem"
says "A11 it says so" 'expired'
exits "A11 a server of something else is none" "2|12" lade sync -a --accept-new-host "$daemon/open/" "$T/got/"
kill "$server_pid"
wait "$server_pid" 2>/dev/null

# The host has another key now: nobody takes it for the old one, whatever he accepts.
host=lade://127.0.0.1:$port
mkdir -p "$T/daemon/state"
printf '%s\n' "listen = 127.0.0.1:$port" "state = $T/daemon/state" "status = $T/daemon/status" "host key = $T/pki/old.key" \
	"[open]" "path = $T/open" "auth = any" "$(as_we_are)" >"$T/daemon/daemon.conf"
# What the last one said is not to be taken for this one's.
: >"$T/.server.err"
"$LADE" daemon --config "$T/daemon/daemon.conf" >/dev/null 2>"$T/.server.err" </dev/null &
server_pid=$!
own_pids+=("$server_pid")
if wait_for grep -q 'listening on' "$T/.server.err"; then
	daemon=$host
	pull "A11 a key that has changed is refused, even with --accept-new-host" 5 open --accept-new-host
	says "A11 it says so" 'not the known one'
else
	not_ok "A11 a key that has changed is refused" "$(show_server)"
fi

finish
