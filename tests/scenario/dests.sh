# tests/scenario/dests.sh: older trees at the destination's side, from which files are left out, copied or linked, or whose
# files are old content: --compare-dest, --copy-dest, --link-dest, and --fuzzy. What is expected is what rsync does.
. "${srcdir:-.}/tests/scenario/lib.sh"

need_server

# day N FILE...: its modification time.
day() { touch -h -d "2020-01-0$1 00:00:00.123456789" "${@:2}"; }

# scene DIR: DIR/src, an older tree DIR/alt, and DIR/dst that has some of it.
scene() {
	local file
	rm -rf "$1"
	mkdir -p "$1/src/sub" "$1/src/new" "$1/src/eq/d" "$1/dst" "$1/alt/sub" "$1/alt/eq/d" "$1/alt/type"
	(
		cd "$1" || exit 1
		for file in same perm content time has_same has_other has_perm type nowhere empty sub/in new/n eq/q; do
			file_of_size "src/$file" 5000
			day 1 "src/$file"
		done
		: >src/empty
		day 1 src/empty
		ln -s target src/link
		ln -s target src/link_target
		ln -s target src/link_time
		ln -s target src/has_link
		mkfifo src/fifo src/fifo_perm
		day 1 src/link* src/has_link src/fifo* src/sub src/new src/eq/d src/eq src
		(cd src && cp -a --parents same perm content time has_same has_other has_perm empty sub/in eq/q ../alt)
		cp -a src/link src/link_target src/link_time src/has_link src/fifo src/fifo_perm alt
		chmod 600 alt/perm alt/fifo_perm
		echo other >alt/content
		day 2 alt/content alt/sub
		chmod 700 src/sub
		day 1 src/sub
		day 3 alt/time
		ln -sfn other alt/link_target
		day 1 alt/link_target
		day 2 alt/link_time
		cp -a src/has_same src/has_link dst
		echo x >dst/has_other
		day 4 dst/has_other
		cp -a src/has_perm dst
		chmod 640 dst/has_perm
		day 1 alt/eq/d alt/eq dst
	)
}

# What is printed for what no alternative directory has just so. Files of the destination follow under --copy-dest alone.
changes() {
	cat <<-'END'
		>f.st...... content
		>f+++++++++ nowhere
		cf...p..... perm
		>f..t...... time
		>f+++++++++ type
		cSc..p..... fifo_perm
		cLc........ link_target -> target
		cLc.t...... link_time -> target
		cd+++++++++ new/
		>f+++++++++ new/n
		cd..tp..... sub/
	END
}
changes_here() {
	cat <<-'END'
		>f.st...... has_other
		.f...p..... has_perm
	END
}

# as_printed OPTIONS...: the same with -c, which finds that the content differs and that the time alone does not
# matter; what is sent elsewhere points there.
as_printed() {
	if [[ " $* " == *' -c '* ]]; then
		sed 's/^>f\.st/>fcst/; s/^>f\.\.t/cf..t/'
	else
		cat
	fi | if [ -n "$to" ]; then sed 's/^>/</'; else cat; fi
}

# run_kind KIND OPTIONS...: dry and in earnest, and what was printed.
run_kind() {
	local kind=$1 dry
	shift
	scene "$T/$label"
	times_listing "$T/$label/alt" >"$T/before"
	for dry in n ''; do
		lade sync -ai$dry "${options[@]}" "$@" --"$kind"-dest=../alt "$from$T/$label/src/" "$to$T/$label/dst/"
		sort "$out" >"$T/found"
		{
			changes
			[ "$kind" != copy ] || changes_here
		} | as_printed "$@" | sort >"$T/expected"
		report "$label: --$kind-dest $* ${dry:+dry }says what it does" "$([ "$status" = 0 ] || show_run
			[ ! -s "$err" ] || show_run
			differ "$T/expected" "$T/found")"
	done
	no_leftovers "$label: no temporary stays" "$T/$label"
}

