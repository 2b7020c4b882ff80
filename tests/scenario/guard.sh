# tests/scenario/guard.sh: a source that is not the one of the last run, as the mount point of a disk that is not mounted, deletes nothing.
. "${srcdir:-.}/tests/scenario/lib.sh"

# The far side has state of its own.
near_state=$T/near far_state=$T/far
export XDG_STATE_HOME=$near_state
mkdir "$T/dst"
printf '#!/bin/sh\nshift\nexport XDG_STATE_HOME=%s\nexec $*\n' "$far_state" >"$T/shell"
chmod +x "$T/shell"

records() { find "$1/lade/sources" -type f 2>/dev/null | wc -l; }
# empty_src: another directory than it was; the old one stays, or its inode might be used again.
empty_src() { mv "$T/src" "$T/src.$((++moves))" && mkdir "$T/src"; }
moves=0
# full_src: a source with two files, of which the destination gets to know, and which is then replaced by an empty directory.
full_src() {
	remove_trees "$T/src" "$T/dst"
	mkdir "$T/src" "$T/src/sub"
	echo 1 >"$T/src/one"
	echo 2 >"$T/src/sub/two"
}

remote=far: wire=(-e "$T/shell" --lade-path="$T/lade")
# These three sync the same with these options.
here() { lade sync "$@" "$T/src/" "$T/dst/"; }
push() { lade sync "${wire[@]}" "$@" "$T/src/" "$remote$T/dst/"; }
pull() { lade sync "${wire[@]}" "$@" "$remote$T/src/" "$T/dst/"; }

alarm='^lade: nothing is deleted because of source "[^"]*/src": it is empty, and another directory than at the last run \(.*--force-delete'
for where in here push pull; do
	state=$near_state
	[ $where != pull ] || state=$far_state
	rm -rf "$near_state" "$far_state"
	full_src
	exits "$where: the first run" 0 $where -a --delete
	report "$where: has one record, on the side of the source" "$([ "$(records "$state")" = 1 ] || find "$T/near" "$T/far")"
	exits "$where: nothing has changed" 0 $where -a --delete
	empty_src
	exits "$where: -n tells" 23 $where -an --delete
	says "$where: which source" "$alarm"
	exits "$where: an empty directory in its place" 23 $where -ai --delete
	says "$where: what it was and what it is" "$alarm"
	report "$where: prints no deletion" "$(grep deleting "$out")"
	check "$where: deletes nothing" exist "$T/dst/one" "$T/dst/sub/two"
	exits "$where: --ignore-errors is about something else" 23 $where -a --delete --ignore-errors
	check "$where: still nothing" exist "$T/dst/one" "$T/dst/sub/two"
	echo new >"$T/src/new"
	exits "$where: with something in it, it is the source" 0 $where -a --delete
	check "$where: and all is as ever" absent "$T/dst/one" "$T/dst/sub/two"
	check "$where: files come" exist "$T/dst/new"
	empty_src
	exits "$where: empty again" 23 $where -a --delete
	exits "$where: -n --force-delete" 0 $where -ain --delete --force-delete
	prints "$where: tells what would go" '^\*deleting   new$'
	exits "$where: it is remembered what was" 23 $where -a --delete
	check "$where: of which nothing is lost" exist "$T/dst/new"
	exits "$where: --force-delete" 0 $where -ai --delete --force-delete
	check "$where: goes on" absent "$T/dst/new"
	exits "$where: and remembers that" 0 $where -a --delete
done

# Over the wire nobody says more than what is to be said.
full_src
exits "an empty source that was one" 0 here -a --delete
find "$T/src" -mindepth 1 -delete
syncs "is still that" -ai --delete "$T/src/" "$T/dst/"
check "and deletes" absent "$T/dst/one"
empty_src
syncs "from one empty directory to another" -a --delete "$T/src/" "$T/dst/"

