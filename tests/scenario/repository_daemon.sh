# tests/scenario/repository_daemon.sh: repositories at a daemon: who may do what in one, by the client's key, and who publishes.
. "${srcdir:-.}/tests/scenario/lib.sh"

build=${abs_top_builddir:-$PWD/build}
unset "${!LADE_@}"
LADE=$T/lade
cd "$T" || exit 99
(umask 077; echo 'correct horse' >right)
export LADE_PASSWORD_FILE=$T/right XDG_CACHE_HOME=$T/cache
mkdir src open own full mine wearing theirs
! is_root || chown 65534:65534 theirs
make_tree src/tree
head -c 5000000 /dev/urandom >src/big
snapshots() { find "$1/snapshots" -type f 2>/dev/null | wc -l; }

# The clients' keys, and a writer of a repository that its owner has made.
writer='' manager=''
for key in writer reader manager; do
	exits "a key of the $key" 0 lade key new --key "$T/$key"
	lade key show --key "$T/$key"
	declare "$key=$(grep -oE 'SHA256:[A-Za-z0-9+/]{43}' "$out" | head -n 1)"
done
exits "a repository" 0 lade init -r own/repo
exits "with a client that may only add" 0 lade key add -r own/repo --write-only writer.key --label client
id=$(sed -nE 's/.*([0-9a-f]{32}).*/\1/p' "$out" | head -n 1)
mkdir own/more

need_daemon \
	"[open]" "path = $T/open" "auth = any" "type = repository" "read only = no" "$(as_we_are)" \
	"[own]" "path = $T/own/repo" "auth = any" "type = repository" "writers = $id:$writer" "$(as_we_are)" \
	"[shown]" "path = $T/own/repo" "auth = any" "type = repository" "$(as_we_are)" \
	"[bound]" "path = $T/own/repo" "auth = any" "type = repository" "append only = yes" "$(as_we_are)" \
	"[few]" "path = $T/own/repo" "auth = any" "type = repository" "append only = yes" "quota = 20m" "$(as_we_are)" \
	"[little]" "path = $T/own/repo" "auth = any" "type = repository" "append only = yes" "min free = 8000p" "$(as_we_are)" \
	"[mine]" "path = $T/mine" "auth = any" "type = repository" "read only = no" "quota = 8m" "$(as_we_are)" \
	"[theirs]" "path = $T/theirs" "auth = any" "type = repository" "read only = no" "quota = 8m" "$(! is_root || echo 'uid = 65534')" \
	"[slow]" "path = $T/open" "auth = any" "type = repository" "read only = no" "bwlimit = 1m" "max memory = 128m" "timeout = 30" "$(as_we_are)" \
	"[wearing]" "path = $T/wearing" "auth = any" "type = repository" "read only = no" "$(as_we_are)" \
	"[full]" "path = $T/full" "auth = any" "read only = no" "$(as_we_are)"

# Whoever may do everything.
exits "an unknown host is an error" 1 lade init -r "$daemon/open/"
says "it says what to do" 'accept-new-host'
exits "init" 0 lade init -r "$daemon/open/" --accept-new-host
exits "init twice is refused" 1 lade init -r "$daemon/open/"
says "as there is one" 'there is a repository in'
exits "a backup" 0 lade backup -r "$daemon/open/" src
check "is there" [ "$(snapshots open)" = 1 ]
exits "another one" 0 lade backup -r "$daemon/open" src
check "is there, too" [ "$(snapshots open)" = 2 ]
check "nothing is left of temporaries" [ -z "$(ls open/tmp)" ]
exits "the key opens it" 0 lade key list -r "$daemon/open/"
exits "a repository below it is none" 10 lade key list -r "$daemon/open/sub"
exits "nor is one above" "1|10" lade key list -r "$daemon/open/../own"
exits "one that is not there" 1 lade key list -r "$daemon/none/"
exits "a tree is no repository" 1 lade key list -r "$daemon/full/"
exits "nor a repository a tree" "1|2|5|12" lade sync -a "$daemon/open/" "$T/never/"

