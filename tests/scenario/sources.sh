# tests/scenario/sources.sh: which part of the sources takes part, and as what.
. "${srcdir:-.}/tests/scenario/lib.sh"

# The other side of a "host" is this one, without a network.
printf '#!/bin/sh\nshift\nexec sh -c "$*"\n' >"$T/rsh"
chmod +x "$T/rsh"
far=(-e "$T/rsh" --lade-path="$LADE")

mkdir -p "$T/in/one/a/b" "$T/in/one/c" "$T/in/two/a" "$T/in/three/x"
cd "$T/in" || exit 99
echo 1 >one/a/b/f
echo 2 >one/a/g
echo 3 >one/c/h
echo other >two/a/g
echo 5 >two/z
echo file >two/x
echo 6 >three/x/y
touch -d '2020-02-03 04:05:06' one/a

# The names below a directory, sorted, on one line.
names() { (cd "$1" && find . -mindepth 1 -printf '%P\n' | LC_ALL=C sort | tr '\n' ' '); }
holds() { report "$1" "$([ "$(names "$2")" = "$3" ] || names "$2")"; }

# ---- several sources ----
syncs "several contents" -a one/ two/ three/ ../merged/
holds "make one tree, in which a directory comes before a file" ../merged "a a/b a/b/f a/g c c/h x x/y z "
check "what two have is that of the first" cmp one/a/g ../merged/a/g
syncs "content and names" -a two/ one/a one/c/h ../mixed/
holds "make one tree, too" ../mixed "a a/b a/b/f a/g h x z "
check "in the order of the sources" cmp two/a/g ../mixed/a/g
mkdir ../kept && touch ../kept/old
syncs "several names with --delete" -a --delete one/a one/c ../kept/
check "delete nothing beside them" exist ../kept/old
syncs "several contents with --delete" -a --delete one/ two/ ../kept/
check "delete what none has" absent ../kept/old
syncs "the same from the other side" -a "${far[@]}" "h:$PWD/one/" ":$PWD/two/a" ../far/
holds "they make one tree there" ../far "a a/b a/b/f a/g c c/h "
exits "a source that is missing costs the others nothing" 23 lade sync -a one/nope two/z ../partly/
holds "the rest arrives" ../partly "z "

# ---- -R ----
syncs "-R" -aR one/a/b ../relative/
holds "keeps the path" ../relative "one one/a one/a/b one/a/b/f "
check "with its attributes" test "$(stat -c %Y ../relative/one/a)" = "$(stat -c %Y one/a)"
syncs "-R with a dot" -aR one/./a/b ../cut/
holds "keeps what is behind it" ../cut "a a/b a/b/f "
mkdir -p ../own/a && touch -d '2001-01-01' ../own/a && chmod 0711 ../own/a && touch ../own/a/mine
syncs "--no-implied-dirs" -aR --delete --no-implied-dirs one/./a/b ../own/
check "leaves them as they are" test "$(stat -c %a ../own/a)" = 711
check "and what is in them" exist ../own/a/mine
syncs "the same from the other side, where they are missing" -aR "${far[@]}" --no-implied-dirs "h:$PWD/one/./a/b" ../own2/
holds "they are made" ../own2 "a a/b a/b/f "
exits "a kept path that leads nowhere" 23 lade sync -aR one/./a/nope one/./no/where one/./no/there one/./c/h ../lost/
holds "has no directories made on its way" ../lost "c c/h "
says "its whole path is told" 'find source "one/a/nope"'
says "of each" 'find source "one/no/where"'
says "and every one" 'find source "one/no/there"'
syncs "a kept path that is excluded" -aR --exclude=b one/./a/b ../hidden/
holds "has none made either" ../hidden ""
syncs "--ignore-missing-args with a name that the second has alone" -a --ignore-missing-args one/z two/z ../second/
holds "takes the second's" ../second "z "
exits "no .. in a path that is kept" 1 lade sync -aR one/../one/a ../never/

# ---- a destination that does not fit ----
echo file >../plainfile
exits "a directory onto a file" 3 lade sync -a one/ ../plainfile
exits "two onto a file" 3 lade sync -a two/x two/z ../plainfile
exits "one below a file" 3 lade sync -a two/x ../plainfile/new
check "the file stays" test "$(cat ../plainfile)" = file

