# tests/scenario/repository_ssh.sh: a repository behind a real ssh server, of our own on this host: with the whole account, and with a key that may do
# nothing but add to it. repository_remote.sh has the rest, with a stand-in for ssh.
. "${srcdir:-.}/tests/scenario/lib.sh"

start_sshd || skip_all "no ssh server: $(tail -n 1 "$T/.sshd.err")"

unset "${!LADE_@}"
LADE=$T/lade
export XDG_STATE_HOME=$T/state XDG_CACHE_HOME=$T/cache XDG_CONFIG_HOME=$T/config
cd "$T" || exit 99
repo=$T/'a repository'

# far COMMAND ARGUMENTS...: on the repository, over ssh as the user of the test may.
far() { lade "$@" -r "far:$repo" --rsh "$ssh" --lade-path "$LADE"; }
packs() { find "$repo/packs" -type f | wc -l; }
snapshots() { find "$repo/snapshots" -type f | wc -l; }
nothing_left() { find "$repo/tmp" "$repo/sessions" -type f -printf 'left: %P\n' 2>&1; }

make_tree src
file_of_size src/large 9000000
lade key new --recipient=me
recipient=$(cat "$out")

# ---- the whole account ----
exits "there is none yet" 10 far key list
exits "init" 0 far init --no-passphrase --recipient "$recipient" --json
sed -nE 's/.*"pin":"([^"]*).*/\1/p' "$out" >>me
export LADE_IDENTITY=$T/me
check "nobody else can reach it" [ "$(stat -c %a "$repo")" = 700 ]
exits "init twice is refused" 1 far init --no-passphrase --recipient "$recipient"
says "as there is one" 'there is a repository in "far:.*" already'
exits "a backup" 0 far backup src --json
check "it is there" [ "$(snapshots)" = 1 ]
report "and nothing else is" "$(nothing_left)"
before=$(packs)
echo new >src/new
exits "another one, with the remote shell of the environment" 0 run env LADE_RSH="$ssh" "$LADE" backup -r "far:$repo" --lade-path "$LADE" src
check "puts what is new" [ "$(packs)" -le $((before + 3)) ]
exits "they are listed" 0 far snapshots --json
check "both" [ "$(grep -o '"short_id"' "$out" | wc -l)" = 2 ]
exits "it is whole" 0 far check --read-data
exits "as far as can be seen without a key" 0 run env -u LADE_IDENTITY "$LADE" check -r "far:$repo" --rsh "$ssh" --lade-path "$LADE" --no-key
exits "it is restored" 0 far restore "latest:$T/src" --target back --verify
touch -r src back
same "as it was" src back hardlinks
exits "a file of it is written" 0 far dump latest "$T/src/large"
check "as it was, too" cmp src/large "$out"
exits "here it is the same one" 0 lade check -r "$repo" --read-data

# Paths begin at the home directory of the far side.
home=$($ssh far pwd)
if relative=$(mktemp -d "$home/lade-test.XXXXXX" 2>/dev/null); then
	exits "init in a path relative to the far home" 0 \
		lade init -r "far:${relative##*/}/repo" --rsh "$ssh" --lade-path "$LADE" --no-passphrase --recipient "$recipient"
	check "is there" exist "$relative/repo/format"
	remove_trees "$relative"
else
	skip "a path relative to the far home" "needs a home directory that can be written"
fi

exits "no ssh server" 1 lade snapshots -r "far:$repo" --rsh "$ssh -p 1" --lade-path "$LADE"
says "ssh's own message is shown" '[Rr]efused'
exits "no lade on the far side" 1 lade snapshots -r "far:$repo" --rsh "$ssh" --lade-path /no/such/lade
says "the message names what was tried" '/no/such/lade'

# ---- a connection that is lost ----
head -c 40000000 /dev/urandom >src/more
before=$(packs)
start "$LADE" backup -r "far:$repo" --rsh "$ssh" --lade-path "$LADE" --limit-upload 8000 src 2>"$err"
uploads() { [ -n "$(find "$repo/sessions" -name '*.active')" ] && [ -n "$(ls "$repo/tmp")" ]; }
wait_for uploads
# The one child that it has is ssh.
read -r client <"/proc/$started/task/$started/children"
check "the backup runs ssh" grep -q '^ssh' "/proc/${client:-none}/comm"
[ -z "$client" ] || kill -KILL "$client"
ends "the backup ends with an error" 1 "$started"
check "and made no snapshot" [ "$(snapshots)" = 2 ]
exits "the next one" 0 far backup src
check "is there" [ "$(snapshots)" = 3 ]
report "and nothing that was not finished" "$(nothing_left)"
exits "all is whole" 0 far check --read-data

# ---- a key that may do nothing but add ----
exits "the key file of a client that may only add" 0 far key add --write-only client.key --label client
writer=$(grep -oE '[0-9a-f]{32}' "$out" | head -n 1)
ssh-keygen -q -t ed25519 -N '' -f sshd/client || exit 99
# What a sanitizer reads of /proc is shut to it.
(umask 077 && printf '#!/bin/sh\nexport ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"\nexec "%s" "$@"\n' "$LADE" >forced && chmod 700 forced)
printf 'restrict,command="%s serve --stdio --repository --restrict \\"%s\\" --append-only --writer %s" %s\n' \
	"$T/forced" "$repo" "$writer" "$(cat sshd/client.pub)" >>sshd/authorized_keys
sed "s|$T/sshd/key\$|$T/sshd/client|" sshd/ssh_config >sshd/client_config
client_ssh="ssh -F $T/sshd/client_config"
# client COMMAND ARGUMENTS...: as somebody who has the two keys of a client and no other.
client() { run env -u LADE_IDENTITY "$LADE" "$@" -r far:/ --rsh "$client_ssh" --key-file "$T/client.key"; }
exits "it adds a backup" 0 client backup src
check "which is that writer's" [ "$(find "$repo/snapshots/$writer" -type f | wc -l)" = 1 ]
exits "and another one" 0 client backup src/deep
report "nothing is left of them" "$(nothing_left)"
exits "it cannot restore" "1|12" client restore latest --target never
exits "nor reach what is beside" 10 run env -u LADE_IDENTITY "$LADE" backup -r "far:$T/src" --rsh "$client_ssh" --key-file "$T/client.key" src
exits "nor make a repository" 1 run "$LADE" init -r far:/other --rsh "$client_ssh" --no-passphrase --recipient "$recipient"
check "and made nothing" absent never "$repo/other" other
timeout "$LIMIT" $client_ssh far "touch '$T/never'" </dev/null >"$out" 2>"$err"
check "no other command is run for it" absent never
# 255 is ssh's own: it is told to end once it has become clear whom it leads to.
exits "nor are trees brought by it" "1|2|5|12|255" lade sync -a -e "$client_ssh" src/deep far:/
check "and none came" absent "$repo/deep"
exits "the account restores what it added" 0 far restore "latest:$T/src/deep" --target again
touch -r src/deep again
same "as it was" src/deep again
exits "at the end all is whole" 0 far check --read-data

# ---- and a tree, on the same server ----
syncs "a tree is pushed" -a -e "$ssh" --lade-path="$LADE" src/ "far:$T/pushed/"
same "as it is" src pushed
syncs "and pulled" -a -e "$ssh" --lade-path="$LADE" "far:$T/pushed/" pulled/
same "as it was" src pulled
finish
