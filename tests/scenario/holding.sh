# tests/scenario/holding.sh: -T, --partial-dir, --delay-updates: where files wait, and what becomes of them when the receiver is
# killed: whatever happens, each file is the old one or the new one, and the next run ends with the right tree.
. "${srcdir:-.}/tests/scenario/lib.sh"

export XDG_STATE_HOME=$T/state
slow_shell

# reset: files to be made and files to be replaced, large ones and small ones.
reset() {
	remove_trees "$T/src" "$T/dst" "$T/old" "$T/tmp" "$T/before"
	mkdir -p "$T/src/a/b" "$T/dst/a/b" "$T/tmp"
	for file in big a/middle a/b/middle; do
		file_of_size "$T/src/$file" 1500000
	done
	for file in small a/small a/b/small; do
		echo "new $file" >"$T/src/$file"
		echo "an old $file" >"$T/dst/$file"
	done
	echo old >"$T/dst/a/middle"
	: >"$T/src/a/empty"
	touch -d 2003-03-03 "$T/dst/small" "$T/dst/a/small" "$T/dst/a/middle"
	chmod 4711 "$T/src/a/b/middle"
	cp -a "$T/dst" "$T/before"
}
far() { lade sync -a -e "$T/slow-shell" --lade-path="$LADE" "$@" "$T/src/" "far:$T/dst/"; }

# each_way LABEL OPTIONS...: a whole run, local and remote, with and without whole files.
each_way() {
	local label=$1
	shift
	for whole in -W --no-W; do
		reset
		syncs "$label $whole" -a $whole "$@" "$T/src/" "$T/dst/"
		same "$label $whole: the trees are the same" "$T/src" "$T/dst"
		check "$label $whole: nothing is left where files wait" test -z "$(ls -A "$T/tmp")"
		lade sync -ai $whole "$@" "$T/src/" "$T/dst/"
		silent "$label $whole again"
		reset
		exits "$label $whole, remote" 0 far $whole "$@"
		same "$label $whole, remote: the trees are the same" "$T/src" "$T/dst"
	done
}
each_way "-T" -T "$T/tmp"
each_way "-T in the destination" -T a
each_way "--delay-updates" --delay-updates
each_way "--delay-updates -T" --delay-updates -T "$T/tmp"
each_way "--partial-dir" --partial-dir=.partial
each_way "--partial-dir, one for all" --partial-dir="$T/tmp"
each_way "-b --delay-updates -T --delete" -b --backup-dir="$T/old" --delay-updates -T "$T/tmp" --delete
check "with backups" exist "$T/old/a/middle" "$T/old/small"
reset
ln "$T/src/a/middle" "$T/src/linked"
syncs "--delay-updates -H" -aH --delay-updates "$T/src/" "$T/dst/"
same "links are made of what was delayed" "$T/src" "$T/dst" hardlinks
if small_disk "$T/tmp" 32m; then
	for more in --no-delay-updates --delay-updates; do
		reset 2>/dev/null
		truncate -s 2M "$T/src/sparse"
		syncs "-T on another file system $more" -a -T "$T/tmp" $more "$T/src/" "$T/dst/"
		same "it is copied into place" "$T/src" "$T/dst"
		check "holes stay holes" test "$(stat -c %b "$T/dst/sparse")" -le 8
		check "nothing is left there" test -z "$(ls -A "$T/tmp")"
	done
	drop_disk "$T/tmp"
else
	skip "-T on another file system" "needs root"
fi
reset
lade sync -a -T "$T/missing" "$T/src/" "$T/dst/"
says "-T that is not there is named" "$T/missing"
same "nothing is done then" "$T/before" "$T/dst"
exits "--inplace has no --delay-updates" 1 lade sync -a --inplace --delay-updates "$T/src/" "$T/dst/"
exits "nor --partial-dir" 1 lade sync -a --inplace --partial-dir=x "$T/src/" "$T/dst/"
exits "--partial-dir does not climb" 1 lade sync -a --partial-dir=../x "$T/src/" "$T/dst/"

