# tests/scenario/moving.sh: --remove-source-files removes what has arrived, and nothing else.
. "${srcdir:-.}/tests/scenario/lib.sh"

export XDG_STATE_HOME=$T/state
printf '#!/bin/sh\nshift\nexec $*\n' >"$T/shell"
chmod +x "$T/shell"

# reset: files of every kind, one that is at the destination already and one that is there with other metadata.
reset() {
	remove_trees "$T/src" "$T/dst" "$T/keep"
	mkdir -p "$T/src/a/deep" "$T/src/empty" "$T/dst/a"
	(
		cd "$T/src" || exit 1
		echo new >new
		: >nothing
		echo there >a/there
		echo mode >a/mode
		echo deep >a/deep/file
		file_of_size big 3000000
		ln -s nowhere link
		mkfifo fifo
		echo linked >a/one
		ln a/one a/two
		cp -p a/there a/mode ../dst/a
		chmod 600 ../dst/a/mode
	)
	cp -a "$T/src" "$T/keep"
}
files() { find "$1" ! -type d | sort; }

each() {
	local label=$1
	shift
	reset
	exits "$label -n" 0 "$@" -n
	report "$label -n removes nothing" "$(differ <(cd "$T/keep" && find . | sort) <(cd "$T/src" && find . | sort))"
	exits "$label" 0 "$@"
	report "$label: no file is left" "$(files "$T/src")"
	check "$label: directories are" test -d "$T/src/a/deep" -a -d "$T/src/empty"
	report "$label: everything is at the destination" "$(diff -r --no-dereference "$T/keep" "$T/dst" 2>&1 | grep -v 'is a fifo')"
	exits "$label again" 0 "$@"
}
each "local" lade sync -aH --remove-source-files "$T/src/" "$T/dst/"
each "without -H" lade sync -a --remove-source-files "$T/src/" "$T/dst/"
each "push" lade sync -aH --remove-source-files -e "$T/shell" --lade-path="$LADE" "$T/src/" "far:$T/dst/"
each "pull" lade sync -aH --remove-source-files -e "$T/shell" --lade-path="$LADE" "far:$T/src/" "$T/dst/"
each "--inplace" lade sync -aH --inplace --remove-source-files "$T/src/" "$T/dst/"
each "--no-whole-file" lade sync -aH --no-whole-file --remove-source-files "$T/src/" "$T/dst/"

# What did not arrive stays.
reset
exits "what is excluded" 0 lade sync -a --remove-source-files --exclude=new "$T/src/" "$T/dst/"
check "stays" exist "$T/src/new"
reset
exits "what the options leave out" 0 lade sync -rt --remove-source-files "$T/src/" "$T/dst/"
check "stays" test -L "$T/src/link" -a -p "$T/src/fifo"
check "and the rest does not" absent "$T/src/new" "$T/src/a/there"
reset
mkdir -p "$T/dst/new/in"
touch "$T/dst/new/in/file"
exits "what cannot be put into place" 23 lade sync -a --remove-source-files "$T/src/" "$T/dst/"
check "stays" exist "$T/src/new"
check "the rest does not" absent "$T/src/a/there" "$T/src/big"
reset
exits "what is left out because it is elsewhere" 0 \
	lade sync -aH --remove-source-files --compare-dest="$T/keep" "$T/src/" "$T/fresh/"
check "stays" exist "$T/src/new" "$T/src/big"
reset
mkdir "$T/copied"
exits "what is copied from elsewhere" 0 lade sync -a --remove-source-files --copy-dest="$T/keep" "$T/src/" "$T/copied/"
check "goes" absent "$T/src/new" "$T/src/big"
check "it is there" cmp "$T/keep/big" "$T/copied/big"

# The source is the destination.
reset
exits "the source onto itself" 23 lade sync -a --remove-source-files "$T/keep/" "$T/keep/"
says "it is said" "it is the destination's"
check "nothing is lost" exist "$T/keep/new" "$T/keep/big" "$T/keep/a/there"
exits "one file onto itself" 23 lade sync -a --remove-source-files "$T/keep/new" "$T/keep/new"
check "it is there" exist "$T/keep/new"

# A single file under another name.
exits "a single file" 0 lade sync -a --remove-source-files "$T/keep/new" "$T/renamed"
check "is moved" absent "$T/keep/new"
check "to its name" exist "$T/renamed"

# Several sources.
reset
exits "several sources" 0 lade sync -a --remove-source-files "$T/src/a" "$T/src/new" "$T/dst/"
check "are moved" absent "$T/src/a/there" "$T/src/a/deep/file" "$T/src/new"
check "and no other" exist "$T/src/big" "$T/src/nothing"
exits "one that is missing among others" 23 lade sync -a --remove-source-files "$T/src/big" "$T/missing" "$T/dst/"
check "the others are moved" absent "$T/src/big"

# A file that cannot be removed.
reset
! is_root || chown -R 65534:65534 "$T/src" "$T/dst"
chmod 555 "$T/src/a/deep"
exits "a directory that may not be written to" 23 \
	run "${as_nobody[@]}" "$LADE" sync -a --remove-source-files "$T/src/" "$T/dst/"
says "it is said which file stays" 'remove source file.*a/deep/file'
check "it stays" exist "$T/src/a/deep/file"
check "it has arrived all the same" exist "$T/dst/a/deep/file"
check "the others are gone" absent "$T/src/new"
chmod 755 "$T/src/a/deep"

# A file that changes between its entry and the end stays: the far side's first words after its greeting of 64 bytes are about
# the entry, and are held back until the file has changed.
reset
cat >"$T/holding" <<-END
	#!/bin/sh
	shift
	\$* | { dd bs=1 count=65 status=none; echo more >>"$T/src/new"; cat; }
END
chmod +x "$T/holding"
exits "a file that changes meanwhile" 23 \
	lade sync -a --remove-source-files -e "$T/holding" --lade-path="$LADE" "$T/src/new" "far:$T/dst/"
says "is named" 'remove source file.*new.*changed'
check "it stays" exist "$T/src/new"

finish
