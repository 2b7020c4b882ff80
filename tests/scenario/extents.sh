# tests/scenario/extents.sh: what tests of extents, holes and space share. Sourced by them after lib.sh.
# shellcheck shell=bash

MIB=1048576

# at_most NAME NUMBER LIMIT, at_least NAME NUMBER LIMIT
at_most() {
	if [ -n "$2" ] && [ "$2" -le "$3" ]; then ok "$1"; else not_ok "$1" "${2:-nothing} is more than $3"; fi
}
at_least() {
	if [ -n "$2" ] && [ "$2" -ge "$3" ]; then ok "$1"; else not_ok "$1" "${2:-nothing} is less than $3"; fi
}

# blocks FILE...: bytes that the files occupy.
blocks() { stat -c '%b %B' "$@" | perl -lane '$sum += $F[0] * $F[1]; END { print $sum + 0 }'; }

# shared_percent FILE LIMIT: how much of the first LIMIT bytes is in extents that another file has as well.
shared_percent() {
	filefrag -s -v -b1 "$1" | LIMIT=$2 perl -ne '
		my ($start, $end, $flags) = /^\s*\d+:\s+(\d+)\.\.\s*(\d+):.*:\s*(\S*)\s*$/ or next;
		$end++;
		$end = $ENV{LIMIT} if $end > $ENV{LIMIT};
		$shared += $end - $start if $flags =~ /\bshared\b/ && $end > $start;
		END { printf "%d\n", $shared * 100 / $ENV{LIMIT} }'
}

# change FILE OFFSET LENGTH...: overwrite ranges with random bytes.
change() {
	local file=$1
	shift
	while [ $# -gt 0 ]; do
		head -c "$2" /dev/urandom | dd of="$file" bs=64K oflag=seek_bytes seek="$1" conv=notrunc status=none
		shift 2
	done
}

# make_versions: in $T/extents a file of 64 MiB in `old`, and what becomes of it: places overwritten; something inserted near the end; whole blocks inserted there; what is longer or shorter.
make_versions() {
	local size=$((64 * MIB)) at=$((60 * MIB))
	mkdir -p "$T/extents"/{old,overwritten,inserted,inserted-block,appended,shortened}
	head -c "$size" /dev/urandom >"$T/extents/old/file"
	cp "$T/extents/old/file" "$T/extents/overwritten/file"
	change "$T/extents/overwritten/file" 5000000 100 20000000 5000 33333333 1 50000000 70000 $((size - 50)) 50
	{ head -c "$at" "$T/extents/old/file"; echo inserted; tail -c +$((at + 1)) "$T/extents/old/file"; } \
		>"$T/extents/inserted/file"
	{ head -c "$at" "$T/extents/old/file"; head -c 8192 /dev/urandom; tail -c +$((at + 1)) "$T/extents/old/file"; } \
		>"$T/extents/inserted-block/file"
	{ cat "$T/extents/old/file"; echo appended; } >"$T/extents/appended/file"
	head -c "$at" "$T/extents/old/file" >"$T/extents/shortened/file"
	touch -d '2020-01-01 00:00:00' "$T"/extents/old/file
}

# random_at FILE OFFSET LENGTH...: a file of 24 MiB with data there.
random_at() {
	rm -f "$1"
	truncate -s $((24 * MIB)) "$1"
	change "$@"
}

# make_holes: in $T/holes files with holes in `new`, which are all the same, and what stands at the destination in `old`.
make_holes() {
	local name
	mkdir -p "$T/holes/new" "$T/holes/old"
	random_at "$T/holes/new/onto-nothing" 0 $MIB 5000000 300000 $((12 * MIB + 4096)) $((MIB - 4096)) 20000001 1
	for name in onto-dense onto-zeros onto-others onto-filled onto-longer; do
		cp --sparse=always "$T/holes/new/onto-nothing" "$T/holes/new/$name"
	done
	head -c $((24 * MIB)) /dev/urandom >"$T/holes/old/onto-dense"
	cp --sparse=never "$T/holes/new/onto-nothing" "$T/holes/old/onto-zeros"
	change "$T/holes/old/onto-zeros" 1000 10
	random_at "$T/holes/old/onto-others" $((2 * MIB)) $((4 * MIB)) $((20 * MIB)) $MIB
	# As it is, but for data where there is a hole now.
	cp --sparse=always "$T/holes/new/onto-nothing" "$T/holes/old/onto-filled"
	change "$T/holes/old/onto-filled" $((8 * MIB)) $MIB
	head -c $((30 * MIB)) /dev/urandom >"$T/holes/old/onto-longer"
	touch -d '2020-01-01 00:00:00' "$T"/holes/old/*
}
