# tests/scenario/kept.sh: a sender does not read a big file again to describe it to a receiver with an index, and is never
# taken in by one that changed since.
. "${srcdir:-.}/tests/scenario/lib.sh"

export XDG_STATE_HOME=$T/state
size=$((20 << 20))
mkdir "$T/s" "$T/d"
head -c $size /dev/urandom >"$T/s/big"
cp "$T/s/big" "$T/d/big"
recipes() { find "$XDG_STATE_HOME/lade/recipes" -type f 2>/dev/null | wc -l; }

# sync: one run, after which both are the same. The destination's file gets another time, so that a recipe is wanted.
sync() {
	touch -d "2001-01-01 $((RANDOM % 24)):$((RANDOM % 60))" "$T/d/big"
	lade sync -a --index --stats "$T/s/" "$T/d/"
	[ "$status" = 0 ] && cmp -s "$T/s/big" "$T/d/big" && [ "$(stat -c %Y "$T/s/big")" = "$(stat -c %Y "$T/d/big")" ]
}
check() { if "${@:2}"; then ok "$1"; else not_ok "$1" "$(show_run; recipes)"; fi; }
rewrite() { printf '%s' "$1" | dd of="$T/s/big" conv=notrunc bs=1 seek=$((size / 2)) 2>/dev/null; }

check "a file that has just been written" sync
check "its recipe is not kept" test "$(recipes)" = 0
rewrite one
check "it changes a moment later" sync
check "its recipe is not kept either" test "$(recipes)" = 0

# A rewrite within the grain of the times, and one that sets them back.
times=$(stat -c %y "$T/s/big")
rewrite two
touch -d "$times" "$T/s/big"
check "it changes, and its time is set back" sync

sleep 4
check "a file that stood still" sync
check "its recipe is kept" test "$(recipes)" = 1
check "it is used" sync
if have strace && strace -o /dev/null true 2>/dev/null; then
	touch -d "2001-01-02" "$T/d/big"
	# LeakSanitizer does not work under a tracer.
	ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" run strace -f -y -e trace=pread64,read,mmap -o "$T/trace" "$LADE" sync -a --index "$T/s/" "$T/d/"
	check "it is not read for that" test "$(grep -c "$T/s/big" "$T/trace")" -le 2
else
	skip "it is not read for that" "strace does not work here"
fi
check "and right" cmp "$T/s/big" "$T/d/big"

times=$(stat -c %y "$T/s/big")
rewrite six
touch -d "$times" "$T/s/big"
check "it changes, and its time is set back, when a recipe is kept" sync
mv "$T/s/big" "$T/old"
cp -p "$T/old" "$T/s/big"
rewrite new
touch -d "$times" "$T/s/big"
check "another file takes its name" sync

sleep 4
check "it is kept again" sync
for file in "$XDG_STATE_HOME"/lade/recipes/*; do
	printf '\1\2\3' | dd of="$file" conv=notrunc bs=1 seek=200 2>/dev/null
done
check "recipes that are damaged" sync
for file in "$XDG_STATE_HOME"/lade/recipes/*; do : >"$file"; done
check "recipes that are empty" sync
rm -rf "$XDG_STATE_HOME/lade/recipes"
: >"$XDG_STATE_HOME/lade/recipes"
check "no place for recipes" sync

rm "$XDG_STATE_HOME/lade/recipes"
truncate -s $size "$T/s/holes"
head -c 3000000 /dev/urandom | dd of="$T/s/holes" conv=notrunc bs=1M seek=7 2>/dev/null
cp "$T/s/holes" "$T/d/holes"
sleep 4
for turn in made said; do
	touch -d "2001-01-01 $((RANDOM % 24)):$((RANDOM % 60))" "$T/d/holes"
	check "holes in a recipe that is $turn" sync
	check "the file with holes is right" cmp "$T/s/holes" "$T/d/holes"
done
finish
