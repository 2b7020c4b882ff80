# tests/scenario/backup.sh: -b, --backup-dir and --suffix: nothing that is replaced or deleted is lost.
. "${srcdir:-.}/tests/scenario/lib.sh"

export XDG_STATE_HOME=$T/state

# reset: $T/dst has an older version of everything in $T/src, and more.
reset() {
	remove_trees "$T/src" "$T/dst" "$T/old"
	mkdir -p "$T/src/a/deep" "$T/dst/a/deep" "$T/dst/gone/sub" "$T/dst/empty"
	(
		cd "$T" || exit 1
		echo new >src/a/f
		echo new deep >src/a/deep/g
		ln -s new-target src/link
		mkdir src/was-file
		echo now a file >src/was-dir
		echo old one >dst/a/f
		echo old deep one >dst/a/deep/g
		ln -s old-target dst/link
		echo was a file >dst/was-file
		mkdir dst/was-dir
		echo 1 >dst/gone/1
		echo 2 >dst/gone/sub/2
		echo extra >dst/extra
		touch -d 2001-02-03 dst/a/f
		chmod 640 dst/a/f
		chmod 2750 dst/a
		! is_root || chown 12345:54321 dst/a dst/a/f
	)
}
names() { (cd "$1" && find . -mindepth 1 | sort | tr '\n' ' '); }
olds() {
	check "$1: the old file" bash -c 'echo "old one" | cmp - "$1"' - "$2/a/f$3"
	check "$1: its time" test "$(stat -c %y "$2/a/f$3")" = '2001-02-03 00:00:00.000000000 +0000'
	check "$1: its mode" test "$(stat -c %a "$2/a/f$3")" = 640
	check "$1: the old symlink" test "$(readlink "$2/link$3")" = old-target
	check "$1: the file that is a directory now" bash -c 'echo "was a file" | cmp - "$1"' - "$2/was-file$3"
}

# Beside the files.
reset
syncs "-b" -aib "$T/src/" "$T/dst/"
check "it prints what it prints without" test "$(grep -c . "$out")" = "$(grep -c '^[>c.][fdL]' "$out")"
olds "-b" "$T/dst" '~'
check "the new file is there" cmp "$T/src/a/f" "$T/dst/a/f"
check "and the new symlink" test "$(readlink "$T/dst/link")" = new-target
times_listing "$T/dst" >"$T/before"
syncs "-b again" -aib "$T/src/" "$T/dst/"
silent "has nothing to do"
untouched "and touches nothing" "$T/dst" "$T/before"
echo newer >"$T/src/a/f"
syncs "-b over an older backup" -ab "$T/src/" "$T/dst/"
check "there is the last version" bash -c 'echo new | cmp - "$1"' - "$T/dst/a/f~"
chmod 600 "$T/src/a/f"
syncs "-b of another mode" -ab "$T/src/" "$T/dst/"
check "is none of the content" bash -c 'echo new | cmp - "$1"' - "$T/dst/a/f~"
no_leftovers "nothing else stays" "$T/dst"

# With --delete.
reset
exits "-b --delete" 0 lade sync -aib --delete "$T/src/" "$T/dst/"
prints "says what it deletes" '^\*deleting   gone/sub/2$'
prints "and what it cannot" '^cannot delete non-empty directory: gone/sub$'
check "all is there" exist "$T/dst/gone/1~" "$T/dst/gone/sub/2~" "$T/dst/extra~"
check "under no other name" absent "$T/dst/gone/1" "$T/dst/gone/sub/2" "$T/dst/extra" "$T/dst/empty"
times_listing "$T/dst/gone" >"$T/before"
exits "-b --delete again" 0 lade sync -ab --delete "$T/src/" "$T/dst/"
untouched "backups are not deleted" "$T/dst/gone" "$T/before"
check "nor backed up" absent "$T/dst/extra~~"
exits "--delete alone" 0 lade sync -a --delete "$T/src/" "$T/dst/"
check "deletes them" absent "$T/dst/extra~" "$T/dst/gone"
reset
touch "$T/dst/x*y" "$T/dst/xzy"
exits "a suffix is no pattern" 0 lade sync -ab --delete --suffix='*y' "$T/src/" "$T/dst/"
check "it protects what ends in it" exist "$T/dst/x*y" "$T/dst/xzy*y"
check "and nothing else" absent "$T/dst/xzy"

# Into a directory, below the destination and elsewhere, on another file system too.
backup_dir() {
	local label=$1 dir=$2
	shift 2
	syncs "$label" -aib --delete "$@" "$T/src/" "$T/dst/"
	olds "$label" "$dir" "${suffix-}"
	check "$label: what was deleted" exist "$dir/extra${suffix-}" "$dir/gone/1${suffix-}" "$dir/gone/sub/2${suffix-}"
	check "$label: is nowhere else" absent "$T/dst/extra" "$T/dst/gone" "$T/dst/extra~"
	# As in rsync: the one that they have now.
	check "$label: directories have their modes" test "$(stat -c %a "$dir/a")" = "$(stat -c %a "$T/src/a")"
	! is_root || check "$label: and their owners" test "$(stat -c %u:%g "$dir/a")" = 12345:54321
	no_leftovers "$label: nothing else stays" "$dir"
}
reset
backup_dir "--backup-dir=../old" "$T/old" --backup-dir=../old
same "the destination is the source" "$T/src" "$T/dst"
reset
backup_dir "a path in it that has to be made" "$T/old/x/y" --backup-dir="$T/old/x/y/"
reset
suffix=.bak
backup_dir "--backup-dir --suffix" "$T/old" --backup-dir="$T/old" --suffix=.bak
unset suffix
reset
backup_dir "--backup-dir in the destination" "$T/dst/kept/here" --backup-dir=kept/here
times_listing "$T/dst/kept" >"$T/before"
syncs "it again" -ab --delete --backup-dir=kept/here "$T/src/" "$T/dst/"
untouched "is not deleted while it is in use" "$T/dst/kept" "$T/before"
reset
syncs "--backup-dir without need" -a --backup-dir="$T/old/new" "$T/src/" "$T/fresh/"
check "is not made" absent "$T/old"
reset
lade sync -ainb --delete --backup-dir="$T/old" "$T/src/" "$T/dst/"
check "nor in a dry run" absent "$T/old"
check "where all stays" exist "$T/dst/extra" "$T/dst/gone/1"
if small_disk "$T/small" 8m; then
	reset
	truncate -s 1M "$T/dst/sparse"
	mkfifo "$T/dst/fifo"
	backup_dir "--backup-dir on another file system" "$T/small/old" --backup-dir="$T/small/old"
	check "it has the fifo" test -p "$T/small/old/fifo"
	check "holes stay holes" test "$(stat -c %b "$T/small/old/sparse")" = 0
	drop_disk "$T/small"
