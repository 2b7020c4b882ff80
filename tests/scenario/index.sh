# tests/scenario/index.sh: with --index what the destination has anywhere is not sent again; and
# whatever became of the index or of the files since, what arrives is what was sent.
. "${srcdir:-.}/tests/scenario/lib.sh"

# What the descriptions of files cost of which all is found.
little=65536
# And the seams of one that is put together anew: chunks end elsewhere in each session, and those that lie across a seam are
# sent. 0.24 MB was the most of sixty. Without an index it would be 1.4 MB at least.
seams=1000000

# One for each side: the index belongs to the destination's.
near_state=$T/near-state far_state=$T/far-state
export XDG_STATE_HOME=$near_state
XDG_STATE_HOME=$far_state need_server

# A remote shell whose far side is here.
cat >"$T/shell" <<END
#!/bin/sh
shift
XDG_STATE_HOME='$far_state'
exec sh -c "\$*"
END
chmod +x "$T/shell"

# Bytes that are nowhere twice, the same in each run.
perl -e 'srand 5; for (1 .. 256) { print pack "N*", map { rand 4294967295 } 1 .. 32768 }' >"$T/pool"

# slice OFF LEN: so many bytes of it.
slice() { tail -c "+$(($1 + 1))" "$T/pool" | head -c "$2"; }

# older FILE...: long ago, as most files are.
older() { touch -h -d @1000000000.5 "$@"; }

# transferred: what the last run with --stats counted as bytes of files.
transferred() { sed -n 's/^Literal data: \([0-9,]*\).*/\1/p' "$out" | tr -d ,; }

# The functions below see label, from, to, options and state: FROM and TO are put before absolute paths.

# sync_index ARGUMENTS... SRC DST
sync_index() {
	local arguments=("${@:1:$#-2}")
	lade sync -a --index --stats "${options[@]}" "${arguments[@]}" "$from${*: -2:1}" "$to${*: -1}"
}

# missing: what of $T/src is not, or not the same, in $T/dst.
missing() {
	diff -r --no-dereference "$T/src" "$T/dst" 2>&1 | grep -v "^Only in $T/dst" | head -n 20
	find "$T/dst" -name '.lade.*' -print
}

# brings NAME MIN MAX [ARGUMENTS...]: $T/src/ arrives in $T/dst/, at that price.
brings() {
	local name=$label:\ $1 min=$2 max=$3 bytes
	shift 3
	sync_index "$@" "$T/src/" "$T/dst/"
	bytes=$(transferred)
	report "$name" "$(
		[ "$status" = 0 ] && [ ! -s "$err" ] || show_run
		missing
		[ "${bytes:--1}" -ge "$min" ] && [ "${bytes:--1}" -le "$max" ] ||
			echo "$bytes bytes of files were transferred, expected: $min to $max"
	)"
}

# start_over: 4 MiB in three files, on both sides, and no index.
start_over() {
	remove_trees "$T/src" "$T/dst" "$near_state" "$far_state"
	mkdir -p "$T/src/b" "$T/dst"
	slice 0 3000000 >"$T/src/a"
	slice 3000000 1000000 >"$T/src/b/c"
	slice 4000000 5000 >"$T/src/b/short"
	find "$T/src" -exec touch -d @1000000000.5 {} +
	cp -a "$T/src/." "$T/dst/"
}

# ---- what is found ----

