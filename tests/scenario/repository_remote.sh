# tests/scenario/repository_remote.sh: repositories on other hosts: by a remote shell, as a forced command that may only add, and over TCP.
. "${srcdir:-.}/tests/scenario/lib.sh"

no_strace=${LADE_TEST_NO_STRACE:-}
unset "${!LADE_@}"
export XDG_STATE_HOME=$T/state XDG_CACHE_HOME=$T/cache XDG_CONFIG_HOME=$T/config
cd "$T" || exit 99
(umask 077; echo 'correct horse' >right)
export LADE_PASSWORD_FILE=$T/right

# The remote shell: [-l USER] HOST COMMAND. With .forced it runs that, whatever it is asked for; it leaves its pid in .pid.
cat >shell <<END
#!/bin/bash
while [ "\$1" = -l ]; do shift 2; done
echo \$\$ >"$T/.pid"
if [ -e "$T/.forced" ]; then
	exec "$LADE" serve --stdio \$(cat "$T/.forced")
fi
exec bash -c "exec \$2"
END
chmod +x shell
export LADE_RSH=$T/shell

far() { lade "$@" --lade-path "$LADE"; }
packs() { find "$1/packs" -type f | wc -l; }
snapshots() { find "$1/snapshots" -type f | wc -l; }

# whole REPOSITORY: nothing is left that is not finished, and each pack is what its name says.
whole() {
	check "$1: nothing is left of temporaries" [ -z "$(ls "$1/tmp")" ]
	check "$1: no session is left" [ -z "$(ls "$1/sessions" 2>/dev/null)" ]
	report "$1: packs are what their names say" "$(find "$1/packs" -type f | while read -r pack; do
		[ "$(sha256sum <"$pack" | cut -d ' ' -f 1)" = "${pack##*/}" ] || echo "$pack"
	done)"
}

mkdir src
make_tree src/tree
head -c 20000000 /dev/urandom >src/big

# ---- a remote shell ----
exits "there is none yet" 10 far key list -r "far:$T/repo"
says "which is said" 'there is no repository in "far:'
exits "init" 0 far init -r "far:$T/repo"
prints "prints its pin" '^lade-pin-'
check "nobody else can reach it" [ "$(stat -c %a repo)" = 700 ]
exits "init twice is refused" 1 far init -r "far:$T/repo"
says "as there is one" 'there is a repository in "far:.*" already'
mkdir full && touch full/'a File'
exits "so is a folder that holds something" 1 far init -r "far:$T/full"
says "which is named" '"a File"'
check "and nothing is made in it" [ "$(ls full)" = 'a File' ]
exits "a backup" 0 far backup -r "far:$T/repo" src
whole repo
check "it is there" [ "$(snapshots repo)" = 1 ]
before=$(packs repo)
exits "another one" 0 far backup -r "user@far:$T/repo" src
check "stores nothing twice" [ "$(packs repo)" -le $((before + 2)) ]
exits "the same repository as a folder" 0 lade backup -r repo src
check "has all of them" [ "$(snapshots repo)" = 3 ]
exits "the key opens it from there" 0 far key list -r "far:$T/repo"
whole repo

exits "a wrong password" 12 run env LADE_PASSWORD_FILE= LADE_PASSWORD='wrong horse' "$LADE" key list -r "far:$T/repo" --lade-path "$LADE"
exits "no lade on the far side" 1 lade backup -r "far:$T/repo" --lade-path /no/such/lade src
says "the message names what was tried" '/no/such/lade'
exits "a far shell that talks" 1 lade backup -r "far:$T/repo" --lade-path 'echo welcome to this host;' src
exits "no host" 1 lade backup -r ":$T/repo" src
exits "no such remote shell" 1 lade backup -r "far:$T/repo" --rsh /no/such/ssh src
says "is named" '/no/such/ssh'

exits "it is restored from there" 0 far restore latest -r "far:$T/repo" --target back
same "as it was" src "$(find back -type d -name src | head -n 1)"
exits "it is whole" 0 far check -r "far:$T/repo" --read-data
exits "as far as can be seen without a key" 0 far check -r "far:$T/repo" --no-key