# What scripts do all the time.
full_src
syncs "made anew" -a --delete "$T/src/" "$T/dst/"
mv "$T/src" "$T/src.old"
cp -a "$T/src.old" "$T/src"
rm "$T/src/one"
syncs "with content" -a --delete "$T/src/" "$T/dst/"
check "deletes" absent "$T/dst/one"

# Each destination has a record.
full_src
syncs "two destinations" -a --delete "$T/src/" "$T/dst/"
syncs "the other one" -a --delete "$T/src/" "$T/other/"
empty_src
syncs "--force-delete" -a --delete --force-delete "$T/src/" "$T/dst/"
exits "counts for one of them" 23 lade sync -a --delete "$T/src/" "$T/other/"
check "and the other one keeps all" exist "$T/other/one"
exits "a destination that is new" 0 lade sync -a --delete "$T/src/" "$T/new/"

# Several sources, and a directory without a slash behind it.
rm -rf "$near_state"
full_src
mkdir -p "$T/second"
echo s >"$T/second/s"
syncs "two sources" -a --delete "$T/src" "$T/second/" "$T/dst/"
empty_src
rm "$T/second/s"
exits "one of which is empty" 23 lade sync -a --delete "$T/src" "$T/second/" "$T/dst/"
check "nothing goes because of the other one" exist "$T/dst/s" "$T/dst/src/one"
ln -s src "$T/link"
exits "a symlink that leads there" 0 lade sync -a --delete "$T/link" "$T/links/"
exits "is no source" 0 lade sync -a --delete "$T/link" "$T/links/"
report "of its own" "$([ "$(records "$near_state")" = 2 ] || find "$near_state")"

# --delete-missing-args: names of a list that are all not there.
full_src
printf 'one\nthree\n' >"$T/names"
echo 3 >"$T/src/three"
syncs "a list" -a --delete-missing-args --files-from="$T/names" "$T/src/" "$T/dst/"
empty_src
exits "of names that are all missing" 23 lade sync -a --delete-missing-args --files-from="$T/names" "$T/src/" "$T/dst/"
check "is not believed" exist "$T/dst/one" "$T/dst/three"
syncs "unless it is to be" -a --delete-missing-args --force-delete --files-from="$T/names" "$T/src/" "$T/dst/"
check "and then they go" absent "$T/dst/one" "$T/dst/three"

# What is moved inside the destination is not taken from there either.
full_src
file_of_size "$T/src/big" 200000
syncs "a file" -a --delete "$T/src/" "$T/dst/"
empty_src
mkdir "$T/add"
cp -p "$T/src.$moves/big" "$T/add/moved"
exits "that seems to have moved" 23 lade sync -a --delete --no-W "$T/src/" "$T/add/" "$T/dst/"
check "is copied" exist "$T/dst/big" "$T/dst/moved"

# Without --delete nobody asks, and nothing is kept.
rm -rf "$near_state"
full_src
syncs "without --delete" -a "$T/src/" "$T/dst/"
report "no record is kept" "$(find "$near_state" -type f 2>/dev/null)"
exits "--force-delete alone" 1 lade sync -a --force-delete "$T/src/" "$T/dst/"
says "says what it needs" '--force-delete does nothing without --delete'
syncs "-n" -an --delete "$T/src/" "$T/dst/"
check "keeps none, and makes no place for it" absent "$near_state"