# Of what the destination has nothing is sent, in the first run and in later ones.
copies() {
	start_over
	cp "$T/src/a" "$T/src/copy-of-a"
	mkdir "$T/src/d"
	cp "$T/src/b/short" "$T/src/d/copy"
	brings "a copy" 0 "$little"
	mv "$T/src/b/c" "$T/src/d/renamed"
	brings "a file that was renamed" 0 "$little"
	check "$label: its old name is still there" test -e "$T/dst/b/c"
	mv "$T/src/b" "$T/src/e"
	brings "a directory that was renamed" 0 "$little"
	brings "then there is nothing to do" 0 0
	{
		slice 8000000 10000
		cat "$T/src/a"
	} >"$T/src/begins-otherwise"
	brings "a file that begins with other bytes" 10000 "$seams"
	{
		head -c 1500000 "$T/src/a"
		tail -c 600000 "$T/src/d/renamed"
	} >"$T/src/joined"
	brings "parts of two files joined" 0 "$seams"
	cat "$T/src/a" "$T/src/d/renamed" "$T/src/a" >"$T/src/three"
	brings "three files in one" 0 "$seams"
	slice 10000000 2000000 >"$T/dst/not-in-the-source"
	older "$T/dst/not-in-the-source"
	slice 10300000 1400000 >"$T/src/was-there"
	brings "a file that is not in the source serves too" 0 "$seams"
	cp "$T/src/d/renamed" "$T/src/joined"
	brings "a file that was there becomes another one" 0 "$little"
	mkdir "$T/src/copies"
	for size in {4096..24096..400}; do
		slice "$((12000000 + size * 7))" "$size" >"$T/dst/$size"
		cp "$T/dst/$size" "$T/src/copies/$size"
	done
	brings "many files" 0 "$little"
}

# What may be sent as it is, and what is found: a file of 4096 bytes is in the index, a shorter one is not.
short_ones() {
	start_over
	slice 8000000 4096 >"$T/dst/4096"
	cp "$T/dst/4096" "$T/src/copy-of-4096"
	brings "a copy of 4096 bytes" 0 1000
	slice 8100000 4095 >"$T/dst/4095"
	cp "$T/dst/4095" "$T/src/copy-of-4095"
	: >"$T/src/empty"
	printf x >"$T/src/one"
	brings "shorter ones are sent" 0 4096
}

# allocated FILE: bytes on the disk.
allocated() { echo $(($(stat -c %b "$1") * 512)); }

holes() {
	start_over
	truncate -s 20M "$T/src/sparse"
	slice 8000000 1500000 | dd of="$T/src/sparse" bs=4096 seek=1000 conv=notrunc status=none
	brings "a file with holes" 1500000 $((1500000 + little))
	cp --sparse=always "$T/src/sparse" "$T/src/sparse-copy"
	truncate -s 21M "$T/src/sparse-copy"
	brings "a copy of it that is longer" 0 "$seams"
	truncate -s 30M "$T/src/shifted"
	slice 8000000 1500000 | dd of="$T/src/shifted" bs=4096 seek=5000 conv=notrunc status=none
	brings "the same in another place" 0 "$seams"
	cp --sparse=never "$T/src/sparse" "$T/src/dense"
	brings "the same without holes" 0 "$seams"
	truncate -s 3M "$T/src/nothing"
	cp --sparse=never "$T/src/nothing" "$T/src/zeros"
	brings "nothing but a hole, and nothing but zeros" 0 3200000
	[ "$(allocated "$T/src/shifted")" -gt 2000000 ] ||
		check "$label: holes stay holes" test "$(allocated "$T/dst/shifted")" -lt 4000000
}

with_other_options() {
	start_over
	cp "$T/src/a" "$T/src/copy"
	brings "-z" 0 "$little" -z
	cp "$T/src/b/c" "$T/src/another"
	brings "-c" 0 "$little" -c
	brings "-c again" 0 0 -c
	cp "$T/src/b/c" "$T/src/third"
	ln "$T/src/third" "$T/src/third-too"
	brings "-H" 0 "$little" -H
	same "$label: -H: links" "$T/src" "$T/dst" hardlinks
	brings "-H again" 0 0 -H
	inode=$(stat -c %i "$T/dst/another")
	mv "$T/src/another" "$T/src/fourth"
	brings "--delete" 0 "$little" --delete
	check "$label: --delete: it was renamed" test "$(stat -c %i "$T/dst/fourth")" = "$inode"
	same "$label: --delete: the trees are the same" "$T/src" "$T/dst"
	for n in 1 2 3; do cp "$T/src/fourth" "$T/src/copy-$n"; done
	rm "$T/src/fourth"
	brings "--delete: three from one" 0 "$seams" --delete
	same "$label: --delete: the trees are the same again" "$T/src" "$T/dst"
}