# interrupted SIGNAL OPTIONS...: a run whose receiver is cut off when something large is on its way. $reached: it was.
partial_file() { find "$T/dst" "$T/tmp" -name '.lade.*' -size +100k | grep -q .; }
interrupted() {
	local signal=$1
	shift
	rm -f "$T/far.pid"
	start "$LADE" sync -a -e "$T/slow-shell" --lade-path="$LADE" "$@" "$T/src/" "far:$T/dst/" >"$out" 2>"$err"
	wait_for partial_file
	if [ "$signal" = INT ]; then
		kill -INT "$started"
	else
		kill -"$signal" "$(cat "$T/far.pid")"
	fi
	wait_for ended "$started"
	wait "$started" 2>/dev/null
	wait_for ended "$(cat "$T/far.pid")"
}
# whole LABEL: every file is the old one or the new one.
whole() {
	local file findings=
	for file in small a/small a/b/small a/middle big a/b/middle; do
		if [ -e "$T/dst/$file" ]; then
			cmp -s "$T/dst/$file" "$T/src/$file" || cmp -s "$T/dst/$file" "$T/before/$file" ||
				findings="$findings $file"
		elif [ -e "$T/before/$file" ]; then
			findings="$findings $file is gone"
		fi
	done
	report "$1: each file is the old one or the new one" "$findings"
}
for options in "-T $T/tmp" --delay-updates "--partial-dir=.partial" "--partial-dir=$T/tmp" "-b" "-b --backup-dir=$T/old --delay-updates"; do
	for signal in KILL INT; do
		reset
		interrupted $signal $options
		whole "$options, $signal"
		if [[ $options == *delay* ]]; then
			report "$options, $signal: all are the old ones" \
				"$(cd "$T/before" && find . -type f -exec cmp {} "$T/dst/{}" \; 2>&1)"
		fi
		syncs "$options, $signal: the next run" -a $options --no-W "$T/src/" "$T/dst/"
		find "$T/dst" -name '*~' -delete
		tree_listing "$T/src" notimes >"$T/.expected"
		tree_listing "$T/dst" notimes >"$T/.found"
		report "$options, $signal: it ends with the right tree" "$(differ "$T/.expected" "$T/.found")"
		check "$options, $signal: and leaves nothing" test -z "$(ls -A "$T/tmp")"
	done
done

# The directory for partial files: in each directory, and one for all; the next run goes on with what is there.
for dir in .partial "$T/tmp"; do
	reset
	interrupted INT --partial-dir="$dir"
	left=$(find "$T/dst" "$T/tmp" -path '*.partial/*' -o -path "$T/tmp/*" | head -n 1)
	check "--partial-dir=$dir has what is left" test -s "$left"
	check "under its name" test "$(basename "$left")" = "$(basename "$left" | grep -xE 'big|middle')"
	no_leftovers "and nothing is beside the file" "$T/dst"
	lade sync -ain --delete --partial-dir="$dir" "$T/src/" "$T/dst/"
	check "it is not deleted" bash -c '! grep -q "^.deleting" "$1"' - "$out"
	exits "the next run" 0 far --no-W --partial-dir="$dir"
	same "has the right tree" "$T/src" "$T/dst"
	check "and nothing stays" absent "$left"
done
# What rsync left there is not continued, but goes when its file is complete; what is not of a file of the transfer stays.
reset
mkdir "$T/dst/.partial"
head -c 1000 "$T/src/big" >"$T/dst/.partial/big"
echo other >"$T/dst/.partial/other"
syncs "with what somebody else left" -a --partial-dir=.partial "$T/src/" "$T/dst/"
check "that is gone" absent "$T/dst/.partial/big"
check "all else stays" exist "$T/dst/.partial/other"
rm "$T/dst/.partial/other" "$T/dst/a/small"
head -c 5 "$T/src/a/small" >"$T/dst/.partial/small"
mkdir "$T/dst/a/.partial"
echo small >"$T/dst/a/.partial/small"
syncs "and again" -a --partial-dir=.partial "$T/src/" "$T/dst/"
check "what is left of a file that is up to date stays" exist "$T/dst/.partial/small"
check "an empty directory goes" test ! -e "$T/dst/a/.partial"
reset
interrupted INT --no-partial
no_leftovers "--no-partial keeps nothing" "$T/dst"

# Somebody else may write to the directory of -T: what is put there under the name of a file on its way gets no other name.
exchanged() {
	reset
	rm -f "$T/far.pid"
	file_of_size "$T/src/big" 12000000
	start "$LADE" sync -a -e "$T/slow-shell" --lade-path="$LADE" -T "$T/tmp" "$T/src/big" "far:$T/dst/" >"$out" 2>"$err"
	wait_for partial_file
	kill -STOP "$(cat "$T/far.pid")"
	file=$(find "$T/tmp" -name '.lade.*')
	[ -n "$file" ] && mv "$file" "$T/old" && echo planted >"$file"
	result=$?
	kill -CONT "$(cat "$T/far.pid")"
	return $result
}
# A busy machine may look only when the file is there.
for _ in {1..20}; do
	exchanged && break
	wait "$started"
done
ends "a file in the directory of -T is exchanged" 23 "$started"
says "it is named" 'big.*changed'
check "nothing else takes its name" absent "$T/dst/big"
no_leftovers "nor stays" "$T/dst"

finish