# links DIR: the files of it that have other names.
links() { (cd "$1" && find . ! -type d -links +1 | sort | tr '\n' ' '); }

# left_out: what is missing in the destination.
left_out() { (cd "$T/$label/src" && find . | sort >"$T/all" && cd ../dst && find . | sort | comm -23 "$T/all" - | tr '\n' ' '); }

# equals NAME EXPECTED FOUND
equals() { report "$1" "$([ "$2" = "$3" ] || printf 'expected: %s\nfound:    %s\n' "$2" "$3")"; }

# The functions below see label, from, to and options: FROM and TO are put before absolute paths.

all_kinds() {
	run_kind copy "$@"
	same "$label: what was copied makes the same tree" "$T/$label/src" "$T/$label/dst"
	equals "$label: nothing is linked" "" "$(links "$T/$label/dst")"
	untouched "$label: the older tree is as it was" "$T/$label/alt" "$T/before"

	run_kind link "$@"
	same "$label: what was linked makes the same tree" "$T/$label/src" "$T/$label/dst"
	equals "$label: what is just so is linked" \
		"./empty ./eq/q ./fifo ./has_other ./has_perm ./has_same ./link ./same ./sub/in " "$(links "$T/$label/dst")"
	check "$label: to the older file" test "$T/$label/dst/has_perm" -ef "$T/$label/alt/has_perm"
	lade sync -ai "${options[@]}" "$@" --link-dest=../alt "$from$T/$label/src/" "$to$T/$label/dst/"
	silent "$label: the second run has nothing to say"

	run_kind compare "$@"
	equals "$label: what is just so is left out, and goes" \
		"./empty ./eq/q ./fifo ./has_other ./has_perm ./has_same ./link ./same ./sub/in " "$(left_out)"
	# With what was left out it is the source.
	(cd "$T/$label/alt" && cp -a --parents empty eq/q fifo has_other has_perm has_same link same sub/in ../dst)
	touch -d '2020-01-01 00:00:00.123456789' "$T/$label/dst" "$T/$label/dst/eq" "$T/$label/dst/sub"
	same "$label: what is there is right" "$T/$label/src" "$T/$label/dst"
	untouched "$label: the older tree is as it was" "$T/$label/alt" "$T/before"
}

label=local from='' to='' options=()
all_kinds
all_kinds --no-whole-file -c
label=push to=$remote options=(--token-file "$token")
all_kinds
label=pull to='' from=$remote
all_kinds --delete
if start_sshd; then
	label=ssh from='' to=far: options=(-e "$ssh" --lade-path="$LADE")
	run_kind link
	same "$label: the tree is right" "$T/$label/src" "$T/$label/dst"
else
	skip "ssh" "no ssh server"
fi
label=local from='' to='' options=()

# ---- which directory ----

scene "$T/two"
cp -a "$T/two/alt" "$T/two/exact"
rm "$T/two/exact/time" && cp -a "$T/two/src/time" "$T/two/exact/time"
chmod 600 "$T/two/exact/same"
syncs "several directories" -a --link-dest=../alt --link-dest="$T/two/exact" --link-dest=../exact/ "$T/two/src/" "$T/two/dst/"
check "what is just so in the second is linked to it" test "$T/two/dst/time" -ef "$T/two/exact/time"
check "the first that has it counts" test "$T/two/dst/same" -ef "$T/two/alt/same"
same "the tree is right" "$T/two/src" "$T/two/dst"

scene "$T/none"
lade sync -a --link-dest=../nowhere --link-dest=../src/same --link-dest=. --link-dest=../alt "$T/none/src/" "$T/none/dst/"
check "directories that cannot be used cost nothing" test "$status" = 0
says "one that is not there is named" 'alternative directory is not used: .*nowhere'
says "one that is a file is named" 'alternative directory is not used: .*src/same'
says "the destination is none" 'alternative directory is not used: .*it is the destination'
check "the others are used" test "$T/none/dst/same" -ef "$T/none/alt/same"

