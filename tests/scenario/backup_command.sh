# tests/scenario/backup_command.sh: lade backup: what goes in, what is left out, what is told, and what happens when it goes wrong.
. "${srcdir:-.}/tests/scenario/lib.sh"

unset "${!LADE_@}"
LADE=$T/lade
cd "$T" || exit 99
export XDG_CACHE_HOME=$T/.cache TMPDIR=$T

(umask 077; echo 'correct horse' >password; echo 'wrong horse' >wrong)
exits "init" 0 lade init -r repo --password-file password
# A password costs 256 MiB and half a second, each time. The key of a client that may only add is all that a backup needs.
exits "a key that can only add" 0 lade key add -r repo --password-file password --write-only=add.key --label=test

backup() { lade backup -r repo --key-file add.key "$@"; }
# field NAME: of the last line of the last command's JSON.
field() { tail -n 1 "$out" | sed -nE "s/.*\"$1\":\"?([^\",}]*).*/\\1/p"; }
# listed: the paths of -vvv, without the test's directory.
listed() { sed -nE "s#^(read|unchanged|entry) +$T/?##p" "$out"; }
# takes NAME EXPECTED OPTION...: a backup of src with these options has exactly these files.
takes() {
	local name=$1 expected=$2
	shift 2
	backup -n -vvv "$@"
	report "$name" "$(diff <(printf '%s\n' $expected | sort) <(sed -nE "s#^(read|unchanged) +$T/src/##p" "$out" | sort))"
}
# json_is_good: each line of the last command is an object with a type. perl-base alone has no parser.
json_is_good() {
	if perl -MJSON::PP -e1 2>/dev/null; then
		perl -MJSON::PP -ne 'decode_json($_)->{message_type} or die "no message_type: $_"' "$out"
	else
		! grep -avE '^\{"message_type":".*\}$' "$out"
	fi
}

# ---- what is said ----
mkdir -p src/deep src/empty
file_of_size src/large 3000000
echo one >src/one
echo two >src/deep/two
ln -s one src/link
mkfifo src/fifo
exits "a backup" 0 backup src
silent "says nothing where nobody looks"
exits "the next one" 0 backup src
silent "nor does that"
rm -rf "$XDG_STATE_HOME"
exits "a client that may only add, and has lost what it knew of files" 0 backup src
says "says that all are read" 'nothing is known of the files here.*all files are read$'
# --force: on a slow machine the files are older than two seconds by now, and known.
exits "-v" 0 backup -v --force src
prints "has the files" '^Files: +3 read, 0 unchanged; [0-9]+ directories, 2 others$'
prints "what was added" '^Added: +[0-9.]+K?B, [0-9.]+K?B stored$'
prints "what was looked at" '^Processed: +3 files, 2\.86MB in [0-9.]+ s$'
prints "and the snapshot" '^snapshot [0-9a-f]{8} saved$'
check "and says nothing else" [ ! -s "$err" ]
exits "-vv" 0 backup -vv --force src
prints "names what is read" "^read +$T/src/deep/two$"
check "and nothing else" bash -c '! grep -q "^entry" "$1"' - "$out"
exits "-vvv" 0 backup -vvv src
check "names all" [ "$(listed | sed -n 's#^src/##p' | sort | tr '\n' ' ')" = "deep deep/two empty fifo large link one " ]
exits "--json" 0 backup --json src
check "is an object a line" json_is_good
check "with the figures" [ "$(field total_files_processed) $(field others) $(field error_count) $(field dry_run)" = "3 2 0 false" ]
check "and the snapshot" [ "$(field snapshot_id | wc -c)" = 65 ]
exits "-q --json" 0 backup -q --json src
check "has the summary alone" [ "$(grep -c . "$out") $(grep -c '"summary"' "$out")" = "1 1" ]
exits "help" 0 lade backup --help
prints "is there" '^usage: lade backup '
cp "$out" help
exits "by both ways" 0 lade help backup
check "the same" cmp help "$out"

