# tests/scenario/ssh.sh: one tree behind ssh, on a server of our own on this host.
. "${srcdir:-.}/tests/scenario/lib.sh"
. "${srcdir:-.}/tests/scenario/transfers.sh"

start_sshd || skip_all "no ssh server: $(tail -n 1 "$T/.sshd.err")"

fresh_source "$T/src"
transfers push '' far: -e "$ssh" --lade-path="$LADE"
transfers pull far: '' -e "$ssh" --rsync-path="$LADE"

# A path relative to the home directory of the far side.
home=$($ssh far pwd)
if relative=$(mktemp -d "$home/lade-test.XXXXXX" 2>/dev/null); then
	syncs "a path relative to the far home" -a -e "$ssh" --lade-path="$LADE" "$T/src/sizes" "far:${relative##*/}/"
	same "the tree arrived there" "$T/src/sizes" "$relative/sizes"
	rm -rf "$relative"
else
	skip "a path relative to the far home" "needs a home directory that can be written"
fi

# Paths are not read by the far shell.
syncs "a far name with spaces" -a -e "$ssh" --lade-path="$LADE" "far:$T/src/dir with spaces" "$T/unquoted/"
same "it arrived" "$T/src/dir with spaces" "$T/unquoted/dir with spaces"
syncs "a far name with everything" -a -e "$ssh" --lade-path="$LADE" \
	"far:$T/src/odd/quote'\"\`\$(x)*?[a]\\" "$T/unquoted/"
check "it arrived too" cmp "$T/src/odd/quote'\"\`\$(x)*?[a]\\" "$T/unquoted/quote'\"\`\$(x)*?[a]\\"
exits "far and local sources together are a usage error" 1 \
	lade sync -a -e "$ssh" --lade-path="$LADE" "far:$T/src/modes" "$T/src/sizes" "$T/unquoted/"
exits "both sides far is a usage error" 1 \
	lade sync -a -e "$ssh" --lade-path="$LADE" "far:$T/src/" "far:$T/never/"

exits "no lade on the far side" "2|12|127" lade sync -a -e "$ssh" --lade-path=/no/such/lade "$T/src/" "far:$T/never/"
says "the message names what was tried" '/no/such/lade'
exits "a far shell that talks" "2|12" lade sync -a -e "$ssh" --lade-path="echo welcome to this host;" "$T/src/" "far:$T/never/"
check "it has something to say" test -s "$err"
exits "no ssh server" "10|12|255" lade sync -a -e "ssh -F $T/sshd/ssh_config -p 1" --lade-path="$LADE" "$T/src/" "far:$T/never/"
check "ssh's own message is shown" grep -qi 'refused' "$err"
exits "no such remote shell" "1|10|12|14|127" lade sync -a -e /no/such/ssh "$T/src/" "far:$T/never/"
says "it is named" '/no/such/ssh'
check "nothing was made" test ! -e "$T/never"

finish