scene "$T/self"
lade sync -a --compare-dest=../dst "$T/self/src/" "$T/self/dst/"
same "nothing is lost to a destination that is compared with itself" "$T/self/src" "$T/self/dst"
scene "$T/self"
mkdir "$T/self/alias"
cp -al "$T/self/dst/has_same" "$T/self/alias/"
syncs "the same file elsewhere" -a --compare-dest=../alias "$T/self/src/" "$T/self/dst/"
check "is not taken for another one" test -e "$T/self/dst/has_same"

mkdir -p "$T/right/src" "$T/right/alt" "$T/right/dst"
echo right >"$T/right/src/file"
touch -d @1000000000 "$T/right/src/file"
cp -p "$T/right/src/file" "$T/right/alt"
echo wrong >"$T/right/dst/file"
touch -d @1000000000 "$T/right/src" "$T/right/dst"
lade sync -aii --compare-dest=../alt "$T/right/src/" "$T/right/dst/"
check "-ii tells of a file that goes since it is right elsewhere" test "$(cat "$out")" = ".d          ./
.f          file"
check "it goes" absent "$T/right/dst/file"

scene "$T/dry"
lade sync -ain --copy-dest=../alt "$T/dry/src/" "$T/dry/absent/"
prints "a dry run onto nothing finds its way" '^cf\.\.\.p\.\.\.\.\. perm$'
check "and makes nothing" absent "$T/dry/absent"

scene "$T/fresh"
rm -r "$T/fresh/dst"
lade sync -ai --copy-dest=../alt "$T/fresh/src/" "$T/fresh/dst/"
prints "so does one that makes it" '^cf\.\.\.p\.\.\.\.\. perm$'
same "and gives it its own times" "$T/fresh/src" "$T/fresh/dst"

scene "$T/one"
syncs "a single file" -a --link-dest=../alt "$T/one/src/same" "$T/one/dst/same"
check "is linked" test "$T/one/dst/same" -ef "$T/one/alt/same"
(cd "$T/one" && lade sync -a --link-dest=alt src/perm perm)
equals "one of which the mode differs is copied and given its own" "644 1" "$(stat -c '%a %h' "$T/one/perm")"

scene "$T/inside"
mv "$T/inside/alt" "$T/inside/dst/.older"
mkdir "$T/inside/dst/deep"
mv "$T/inside/dst/.older" "$T/inside/dst/deep/er"
times_listing "$T/inside/dst/deep/er" >"$T/before"
mkdir "$T/inside/dst/stray"
syncs "an older tree inside the destination" -a --delete --copy-dest=deep/er "$T/inside/src/" "$T/inside/dst/"
untouched "is not deleted" "$T/inside/dst/deep/er" "$T/before"
check "what else is not in the source is" absent "$T/inside/dst/stray"

# No symlink in an older tree leads anywhere.
scene "$T/planted"
mv "$T/planted/alt/sub" "$T/planted/elsewhere"
ln -s "$T/planted/elsewhere" "$T/planted/alt/sub"
ln -sf "$T/planted/src/same" "$T/planted/alt/same"
syncs "symlinks in an older tree" -a --link-dest=../alt "$T/planted/src/" "$T/planted/dst/"
same "the tree is right all the same" "$T/planted/src" "$T/planted/dst"
equals "they are not followed" "./empty ./eq/q ./fifo ./has_other ./has_perm ./has_same ./link " "$(links "$T/planted/dst")"

# ---- hard links ----