# ---- exit statuses ----
wrong() {
	exits "$1" 1 backup "${@:3}"
	says "$1: why" "$2"
	check "$1: nothing is printed" [ ! -s "$out" ]
}
wrong "nothing to back up" 'what is to be backed up'
wrong "an empty path" "'' is no path" ''
wrong "nothing of it is there" 'nothing of what is to be backed up is there: /nowhere/at/all' /nowhere/at/all
wrong "an unknown option" 'unknown option.*--no-such' --no-such src
wrong "a compression that is none" '--compression=fastest' --compression=fastest src
wrong "a level that is none" '--compression=99' --compression=99 src
wrong "a time that is none" '--time=yesterday' --time=yesterday src
wrong "no time at all" '--time=@0' --time=@0 src
wrong "a size that is none" '--exclude-larger-than=big' --exclude-larger-than=big src
wrong "no threads" '--threads=0' --threads=0 src
wrong "a pattern that is none" '--exclude.*no pattern' --exclude= src
wrong "a list that is not there" 'no-list.*does not exist' --files-from=no-list
# What no snapshot has room for is told at once.
seq 1048577 >many
wrong "too many excludes" 'too much for a snapshot: at most 1048576' --exclude-file=many src
yes "$(printf 't%.0s' {1..99})" | head -n 200000 >long
wrong "excludes that are too long" 'too much for a snapshot: .*15 MiB' --exclude-file=long src
rm many long
wrong "excludes that are not there" 'no-list.*does not exist' --exclude-file=no-list src
wrong "-q and -v" 'give one of them' -q -v src
wrong "two streams" 'give one of them' --stdin --stdin-from-command src
wrong "a stream and paths" 'do not go together' --stdin src
wrong "a stream and a list" 'do not go together' --stdin --files-from=list
wrong "a command that is none" 'needs a command' --stdin-from-command
wrong "a name for no stream" 'stdin-filename is for' --stdin-filename=a src
wrong "a stream and what leaves out files" 'do not go with them|does not go with them' --stdin --exclude=a
wrong "a stream that cannot be unchanged" 'as old as its backup' --stdin --skip-if-unchanged
exits "no repository" 10 lade backup -r nowhere --key-file add.key src
exits "a wrong password" 12 lade backup -r repo --password-file wrong src
exits "the right one" 0 lade backup -r repo --password-file password src
exits "--json tells what ends it" 10 lade backup -r nowhere --key-file add.key --json src
check "as an object" json_is_good
check "with the status" [ "$(field message_type) $(field code)" = "exit_error 10" ]
exits "the identity of a reader does not do" "1|12" lade backup -r repo --identity nothing src

# ---- what is left out ----
rm -r src
mkdir -p src/a/.git src/a/b src/cache src/marked src/tagged
echo 1 >src/a/Keep.txt
echo 1 >src/a/drop.o
echo 1 >src/a/DROP.O
echo 1 >src/a/b/x.txt
echo '*.log' >src/a/.gitignore
echo 1 >src/a/b/y.log
printf 'Signature: 8a477f597d28d172789f06886806bc55 and more' >src/cache/CACHEDIR.TAG
echo 1 >src/cache/c
touch src/marked/.nobackup
echo 1 >src/marked/m
echo 'no backups, please' >src/tagged/note
echo 1 >src/tagged/t
truncate -s 2000 src/big
all="a/Keep.txt a/drop.o a/DROP.O a/b/x.txt a/.gitignore a/b/y.log cache/CACHEDIR.TAG cache/c marked/.nobackup marked/m tagged/note tagged/t big"
# without NAME...: all but these.
without() { local name words=" $all "; for name; do words=${words/ $name / }; done; echo "$words"; }
takes "nothing is left out" "$all" src
takes "--exclude" "$(without a/drop.o)" --exclude='*.o' src
takes "-e, of a path" "$(without a/b/x.txt a/b/y.log)" -e "$T/src/a/b" src
takes "--iexclude" "$(without a/drop.o a/DROP.O)" --iexclude='*.O' src
takes "the last one decides" "$(without a/drop.o a/b/x.txt a/b/y.log)" -e '*.o' -e '*.O' -e b -e '!DROP.O' src
printf '# what is built\n\n  *.o  \n*.log\n' >list
takes "--exclude-file" "$(without a/drop.o a/b/y.log)" --exclude-file=list src
takes "--iexclude-file" "$(without a/drop.o a/DROP.O a/b/y.log)" --iexclude-file=list src
takes "--exclude-caches" "$(without cache/CACHEDIR.TAG cache/c)" --exclude-caches src
check "the directory is there" grep -q "^entry  *$T/src/cache$" "$out"
takes "--exclude-if-present" "$(without marked/.nobackup marked/m)" --exclude-if-present=.nobackup src
takes "with a header" "$(without tagged/note tagged/t)" --exclude-if-present='note:no backups' src
takes "that is another one" "$all" --exclude-if-present='note:nothing' src
takes "--exclude-larger-than" "$(without big)" --exclude-larger-than=1K src
takes "what is not larger" "$all" --exclude-larger-than=2000 src
takes "--gitignore" "$(without a/b/y.log)" --gitignore src
if small_disk "$T/src/mounted" 1m; then
	echo 1 >src/mounted/there
	takes "another file system" "$all mounted/there" src
	takes "-x" "$all" -x src
	takes "--one-file-system" "$all" --one-file-system src
	drop_disk "$T/src/mounted"
