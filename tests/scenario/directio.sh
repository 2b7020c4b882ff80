# tests/scenario/directio.sh: large files that are read past the page cache.
. "${srcdir:-.}/tests/scenario/lib.sh"

need_server

# What it needs.
mkdir "$T/src"
echo one >"$T/src/one"
exits "--aio alone is a usage error" 1 lade sync -a --aio --token-file "$token" "$T/src/" "$remote$T/dst/"
says "that says what it needs" '--directio'
exits "--directio of files that come is a usage error" 1 lade sync -a --directio=1M --token-file "$token" "$remote$T/src/" "$T/dst/"
exits "and on one host" 1 lade sync -a --directio=1M "$T/src/" "$T/dst/"
exits "a size that is none is a usage error" 1 lade sync -a --directio=large --token-file "$token" "$T/src/" "$remote$T/dst/"
check "nothing was made" absent "$T/dst"

# make_files DIR: around the sizes of sectors, pages, runs and small files, and with holes.
make_files() {
	local size
	mkdir -p "$1"
	for size in 0 1 65535 65536 65537 66048 69631 69632 69633 1048064 1048575 1048576 1048577 2097152 5246979; do
		file_of_size "$1/$size" "$size"
	done
	# Data between holes, and at neither end.
	perl -e 'open my $f, ">", shift or die;
		for (4096, 300_000, 4 << 20, (9 << 20) - 100) { seek $f, $_, 0; print $f "x" x 150_000 }
		truncate $f, (20 << 20) + 7 or die' "$1/sparse"
	truncate -s 3M "$1/hole"
	touch -d '2020-01-01 00:00:00' "$1"/*
}

# sends NAME SOURCE OPTIONS...: all arrives, holes as holes where the file system of the source has them (ramfs does not say).
sends() {
	local name=$1 source=$2
	shift 2
	rm -rf "$T/dst"
	syncs "$name" -a --directio=1 "$@" --token-file "$token" "$source/" "$remote$T/dst/"
	same "$name: the content" "$source" "$T/dst"
	[ "$source" = "$T/plain/src" ] || check "$name: the holes" test "$(du -k "$T/dst/sparse" | cut -f 1)" -le 1200 -a "$(du -k "$T/dst/hole" | cut -f 1)" -le 64
}

everything() {
	local where=$1 source=$2
	sends "$where" "$source"
	sends "$where, ahead" "$source" --aio
	sends "$where, compressed" "$source" --aio --zl=1
	sends "$where, with --path=sendfile" "$source" --path=sendfile
	sends "$where, at a low rate" "$source" --aio --bwlimit=100M
}

rm -rf "$T/src"
make_files "$T/src"
everything "here" "$T/src"

# Only files of that size and more, and those all.
if [ -n "${LADE_TEST_NO_STRACE:-}" ]; then
	skip "which files are read so" "tracing is forbidden here (LADE_TEST_NO_STRACE)"
else
	export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
	rm -rf "$T/dst"
	run strace -f -e trace=fcntl -o "$T/trace" "$LADE" sync -aW --directio=1M --token-file "$token" "$T/src/" "$remote$T/dst/"
	same "files of 1 MiB and more" "$T/src" "$T/dst"
	opened=$(grep -cE 'F_SETFL, .*O_DIRECT' "$T/trace")
	check "are what is read so ($opened of 6)" test "$opened" = 6

	# Without io_uring: from the beginning, or from its first read on.
	for call in io_uring_setup io_uring_enter; do
		rm -rf "$T/dst"
		run strace -f -e trace=$call -e inject=$call:error=EPERM -o "$T/trace" "$LADE" sync -aW --directio=1M --aio --info=misc \
			--token-file "$token" "$T/src/" "$remote$T/dst/"
		check "$call is refused" grep -q 'EPERM.*INJECTED' "$T/trace"
		prints "$call is refused: it says so" '5246979 is read ahead by a thread: .*Operation not permitted'
		same "$call is refused: all arrives" "$T/src" "$T/dst"
	done
fi

# What the destination has in part is described, as ever.
change() { perl -e 'open my $f, "+<", shift or die; seek $f, shift, 0; print $f "changed"' "$1" "$2"; }
change "$T/src/5246979" 3000000
syncs "an older version is there" -a --directio=1M --aio --token-file "$token" "$T/src/" "$remote$T/dst/"
same "it is brought up to date" "$T/src" "$T/dst"

# A tmpfs: with O_DIRECT from Linux 6.6 on, without before.
if small_disk "$T/memory" 64m; then
	make_files "$T/memory/src"
	everything "tmpfs" "$T/memory/src"
else
	skip "tmpfs" "cannot mount a file system here"
fi

# One that never had it.
mkdir "$T/plain"
if is_root && mount -t ramfs none "$T/plain" 2>/dev/null; then
	own_mounts+=("$T/plain")
	make_files "$T/plain/src"
	everything "ramfs" "$T/plain/src"
	rm -rf "$T/dst"
	lade sync -a --directio=1M --info=misc --token-file "$token" "$T/plain/src/" "$remote$T/dst/"
	prints "with --info=misc it says so" '5246979 is read through the page cache: '
else
	skip "ramfs" "cannot mount a file system here"
fi

# in_memory FILE: bytes of it in the page cache.
in_memory() { fincore -nbo RES "$1" | tr -d ' '; }

# Nothing of it is in memory: it stays so.
cold() {
	local type=$1 way
	for way in '' --aio; do
		forget "$T"/disk/src/*
		# shellcheck disable=SC2086 # none or one
		sends "$type, cold${way:+, $way}" "$T/disk/src" $way
		# The listing has read it.
		forget "$T/disk/src/large"
		rm -rf "$T/dst"
		# shellcheck disable=SC2086 # none or one
		lade sync -a --directio=1M $way --token-file "$token" "$T/disk/src/" "$remote$T/dst/"
		check "$type${way:+, $way}: the file arrives" cmp -s "$T/large" "$T/dst/large"
		check "$type${way:+, $way}: nothing of it is in memory" test "$(in_memory "$T/disk/src/large")" = 0
	done
	rm -rf "$T/dst"
	lade sync -a --token-file "$token" "$T/disk/src/" "$remote$T/dst/"
	check "$type: without --directio it is" test "$(in_memory "$T/disk/src/large")" -gt 0
}

file_of_size "$T/large" 20000123
for type in ext4 xfs btrfs; do
	if ! have fincore; then
		skip "$type" "no fincore here"
	elif image_disk "$T/disk" $type 400M; then
		make_files "$T/disk/src"
		cp "$T/large" "$T/disk/src/large"
		cold $type
		drop_disk "$T/disk"
	else
		skip "$type" "$no_disk"
	fi
done
finish