# A writer, by his key.
unset LADE_PASSWORD_FILE
export LADE_KEY_FILE=$T/writer.key
exits "the writer adds a backup" 0 lade backup -r "$daemon/own/" --host-key "$T/writer" src/tree
check "which the daemon publishes" [ "$(find "own/repo/snapshots/$id" -type f | wc -l)" = 1 ]
check "nothing is left of the session" [ -z "$(ls own/repo/sessions)" ]
exits "who is not named adds nothing" 1 lade backup -r "$daemon/own/" --host-key "$T/reader" src/tree
exits "nor does anybody where it is only shown" 1 lade backup -r "$daemon/shown/" --host-key "$T/writer" src/tree
check "nothing came" [ "$(snapshots own/repo)" = 1 ]
exits "append only binds whoever comes to who he says" 0 lade backup -r "$daemon/bound/" --host-key "$T/reader" src/tree
check "it is published" [ "$(snapshots own/repo)" = 2 ]
unset LADE_KEY_FILE
export LADE_PASSWORD_FILE=$T/right
exits "the owner's own writer is another one" 1 lade backup -r "$daemon/own/" --host-key "$T/writer" src/tree
exits "and reads" 0 lade key list -r "$daemon/own/" --host-key "$T/reader"
exits "keys are not added by a writer" 1 lade key add -r "$daemon/own/" --write-only other.key --host-key "$T/writer"

# How much comes in. The quota is what was there before, and so many packs of what is new.
unset LADE_PASSWORD_FILE
export LADE_KEY_FILE=$T/writer.key
before=$(find own/repo -type f | wc -l)
exits "where nothing is free nothing is added" 1 lade backup -r "$daemon/little/" --host-key "$T/reader" src/tree
says "and which limit that is" "min free = [0-9]*\\)\"?: No space left on device"
check "nothing is left of it" [ "$(find own/repo -type f | wc -l)" = "$before" ]
exits "within the quota a backup is made" 0 lade backup -r "$daemon/few/" --host-key "$T/reader" src/big
head -c 30000000 /dev/urandom >src/huge
exits "beyond it, it fails" 1 lade backup -r "$daemon/few/" --host-key "$T/reader" src/huge
says "and which limit that is, too" "quota = 20971520\\)\"?: Disk quota exceeded"
check "no more is there" [ "$(du -sb own/repo | cut -f 1)" -lt 21500000 ]
check "nor are temporaries" [ -z "$(ls own/repo/tmp)" ]
exits "a quota that is full is so for the next one" 1 lade backup -r "$daemon/few/" --host-key "$T/reader" src/huge
exits "without it what was stored is used" 0 lade backup -r "$daemon/bound/" --host-key "$T/reader" src/huge
unset LADE_KEY_FILE
export LADE_PASSWORD_FILE=$T/right
exits "who owns it is bound as well" 0 lade init -r "$daemon/mine/"
exits "with a little" 0 lade backup -r "$daemon/mine/" src/tree
exits "and with too much" 1 lade backup -r "$daemon/mine/" src/huge
says "as it says" "quota = 8388608"
exits "nothing is wrong with what is there" 0 lade check -r mine --read-data
# The account of a section that was another user's before.
exits "another user's" 0 lade init -r "$daemon/theirs/"
account=$T/daemon/state/modules/theirs/account
check "has an account" [ -f "$account" ]
! is_root || chown 0:0 "$account"
chmod 0 "$account"
exits "what it was to the user before does not matter" 0 lade backup -r "$daemon/theirs/" src/tree
check "there is another one" [ "$(stat -c %a "$account")" = 600 ]
exits "which counts" 1 lade backup -r "$daemon/theirs/" src/huge
says "as it says" "quota = 8388608"
exits "nor in the others" 0 lade check -r own/repo --read-data