else
	skip "-x" "needs root"
fi

# ---- which paths ----
takes "several paths" "a/b/x.txt a/b/y.log marked/.nobackup marked/m" src/a/b src/marked
check "with the directories on the way" [ "$(listed | grep -cx -e src -e src/a)" = 2 ]
check "and no others" bash -c '! listed | grep -q tagged'
takes "one within another" "$all" src src/a
takes "absolute, with dots" "a/b/x.txt a/b/y.log" "$T/src/./cache/../a/b"
printf '%s\n' "$T/src/a/b" 'src/marked/m' >list
takes "--files-from" "a/b/x.txt a/b/y.log marked/m" --files-from=list
takes "and paths" "a/b/x.txt a/b/y.log marked/m big" --files-from=list src/big
mkdir src/odd
odd=$'src/odd/new\nline' invalid=$'src/odd/\xff\xfe'
echo 1 >"$odd"
echo 1 >"$invalid"
echo 1 >'src/odd/with  spaces '
printf '%s\0' "$odd" "$invalid" 'src/odd/with  spaces ' >list
takes "--files-from0, and names of any bytes" 'odd/new\#012line odd/\#377\#376' --files-from0=list -e '* *'
exits "which all are backed up" 0 backup -v --json --files-from-raw=list
check "each" [ "$(field total_files_processed)" = 3 ]
check "in JSON, too" json_is_good
exits "-- ends options" 1 backup -- --nothing-called-so
exits "one of two that is not there is told" 3 backup -v src /nowhere/at/all
says "by its name" 'find source "/nowhere/at/all": No such file'
says "and counted" '^lade: 1 file or directory could not be read as a whole; the snapshot is there without it$'
prints "the rest is backed up" '^snapshot [0-9a-f]+ saved$'
exits "in JSON" 3 backup --json src /nowhere/at/all
check "it is an object" grep -q '"message_type":"error".*"item":"/nowhere/at/all"' "$out"
check "they all are" json_is_good

# ---- the description ----
exits "tags, host, job and time" 0 backup -v --tag one,two --tag three -H elsewhere --job nightly --time '2026-01-02 03:04:05' src/a
exits "they are in the list" 0 lade snapshots -r repo --password-file password --json --tag one
prints "all of them" '"time":"2026-01-02T03:04:05.*"hostname":"elsewhere".*"tags":\["one","two","three"\].*"job":"nightly"'
for time in '2026-01-02T03:04:05' '2026-01-02 03:04' 2026-01-02 @1234567890; do
	exits "--time=$time" 0 backup --time "$time" src/a
done

