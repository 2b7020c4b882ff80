# tests/scenario/deletion.sh: what --delete and its relatives remove, what they must not, and what is printed of it.
. "${srcdir:-.}/tests/scenario/lib.sh"

export XDG_STATE_HOME=$T/state

# reset: $T/dst has more than $T/src: files, a directory with content, a directory where a file is to be.
reset() {
	remove_trees "$T/src" "$T/dst"
	mkdir -p "$T/src/a" "$T/src/t" "$T/dst/a" "$T/dst/gone/sub" "$T/dst/way/in"
	(
		cd "$T" || exit 1
		echo new >src/a/f
		echo file >src/way
		echo old content >dst/a/f
		echo 1 >dst/gone/1
		echo 2 >dst/gone/2
		echo 3 >dst/gone/sub/3
		echo extra >dst/extra
		echo in >dst/way/in/file
	)
}

sorted() { sort "$out"; }

# Every form of --delete leaves the same tree and prints the same.
for form in --delete --del --delete-before --delete-during --delete-delay --delete-after; do
	reset
	lade sync -ain $form "$T/src/" "$T/dst/"
	sorted >"$T/dry"
	check "$form -n deletes nothing" exist "$T/dst/extra" "$T/dst/gone/sub/3" "$T/dst/way/in/file"
	syncs "$form" -ai $form "$T/src/" "$T/dst/"
	sorted >"$T/real"
	# As in rsync: where something was deleted first the directory has another time, and is told of.
	[ $form != --delete-before ] || sed -i '/^\.d\.\.t/d' "$T/real" "$T/dry"
	report "$form -n announces what the real run does" "$(differ "$T/real" "$T/dry")"
	same "$form makes the destination like the source" "$T/src" "$T/dst"
	prints "$form says what it deletes" '^\*deleting   gone/sub/3$'
	prints "$form says what is in the way" '^\*deleting   way/in/file$'
	check "$form does not say so of the name that is replaced" bash -c '! grep -q "deleting   way/$" "$1"' - "$out"
done

# --delete-before: nothing comes before all is gone.
over() { lade sync "$@" -e "$T/shell" "$T/src/" "far:$T/dst/"; }
printf '#!/bin/sh\nshift\nexec $*\n' >"$T/shell"
chmod +x "$T/shell"
early() { sed -n '/^[<>]f/,$p' "$out" | grep '^\*deleting' | head -n 5; }
for where in lade over; do
	reset
	rm -r "$T/dst/way"
	file_of_size "$T/src/a/big" 300000
	file_of_size "$T/dst/gone/big" 300000
	for n in {1..50}; do
		echo "$n" >"$T/src/t/$n"
	done
	if [ "$where" = over ]; then
		exits "--delete-before through a shell" 0 over -ai --delete-before --lade-path="$LADE"
	else
		syncs "--delete-before of many files" -ai --delete-before "$T/src/" "$T/dst/"
	fi
	report "deletions come first" "$(early)"
	same "the trees are the same" "$T/src" "$T/dst"
done
if small_disk "$T/small" 3m; then
	rm -rf "$T/src"
	mkdir "$T/src"
	file_of_size "$T/src/new" 2000000
	file_of_size "$T/small/old" 2000000
	syncs "--delete-before makes room" -a --delete-before "$T/src/" "$T/small/"
	check "the file is there" cmp "$T/src/new" "$T/small/new"
	drop_disk "$T/small"
else
	skip "--delete-before makes room" "needs root"
fi
exits "two forms do not go together" 1 lade sync -a --delete-before --delete-after "$T/src/" "$T/dst/"
exits "a form needs -r" 1 lade sync --delete-after "$T/src/" "$T/dst/"

# --force.
reset
exits "a directory with content is not replaced by a file" 23 lade sync -a "$T/src/" "$T/dst/"
says "it is named" 'way'
check "it stays" exist "$T/dst/way/in/file"
lade sync -ain --force "$T/src/" "$T/dst/"
sorted >"$T/dry"
syncs "--force replaces it" -ai --force "$T/src/" "$T/dst/"
report "-n --force announces that" "$(differ <(sorted) "$T/dry")"
check "by the file" cmp "$T/src/way" "$T/dst/way"
check "--force deletes nothing else" exist "$T/dst/extra" "$T/dst/gone/1"
rm "$T/src/way"
ln -s nowhere "$T/src/way"
rm "$T/dst/way"
mkdir -p "$T/dst/way/in"
exits "nor is it by a symlink" 23 lade sync -a "$T/src/" "$T/dst/"
syncs "but with --force" -a --force "$T/src/" "$T/dst/"
check "the symlink is there" test -L "$T/dst/way"

