#!/bin/bash
# tests/scenario/output.sh: what `lade sync` prints, logs and says in JSON. The lines are those of rsync 3.5.0 for the same
# trees but where the manual page says otherwise; they are sorted where it is not their order that is tested.
. "${srcdir:-.}/tests/scenario/lib.sh"

# A remote shell that runs the command here.
cat >"$T/shell" <<'END'
#!/bin/sh
shift
exec sh -c "$*"
END
chmod +x "$T/shell"
remote=(-e "$T/shell" --lade-path="$LADE")

mkdir -p "$T/src/d/e"
printf 'hello\n' >"$T/src/a"
printf '%0.s0123456789' {1..100} >"$T/src/b"
printf 'o\n' >"$T/src/d/f.o"
printf 'y\n' >"$T/src/d/e/g"
ln -s a "$T/src/l"
mkfifo "$T/src/p"
find "$T/src" -exec touch -h -d '2024-05-06 07:08:09' {} +
find "$T/src" -type d -exec chmod 755 {} +
chmod 640 "$T/src/b"

fresh() { rm -rf "$T/dst"; }

# prints_sorted NAME: stdout, its lines sorted, without times and rates, is what is on stdin.
prints_sorted() {
	LC_ALL=C sort >"$T/expected"
	sed -E -e "s,$T/,,g" -e 's/^sent .*/sent/' -e 's/speedup is [0-9.,]+/speedup/' \
		-e 's/100% .*\(xfr#[0-9]+, ..-chk=[0-9]+\/[0-9]+\)$/100%/' "$out" | LC_ALL=C sort >"$T/found"
	report "$1" "$(differ "$T/expected" "$T/found")"
}

fresh
syncs "-av" -av "$T/src/" "$T/dst"
prints_sorted "-av names what is made, and sums" <<'END'

sending incremental file list
created directory dst
./
a
b
d/
d/e/
d/e/g
d/f.o
l -> a
p
sent
total size is 1,011  speedup
END
prints "-v: what was sent and received" '^sent [0-9,]+ bytes  received [0-9,]+ bytes  [0-9,]+\.[0-9][0-9] bytes/sec$'
prints "-v: the size" '^total size is 1,011  speedup is [0-9.,]+$'

syncs "-aii" -aii "$T/src/" "$T/dst"
prints_sorted "-aii shows what is unchanged" <<'END'
.d          ./
.d          d/
.d          d/e/
.f          a
.f          b
.f          d/e/g
.f          d/f.o
.L          l -> a
.S          p
END

chmod 600 "$T/dst/d/f.o"
for way in local push pull; do
	from=$T/src/ to=$T/dst options=() side=disabled\ for\ local\ transfer\ or\ --whole-file
	[ $way = local ] || options=("${remote[@]}") side=enabled
	[ $way != push ] || to=x:$to
	[ $way != pull ] || from=x:$from
	verb=sending
	[ $way != pull ] || verb=receiving
	syncs "-avv, $way" -avv "${options[@]}" --exclude='*.o' "$from" "$to"
	prints_sorted "-avv shows what is up to date and what is hidden, $way" <<END

$verb incremental file list
[sender] hiding file d/f.o because of pattern *.o
delta-transmission $side
a is uptodate
b is uptodate
d/e/g is uptodate
l is uptodate
p is uptodate
sent
total size is 1,009  speedup
total: matched=0  data=0
END
done

mkdir "$T/dst/gone" "$T/dst/kept"
touch "$T/dst/gone/x" "$T/dst/kept/q"
syncs "--delete -v" -rt --delete -v --exclude=q "$T/src/" "$T/dst"
prints_sorted "what is deleted, what cannot be and what is left out" <<'END'

sending incremental file list
./
skipping non-regular file "l"
skipping non-regular file "p"
cannot delete non-empty directory: kept
deleting gone/x
deleting gone/
sent
total size is 1,011  speedup
END
syncs "without -v" -rt "$T/src/" "$T/dst"
prints_sorted "what is left out is told anyhow" <<'END'
skipping non-regular file "l"
skipping non-regular file "p"
END
syncs "--info=nonreg0" -rt --info=nonreg0 "$T/src/" "$T/dst"
silent "--info=nonreg0 prints nothing"
syncs "-q" -rtqvvii --stats --progress "$T/src/" "$T/dst"
silent "-q prints nothing, whatever else is asked for"