# ---- streams ----
exits "--stdin" 0 run bash -c 'echo select 1 | "$0" backup -r repo --key-file add.key --json --stdin' "$LADE"
check "is one file" [ "$(field total_files_processed) $(field total_bytes_processed)" = "1 9" ]
exits "--stdin-filename" 0 run bash -c 'echo select 2 | "$0" backup -r repo --key-file add.key --stdin --stdin-filename dumps/db.sql' "$LADE"
exits "which has it" 0 lade dump -r repo --password-file password --path /dumps/db.sql latest /dumps/db.sql
check "to the byte" [ "$(cat "$out")" = "select 2" ]
wrong "a file name that is none" 'is no path of a file' --stdin --stdin-filename=/
wrong "a file name that is too long" 'is no path of a file' --stdin --stdin-filename="$(printf 'n%.0s' {1..256})"
exits "what cannot be read" 1 run bash -c '"$0" backup -r repo --key-file add.key --stdin </' "$LADE"
says "is not the repository's fault" '^lade: read "/stdin": Is a directory$'
exits "--stdin-from-command" 0 backup --json --stdin-from-command -- printf '%s' abc
check "has what it prints" [ "$(field total_bytes_processed)" = 3 ]
exits "a command that fails" 1 backup -v --stdin-from-command -- sh -c 'echo half; exit 7'
says "is told" '"sh" failed with exit status 7: no snapshot'
check "makes no snapshot" bash -c '! grep -q saved "$1"' - "$out"
exits "one that is killed" 1 backup --stdin-from-command -- sh -c 'echo half; kill -KILL $$'
says "is told, too" '"sh" was ended by a signal \(Killed\)'
exits "one that is not there" 1 backup --stdin-from-command -- no-such-command-here
says "is told as well" 'no-such-command-here.*No such file'
start "$LADE" backup -r repo --key-file add.key --stdin-from-command -- sleep 1000 2>"$err"
pid=$started
wait_for pgrep -P "$pid" -x sleep
sleeper=$(pgrep -P "$pid" -x sleep)
kill -INT "$pid"
ends "a command that says nothing can be interrupted" 130 "$pid"
check "and ends as well" ended "$sleeper"

# ---- unchanged ----
rm -r src
mkdir -p src/few src/more
for n in {1..20}; do file_of_size "src/few/$n" 5000; done
ln src/few/1 src/few/hard
# What is younger than two seconds may change again without showing it.
sleep 3.1
exits "a first backup" 0 backup --json src
exits "a second one" 0 backup --json src
check "reads no file" [ "$(field files_read) $(field files_unmodified) $(field data_added)" = "0 21 0" ]
touch beside
exits "--skip-if-unchanged" 0 backup -v --skip-if-unchanged src
prints "makes none, whatever happened beside it" '^nothing has changed: no snapshot$'
if have strace && strace -f -o /dev/null true 2>/dev/null; then
	exits "unchanged files" 0 run env ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" strace -f -e trace=open,openat,openat2 -o trace "$LADE" backup -r repo --key-file add.key src
	report "are not opened" "$(grep -E '"([0-9]+|hard)", ' trace | grep -v ENOENT | grep -v O_DIRECTORY)"
else
	skip "are not opened" "needs strace"
fi
echo changed >src/few/7
exits "one that changed" 0 backup --json --skip-if-unchanged src
check "is read, and no other" [ "$(field files_read) $(field files_unmodified)" = "1 20" ]
check "and there is a snapshot" [ -n "$(field snapshot_id)" ]
exits "--force" 0 backup --json --force src
check "reads all" [ "$(field files_read) $(field data_blobs)" = "21 0" ]
for level in off auto fast better max 1 19; do
	head -c 300000 /dev/zero | tr '\0' "${level:0:1}" >src/text
	echo "$level" >>src/text
	exits "--compression=$level" 0 backup --json --compression "$level" src/text
	if [ "$level" = off ]; then
		check "stores all" [ "$(field data_added_packed)" -gt 300000 ]
	else
		check "stores less" [ "$(field data_added_packed)" -lt 10000 ]
	fi
done
exits "--threads" 0 backup --threads 3 src

# ---- a dry run ----
file_of_size src/fresh 4000000
find repo -printf '%p %s %C@ %T@\n' | sort >before
exits "-n" 0 backup -n -v src
prints "tells what it would add" '^Would add: +3\.8[0-9]MB, '
prints "and that it did not" '^dry run: nothing was stored$'
find repo -printf '%p %s %C@ %T@\n' | sort >after
report "nothing was written" "$(differ before after)"
exits "in earnest" 0 backup --json src
exits "then there is nothing to add" 0 backup -n --json src
check "it knows that" [ "$(field data_added) $(field dry_run) $(field snapshot_id)" = "0 true " ]