# A source that cannot be read never deletes, and is not remembered. One that failed in part is.
as_user=()
! is_root || as_user=(setpriv --reuid 12345 --regid 12345 --clear-groups)
if [ ${#as_user[@]} = 0 ] || have setpriv; then
	full_src
	mkdir "$T/dst" "$T/user"
	! is_root || chown -R 12345:12345 "$T/src" "$T/dst" "$T/user"
	as_it() { XDG_STATE_HOME=$T/user run "${as_user[@]}" "$LADE" sync -a --delete "$T/src/" "$T/dst/"; }
	exits "a user's source" 0 as_it
	chmod 0 "$T/src"
	exits "that cannot be read" 23 as_it
	chmod 755 "$T/dst"
	check "deletes nothing" exist "$T/dst/one" "$T/dst/sub/two"
	chmod 755 "$T/src"
	rm -rf "$T/user/lade"
	chmod 0 "$T/src/sub"
	exits "of which a part cannot be read" 23 as_it
	report "is remembered" "$([ "$(records "$T/user")" = 1 ] || find "$T/user")"
	chmod 755 "$T/src/sub" "$T/dst/sub"
	XDG_STATE_HOME=relative exits "no place for records" 0 run "${as_user[@]}" env -u HOME "$LADE" sync -av --delete "$T/src/" "$T/dst/"
	prints "is told by -v" '^sources are not compared with those of the last run: cannot .*set HOME or XDG_STATE_HOME'
else
	skip "a source that cannot be read" "needs setpriv"
fi

# Records that are none.
full_src
syncs "a record" -a --delete "$T/src/" "$T/dst/"
record=$(find "$near_state/lade/sources" -type f)
for damage in "echo x >>" "truncate -s 20" "truncate -s 0" "truncate -s 1000000"; do
	eval "$damage '$record'"
	exits "damaged ($damage)" 0 here -a --delete
	says "is told" '^lade: warning: understand the record of source "[^"]*/src": it is damaged;'
	syncs "and made anew" -a --delete "$T/src/" "$T/dst/"
done
report "for its owner alone" "$(find "$near_state" -type f ! -perm 600)"
rm "$record"
mkdir "$record"
exits "one that cannot be replaced" 0 here -a --delete
says "is told when it is written" '^lade: warning: write the state'
rmdir "$record"

# A disk, and what is left of it when it is not mounted.
if image_disk "$T/disk" ext4 8M; then
	mkdir "$T/disk/data"
	echo 1 >"$T/disk/one"
	echo 2 >"$T/disk/data/two"
	syncs "a disk" -a --delete "$T/disk/" "$T/dst/"
	syncs "a directory on it" -a --delete "$T/disk/data/" "$T/data/"
	syncs "and once more" -a --delete "$T/disk/" "$T/dst/"
	drop_disk "$T/disk"
	exits "not mounted" 23 lade sync -a --delete "$T/disk/" "$T/dst/"
	says "is told" 'source "[^"]*/disk": the file system of the last run is not mounted there \(.* mounted at [^ ]*/disk, .* and empty\); if that is right, --force-delete goes on$'
	check "nothing is lost" exist "$T/dst/one" "$T/dst/data/two"
	exits "its directory" 23 lade sync -a --delete "$T/disk/data/" "$T/data/"
	check "neither" exist "$T/data/two"
	mkdir -p "$T/disk/data"
	echo stray >"$T/disk/data/stray"
	exits "somebody has written to the mount point" 23 lade sync -a --delete "$T/disk/" "$T/dst/"
	says "is told" 'source "[^"]*/disk": the file system of the last run is not mounted there \([^)]*\); '
	check "still nothing is lost" exist "$T/dst/one" "$T/dst/data/two"
	check "what is there comes" exist "$T/dst/data/stray"
	exits "and to the directory" 23 lade sync -a --delete "$T/disk/data/" "$T/data/"
	check "nothing there either" exist "$T/data/two"
	if image_disk "$T/disk" ext4 8M; then
		exits "a disk that was just made" 23 lade sync -a --delete "$T/disk/" "$T/dst/"
		says "is empty" 'it is empty, and another directory than at the last run'
		check "and deletes nothing" exist "$T/dst/one" "$T/dst/data/two"
		echo restored >"$T/disk/one"
		syncs "one that was restored" -a --delete "$T/disk/" "$T/dst/"
		check "is the source" absent "$T/dst/data/two"
		drop_disk "$T/disk"
		rm -rf "$T/disk/data"
		syncs "--force-delete: it has no disk any more" -a --delete --force-delete "$T/disk/" "$T/dst/"
		check "and so nothing" absent "$T/dst/one"
		syncs "which is so from now on" -a --delete "$T/disk/" "$T/dst/"
	fi
else
	skip "a disk that is not mounted" "$no_disk"
fi

finish