# ---- lists ----
printf 'a/b\n# a remark\n; another\n\n/c/\na/../../c/h\n' >../list
tr '\n' '\0' <../list >../list0
syncs "--files-from" -a --files-from=../list one ../listed/
holds "takes what is listed, and what is in a directory with a slash" ../listed "a a/b c c/h "
syncs "--files-from with -r" -ar --files-from=../list one ../listed-deep/
holds "takes all of it" ../listed-deep "a a/b a/b/f c c/h "
syncs "--from0" -a -0 --files-from=../list0 one ../listed0/
holds "takes the same" ../listed0 "a a/b c c/h "
printf 'g\0b\0' >../rules0
syncs "--from0 with rules" -a -0 --exclude-from=../rules0 one/ ../ruled/
holds "reads those so, too" ../ruled "a c c/h "
run sh -c "\"$LADE\" sync -a --files-from=- one ../piped/ <../list"
holds "a list on standard input" ../piped "a a/b c c/h "
syncs "--no-R with a list" -a --no-R --files-from=../list one ../flat/
holds "leaves the paths out" ../flat "b h "
syncs "a list here of what is there" -a "${far[@]}" --files-from=../list "h:$PWD/one" ../pulled/
holds "arrives" ../pulled "a a/b c c/h "
syncs "a list there of what is there" -a "${far[@]}" --files-from=":$T/list" "h:$PWD/one" ../pulled2/
holds "arrives, too" ../pulled2 "a a/b c c/h "
syncs "a list there of what is here" -a "${far[@]}" --files-from="h:$T/list" one "h:$T/pushed/"
holds "arrives as well" ../pushed "a a/b c c/h "
exits "a list that is not there" 1 lade sync -a --files-from=../nope one ../never/
exits "a list that is not there on the other side" 11 lade sync -a "${far[@]}" --files-from=:/nope/nope one "h:$T/never/"
says "which is told in its words" 'open the list of sources "/nope/nope": does not exist'
for file in /dev/zero /dev/full; do
	exits "a device is no list: $file" 1 lade sync -a --files-from=$file one ../never/
	exits "a device is none on the other side either: $file" 11 lade sync -a "${far[@]}" --files-from=:$file h:one ../never/
done
syncs "an empty list" -a --files-from=/dev/null one ../unlisted/
syncs "an empty list on the other side" -a "${far[@]}" --files-from=:/dev/null "h:$PWD/one" ../unlisted/
mkfifo ../fifo
exits "nobody writes to a FIFO on the other side" 11 lade sync -a "${far[@]}" --files-from=":$T/fifo" "h:$PWD/one" ../never/
says "which is named" "no file.*$T/fifo"
start sh -c 'cat ../list >../fifo'
syncs "a FIFO here" -a --files-from=../fifo one ../from-fifo/
holds "is read to its end" ../from-fifo "a a/b c c/h "
perl -e 'print "x/" x 8192, "\n"' >../long-name
syncs "a long name" -a --ignore-missing-args --files-from=../long-name one ../unlisted/
perl -e 'print "x/" x (1 << 20), "\n"' >../long-name
exits "a name that is too long" 1 lade sync -a --ignore-missing-args --files-from=../long-name one ../never/
says "is told" 'read the list of sources .*beyond'
exits "a list of one source only" 1 lade sync -a --files-from=../list one two ../never/
mkdir -p ../ldel/a/b ../ldel/c && touch ../ldel/top ../ldel/a/old ../ldel/c/old
syncs "--delete with a list" -a --delete --files-from=../list one ../ldel/
holds "deletes only in what is listed with its content" ../ldel "a a/b a/old c c/h top "

# ---- directories without -r ----
lade sync -t one/a one/c/h ../plain/
holds "without -r and -d directories are skipped" ../plain "h "
prints "which is told" '^skipping directory a$'
syncs "-d" -d one/a two/ ../dirs/
holds "takes directories, and the content of one with a slash" ../dirs "a x z "
mkdir -p ../ddel/a && touch ../ddel/old ../ddel/a/old
syncs "-d with --delete" -d --delete two/ ../ddel/
holds "deletes in what is listed" ../ddel "a a/old x z "

# ---- sizes ----
syncs "--max-size" -a --max-size=2 two/ ../small/
holds "leaves larger files out" ../small "a z "
syncs "--min-size" -a --min-size=3 two/ ../large/
holds "leaves smaller files out" ../large "a a/g x "
syncs "--max-size=0" -a --max-size=0 two/ ../empty/
holds "leaves all out that have content" ../empty "a "

