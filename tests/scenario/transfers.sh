# tests/scenario/transfers.sh: what must hold over every kind of connection.
# Sourced after lib.sh by local.sh, ssh.sh and tcp.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154 # status, out, err: lib.sh

# fresh_source DIR: a rich tree, with attributes where the file system has them. Sets
# $attributes to the options that carry them.
fresh_source() {
	make_tree "$1"
	attributes=
	if have setfattr && have setfacl && make_attributes "$1"; then
		attributes=AX
	fi
}

# transfers LABEL FROM TO OPTIONS...: FROM and TO are put before absolute paths: empty,
# "far:" or an address. Uses the tree $T/src.
transfers() {
	local label=$1 from=$2 to=$3 base=$T/$1
	shift 3
	mkdir -p "$base"
	whole_trees "$@"
	second_run "$@"
	shapes "$@"
	updates "$@"
}

# The functions below see label, from, to and base of transfers.

whole_trees() {
	syncs "$label: -aH to an absent destination" "$@" -aH "$from$T/src/" "$to$base/plain/"
	same "$label: the tree arrived" "$T/src" "$base/plain" hardlinks
	if [ -z "$attributes" ]; then
		skip "$label: -aHAX" "no extended attributes on this file system"
		return
	fi
	syncs "$label: -aHAX" "$@" -aHAX "$from$T/src/" "$to$base/full/"
	same "$label: attributes, ACLs and hard links arrived" "$T/src" "$base/full" xattr hardlinks
	syncs "$label: -aHAX onto a tree without attributes" "$@" -aHAX "$from$T/src/" "$to$base/plain/"
	same "$label: attributes were added" "$T/src" "$base/plain" xattr hardlinks
}

second_run() {
	times_listing "$base/plain" >"$base/times"
	times_listing "$T/src" >"$base/source-times"
	lade sync "$@" "-aH${attributes}i" "$from$T/src/" "$to$base/plain/"
	silent "$label: the second run has nothing to say"
	untouched "$label: the second run touches nothing" "$base/plain" "$base/times"
	untouched "$label: the source is never touched" "$T/src" "$base/source-times"
	no_leftovers "$label: no temporary stays" "$base/plain"
}

shapes() {
	local single=$T/src/sizes/65537
	syncs "$label: without a trailing slash" "$@" -aH "$from$T/src" "$to$base/named/"
	same "$label: the directory's name was taken along" "$T/src" "$base/named/src" hardlinks

	syncs "$label: a file under a new name" "$@" -a "$from$single" "$to$base/renamed"
	check "$label: its content" cmp "$single" "$base/renamed"
	mkdir "$base/into"
	syncs "$label: a file into a directory" "$@" -a "$from$single" "$to$base/into"
	check "$label: it is there under its name" cmp "$single" "$base/into/65537"
	syncs "$label: a file into an absent directory" "$@" -a "$from$single" "$to$base/new-dir/"
	check "$label: the directory was made" cmp "$single" "$base/new-dir/65537"
	syncs "$label: an empty directory" "$@" -a "$from$T/src/empty-dir/" "$to$base/empty/"
	same "$label: it is empty there too" "$T/src/empty-dir" "$base/empty"

	exits "$label: a missing parent of the destination is exit 11" 11 \
		lade sync "$@" -a "$from$T/src/" "$to$base/no/such/parent/"
	says "$label: it is named" "$base/no/such"
	exits "$label: a missing source is exit 23" 23 \
		lade sync "$@" -a "$from$T/no-such-source/" "$to$base/into/"
	says "$label: it is named" 'no-such-source.*No such file or directory'
}

updates() {
	local name
	cp -a "$T/src" "$base/changing"
	syncs "$label: a tree that will change" "$@" -a "$from$base/changing/" "$to$base/changed/"
	echo changed | dd of="$base/changing/sizes/3145728" bs=1 seek=1500000 conv=notrunc status=none
	echo longer >>"$base/changing/sizes/65536"
	truncate -s 100 "$base/changing/sizes/1048576"
	for name in 513 0; do
		echo "was $name" >"$base/changing/sizes/$name"
	done
	chmod 0640 "$base/changing/sizes/4097"
	touch -d @1234567890.123456789 "$base/changing/sizes/4095"
	ln -sfn elsewhere "$base/changing/links/to-file"
	rm -r "$base/changing/deep" "$base/changing/fifo"
	mkdir "$base/changing/fifo"
	echo new >"$base/changing/fifo/file"
	echo was-a-directory >"$base/changing/deep"
	syncs "$label: changes of every kind, --delete" "$@" -a --delete "$from$base/changing/" "$to$base/changed/"
	same "$label: the trees are equal again" "$base/changing" "$base/changed"
	no_leftovers "$label: no temporary stays after changes" "$base/changed"
}