# What files are taken from changes in the same run.
changes_meanwhile() {
	local round findings='' bytes
	for round in {1..8}; do
		start_over
		cp "$T/src/a" "$T/src/0-copy"
		cp "$T/src/a" "$T/src/z-copy"
		if [ $((round % 2)) = 0 ]; then
			slice 8000000 3000000 >"$T/src/a"
		else
			touch -d @1100000000 "$T/src/a"
			chmod 0600 "$T/src/a"
		fi
		sync_index "$T/src/" "$T/dst/"
		findings=$([ "$status" = 0 ] && [ ! -s "$err" ] || show_run; missing)
		[ -z "$findings" ] || break
	done
	report "$label: what a copy is taken from is replaced, or gets another time" "$findings"
	start_over
	for n in {1..8}; do
		slice "$((4000000 + n * 1000000))" 1000000 >"$T/dst/log.$n"
		touch -d "@$((1000000000 - n * 1000))" "$T/dst/log.$n"
		cp -p "$T/dst/log.$n" "$T/src/log.$((n + 1))"
	done
	slice 20000000 1000000 >"$T/src/log.1"
	# Each is wanted of a file that has been replaced by then, or will be.
	brings "each file becomes the next one" 1000000 $((1000000 + little))
}

# Every byte of it is right whatever is known.
whose_index() {
	local here=$near_state there=$far_state
	[ "$state" = "$near_state" ] || here=$far_state there=$near_state
	start_over
	brings "the index is made" 0 0
	report "$label: it is on the side of the destination" "$(
		[ "$(find "$here/lade/index" -type f | wc -l)" = 1 ] || find "$here"
		[ ! -e "$there" ] || find "$there"
	)"
	check "$label: it is its owner's alone" \
		test "$(stat -c %a "$here/lade" "$here/lade/index" "$here"/lade/index/* | tr '\n' ' ')" = "700 700 600 "
}

# all_of LABEL FROM TO STATE OPTIONS...
all_of() {
	local label=$1 from=$2 to=$3 state=$4 options=("${@:5}")
	whose_index
	copies
	short_ones
	holes
	with_other_options
	changes_meanwhile
}

all_of local '' '' "$near_state"
all_of push '' "$remote" "$far_state" --token-file "$token"
all_of pull "$remote" '' "$near_state" --token-file "$token"
all_of "push by a shell" '' far: "$far_state" -e "$T/shell" --lade-path="$LADE"
all_of "pull by a shell" far: '' "$near_state" -e "$T/shell" --lade-path="$LADE"

# The rest is the receiver's, however it is connected.
label=local from='' to='' state=$near_state options=()
index_file() { find "$state/lade/index" -type f; }

# ---- files that changed behind its back ----

# rewritten NAME COMMAND...: after a run, the command changes the file in the destination, and then a copy of what it was is to
# arrive. What it was is nowhere any more.
rewritten() {
	local name=$1
	shift
	cp -p "$T/src/a" "$T/.old"
	brings "$name: before" 0 3000000
	"$@"
	rm "$T/src/a"
	cp "$T/.old" "$T/src/copy"
	brings "$name: what arrives is right" 2900000 3100000
	cp -p "$T/dst/a" "$T/src/a"
	cp "$T/dst/a" "$T/src/new-copy"
	brings "$name: and what is there now is found" 0 "$little"
}

# Of the same size, in place, and with its old time.
in_place() { slice 8000000 3000000 | dd of="$T/dst/a" conv=notrunc bs=64k status=none; }
in_place_and_time() {
	in_place
	touch -r "$T/.old" "$T/dst/a"
}
replaced_with_time() {
	slice 8000000 3000000 >"$T/dst/.new"
	touch -r "$T/.old" "$T/dst/.new"
	mv "$T/dst/.new" "$T/dst/a"
}
for how in in_place in_place_and_time replaced_with_time; do
	# Right after it was seen: the times of the change are of the same tick, maybe.
	start_over
	rewritten "$how, at once" "$how"
	# And when it was old enough to be believed.
	start_over
	sleep 3.2
	rewritten "$how, when it was settled" "$how"
done