# ---- a server that is killed ----
head -c 60000000 /dev/urandom >src/more
rm -f .pid
start "$LADE" backup -r "far:$T/repo" --lade-path "$LADE" --limit-upload 4000 src 2>"$err"
wait_for test -e .pid
wait_for bash -c '[ -n "$(find repo/sessions -name "*.active" 2>/dev/null)" ] && [ -n "$(ls repo/tmp)" ]'
kill -9 "$(cat .pid)"
ends "the backup ends with an error" "1" "$started"
check "and made no snapshot" [ "$(snapshots repo)" = 3 ]
exits "the next one" 0 far backup -r "far:$T/repo" src
check "is there" [ "$(snapshots repo)" = 4 ]
check "what was not finished is gone" [ -z "$(ls repo/tmp)" ]

# ---- limits ----
head -c 3000000 /dev/urandom >src/limited
began=$(date +%s%N)
exits "a slow backup" 0 lade backup -r repo --limit-upload 2000 src
took=$((($(date +%s%N) - began) / 1000000))
check "takes its time ($took ms)" [ "$took" -ge 1000 ]
exits "a rate that is none" 1 lade backup -r repo --limit-upload fast src

# ---- a forced command that may only add ----
exits "a client that may only add" 0 lade key add -r repo --write-only writer.key --label client
writer=$(sed -nE 's/.*([0-9a-f]{32}).*/\1/p' "$out" | head -n 1)
check "has an id" [ ${#writer} = 32 ]
unset LADE_PASSWORD_FILE
export LADE_KEY_FILE=$T/writer.key
# It is shut out of /proc, where a sanitizer looks for leaks.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
echo "--repository --restrict $T/repo --append-only --writer $writer" >.forced
count=$(snapshots repo)
touch "repo/snapshots/$writer"
exits "a backup that cannot be published" 0 lade backup -r far:/ src/tree
says "which is said" 'still to be published'
check "is committed" [ "$(find repo/sessions -name '*.committed-*' | wc -l)" = 1 ]
rm "repo/snapshots/$writer"
exits "with the next one" 0 lade backup -r far: src/tree
check "the server publishes both" [ "$(find "repo/snapshots/$writer" -type f | wc -l)" = 2 ]
check "beside those of others" [ "$(snapshots repo)" = $((count + 2)) ]
whole repo
exits "it makes no other repository" 1 run env LADE_PASSWORD='correct horse' "$LADE" init -r far:/new
check "nor a folder for one" absent repo/new
exits "nor reaches one outside" 1 lade backup -r "far:/../full" src/tree
echo "--repository --restrict $T/repo --append-only --writer 00000000000000000000000000000000" >.forced
exits "as somebody else it adds nothing" 1 lade backup -r far:/ src/tree
check "and nothing is there" [ "$(find "repo/snapshots/$writer" -type f | wc -l)" = 2 ]
echo "--repository --restrict $T/repo --append-only" >.forced
exits "without a name it is who it says" 0 lade backup -r far:/ src/tree
echo "--repository --restrict $T/repo --read-only" >.forced
exits "who may only read adds nothing" 1 lade backup -r far:/ src/tree
check "in all" [ "$(find "repo/snapshots/$writer" -type f | wc -l)" = 3 ]
echo "--repository --restrict $T/repo --append-only" >.forced
exits "trees are not served there" "1|2|5|12" lade sync -e "$T/shell" src/tree "far:/"
check "nor come there" absent repo/tree
echo "--restrict $T/repo --append-only" >.forced
exits "nor are repositories where trees are" 1 lade backup -r far:/ src/tree

# ---- which takes as much as there is room for ----
head -c 8000000 /dev/urandom >src/junk
used=$(du -s --apparent-size -B 1 repo | cut -f 1)
quota=$((used + 6000000))
before=$(packs repo)
echo "--repository --restrict $T/repo --append-only --quota $quota" >.forced
exits "what is there already does not count again" 0 lade backup -r far:/ src/tree
check "there is an account" [ "$(stat -c %a:%s state/lade/served/account-*)" = 600:8 ]
exits "more than the quota" 1 lade backup -r far:/ src/junk
says "as it says" "quota = $quota"
check "is not there" [ "$(du -s --apparent-size -B 1 repo | cut -f 1)" -le $((quota + 100000)) ]
check "nor are halves" [ -z "$(ls repo/tmp)" ]
echo "--repository --restrict $T/repo --append-only --quota 100g --min-free 8000p" >.forced
exits "nor does anything come that leaves too little" 1 lade backup -r far:/ src/junk
says "as it says, too" 'min free = 9007199254740992000'
echo "--repository --restrict $T/repo --append-only --quota 100g --min-free 1" >.forced
exits "with room for it" 0 lade backup -r far:/ src/junk
check "it is there" [ "$(find "repo/snapshots/$writer" -type f | wc -l)" = 5 ]
check "and there is one account still" [ "$(ls state/lade/served | wc -l)" = 1 ]
exits "without a place for the account" 1 run env XDG_STATE_HOME=/dev/null/x "$LADE" backup -r far:/ src/tree
says "nothing is served" 'state directory'
rm .forced
unset LADE_KEY_FILE
export LADE_PASSWORD_FILE=$T/right
exits "--writer alone is a mistake" 1 lade serve --stdio --repository --writer "$writer"
exits "so is an id that is none" 1 lade serve --stdio --repository --restrict "$T/repo" --append-only --writer x
exits "and --write-only" 1 lade serve --stdio --repository --restrict "$T/repo" --write-only
for limit in quota min-free; do
	exits "--$limit is of repositories" 1 lade serve --stdio --restrict "$T/repo" "--$limit" 1g
	exits "in a directory" 1 lade serve --stdio --repository "--$limit" 1g
	exits "where something comes" 1 lade serve --stdio --repository --restrict "$T/repo" --read-only "--$limit" 1g
	exits "a size" 1 lade serve --stdio --repository --restrict "$T/repo" "--$limit" much
	says "it says" "'much' is no size for --$limit"
	exits "and one that is not nothing" 1 lade serve --stdio --repository --restrict "$T/repo" "--$limit" 0
done

# ---- plain TCP, and what the server sees of the bytes ----
token=$T/token
(umask 077 && head -c 32 /dev/urandom | base64 >"$token")
tracer=()
if [ -z "$no_strace" ] && have strace && strace -f -o probe true 2>/dev/null; then
	tracer=(strace -f -o "$T/trace")
fi
start "${tracer[@]}" "$LADE" serve --listen 127.0.0.1:0 --token-file "$token" --repository 2>"$T/.server.err"
wait_for grep -qE 'listening on 127\.0\.0\.1:[0-9]+' "$T/.server.err"
port=$(sed -nE 's/.*listening on 127\.0\.0\.1:([0-9]+).*/\1/p' "$T/.server.err" | head -n 1)
exits "init over TCP" 0 lade init -r "lade+tcp://127.0.0.1:$port$T/tcp" --token-file "$token"
mkdir random
head -c 200000000 /dev/urandom >random/file
exits "a backup" 0 lade backup -r "lade+tcp://127.0.0.1:$port$T/tcp" --token-file "$token" random
whole tcp
exits "needs the token" 1 lade key list -r "lade+tcp://127.0.0.1:$port$T/tcp"
payload=$(find tcp/packs -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }')
if [ ${#tracer[@]} = 0 ]; then
	skip "the server's calls" "tracing does not work here"
else
	# A call that strace shows in two parts counts by its second one.
	read -r moved read <<<"$(perl -ne '
		my %reading = map { $_ => 1 } qw(read readv pread64 preadv preadv2 recvfrom recvmsg recvmmsg);
		s/^\d+ +//;
		/^(?:<\.\.\. )?(\w+)[ (].* = (\d+)(?: .*)?$/ or next;
		$moved += $2 / 2 if $1 eq "splice";
		$read += $2 if $reading{$1};
		END { printf "%d %d\n", $moved, $read }' trace)"
	check "splice moves the packs ($moved of $payload bytes)" [ "$moved" -ge $((payload / 100 * 99)) ]
	check "under 1 % is read ($read bytes)" [ "$read" -lt $((payload / 100)) ]
fi
# The server outlives its tracer.
read -r -a own_pids <<<"$(cat "/proc/$started/task/$started/children") $started"
finish
