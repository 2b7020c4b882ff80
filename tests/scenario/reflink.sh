# tests/scenario/reflink.sh: backups of, to and onto file systems whose files can share extents. What a restore finds in the older file is shared with
# it, and takes no room of its own.
. "${srcdir:-.}/tests/scenario/lib.sh"
. "${srcdir:-.}/tests/scenario/extents.sh"

no_strace=${LADE_TEST_NO_STRACE:-}
unset "${!LADE_@}"
LADE=$T/lade
export XDG_CACHE_HOME=$T/cache XDG_STATE_HOME=$T/state
cd "$T" || exit 99
disk=$T/disk
have filefrag || skip_all "no filefrag here"

# field NAME: of the last command's JSON, in its last line.
field() { tail -n 1 "$out" | sed -nE "s/.*\"$1\":\"?([^\",}]*).*/\\1/p"; }

# restored VERSION: what is backed up as that is restored over $disk/dst.
restored() { lade restore "latest:$disk/src/$1" --target "$disk/dst" --json; }

# older: the file of before is what a restore meets, and another one shares all of it.
older() {
	rm -rf "$disk/dst" "$disk/ref"
	mkdir "$disk/dst"
	cp --reflink=always -p "$disk/src/old/file" "$disk/dst/file"
	cp --reflink=always "$disk/src/old/file" "$disk/ref"
	sync -f "$disk"
}

# updates TYPE VERSION PERCENT LIMIT: so much of the first LIMIT bytes is shared with the older file.
updates() {
	local name="$1: $2"
	older
	exits "$name is restored over an older one" 0 restored "$2"
	check "$name: the content" cmp "$T/extents/$2/file" "$disk/dst/file"
	check "$name: the older one is what it was elsewhere" cmp "$T/extents/old/file" "$disk/ref"
	# Each place that differs is in a chunk of 2 MiB at most.
	at_most "$name: bytes fetched" "$(field bytes_fetched)" $((10 * MIB))
	at_least "$name: percent shared" "$(shared_percent "$disk/dst/file" "$4")" "$3"
	no_leftovers "$name: no temporary stays" "$disk/dst"
}

# The same where the file system says, each time, that it shares nothing.
refused() {
	local name="$1: nothing is shared"
	[ -z "$no_strace" ] && have strace && strace -f -qq -o "$T/.strace" true 2>/dev/null || {
		skip "$name" "strace does not work here"
		return
	}
	older
	# LeakSanitizer cannot look at what is traced.
	run env ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" strace -f -qq -o "$T/.strace" -e trace=ioctl,copy_file_range \
		-e inject=ioctl,copy_file_range:error=EOPNOTSUPP "$LADE" restore "latest:$disk/src/overwritten" --target "$disk/dst" --json
	exits "$name, and it is restored all the same" 0 true
	check "$name: it was asked for" grep -q 'FICLONE' "$T/.strace"
	check "$name: the content" cmp "$T/extents/overwritten/file" "$disk/dst/file"
	at_most "$name: bytes fetched" "$(field bytes_fetched)" $((10 * MIB))
	at_most "$name: percent shared" "$(shared_percent "$disk/dst/file" $((64 * MIB)))" 0
}

# nearly_full TYPE SHORTER: with less room than the file is long there is enough for what differs, and if the older one ends that many bytes before.
nearly_full() {
	local name="$1: with little room, the older one $2 bytes shorter"
	older
	truncate -s -"$2" "$disk/dst/file"
	head -c $(($(df --output=avail -B1 "$disk" | tail -n 1) - 32 * MIB)) /dev/zero >"$disk/ballast"
	sync -f "$disk"
	at_most "$name: there is as little" "$(df --output=avail -B1 "$disk" | tail -n 1)" $((40 * MIB))
	exits "$name what differs little is restored" 0 restored overwritten
	check "$name: the content" cmp "$T/extents/overwritten/file" "$disk/dst/file"
	rm "$disk/ballast"
}

holes() {
	local name limit
	rm -rf "$disk/dst"
	cp -a --sparse=auto "$T/holes/old" "$disk/dst"
	exits "$1: files with holes are restored over others" 0 restored holes
	# The target's own times are nobody's.
	touch -r "$T/holes/new" "$disk/dst"
	same "$1: they are as they were" "$T/holes/new" "$disk/dst"
	sync -f "$disk"
	# XFS takes some space in advance where a file grows, and keeps it.
	limit=$(($(blocks "$T/holes/new/onto-nothing") + 65536 + 3 * MIB))
	for name in onto-nothing onto-dense onto-zeros onto-others onto-filled onto-longer; do
		at_most "$1: the space taken by $name" "$(blocks "$disk/dst/$name")" $limit
	done
}

make_versions
# What comes behind it is shifted, but by whole blocks.
mkdir "$T/extents/inserted-early"
{ head -c $((8 * MIB)) "$T/extents/old/file"; head -c 8192 /dev/urandom; tail -c +$((8 * MIB + 1)) "$T/extents/old/file"; } >"$T/extents/inserted-early/file"
make_holes

lade key new --recipient=me
recipient=$(cat "$out")
cp me me.new
for type in xfs btrfs; do
	options=()
	[ $type != xfs ] || options=(-m reflink=1)
	if ! image_disk "$disk" $type 1200M ${options[@]+"${options[@]}"}; then
		skip "$type" "$no_disk"
		continue
	fi
	cp -a "$T/extents" "$disk/src"
	cp -a "$T/holes/new" "$disk/src/holes"
	exits "$type: a repository on it" 0 lade init -r "$disk/repo" --no-passphrase --recipient "$recipient" --json
	cp me.new me.identity
	sed -nE 's/.*"pin":"([^"]*).*/\1/p' "$out" >>me.identity
	chmod 600 me.identity
	export LADE_REPOSITORY=$disk/repo LADE_IDENTITY=$T/me.identity
	exits "$type: a backup of what is on it" 0 lade backup "$disk/src"
	exits "$type: is whole" 0 lade check --read-data
	updates $type overwritten 80 $((64 * MIB))
	updates $type inserted 90 $((60 * MIB))
	updates $type inserted-early 80 $((64 * MIB))
	updates $type appended 90 $((64 * MIB))
	updates $type shortened 90 $((60 * MIB))
	refused $type
	nearly_full $type 0
	nearly_full $type 1000
	holes $type
	exits "$type: all of it is restored where there is nothing yet" 0 lade restore "latest:$disk/src" --target "$T/elsewhere" --verify
	touch -r "$disk/src" "$T/elsewhere"
	same "$type: as it was" "$disk/src" "$T/elsewhere"
	rm -rf "$T/elsewhere"
	drop_disk "$disk"
done
finish