# Written by the run itself, and changed within the tick in which it came.
findings=
for round in {1..10}; do
	start_over
	rm "$T/dst/a"
	sync_index "$T/src/" "$T/dst/"
	cp -p "$T/src/a" "$T/.old"
	in_place_and_time
	mv "$T/src/a" "$T/src/renamed"
	sync_index "$T/src/" "$T/dst/"
	findings=$([ "$status" = 0 ] || show_run; missing)
	[ -z "$findings" ] || break
done
report "what was just written is changed: what arrives is right" "$findings"

# On a disk that is changed below the file system: everything that stat tells is as it was.
if image_disk "$T/disk" ext4 64M; then
	rm -rf "$T/src" "$near_state"
	mkdir "$T/src" "$T/disk/dst"
	slice 0 3000000 >"$T/disk/dst/a"
	older "$T/disk/dst/a"
	cp -p "$T/disk/dst/a" "$T/src/a"
	sleep 3.2
	syncs "disk: the index is made" -a --index "$T/src/" "$T/disk/dst/"
	stat -c '%i %s %Y %y %z' "$T/disk/dst/a" >"$T/.stat"
	forget "$T/disk/dst/a"
	# One byte in each 100,000 of them, wherever it is.
	perl -e 'open my $f, "+<:raw", $ARGV[0] or die; local $/; open my $p, "<:raw", $ARGV[1]; read $p, my $old, 3000000;
		my $image = <$f>; my $count = 0;
		for (my $at = 50; $at < 2990000; $at += 100000) {
			my $found = index $image, substr $old, $at, 64;
			next if $found < 0;
			$count++;
			seek $f, $found + 32, 0; print $f chr(255 & ~ord substr $image, $found + 32, 1);
		}
		exit($count < 20)' "$T/disk.image" "$T/pool"
	check "disk: it was changed" test $? = 0
	forget "$T/disk/dst/a"
	report "disk: nobody can tell" "$(differ "$T/.stat" <(stat -c '%i %s %Y %y %z' "$T/disk/dst/a"))"
	check "disk: but it is another" test "$(cmp -s "$T/src/a" "$T/disk/dst/a"; echo $?)" = 1
	cp "$T/src/a" "$T/src/copy"
	lade sync -a --index --stats "$T/src/" "$T/disk/dst/"
	report "disk: what arrives is right" "$(
		[ "$status" = 0 ] && [ ! -s "$err" ] || show_run
		cmp "$T/src/a" "$T/disk/dst/copy" 2>&1
	)"
	check "disk: what was damaged was sent" test "$(transferred)" -gt 0
	drop_disk "$T/disk"
else
	skip "what is changed below the file system" "$no_disk"
fi

# While it is in use.
slow_shell
findings=
for round in 1 2 3; do
	start_over
	for n in {1..9}; do
		slice "$((n * 2000000))" 2000000 >"$T/dst/$n"
		older "$T/dst/$n"
		cp "$T/dst/$n" "$T/src/copy-$n"
		slice "$((20000000 + n * 300000))" 300000 >>"$T/src/copy-$n"
	done
	XDG_STATE_HOME=$near_state start "$LADE" sync -a --index -e "$T/slow-shell" --lade-path="$LADE" "$T/src/" "far:$T/dst/" >"$out" 2>"$err"
	for n in {1..9}; do
		sleep "0.0$((RANDOM % 90 + 10))"
		slice "$((30000000 + n))" 2000000 | dd of="$T/dst/$n" conv=notrunc bs=64k status=none
	done
	wait "$started"
	status=$?
	findings=$(
		for n in {1..9}; do
			# An old one, a new one, or none.
			[ ! -e "$T/dst/copy-$n" ] || cmp "$T/src/copy-$n" "$T/dst/copy-$n" 2>&1
		done
		[ "$status" = 0 ] || [ "$status" = 23 ] || show_run
	)
	sync_index "$T/src/" "$T/dst/"
	findings+=$([ "$status" = 0 ] || show_run; missing)
	[ -z "$findings" ] || break
done
report "files are changed while it is in use: what arrives is right" "$findings"

# ---- an index that is damaged ----