# ---- what cannot be read ----
# own_copy: the repository, the key and the tree as those of who cannot do all.
cp -a repo repo-nobody
cp add.key nobody.key
mkdir .nobody
! is_root || chown -R 65534:65534 repo-nobody nobody.key .nobody
as_them=(run ${as_nobody[@]+"${as_nobody[@]}"} env "XDG_STATE_HOME=$T/.nobody" "XDG_CACHE_HOME=$T/.nobody" "XDG_CONFIG_HOME=$T/.nobody" "$LADE" backup -r repo-nobody --key-file nobody.key)
mkdir src/closed
echo secret >src/closed/in
echo secret >src/secret
chmod 000 src/closed src/secret
exits "what may not be read" 3 "${as_them[@]}" -v src
says "a file is named" "open \"$T/src/secret\": Permission denied"
says "a directory, too" "\"$T/src/closed\": Permission denied"
says "they are counted" '^lade: 2 files or directories could not be read as a whole'
prints "the rest is there" '^snapshot [0-9a-f]+ saved$'
exits "-n of it" 3 "${as_them[@]}" -n src
check "speaks of no snapshot" bash -c '! grep -q snapshot "$1"' - "$err"
chmod -R u+rwX src
find repo-nobody -type d -exec chmod 500 {} +
exits "a dry run needs not write to the repository" 0 "${as_them[@]}" -n src/few
exits "a backup does" 1 "${as_them[@]}" src/few
says "and says so" 'repository "repo-nobody": .*Permission denied'
chmod -R u+rwX repo-nobody

