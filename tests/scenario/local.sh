# tests/scenario/local.sh: both trees on this host.
. "${srcdir:-.}/tests/scenario/lib.sh"
. "${srcdir:-.}/tests/scenario/transfers.sh"

fresh_source "$T/src"
transfers local '' ''

# Another file system: nothing can be cloned, and a kernel may refuse to copy across.
if small_disk "$T/disk" 64m; then
	syncs "to another file system" -aH "$T/src/" "$T/disk/copy/"
	same "the tree arrived there" "$T/src" "$T/disk/copy" hardlinks
	syncs "and back" -aH "$T/disk/copy/" "$T/back/"
	same "the tree came back" "$T/src" "$T/back" hardlinks
else
	skip "to another file system" "cannot mount a file system here"
fi

# Several sources, relative paths, names that look like something else.
mkdir -p "$T/here/a" "$T/here/b"
echo 1 >"$T/here/a/one"
echo 2 >"$T/here/b/two"
echo 3 >"$T/here/with:colon"
cd "$T/here" || exit 99
syncs "several sources" -a a b ../here/a/one merged/
check "each is there" exist merged/a/one merged/b/two merged/one
syncs "the contents of several directories" -a a/ b/ contents-of-both/
check "are merged" exist contents-of-both/one contents-of-both/two
mkdir contents
syncs "a local name with a colon" -a ./with:colon copy-of-it
check "it was not taken for a host" cmp ./with:colon copy-of-it
syncs "a name with a leading dash" -a -- ../src/-leading-dash plain-name
check "it was not taken for an option" cmp ../src/-leading-dash plain-name
ln -s contents link-to-dir
syncs "through a symlink that the user named" -a a/ link-to-dir/
check "it is still a symlink" test -L link-to-dir

# A destination inside the source must not feed on itself.
mkdir inside
echo 1 >inside/file
exits "a destination inside the source ends" "0|23" lade sync -a inside/ inside/copy/
check "and holds the source" test -f inside/copy/file
check "and not itself" test ! -e inside/copy/copy/copy

finish
