# tests/scenario/neon.sh: chunker/cut on AArch64, where this machine is none: compiled
# by a cross compiler, run by qemu. Where it is one, tests/unit/test_cut has done it.
. "${srcdir:-.}/tests/scenario/lib.sh"

compiler=aarch64-linux-gnu-gcc
top=$(cd "${srcdir:-.}" && pwd)

[ "$(uname -m)" != aarch64 ] || skip_all "this is AArch64 itself"
have "$compiler" || skip_all "no cross compiler for AArch64"
have qemu-aarch64 || skip_all "no qemu-aarch64"

# No libxxhash for that machine is needed: its header holds all of it.
header=$(echo '#include <xxhash.h>' | ${CC:-cc} -E - 2>/dev/null |
	sed -nE 's/^# 1 "(.*\/xxhash\.h)".*/\1/p' | head -n 1)
mkdir "$T/include"
check "xxhash.h is found" cp "$header" "${header%/*}/xxh3.h" "$T/include/"

# build NAME FLAGS...: $T/NAME.
build() {
	local name=$1
	shift
	check "it compiles ($name)" "$compiler" -std=c11 -O2 "$@" -static -pthread -D_GNU_SOURCE -DXXH_INLINE_ALL \
		-Wall -Wextra -Wshadow -Wvla -Wconversion -Werror -I "$top" -isystem "$T/include" -o "$T/$name" \
		"$top/tests/scenario/cut_alone.c" "$top"/chunker/cut{,_neon,_portable}.c "$top/chunker/digest.c"
}

build plain
exits "the chunks are those of other machines" 0 run qemu-aarch64 "$T/plain"
prints "of the NEON engine, too" '^checked: neon$'
prints "which is the one in use" '^in use: neon$'
exits "LADE_CPU=portable is obeyed" 0 run env LADE_CPU=portable qemu-aarch64 "$T/plain"
prints "it is in use then" '^in use: portable$'

build native -march=armv8-a+crypto
exits "the chunks are the same where the compiler may use PMULL throughout" 0 run qemu-aarch64 "$T/native"
prints "by the NEON engine" '^in use: neon$'
finish