# spoilt NAME COMMAND...: the command does something to the index, $file; what arrives is right all the same.
spoilt() {
	local name=$1 file
	shift
	start_over
	sync_index "$T/src/" "$T/dst/"
	file=$(index_file)
	"$@"
	cp "$T/src/a" "$T/src/copy"
	brings "$name" 0 "$little"
	cp "$T/src/a" "$T/src/again"
	brings "$name: the next run" 0 "$little"
	check "$label: $name: it is a file again" test -f "$file" -a ! -L "$file" -a -s "$file"
}
cut_to() { truncate -s "$1" "$file"; }
cut_by() { truncate -s "-$1" "$file"; }
overwrite() { printf 'damaged' | dd of="$file" bs=1 seek="$1" conv=notrunc status=none; }
garbage() { head -c 10000 "$T/pool" >"$file"; }
spoil_records() { perl -e 'open F, "+<:raw", $ARGV[0]; my $len = -s F; seek F, $len - $_, 0 and print F "\xff" x 5 for map { $_ * 7 + 5 } 1 .. 150' "$file"; }
link_away() {
	mv "$file" "$T/.index"
	ln -s "$T/.index" "$file"
}
pipe() {
	rm "$file"
	mkfifo "$file"
}
spoilt "an index that is empty" cut_to 0
spoilt "an index of a few bytes" cut_to 20
spoilt "an index that was cut off" cut_by 1
spoilt "an index that is too long" eval 'printf x >>"$file"'
for off in 0 17 50 60 70 90 140; do
	spoilt "an index that was overwritten at $off" overwrite "$off"
done
spoilt "an index of other bytes" garbage
spoilt "an index whose records are damaged" spoil_records
spoilt "a symlink in its place" link_away
check "what it leads to was left alone" test -f "$T/.index"
spoilt "a pipe in its place" pipe
spoilt "an index that was removed" eval 'rm "$file"'
spoilt "a state directory that was removed" rm -rf "$near_state"

start_over
sync_index "$T/src/" "$T/dst/"
file=$(index_file)
rm "$file"
mkdir "$file"
cp "$T/src/a" "$T/src/copy"
sync_index "$T/src/" "$T/dst/"
report "a directory in its place: what arrives is right" "$([ "$status" = 0 ] || show_run; missing)"
says "a directory in its place: that it cannot be kept is said" "${file##*/}"
check "a directory in its place: once" test "$(wc -l <"$err")" = 1

# Without the rights of root: one that may not be read, files that may not be read.
start_over
slice 8000000 100000 >"$T/src/mine"
slice 9000000 100000 >"$T/dst/closed"
mkdir "$T/dst/closed-too"
chmod 0 "$T/dst/closed" "$T/dst/closed-too"
mkdir "$T/near-state"
! is_root || chown -R 65534 "$T/src" "$T/dst" "$T/near-state"
exits "as a user" 0 run "${as_nobody[@]}" "$LADE" sync -a --index "$T/src/" "$T/dst/"
silent "it has nothing to say of what it may not read"
file=$(index_file)
chmod 0 "$file"
cp "$T/src/a" "$T/src/copy"
exits "an index that may not be read" 0 run "${as_nobody[@]}" "$LADE" sync -a --index --stats "$T/src/" "$T/dst/"
check "for nothing" test "$(transferred)" -lt "$little"
report "what arrives is right" "$(missing)"
check "there is one that may be read" test "$(stat -c %a "$file")" = 600
chmod 0500 "$near_state/lade/index"
cp "$T/src/a" "$T/src/copy-2"
exits "a state directory that may not be written" 0 run "${as_nobody[@]}" "$LADE" sync -a --index --stats "$T/src/" "$T/dst/"
says "it is said" 'state'
check "what is known is used" test "$(transferred)" -lt "$little"
report "what arrives is right" "$(missing)"

# ---- a state that cannot be ----

: >"$T/a-file"
for place in /dev/null/x "$T/a-file" "$T/a-file/deep/er"; do
	start_over
	cp "$T/src/a" "$T/src/copy"
	times_listing "$T/dst" >"$T/.before"
	XDG_STATE_HOME=$place exits "state in $place" 11 lade sync -a --index "$T/src/" "$T/dst/"
	says "state in $place: it is named" "state.*${place%%/deep*}.*Not a directory"
	untouched "state in $place: nothing was changed" "$T/dst" "$T/.before"
	XDG_STATE_HOME=$place exits "state in $place, and no destination" 11 lade sync -a --index "$T/src/" "$T/dst/new/"
	untouched "state in $place: nothing was made" "$T/dst" "$T/.before"
	XDG_STATE_HOME=$place syncs "state in $place: without --index it does not matter" -a "$T/src/" "$T/dst/"