# -n tells what the real run tells.
fresh
lade sync -ani --delete "$T/src/" "$T/dst"
sed '' "$out" | sort >"$T/dry"
report "-n makes nothing" "$(absent "$T/dst")"
lade sync -ai --delete "$T/src/" "$T/dst"
report "-n prints what the run does" "$(differ "$T/dry" <(sort "$out"))"

# Sums.
fresh
syncs "--stats" -a --stats "$T/src/" "$T/dst"
sed -E -i -e 's/^(File list .*|Total bytes .*): .*/\1/' "$out"
prints_sorted "--stats" <<'END'


File list generation time
File list size
File list transfer time
Literal data: 1,010 bytes
Matched data: 0 bytes
Number of created files: 9 (reg: 4, dir: 3, link: 1, special: 1)
Number of deleted files: 0
Number of files: 9 (reg: 4, dir: 3, link: 1, special: 1)
Number of regular files transferred: 4
Total bytes received
Total bytes sent
Total file size: 1,011 bytes
Total transferred file size: 1,010 bytes
sent
total size is 1,011  speedup
END
rm "$T/dst/l"
mkdir "$T/dst/x"
touch "$T/dst/x/y"
lade sync -a --delete --stats --no-h "${remote[@]}" "$T/src/" "x:$T/dst"
prints "what was made, by kind" '^Number of created files: 1 \(link: 1\)$'
prints "what was deleted, by kind" '^Number of deleted files: 2 \(reg: 1, dir: 1\)$'
prints "--no-h groups no digits" '^total size is 1011  speedup is '
lade sync -an --stats "$T/src/" "$T/none"
prints "-n: what would be made" '^Number of created files: 9 \(reg: 4, dir: 3, link: 1, special: 1\)$'
prints "-n: what would be transferred" '^Total transferred file size: 1,010 bytes$'
prints "-n sends nothing of it" '^Literal data: 0 bytes$'
prints "-n says so" '^total size is 1,011  speedup is .* \(DRY RUN\)$'

# Formats.
format='%i|%n%L|%f|%l|%b|%B|%M|%o|%C|%5l|%-5l|%'\''l|%q'
time=2024/05/06-07:08:09
none='                                '
fresh
cd "$T" || exit 99
syncs "--out-format" -a --out-format="$format" src/ dst
cd "$OLDPWD" || exit 99
prints_sorted "every escape" <<END
created directory dst
cd+++++++++|./|src/.|0|0|rwxr-xr-x|$time|send|$none|    0|0    |0|%q
cd+++++++++|d/|src/d|0|0|rwxr-xr-x|$time|send|$none|    0|0    |0|%q
cd+++++++++|d/e/|src/d/e|0|0|rwxr-xr-x|$time|send|$none|    0|0    |0|%q
cL+++++++++|l -> a|src/l|1|0|rwxrwxrwx|$time|send|$none|    1|1    |1|%q
cS+++++++++|p|src/p|0|0|rw-r--r--|$time|send|$none|    0|0    |0|%q
>f+++++++++|a|src/a|6|6|rw-r--r--|$time|send|6bba86c7e069f56d5a10b435f1c8e49c|    6|6    |6|%q
>f+++++++++|b|src/b|1000|1000|rw-r-----|$time|send|c9df19c4eccbf540dbdf770360da5ac5| 1000|1000 |1,000|%q
>f+++++++++|d/e/g|src/d/e/g|2|2|rw-r--r--|$time|send|0f7edea6053e70a073100b1c1f3123de|    2|2    |2|%q
>f+++++++++|d/f.o|src/d/f.o|2|2|rw-r--r--|$time|send|09190eda087653d56e78a48c27abeb18|    2|2    |2|%q
END
touch "$T/dst/z"
syncs "a format with %o" -a --delete --out-format='%o %n' "$T/src/" "$T/dst"
prints_sorted "a format with %o tells deletions" <<'END'
del. z
send ./
END
touch "$T/dst/z"
chmod 600 "$T/dst/a"
syncs "a format without %i" -a --delete --out-format='%n' "${remote[@]}" "x:$T/src/" "$T/dst"
prints_sorted "a format without %i leaves out what -v does not name" <<'END'
./
deleting z
END
printf changed >>"$T/src/b"
syncs "%b of a file that is described" -a --no-whole-file --out-format='%n %l %o %f' "${remote[@]}" "x:$T/src/" "$T/dst"
prints "a pull receives" '^b 1007 recv b$'

