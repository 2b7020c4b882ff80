#!/bin/bash
# tests/golden/make.sh LADE MAKE OUT [KIND...]: how the golden repositories were made, once, by the program LADE and what make.c becomes. See README.
# Where OUT has an identity it opens the new ones, too, and is given their pins.
#
# A "portable" one needs a processor that has instructions for neither AES nor SHA-256: each of LADE and MAKE was a script of one line, for example
#   exec qemu-x86_64 -cpu Nehalem /path/to/lade "$@"
set -eu
umask 077
lade=$1 make=$2 out=$3
kinds=("${@:4}")
[ ${#kinds[@]} != 0 ] || kinds=(encrypted plain)
here=$(cd "$(dirname "$0")" && pwd)
passphrase=$(cat "$here/passphrase")
# Where attributes may be long.
work=/dev/shm/lade-golden
export XDG_STATE_HOME=$work/state XDG_CACHE_HOME=$work/cache TZ=UTC LC_ALL=C
rm -rf "$work"
mkdir -p "$out" "$work/tree"
cd "$work"

# ---- the tree ----
mkdir tree/empty 'tree/with a blank' tree/deep tree/deep/er
printf '' >tree/nothing
printf 'short, and so in its entry\n' >tree/inline
# Of several chunks, and much like itself, so that it is short in a pack.
seq -f 'line %09g of a long file, in which each line is like the one before' 60000 >tree/long
# Of one chunk.
seq 3000 >'tree/with a blank/numbers'
printf 'caf\303\251\n' >"$(printf 'tree/deep/caf\303\251')"
printf 'no character\n' >"$(printf 'tree/deep/er/\377\001')"
ln -s ../inline tree/deep/link
ln tree/long tree/deep/same
truncate -s 3M tree/sparse
printf 'in the middle of a hole' | dd of=tree/sparse bs=1 seek=1500000 conv=notrunc status=none
printf 'attributes\n' >tree/attributes
setfattr -n user.short -v 'a value' tree/attributes
# More than an entry holds: a stream of its own.
setfattr -n user.long -v "$(seq 1400 | head -c 3000)" tree/attributes
setfattr -n user.longer -v "$(seq 2000 | head -c 3500)" tree/attributes
chmod 4711 tree/inline
chmod 2750 tree/empty
mkfifo tree/fifo
find tree -exec touch -h -d '2026-11-22 03:04:05.678901234' {} +

# list: what a tree holds, by other means than lade's. Bytes that are no letters are \xHH.
list() {
	python3 - "$1" <<'END'
import errno, hashlib, os, stat, sys
top = os.fsencode(sys.argv[1])
def shown(text):
	return "".join(chr(c) if 0x20 < c < 0x7f and c != 0x5c else "\\x%02x" % c for c in text)
def sha(data):
	return hashlib.sha256(data).hexdigest()
def show(path, name):
	st = os.lstat(path)
	kind = { stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo" }[stat.S_IFMT(st.st_mode)]
	content = "-"
	if kind == "file":
		content = "%d:%s" % (st.st_size, sha(open(path, "rb").read()))
	elif kind == "symlink":
		content = shown(os.readlink(path))
	print(kind, "%o" % stat.S_IMODE(st.st_mode), st.st_mtime_ns, content, shown(name))
	if kind != "symlink":
		for attribute in sorted(os.listxattr(path)):
			print("xattr", attribute, sha(os.getxattr(path, attribute)))
	if kind == "file" and st.st_size:
		fd, at = os.open(path, os.O_RDONLY), 0
		while at < st.st_size:
			hole = os.lseek(fd, at, os.SEEK_HOLE)
			if hole >= st.st_size:
				break
			try:
				at = os.lseek(fd, hole, os.SEEK_DATA)
			except OSError:
				at = st.st_size
			print("hole", hole, at - hole)
		os.close(fd)
	if kind == "file" and st.st_nlink > 1:
		print("links", st.st_nlink)
	if kind == "directory":
		for child in sorted(os.listdir(path)):
			show(path + b"/" + child, name + b"/" + child)
show(top, b"tree")
END
}

# ---- the repositories ----
[ -e "$out/identity" ] || "$lade" key new --recipient="$out/identity" >/dev/null
recipient=$(sed -n 's/^# //p' "$out/identity")
for kind in "${kinds[@]}"; do
	plaintext=()
	[ "$kind" != plain ] || plaintext=(--plaintext)
	"$lade" init -r "$out/$kind" --no-passphrase --recipient "$recipient" --label golden "${plaintext[@]}" >init.out
	# [format]: the hash of chunk ids.
	hash=1
	[ "$kind" != portable ] || hash=2
	[ "$(od -An -tu1 -j49 -N1 "$out/$kind/format" | tr -d ' ')" = "$hash" ]
	grep -ao 'lade-pin-[-_A-Za-z0-9]*' init.out | head -n 1 >>"$out/identity"
	"$make" passphrase "$out/$kind" "$out/identity" "$passphrase"
	"$lade" key add -r "$out/$kind" --identity "$out/identity" --write-only="$out/$kind.client" --label client
	"$lade" backup -q -r "$out/$kind" --identity "$out/identity" --host golden --time @1790000000 --tag first,kept tree
done
list tree >"$out/listing.1"

# What is new, changed, and gone.
rm -r tree/deep/er tree/nothing
sed -i '30000s/line/LINE/' tree/long
printf 'longer than it was, but not by much\n' >tree/inline
printf 'new\n' >tree/new
find tree -newer "$out/identity" -exec touch -h -d '2026-11-22 04:05:06.789012345' {} +
list tree >"$out/listing.2"
for kind in "${kinds[@]}"; do
	"$lade" backup -q -r "$out/$kind" --key-file "$out/$kind.client" --host golden --time @1790003600 tree
	"$make" session "$out/$kind" "$out/identity" "$passphrase"
	rm -rf "$out/$kind/tmp"
done
rm -rf "$work"