# --max-delete.
count() { find "$1" -mindepth 1 | wc -l; }
for most in 0 1 3 -1; do
	reset
	before=$(find "$T/dst" | wc -l)
	rm "$T/src/way"
	rm -r "$T/dst/way"
	before=$(count "$T/dst")
	exits "--max-delete=$most -n" 25 lade sync -ain --delete --max-delete=$most "$T/src/" "$T/dst/"
	sorted >"$T/dry"
	exits "--max-delete=$most" 25 lade sync -ai --delete --max-delete=$most "$T/src/" "$T/dst/"
	says "it says so" "Deletions stopped due to --max-delete limit \([0-9]+ skipped\)"
	report "-n announces what --max-delete=$most leaves" "$(differ <(sorted) "$T/dry")"
	# The source's t is new.
	check "--max-delete=$most deletes that many" test "$(count "$T/dst")" = $((before + 1 - (most < 0 ? 0 : most)))
	check "the rest is transferred" cmp "$T/src/a/f" "$T/dst/a/f"
done
reset
rm "$T/src/way" && rm -r "$T/dst/way"
syncs "--max-delete that suffices" -a --delete --max-delete=6 "$T/src/" "$T/dst/"
same "leaves nothing" "$T/src" "$T/dst"
reset
exits "--max-delete holds for what is in the way too" 23 lade sync -a --delete --max-delete=0 "$T/src/" "$T/dst/"
check "it stays" exist "$T/dst/way/in/file"
exits "--max-delete is a number" 1 lade sync -a --delete --max-delete=many "$T/src/" "$T/dst/"
reset
exits "25 is the least of failures: 23 counts" 23 lade sync -a --delete --max-delete=0 "$T/src/" "$T/missing" "$T/dst/"

# A source that could not be read causes no deletion, unless that is asked for.
reset
rm -r "$T/src/way" "$T/dst/way"
mkdir -p "$T/src/closed" "$T/dst/closed"
echo kept >"$T/dst/closed/kept"
chmod 0 "$T/src/closed"
! is_root || chown -R 65534:65534 "$T/src" "$T/dst"
closed() { run "${as_nobody[@]}" env HOME="$T/nowhere" "$LADE" sync "$@" "$T/src/" "$T/dst/"; }
exits "an unreadable directory in the source" 23 closed -a --delete
chmod 755 "$T/dst/closed"
check "nothing is deleted" exist "$T/dst/closed/kept" "$T/dst/extra" "$T/dst/gone/1"
exits "--ignore-errors" 23 closed -a --delete --ignore-errors
check "it is" absent "$T/dst/closed/kept" "$T/dst/extra" "$T/dst/gone"
exits "--ignore-errors is about --delete" 1 lade sync -a --ignore-errors "$T/src/" "$T/dst/"
chmod 700 "$T/src/closed"
reset
exits "a source that is missing among others" 23 lade sync -a --delete "$T/src/a" "$T/missing" "$T/dst/"
check "nothing is deleted for it" exist "$T/dst/extra" "$T/dst/gone/1"

# As in rsync: a missing name is no part of the source that could not be read, a missing directory whose content was asked for is.
reset
rm -r "$T/src/way" "$T/dst/way"
exits "a missing name beside a directory, --max-delete" 25 lade sync -a --delete --max-delete=0 "$T/missing" "$T/src/" "$T/dst/"
exits "a missing directory beside another" 23 lade sync -a --delete "$T/missing/" "$T/src/" "$T/dst/"
prints "says that nothing is deleted" '^IO error encountered -- skipping file deletion$'
check "and nothing is" exist "$T/dst/extra" "$T/dst/gone/1"
exits "nor with --ignore-missing-args" 23 lade sync -a --delete --ignore-missing-args "$T/missing/" "$T/src/" "$T/dst/"
check "as before" exist "$T/dst/extra" "$T/dst/gone/1"
exits "a missing name beside a directory" 23 lade sync -a --delete "$T/missing" "$T/src/" "$T/dst/"
check "keeps nothing from being deleted" absent "$T/dst/extra" "$T/dst/gone"

# A directory of ours that we may not write to is opened up to be deleted.
reset
rm -r "$T/src/way" "$T/dst/way"
! is_root || chown -R 65534:65534 "$T/src" "$T/dst"
chmod 555 "$T/dst/gone" "$T/dst/gone/sub"
exits "--delete -n of a directory that is read-only" 0 closed -an --delete
check "leaves its mode" test "$(stat -c %a "$T/dst/gone")" = 555
exits "--delete of a directory that is read-only" 0 closed -a --delete
check "it goes" absent "$T/dst/gone"

# An excluded directory that cannot be read is no fault.
reset
rm -r "$T/src/way" "$T/dst/way"
mkdir "$T/src/closed"
chmod 0 "$T/src/closed"
! is_root || chown -R 65534:65534 "$T/src" "$T/dst"
exits "an unreadable directory that is excluded" 0 closed -a --delete --exclude=/closed
check "the rest is deleted" absent "$T/dst/extra" "$T/dst/gone"

finish