# A log.
printf changed >>"$T/src/b"
touch "$T/dst/z"
syncs "--log-file" -a --delete --log-file="$T/log" "$T/src/" "$T/dst"
silent "it prints nothing"
sed -E 's,^[0-9]{4}/[0-9][0-9]/[0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9] \[[0-9]+\] ,,; s/[0-9]+ bytes/N bytes/g' "$T/log" >"$T/logged"
report "a log of what was done" "$(differ "$T/logged" - <<'END'
building file list
.d..t...... ./
>f.st...... b
*deleting   z
sent N bytes  received N bytes  total size 1025
END
)"
lade sync -av --log-file="$T/log" --log-file-format='<%n>' "$T/nowhere" "$T/src/a" "$T/dst/new/"
report "the log is added to, with errors" "$([ "$(grep -c 'building file list' "$T/log")" = 2 ] && grep -q '\] <a>$' "$T/log" &&
	grep -q '\] lade: .*nowhere' "$T/log" && grep -q '\] total size is' "$T/log" || cat "$T/log")"
exits "a log that cannot be written" 11 lade sync -a --log-file="$T/nowhere/log" "$T/src/" "$T/unmade"
says "names it" 'open log file ".*/nowhere/log": No such file'
report "and nothing was done" "$(absent "$T/unmade")"
if [ -c /dev/full ]; then
	exits "a log on a full disk" 11 lade sync -a --log-file=/dev/full "$T/src/" "$T/dst"
	says "says so" 'write log file: No space left'
fi

# Progress.
for way in push pull; do
	from=$T/src/ to=$T/dst
	if [ $way = push ]; then to=x:$to; else from=x:$from; fi
	fresh
	syncs "--progress, $way" -a --progress --info=flist0 "${remote[@]}" "$from" "$to"
	prints "the last one is the last, $way" '^ +[0-9,]+ 100% .*/s    0:00:0[0-9] \(xfr#4, ..-chk=0/[0-9]\)$'
	prints_sorted "--progress has a line for each file, $way" <<'END'
          1,014 100%
              2 100%
              2 100%
              6 100%
./
a
b
created directory dst
d/
d/e/
d/e/g
d/f.o
l -> a
p
END
done
fresh
syncs "--info=progress2" -a --info=progress2 "$T/src/" "$T/dst"
prints "--info=progress2 ends with the whole" '^          1,024 100% .*/s    0:00:0[0-9] \(xfr#4, to-chk=0/9\)$'
report "without names" "$(grep -v '100%' "$out" | grep -v '%')"
mkdir "$T/large"
truncate -s 3000000 "$T/large/holes"
seq 100000 | head -c 300000 >>"$T/large/holes"
seq 200000 | head -c 900000 >"$T/large/data"
: >"$T/large/empty"
for how in --no-S -S --inplace --preallocate --path=splice; do
	rm -rf "$T/dst"
	syncs "progress with $how" -a "$how" --json --info=progress2 "$T/large/" "$T/dst"
	check "counts all that is copied" grep -q '"event":"progress".*"files":2,"files_total":2,"bytes":4200000,"bytes_total":4200000' "$out"
done
rm -rf "$T/large"