# ---- symlinks ----
mkdir -p ../links/in ../links/real
echo r >../links/real/r
ln -s real ../links/dir
ln -s real/r ../links/file
ln -s /etc/hostname ../links/absolute
ln -s ../../up ../links/in/up
ln -s real/../real ../links/in/down-up
ln -s ../real ../links/in/across
syncs "-k" -a -k ../links/ ../k/
check "follows those to directories" test -d ../k/dir -a ! -L ../k/dir -a -L ../k/file
check "and takes what is in them" cmp ../links/real/r ../k/dir/r
syncs "--safe-links" -a --safe-links ../links/ ../safe/
holds "leaves out what leads out" ../safe "dir file in in/across real real/r "
rm ../links/in/up
exits "-L: one that leads nowhere is an error" 23 lade sync -aL ../links/in/ ../L0/
rm ../links/in/down-up ../links/absolute
syncs "-L" -aL ../links/ ../L/
holds "follows all" ../L "dir dir/r file in in/across in/across/r real real/r "
check "there is no symlink" test -z "$(find ../L -type l)"
syncs "-L from the other side" -aL "${far[@]}" "h:$T/links/" ../L2/
same "does the same" ../L ../L2
ln -s .. ../links/in/loop
exits "-L: a loop is an error" 23 lade sync -aL ../links/ ../loop/
check "what is not in it arrives" exist ../loop/real/r
ln -s real/r ../links/other
rm ../links/in/loop
mkdir ../munged
syncs "--munge-links" -a --munge-links "${far[@]}" "h:$T/links/" ../munged/
check "makes them useless where the user is" test "$(readlink ../munged/other)" = /rsyncd-munged/real/r
syncs "and back" -a --munge-links ../munged/ ../restored/
check "restores them" test "$(readlink ../restored/other)" = real/r

# ---- what is missing ----
syncs "--ignore-missing-args" -a --ignore-missing-args one/nope two/z ../ignored/
mkdir -p ../gone/full && touch ../gone/nope ../gone/full/file ../gone/stays
lade sync -a --delete-missing-args one/nope one/full two/z ../gone/
holds "deletes what is named, but no directory with content" ../gone "full full/file stays z "
syncs "--delete-missing-args with --delete" -a --delete --delete-missing-args one/full two/z ../gone/
holds "deletes that as well" ../gone "stays z "
for way in "" pull push; do
	rm -rf ../gone ../elsewhere
	mkdir -p ../gone/away/deep ../elsewhere
	touch ../gone/away/nope ../gone/away/deep/nope ../gone/away/deep/stays ../elsewhere/nope
	ln -s ../elsewhere ../gone/link
	printf '%s\n' away/nope away/deep/nope link/nope away/none z >../names
	case $way in
	pull) syncs "a list of what is missing, $way" -a --delete-missing-args "${far[@]}" --files-from=../names "h:$PWD/two" ../gone/ ;;
	push) syncs "a list of what is missing, $way" -a --delete-missing-args "${far[@]}" --files-from=../names two "h:$T/gone/" ;;
	*) syncs "a list of what is missing" -a --delete-missing-args --files-from=../names two ../gone/ ;;
	esac
	holds "goes with its directories missing, too${way:+, $way}" ../gone "away away/deep away/deep/stays link z "
	check "but not behind a symlink${way:+, $way}" test -e ../elsewhere/nope
done

# ---- other file systems ----
mkdir -p ../disks/dir/disk ../disks/file
if small_disk "$T/disks/dir/disk" 1m; then
	touch ../disks/dir/disk/inside
	lade sync -rx --info=mount ../disks/ ../x/
	holds "-x leaves the place of a file system" ../x "dir dir/disk file "
	check "and does not speak of it" test "$(cat "$out")" = ""
	lade sync -rxx --info=mount ../disks/ ../xx/
	holds "-xx leaves that out, too" ../xx "dir file "
	check "and says so" test "$(cat "$out")" = "[sender] skipping mount-point dir dir/disk"
	lade sync -rxx --info=mount "${far[@]}" "h:$T/disks/" ../pulled/
	check "on the other side, too" test "$(cat "$out")" = "[sender] skipping mount-point dir dir/disk"
	lade sync -rxx --info=mount ../disks/dir/disk ../named/
	holds "a source is looked into" ../named "disk disk/inside "
	drop_disk "$T/disks/dir/disk"
else
	skip "-x and -xx" "cannot mount a file system here"
fi

# ---- listings ----
chmod 0640 one/c/h
touch -d '2021-01-02 03:04:05' one/c/h
lade sync one/c/h
prints "a source alone is shown" '^-rw-r-----              2 2021/01/02 03:04:05 h$'
lade sync -r --list-only one/ ../never/
prints "--list-only shows what is in it" '^drwxr-xr-x +[0-9,]+ 2020/02/03 04:05:06 a$'
lade sync "${far[@]}" -r "h:$PWD/one"
prints "of the other side, too" ' one/c/h$'
check "nothing was made" absent ../never
finish