check "sessions that ended well are told so" grep -qE "': own receive .* status=0\$" "$T/.server.err"
check "and none is told as anything else" [ -z "$(grep "': own receive .* status=" "$T/.server.err" | grep -v 'status=0$')" ]

# What bounds a session: its rate, both ways, and its memory.
head -c 3000000 /dev/urandom >src/slow
# It has nothing to read until its session was looked at.
"$LADE" backup -r "$daemon/slow/" --stdin-from-command -- sh -c 'while [ -d "$0" ] && ! [ -e "$0/looked" ]; do sleep 0.05; done; cat "$0/src/slow"' "$T" >"$T/slow.out" 2>&1 &
client=$!
own_pids+=("$client")
# What runs for the daemon with that limit: the worker.
has_limit() {
	local pid
	for pid in $(ps -o pid= --ppid "$server_pid"); do
		! grep -qE '^Max data size +134217728 ' "/proc/$pid/limits" 2>/dev/null || return 0
	done
	return 1
}
if grep -qaE '__(asan|tsan)_init' "$LADE"; then
	skip "the memory of a session is limited" "sanitizers map all of it"
else
	check "the memory of a session is limited" wait_for has_limit
fi
started=$EPOCHREALTIME
touch looked
wait "$client"
check "the backup is made" [ $? = 0 ]
# seconds_since TIME: whole ones.
seconds_since() { echo $(((${EPOCHREALTIME/./} - ${1/./}) / 1000000)); }
check "slowly" [ "$(seconds_since "$started")" -ge 2 ]
started=$EPOCHREALTIME
exits "and it is restored" 0 lade restore -r "$daemon/slow/" latest --target="$T/slowly"
check "as slowly" [ "$(seconds_since "$started")" -ge 2 ]

# Keys that wear out: a client that has its session go on over other connections, each bound anew where nobody is named.
worn=$build/tests/scenario/worn
if [ -x "$worn" ]; then
	# sessions MODULE: how many its log knows of.
	sessions() { grep -c "': $1 " "$T/.server.err"; }
	exits "a client whose keys wear out makes a repository" 0 "$worn" init -r "$daemon/wearing/"
	exits "a backup" 0 "$worn" backup -r "$daemon/wearing/" src/huge src/tree
	exits "and another one" 0 "$worn" backup -r "$daemon/wearing/" src/big src/tree
	check "over more than one connection each" [ "$(sessions wearing)" -gt 3 ]
	exits "all is there" 0 lade check -r wearing --read-data
	exits "which it restores" 0 "$worn" restore -r "$daemon/wearing/" latest --target="$T/from-worn"
	unset LADE_PASSWORD_FILE
	export LADE_KEY_FILE=$T/writer.key
	head -c 20000000 /dev/urandom >src/more
	before=$(sessions bound)
	exits "a writer goes on in the same way" 0 "$worn" backup -r "$daemon/bound/" --host-key "$T/reader" src/more src/tree
	check "over more than one, too" [ "$(sessions bound)" -gt $((before + 1)) ]
	unset LADE_KEY_FILE
	export LADE_PASSWORD_FILE=$T/right
	exits "nothing is wrong with it" 0 lade check -r own/repo --read-data
	check "and no session is left" [ -z "$(ls own/repo/sessions)" ]
else
	skip "keys that wear out" "tests/scenario/worn is not built"
fi

# What configurations say.
# wrong NAME LINE...: refused by --check.
wrong() {
	printf '%s\n' "state = $T/daemon/state" "[a]" "path = $T/own" "auth = any" "${@:2}" >wrong.conf
	exits "$1" 1 lade daemon --check --config "$T/wrong.conf"
}
wrong "a type that is none" "type = box"
wrong "writers of a tree" "writers = $id:$writer"
wrong "a filter of a repository" "type = repository" "filter = - a"
wrong "write only" "type = repository" "write only = yes"
wrong "a quota of a tree" "quota = 1g"
wrong "a quota of what nobody adds to" "type = repository" "quota = 1g"
wrong "a time-out that is shorter than clients are silent" "type = repository" "timeout = 10"
wrong "a writer without an id" "type = repository" "writers = $writer"
wrong "a writer without a key" "type = repository" "writers = $id"
wrong "a fingerprint that is none" "type = repository" "writers = $id:SHA256:x"
wrong "managers where nothing is removed" "type = repository" "append only = yes" "managers = $id:$manager"
wrong "writers where nobody writes" "type = repository" "read only = yes" "writers = $id:$writer"
finish