# JSON.
fresh
printf 'x' >"$T/src/"$'\xff\n"'
printf 'x' >"$T/src/"$'\xc3\xbc"'
syncs "--json" -a --json "$T/src/" "$T/dst"
report "each line is an object of version 1" "$(grep -v '^{"v":1,"event":"[a-z]*",.*}$' "$out")"
prints "the first one" '^\{"v":1,"event":"start","direction":"send","dry_run":false\}$'
prints "a file" '^\{"v":1,"event":"item","path":"b","type":"file","changes":">f\+{9}","permissions":416,"size":1014,"mtime":[0-9]+,"mtime_ns":[0-9]+,"uid":[0-9]+,"gid":[0-9]+,"transferred":1014\}$'
prints "a name that is UTF-8" '"path":"'$'\xc3\xbc''\\""'
prints "a name that is not" '"path_hex":"ff0a22"'
prints "sums" '"event":"stats","entries":11,"files":6,"directories":3,"symlinks":1,"devices":0,"specials":1,"created":11,'
report "the last one" "$(tail -n 1 "$out" | grep -vx '{"v":1,"event":"end","exit":0,"errors":0}')"
rm "$T/src/"$'\xff\n"' "$T/src/"$'\xc3\xbc"'
lade sync -a --json --delete "$T/src/" "$T/dst"
prints "deletions" '^\{"v":1,"event":"delete","path_hex":"ff0a22","type":"file"\}$'
lade sync -a --json "$T/src/a" "$T/nowhere" "$T/dst"
prints "errors" '"event":"error","operation":"find source","subject":"[^"]*/nowhere","reason":"No such file or directory","errno":2,"exit":23\}$'
says "errors are on standard error, too" 'find source ".*/nowhere"'
prints "the exit status" '^\{"v":1,"event":"end","exit":23,"errors":1\}$'

# What is told, by category.
exits "--info=help" 0 lade sync --info=help
prints "lists categories" '^  NONREG '
exits "--debug=help" 0 lade sync --debug=help
prints "lists them" '^  FILTER '
exits "an unknown category" 1 lade sync -a --info=nonsense "$T/src/" "$T/dst"
says "is named" "there is no 'nonsense'"
fresh
syncs "--info=name" -a --info=name "$T/src/" "$T/dst"
prints "names without sums" '^d/e/g$'
check "and nothing else" bash -c '! grep -q total "$1"' - "$out"

# What an option leaves as it is.
fresh
mkdir "$T/dst"
touch "$T/dst/a"
syncs "--info=skip with -u" -rtu --info=skip,nonreg0 --exclude=d "${remote[@]}" "$T/src/" "x:$T/dst"
prints_sorted "what is newer" <<'END'
a is newer
END
syncs "--info=skip with --ignore-existing" -rt --ignore-existing --info=skip,nonreg0 --exclude=d "$T/src/" "$T/dst"
prints_sorted "what is there" <<'END'
a exists
b exists
END
rm "$T/dst/b"
syncs "--info=skip with --existing" -rt --existing --info=skip,nonreg0 "${remote[@]}" "x:$T/src/" "$T/dst"
prints_sorted "what is not made" <<'END'
not creating new directory "d"
not creating new file "b"
not creating new file "l"
not creating new file "p"
END

# In the order of the names, whatever is done first.
mkdir -p "$T/order/d/e"
head -c 3000000 /dev/urandom >"$T/order/a"
: >"$T/order/b"
printf c >"$T/order/c"
ln -s a "$T/order/l"
head -c 400000 /dev/urandom >"$T/order/m"
printf z >"$T/order/z"
printf f >"$T/order/d/f"
head -c 500000 /dev/urandom >"$T/order/d/e/g"
printf h >"$T/order/d/h"
find "$T/order" -exec touch -h -d '2024-05-06 07:08:09' {} +