else
	skip "--backup-dir on another file system" "needs root"
fi

# Whatever is in the way of a backup.
reset
mkdir -p "$T/old/a/f" "$T/old/gone"
echo older >"$T/old/gone/1"
syncs "an empty directory gives way to a backup" -a --backup-dir="$T/old" --delete "$T/src/" "$T/dst/"
check "it is there" exist "$T/old/a/f" "$T/old/gone/1"
reset
mkdir -p "$T/old/a/f"
echo precious >"$T/old/a/f/precious"
exits "one with content does not" 23 lade sync -a --backup-dir="$T/old" "$T/src/" "$T/dst/"
says "that is said" 'back up.*a/f'
check "both stay" exist "$T/old/a/f/precious" "$T/dst/a/f"
check "what could not be backed up is not replaced" bash -c 'echo "old one" | cmp - "$1"' - "$T/dst/a/f"
reset
mkdir "$T/old"
mkdir "$T/outside"
ln -s "$T/outside" "$T/old/a"
syncs "a symlink in the backup directory" -a --backup-dir="$T/old" "$T/src/" "$T/dst/"
check "is not followed" absent "$T/outside/f"
check "the backup has its place" exist "$T/old/a/f"

# Hard links, --inplace, and a file that comes with the content it has.
reset
echo linked >"$T/dst/a/one"
ln "$T/dst/a/one" "$T/dst/a/two"
echo changed one >"$T/src/a/one"
ln "$T/src/a/one" "$T/src/a/two"
syncs "-b -H" -abH "$T/src/" "$T/dst/"
check "both names have a backup" cmp "$T/dst/a/one~" "$T/dst/a/two~"
check "of the old file" test "$(cat "$T/dst/a/two~")" = linked
check "and the new names are one file" test "$T/dst/a/one" -ef "$T/dst/a/two"
for extra in --whole-file --no-whole-file; do
	reset
	syncs "-b --inplace $extra" -ab --inplace $extra "$T/src/" "$T/dst/"
	olds "-b --inplace $extra" "$T/dst" '~'
	check "the file is another than its backup" bash -c '! [ "$1" -ef "$1~" ]' - "$T/dst/a/f"
	reset
	file_of_size "$T/src/big" 300000
	cp "$T/src/big" "$T/dst/big"
	touch -d 2002-02-02 "$T/dst/big"
	syncs "-b $extra of a file that has another time" -ab $extra "$T/src/" "$T/dst/"
	check "there is one with the old time" test "$(stat -c %Y "$T/dst/big~")" = "$(date -d 2002-02-02 +%s)"
	check "and the new one has its own" test "$(stat -c %Y "$T/dst/big")" = "$(stat -c %Y "$T/src/big")"
done

# A directory in the way keeps what is backed up in it.
reset
echo in the way >"$T/dst/was-dir/x"
exits "-b --force" 23 lade sync -ab --force "$T/src/" "$T/dst/"
check "keeps what is in the way as a backup" exist "$T/dst/was-dir/x~"
exits "--backup-dir --force" 0 lade sync -a --force --backup-dir="$T/old" "$T/src/" "$T/dst/"
check "moves it" exist "$T/old/was-dir/x~"
check "for the file" cmp "$T/src/was-dir" "$T/dst/was-dir"

# A copy of somebody's program that runs as its owner is not one that runs as whoever made the copy.
if is_root; then
	reset
	mkdir -m 777 "$T/shared"
	echo theirs >"$T/shared/program"
	chown 12345:12345 "$T/shared/program"
	chmod 6777 "$T/shared/program"
	echo ours, which is longer >"$T/src/program"
	# 23: writing takes its right away, which only its owner could give back.
	exits "-b --inplace of another user's program" "0|23" run "${as_nobody[@]}" "$LADE" sync -b --inplace "$T/src/program" "$T/shared/"
	check "its backup is there" test "$(cat "$T/shared/program~")" = theirs
	check "and runs as whoever runs it" test "$(stat -c %a "$T/shared/program~")" = 777
else
	skip "a backup of another user's program" "needs root"
fi

exits "--suffix alone is nothing" 0 lade sync -a --suffix=.x "$T/src/" "$T/dst/"
exits "a suffix has no slash" 1 lade sync -ab --suffix=a/b "$T/src/" "$T/dst/"
exits "an empty suffix needs --backup-dir" 1 lade sync -ab --suffix= "$T/src/" "$T/dst/"

finish