done
start_over
exits "no HOME" 11 run env -u XDG_STATE_HOME -u HOME "$LADE" sync -a --index "$T/src/" "$T/dst/"
says "what to set is said" 'XDG_STATE_HOME'
mkdir "$T/home"
exits "in HOME" 0 run env XDG_STATE_HOME=relative HOME="$T/home" "$LADE" sync -a --index "$T/src/" "$T/dst/"
check "it is there" test -n "$(find "$T/home/.local/state/lade/index" -type f)"

# ---- what else is said of it ----

start_over
cp "$T/src/a" "$T/src/copy"
exits "-W --index is refused" 1 lade sync -a -W --index "$T/src/" "$T/dst/"
says "both are named" '--index.*-W'
syncs "-n" -ain --index "$T/src/" "$T/dst/"
check "-n makes no state" test ! -e "$near_state"
grep '^[<>.ch*]' "$out" >"$T/.dry"
syncs "the real run" -ai --index "$T/src/" "$T/dst/"
report "-n announces what it does" "$(differ "$T/.dry" <(grep '^[<>.ch*]' "$out"))"
syncs "--no-index" -a --index --no-index --stats "$T/src/" "$T/dst/"
slice 9000000 100000 >"$T/src/single"
cp "$T/src/single" "$T/dst/single-too"
syncs "onto a single name" -a --index --stats "$T/src/single" "$T/dst/another-name"
check "it arrived" cmp "$T/src/single" "$T/dst/another-name"
check "for nothing" test "$(transferred)" -lt 50000

# Each destination has its own.
rm -rf "$near_state"
mkdir "$T/other"
syncs "one destination" -a --index "$T/src/" "$T/dst/"
syncs "and another" -a --index "$T/src/" "$T/other/"
check "two of them" test "$(index_file | wc -l)" = 2
(cd "$T/other" && lade sync -a --index "$T/src/" .)
check "by another path it is the same" test "$(index_file | wc -l)" = 2

# What is mounted in the destination has no part in it.
start_over
if small_disk "$T/dst/mounted" 8m; then
	slice 8000000 2000000 >"$T/dst/mounted/there"
	older "$T/dst/mounted/there"
	slice 8000000 2000000 >"$T/src/copy"
	brings "a file system that is mounted in it" 2000000 2100000
	drop_disk "$T/dst/mounted"
else
	skip "a file system that is mounted in it" "cannot mount a file system here"
fi

# What is known is not read again; what a run wrote is read by the next one, and by no other.
start_over
if small_disk "$T/dst" 32m && mount -o remount,strictatime "$T/dst" 2>/dev/null; then
	cp -a "$T/src/." "$T/dst/"
	read_when() { (cd "$T/dst" && stat -c '%n %x' "$@"); }
	# To compare them would be to read them.
	run_once() {
		sync_index "$T/src/" "$T/dst/"
		report "the $1 run" "$([ "$status" = 0 ] && [ ! -s "$err" ] || show_run)"
	}
	sleep 3.2
	read_when a b/c b/short >"$T/.never"
	slice 8000000 1500000 >"$T/src/new"
	run_once first
	read_when a b/c b/short >"$T/.first"
	report "it reads what is there" "$(diff --unchanged-line-format='not read: %L' --old-line-format= --new-line-format= \
		"$T/.never" "$T/.first")"
	read_when new >"$T/.written"
	sleep 3.2
	run_once second
	read_when a b/c b/short >"$T/.second"
	report "it does not read that again" "$(differ "$T/.first" "$T/.second")"
	read_when new >"$T/.settled"
	check "but what the first one wrote" test "$(cmp -s "$T/.written" "$T/.settled"; echo $?)" = 1
	run_once third
	read_when a b/c b/short >"$T/.third"
	report "it reads none of it" "$(differ "$T/.first" "$T/.third"; read_when new | diff "$T/.settled" -)"
	drop_disk "$T/dst"