# in_order NAME: the items on stdout are these.
in_order() {
	printf '%s\n' ./ a b c 'l -> a' m z d/ d/f d/h d/e/ d/e/g >"$T/expected"
	report "$1" "$(differ "$T/expected" "$out")"
}
syncs "files of all sizes" -rl --out-format=%n%L "$T/order/" "$T/order-local"
in_order "items come in the order of the names"
syncs "the same to a remote side" -rl --out-format=%n%L "${remote[@]}" "$T/order/" "x:$T/order-push"
in_order "from a remote receiver as well"
syncs "the same from a remote side" -rl --out-format=%n%L "${remote[@]}" "x:$T/order/" "$T/order-pull"
in_order "from a remote sender as well"
syncs "--delay-updates" -rl --delay-updates --out-format=%n%L "$T/order/" "$T/order-delayed"
in_order "items of files that get their names at the end, too"
touch "$T/order-local/gone"
syncs "--delete-before with -I" -rlI --delete-before --out-format=%n%L "$T/order/" "$T/order-local"
grep -v '^deleting\|^l ->' "$out" >"$out.rest" && mv "$out.rest" "$out"
printf '%s\n' a b c m z d/f d/h d/e/g >"$T/expected"
report "items of files that are asked for later" "$(differ "$T/expected" "$out")"
mkdir -p "$T/order-blocked/c/full"
lade sync -rl --out-format=%n%L "$T/order/" "$T/order-blocked"
printf '%s\n' a b 'l -> a' m z d/ d/f d/h d/e/ d/e/g >"$T/expected"
grep -v '^cannot delete' "$out" >"$out.rest"; mv "$out.rest" "$out"
report "nothing waits for it" "$(differ "$T/expected" "$out")"

# What is left out keeps its name from being deleted.
mkdir -p "$T/left" "$T/left-dst"
ln -s nowhere "$T/left/link"
printf x >"$T/left-dst/link"
printf x >"$T/left-dst/gone"
for way in local push pull; do
	touch "$T/left-dst/gone"
	case $way in
	local) ends=("$T/left/" "$T/left-dst") ;;
	push) ends=("${remote[@]}" "$T/left/" "x:$T/left-dst") ;;
	pull) ends=("${remote[@]}" "x:$T/left/" "$T/left-dst") ;;
	esac
	syncs "--delete without -l ($way)" -rt --delete "${ends[@]}"
	prints_sorted "the symlink is told of ($way)" <<'END'
skipping non-regular file "link"
END
	report "what has its name stays ($way)" "$(exist "$T/left-dst/link"; absent "$T/left-dst/gone")"
done

# The other notes.
mkdir "$T/notes"
printf 1 >"$T/notes/f"
ln -s /nowhere "$T/notes/unsafe"
cp -a "$T/notes" "$T/notes-dst"
rm "$T/notes-dst/unsafe"
printf 2 >"$T/notes/f"
touch -d '2024-05-06 07:08:09' "$T/notes/f"
syncs "--info=backup,remove" -rltb --safe-links --remove-source-files --info=backup,remove "${remote[@]}" "$T/notes/" "x:$T/notes-dst"
prints_sorted "what is backed up and removed" <<'END'
backed up f to f~
sender removed f
END
syncs "--info=name with --safe-links" -rl --safe-links --info=name "$T/notes/" "$T/notes-dst"
prints "an unsafe symlink" '^ignoring unsafe symlink "unsafe" -> "/nowhere"$'
printf 3 >"$T/notes/f"
mkdir "$T/notes-one"
syncs "another name" -i "${remote[@]}" "$T/notes/f" "x:$T/notes-one/g"
prints_sorted "a single file is told of by its name at the source" <<'END'
<f+++++++++ f
END
syncs "a directory without -r" -t "$T/notes" "$T/notes-one"
prints_sorted "a directory that is skipped" <<'END'
skipping directory notes
END

# Bytes of other locales.
mkdir "$T/eight"
printf x >"$T/eight/"$'\xfcber\001'
syncs "-v in the C locale" -rv --info=flist0,stats0 "$T/eight/" "$T/eight-dst"
prints "escapes" '^\\#374ber\\#001$'
syncs "-8" -rv8 --info=flist0,stats0 "$T/eight/" "$T/eight-dst2"
report "-8 does not, but for control characters" "$(grep -qaF $'\xfcber\\#001' "$out" || cat "$out")"
syncs "--outbuf=L" -rv --outbuf=L "$T/eight/" "$T/eight-dst3"
finish