hard_scene() {
	rm -rf "$T/hard"
	mkdir -p "$T/hard/src" "$T/hard/dst" "$T/hard/alt"
	(
		cd "$T/hard" || exit 1
		echo a >src/a && ln src/a src/b && ln src/a src/c && echo alone >src/alone
		day 1 src/a src/alone
		cp -a src/a src/b src/alone alt/
	)
}
hard_scene
syncs "-H and --link-dest" -aH --link-dest=../alt "$T/hard/src/" "$T/hard/dst/"
equals "all names are one with the older file" 5 "$(stat -c %h "$T/hard/dst/c")"
check "that one" test "$T/hard/dst/c" -ef "$T/hard/alt/a"
hard_scene
syncs "-H and --copy-dest" -aH --copy-dest=../alt "$T/hard/src/" "$T/hard/dst/"
equals "all names are one" 3 "$(stat -c %h "$T/hard/dst/c")"
hard_scene
syncs "-H and --compare-dest" -aH --compare-dest=../alt "$T/hard/src/" "$T/hard/dst/"
equals "a file with several names is there" 3 "$(stat -c %h "$T/hard/dst/c")"
check "one with one name is left out" absent "$T/hard/dst/alone"

# ---- other file systems ----

if small_disk "$T/disk" 16m; then
	scene "$T/disk/s"
	mv "$T/disk/s/alt" "$T/other-alt"
	syncs "no links to another file system" -a --link-dest="$T/other-alt" "$T/disk/s/src/" "$T/disk/s/dst/"
	same "files are copied" "$T/disk/s/src" "$T/disk/s/dst"
	equals "and not linked" "" "$(links "$T/disk/s/dst")"
else
	skip "another file system" "needs root"
fi

# ---- old content ----

transferred() { sed -n 's/^Literal data: \([0-9,]*\).*/\1/p' "$out" | tr -d ,; }

# costs NAME MAX: the last run with --stats transferred no more bytes of files.
costs() {
	local bytes
	bytes=$(transferred)
	report "$1" "$([ -n "$bytes" ] && [ "$bytes" -le "$2" ] || { echo "expected at most $2 bytes of files" && show_run; })"
}
# Of a megabyte of which a hundred bytes differ.
little=65536

old_scene() {
	rm -rf "$T/old"
	mkdir -p "$T/old/src/d" "$T/old/dst/d" "$T/old/alt/d"
	file_of_size "$T/old/src/d/report-2024.dat" 1000000
	cp "$T/old/src/d/report-2024.dat" "$T/edited"
	printf 'a hundred bytes' | dd of="$T/edited" bs=1 seek=500000 conv=notrunc status=none
	day 1 "$T/edited" "$T/old/src/d/report-2024.dat"
}
tcp=(--token-file "$token" --stats)

# from_old NAME MAX OPTIONS...: the source over TCP.
from_old() {
	local name=$1 max=$2
	shift 2
	lade sync -a "${tcp[@]}" "$@" "$T/old/src/" "$remote$T/old/dst/"
	report "$name" "$([ "$status" = 0 ] && [ ! -s "$err" ] || show_run)"
	costs "$name: what it costs" "$max"
	check "$name: the file is right" cmp "$T/old/src/d/report-2024.dat" "$T/old/dst/d/report-2024.dat"
}

for kind in compare copy link; do
	old_scene
	cp "$T/edited" "$T/old/alt/d/report-2024.dat"
	from_old "--$kind-dest: another version is old content" $little --$kind-dest=../alt
	check "--$kind-dest: it is as it was" cmp "$T/edited" "$T/old/alt/d/report-2024.dat"
done
old_scene
cp "$T/edited" "$T/old/alt/d/report-2024.dat"
from_old "-W sends it whole" 1000000 -W --copy-dest=../alt
check "-W does send it" test "$(transferred)" = 1000000