else
	skip "what is known is not read again" "cannot mount a file system here"
fi

# ---- two at once, and one that is killed ----

findings=
for round in {1..5}; do
	start_over
	mkdir "$T/src-2"
	for n in {1..20}; do
		slice "$((n * 1000000))" 400000 >"$T/dst/there-$n"
		cp "$T/dst/there-$n" "$T/src/copy-$n"
		cp "$T/dst/there-$n" "$T/src-2/copy-$((n + 10))"
	done
	rm -f "$T"/.status-*
	for from_here in src src-2; do
		{
			timeout -k 5 "$LIMIT" "$LADE" sync -a --index "$T/$from_here/" "$T/dst/$from_here/" >"$T/.out-$from_here" 2>&1 </dev/null
			echo $? >"$T/.status-$from_here"
		} &
		own_pids+=($!)
	done
	wait "${own_pids[@]: -2}"
	findings=$(
		cat "$T/.out-src" "$T/.out-src-2"
		grep -v '^0$' "$T/.status-src" "$T/.status-src-2"
		diff -r "$T/src" "$T/dst/src"
		diff -r "$T/src-2" "$T/dst/src-2"
	)
	rm -rf "$T/src-2"
	[ -z "$findings" ] || break
done
report "two runs at once" "$findings"

at_once() {
	local n pids=()
	for n in 1 2 3; do
		timeout -k 5 "$LIMIT" "$LADE" sync -a --index "$T/src-$n/" "$T/dst/" >"$T/.out-$n" 2>&1 </dev/null &
		pids+=($!)
	done
	for n in 1 2 3; do
		wait "${pids[n - 1]}" || echo "run $n: exit status $?"
		cat "$T/.out-$n"
	done
}
start_over
for n in 1 2 3; do
	mkdir "$T/src-$n"
	for m in {1..10}; do
		slice "$((m * 1000000))" 300000 >"$T/src-$n/$n-$m"
		cp "$T/src/a" "$T/src-$n/copy-$n-$m"
	done
done
findings=$(at_once)
for n in 1 2 3; do
	findings+=$(diff -r "$T/src-$n" "$T/dst" 2>&1 | grep -v "^Only in $T/dst")
done
report "three runs at once into one directory" "$findings"
cp "$T/src/a" "$T/src/afterwards"
brings "the index they leave serves" 0 "$little"

# Killed while the new one is read and written: the old one is there, and the next run completes.
findings=
has_temporary() { [ -n "$(find "$T/dst" -name '.lade.*' -print -quit 2>/dev/null)" ]; }
for round in 1 2 3 4; do
	start_over
	sync_index "$T/src/" "$T/dst/"
	file=$(index_file)
	cp "$file" "$T/.index-before"
	for n in {1..9}; do
		slice "$((10000000 + n * 2000000))" 2000000 >"$T/src/new-$n"
		cp "$T/src/a" "$T/src/copy-$n"
	done
	rm -f "$T/far.pid"
	start "$LADE" sync -a --index -e "$T/slow-shell" --lade-path="$LADE" "$T/src/" "far:$T/dst/" >"$out" 2>"$err"
	wait_for test -s "$T/far.pid"
	wait_for has_temporary
	sleep "0.$((RANDOM % 5))"
	kill -KILL "$(cat "$T/far.pid")" 2>/dev/null
	wait "$started"
	cut_off=$?
	wait_for ended "$(cat "$T/far.pid")"
	# A busy machine may kill what has ended already: then the index is that run's, as it should be.
	[ "$cut_off" = 0 ] || cmp -s "$file" "$T/.index-before" || findings="the index has changed"
	sync_index "$T/src/" "$T/dst/"
	findings+=$([ "$status" = 0 ] && [ ! -s "$err" ] || show_run; missing)
	cp "$T/src/a" "$T/src/afterwards"
	sync_index "$T/src/" "$T/dst/"
	findings+=$([ "$status" = 0 ] && [ "$(transferred)" -lt "$little" ] || show_run; missing)
	[ -z "$findings" ] || break
done
report "a run that is killed leaves an index that serves" "$findings"

finish