# ---- while it goes on ----
# Nobody takes what is printed, so that it stands still with the pipe full, as long as somebody looks at what then is the middle.
rm -r src
mkdir src
long=$(printf 'n%.0s' {1..150})
# many FIRST LAST: files of random bytes, which no other test has put.
many() { local n; for ((n = $1; n <= $2; n++)); do head -c 4000 /dev/urandom >"src/$n-$long"; done; }
many 1000 2199
mkfifo stalled
# stall OPTION...: start a backup that stands still.
stall() {
	# Whoever opens it for one thing only waits for who does so for the other.
	exec 8<>stalled
	start "$LADE" backup -r repo --key-file add.key -vvv "$@" >stalled 2>"$err" 8<&-
	stalled=$started
	exec 9<stalled 8<&-
	# FIONREAD
	wait_for perl -e 'open my $f, "<&=", 9 or exit 1; my $n = pack "L", 0; ioctl $f, 0x541B, $n or exit 1; exit(unpack("L", $n) < 60000)'
}
# go_on NAME STATUSES: let it.
go_on() {
	cat <&9 >"$out"
	exec 9<&-
	ends "$1" "$2" "$stalled"
}
stall src
# Not the last ones: what nothing came behind is not told again.
rm "src/2100-$long" "src/2099-$long"
go_on "files that vanish meanwhile" 3
says "are named" "\"$T/src/2100-n*\": No such file"
check "both, in passing and in the end" [ "$(grep -c '^lade: [a-z]* ".*No such file' "$err")" = 4 ]
check "the others are there" [ "$(grep -c '^read ' "$out")" = 1198 ]
rm -r src
mkdir src
many 1000 1419
file_of_size src/growing 5000000
echo >src/last
# is_open FILE: by the program that stands still.
is_open() { [ -n "$(find "/proc/$stalled/fd" -lname "$1")" ]; }
stall src
# Once the one behind it is open it has been looked at, and it is not read to its end: who has read a part tells of it, and waits as all who do.
check "a file that is being read" wait_for is_open "*/src/last"
check "is not at its end" is_open "*/src/growing"
echo more >>src/growing
go_on "a file that grows meanwhile" 3
says "is named" "read \"$T/src/growing\": changed|read \"$T/src/growing\": it is not"
prints "and there, as it was" '^snapshot [0-9a-f]+ saved$'
rm -r src
mkdir src
many 3000 4199
exits "all that there is" 0 backup -n --json src
whole=$(field data_added)
stall src
kill -INT "$stalled"
go_on "an interrupt in the middle" 130
says "says what comes next" '^lade: interrupted: the next backup goes on from here$'
exits "the next one" 0 backup --json src
says "says so" '^lade: session [0-9a-f]{32}, which was left behind, is resumed$'
check "and stores what was missing" [ "$(field data_added)" -gt 0 -a "$(field data_added)" -lt $((whole * 9 / 10)) ]
check "nothing is left of either" [ -z "$(find repo/sessions repo/tmp -type f)" ]
exits "then all is there" 0 backup -n --json --force src
check "to the last byte" [ "$(field data_added)" = 0 ]
rm -r src
mkdir src
many 5000 6199
stall src
kill -KILL "$stalled"
cat <&9 >/dev/null
exec 9<&-
wait "$stalled" 2>/dev/null
exits "after a kill" 0 backup --json src
check "the repository goes on" [ "$(field total_files_processed)" = 1200 ]
stall --force src
kill -TERM "$stalled"
go_on "SIGTERM" 130
stall --force src
exits "another backup at once" 0 backup src
go_on "disturbs neither" 0

# ---- a list that is damaged ----
went=gone/$(printf 'a%.0s' {1..64})
mkdir -p repo/gone
echo LADE >"repo/$went"
exits "a list of packs that went, damaged" 1 backup src
says "is named, with the page that tells what to do" "lists? (is|that are) damaged.*lade-check\(1\).*$went"
rm "repo/$went"
exits "without it backups go on" 0 backup src

# ---- the page cache ----
if have fincore; then
	in_memory() { fincore -b -n -o RES "$1" | tr -d ' '; }
	file_of_size src/cold 9000000
	file_of_size src/cool 50000
	file_of_size src/hot 9000000
	forget src/cold src/cool
	if [ "$(in_memory src/cold)" = 0 ]; then
		cat src/hot >/dev/null
		exits "a backup of files that are in memory, and not" 0 backup --json src/cold src/cool src/hot
		check "reads them" [ "$(field files_read)" = 3 ]
		check "what was not in memory is not" [ "$(in_memory src/cold) $(in_memory src/cool)" = "0 0" ]
		check "what was is" [ "$(in_memory src/hot)" -ge 9000000 ]
	else
		skip "the page cache" "nothing leaves it on this file system"
	fi
else
	skip "the page cache" "needs fincore"
fi

# ---- a terminal ----
if have script; then
	on_terminal() { run script -qec "$LADE backup -r repo --key-file add.key $*" /dev/null; }
	on_terminal --stdin-from-command -- sh -c "'for n in 1 2 3 4 5 6; do head -c 3000000 /dev/urandom; sleep 0.4; done'"
	check "a terminal sees progress" [ "$status" = 0 ]
	check "in a line of its own" grep -aq $'\r.*[0-9.]*[KM]B' "$out"
	prints "and what became of it" 'snapshot [0-9a-f]{8} saved'
	on_terminal -q src
	check "but not with -q" [ ! -s "$out" ]
else
	skip "a terminal sees progress" "needs script"
fi

# ---- a full disk ----
if small_disk "$T/disk" 24m; then
	exits "a repository on a small disk" 0 lade init -r disk/repo --password-file password
	exits "its key" 0 lade key add -r disk/repo --password-file password --write-only=disk.key --label=test
	echo little >src/little
	exits "it takes a little" 0 lade backup -r disk/repo --key-file disk.key src/little
	file_of_size src/too-much 40000000
	exits "but not too much" 1 lade backup -r disk/repo --key-file disk.key --json src/too-much
	says "which is said plainly" '^lade: repository "disk/repo": .*No space left on device$'
	exits "what is there stays good" 0 lade key list -r disk/repo --password-file password
	mount -o remount,size=200m "$T/disk"
	exits "with more room" 0 lade backup -r disk/repo --key-file disk.key src/too-much
	exits "it goes on" 0 lade backup -r disk/repo --key-file disk.key -n --json --force src/little src/too-much
	check "and has all" [ "$(field data_added)" = 0 ]
	check "and nothing else" [ -z "$(find disk/repo/tmp disk/repo/sessions -type f)" ]
	drop_disk "$T/disk"
else
	skip "a full disk" "needs root"
fi

finish