old_scene
cp -a "$T/edited" "$T/old/dst/d/report-2023.dat"
file_of_size "$T/old/dst/d/report.txt" 1000000
file_of_size "$T/old/dst/d/report-2024.txt" 1000000
day 2 "$T/old/dst/d/"*
from_old "-y: a similar name" $little -y
old_scene
cp -a "$T/edited" "$T/old/dst/d/quite another name"
file_of_size "$T/old/dst/d/report-2023.dat" 1000000
day 2 "$T/old/dst/d/report-2023.dat"
from_old "-y: the same size and time" $little --fuzzy
check "-y: what was read stays" cmp "$T/edited" "$T/old/dst/d/quite another name"
old_scene
cp -a "$T/edited" "$T/old/dst/d/unlike.bin"
day 2 "$T/old/dst/d/unlike.bin"
from_old "-y: a name that is not alike is not taken" 1000000 -y
check "-y: then all is sent" test "$(transferred)" = 1000000
old_scene
cp -a "$T/edited" "$T/old/dst/d/.lade.0123456789abcdef0123456789abcdef"
from_old "-y: a temporary file is not taken" 1000000 -y
check "-y: then all is sent" test "$(transferred)" = 1000000
old_scene
cp -a "$T/edited" "$T/old/alt/d/report-2023.dat"
from_old "-y does not look into older trees" 1000000 -y --link-dest=../alt
check "-y: then all is sent" test "$(transferred)" = 1000000
old_scene
cp -a "$T/edited" "$T/old/alt/d/report-2023.dat"
from_old "-yy does" $little -yy --link-dest=../alt
# Of another size: it cannot be the file itself under another name.
old_scene
cp "$T/edited" "$T/old/dst/d/report-2023.dat"
echo more >>"$T/old/dst/d/report-2023.dat"
from_old "-y before --delete" $little -y --delete
check "-y: then it is deleted" absent "$T/old/dst/d/report-2023.dat"
old_scene
cp -a "$T/old/src/d/report-2024.dat" "$T/old/dst/d/report-2023.dat"
inode=$(stat -c %i "$T/old/dst/d/report-2023.dat")
from_old "-y: with --delete the file itself is still moved" 0 -y --delete
equals "-y: it was" "$inode" "$(stat -c %i "$T/old/dst/d/report-2024.dat")"

# ---- a directory in the way, in one whose rules are none ----

mkdir -p "$T/way/src" "$T/way/dst/x" "$T/way/alt"
echo same >"$T/way/src/x"
cp -p "$T/way/src/x" "$T/way/alt/x"
touch "$T/way/dst/x/kept"
echo nonsense >"$T/way/dst/.rules"
exits "a directory in the way, where rules cannot be read" 23 lade sync -a --delete -f ': .rules' --link-dest=../alt "$T/way/src/" "$T/way/dst/"
says "that is said" 'understand the filter rule ".rules line 1"'
check "what may be protected stays" exist "$T/way/dst/x/kept"

# ---- a server that sends has no use for them ----

lade sync -a "${tcp[@]}" -yy --link-dest="$T/two/alt" "$remote$T/two/src/" "$T/pulled/"
check "a client that receives finds them itself" test "$T/pulled/same" -ef "$T/two/alt/same"

# What cannot be copied is transferred, and --info=copy says so.
mkdir -p "$T/shut/src" "$T/shut/alt"
echo shut >"$T/shut/src/file"
cp -a "$T/shut/src/file" "$T/shut/alt/file"
! is_root || chown -R 65534:65534 "$T/shut"
chmod 000 "$T/shut/alt/file"
run "${as_nobody[@]}" "$LADE" sync -rt --info=copy --copy-dest=../alt "$T/shut/src/" "$T/shut/dst/"
check "what cannot be copied arrives" cmp "$T/shut/src/file" "$T/shut/dst/file"
report "--info=copy says so" "$(differ "$out" <(echo 'cannot copy, and so transfers file: Permission denied'))"

exits "two kinds are a usage error" 1 lade sync -a --link-dest=a --copy-dest=b "$T/two/src/" "$T/never/"
says "both are named" '--link-dest and --copy-dest'
twenty=()
for n in {1..21}; do twenty+=(--link-dest="../$n"); done
exits "so are twenty-one" 1 lade sync -a "${twenty[@]}" "$T/two/src/" "$T/never/"
exits "and one without a name" 1 lade sync -a --link-dest= "$T/two/src/" "$T/never/"

finish
