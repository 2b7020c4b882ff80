# tests/scenario/restore.sh: what was backed up comes back, as it was, whatever is there; and `lade dump`, `ls`, `snapshots` and `stats` say the same.
. "${srcdir:-.}/tests/scenario/lib.sh"

unset "${!LADE_@}"
LADE=$T/lade
export XDG_CACHE_HOME=$T/.cache XDG_STATE_HOME=$T/.state TZ=UTC
cd "$T" || exit 99

# field NAME: of the last command's JSON, in its last line.
field() { tail -n 1 "$out" | sed -nE "s/.*\"$1\":\"?([^\",}]*).*/\\1/p"; }

# An identity opens it: that costs no second for each run.
lade key new --recipient=me.identity
recipient=$(cat "$out")
exits "a repository" 0 lade init -r repo --no-passphrase --recipient "$recipient" --json
sed -nE 's/.*"pin":"([^"]*).*/\1/p' "$out" >>me.identity
export LADE_REPOSITORY=$T/repo LADE_IDENTITY=$T/me.identity
there=${T#/}

make_tree src
make_attributes src || skip "attributes" "the file system of $T has none"
file_of_size src/large 9000000
ln src/large src/links/large
exits "a backup" 0 lade backup src --tag first

# ---- all of it ----
exits "all of it comes back" 0 lade restore latest --target all --verify --json
same "as it was" src "all/$there/src" xattr hardlinks
check "with holes" [ "$(stat -c %b "all/$there/src/sparse")" -le "$(($(stat -c %b src/sparse) + 16))" ]
check "all files were verified" [ "$(field files_verified)" = "$(find src -type f -printf x | wc -c)" ]
no_leftovers "no temporary stays" all
exits "a part of it" 0 lade restore "latest:$T/src" -t part --include /sizes
same "is what is in it" src/sizes part/sizes xattr
exits "what is in a directory of it" 0 lade restore "latest:$T/src/deep" -t inner
same "comes into the target itself" src/deep/a inner/a
exits "a single file" 0 lade restore "latest:/$there/src/large" -t part
check "comes into the directory" cmp src/large part/large
exits "what is not there" 1 lade restore "latest:/nowhere" -t part
says "is told" 'the snapshot has no "/nowhere"'
exits "no such snapshot" 1 lade restore 0123456789 -t part
says "is told, too" "no snapshot '0123456789'"
exits "a target is needed" 1 lade restore latest
exits "no repository is 10" 10 lade restore -r nowhere latest -t part

# ---- over what is there ----
times_listing "all/$there/src/sizes" >listing
exits "once more" 0 lade restore latest --target all --json
check "nothing is fetched" [ "$(field bytes_fetched)" = 0 ]
untouched "and nothing is touched" "all/$there/src/sizes" listing
own=all/$there/src
printf x | dd of="$own/sizes/3145728" bs=1 seek=1000000 conv=notrunc status=none
{ head -c 4000000 src/large; echo inserted; tail -c +4000001 src/large; } >"$own/longer" && rm "$own/large" && mv "$own/longer" "$own/large"
rm -r "$own/deep" "$own/links/to-dir"
mkdir "$own/links/to-dir"
echo other >"$own/sizes/512"
chmod 700 "$own/sizes/513"
setfattr -x user.lade.text "$own/sizes/4096" 2>/dev/null
exits "over an older copy" 0 lade restore latest --target all --json
same "it is as it was" src "$own" xattr hardlinks
check "of what was fetched little was there" [ "$(field bytes_fetched)" -lt 5500000 ]
echo newer >"$own/sizes/512"
exits "never" 0 lade restore latest --target all --overwrite never
check "leaves what is there" grep -q newer "$own/sizes/512"
exits "if newer" 0 lade restore latest --target all --overwrite if-newer
check "leaves what is newer" grep -q newer "$own/sizes/512"
cp -p src/sizes/512 "$own/sizes/512" && printf x | dd of="$own/sizes/512" conv=notrunc status=none && touch -r src/sizes/512 "$own/sizes/512"
exits "a change that size and time do not show" 0 lade restore latest --target all
check "stays" [ "$(head -c 1 "$own/sizes/512")" = x ]
exits "but not with always" 0 lade restore latest --target all --overwrite always
same "which reads all" src "$own" xattr hardlinks
exits "no such way" 1 lade restore latest --target all --overwrite sometimes

# ---- choosing and deleting ----
exits "what is included" 0 lade restore latest --target some --include '*1048576'
check "comes alone" [ "$(find some -type f | wc -l)" = 1 ]
exits "what is excluded" 0 lade restore "latest:$T/src" --target less --exclude /sizes --exclude large --exclude socket
check "does not come" absent less/sizes less/large less/links/large
check "all else does" exist less/deep/a/b/c/d/e/f/g/file
printf 'LARGE\nSOCKET\n/SIZES\n' >patterns
exits "what a file excludes" 0 lade restore "latest:$T/src" --target unlike --exclude-file patterns
check "is of that case" exist unlike/large
exits "or of any" 0 lade restore "latest:$T/src" --target other --iexclude-file patterns
check "as --iexclude has it" absent other/sizes other/large other/links/large
exits "what a file includes" 0 lade restore "latest:$T/src" --target named --iinclude-file patterns
check "in any case" exist named/large named/links/large named/sizes/512
check "comes alone" absent named/deep named/holes
mkdir -p "$own/new/dir"
echo extra >"$own/new/dir/file"
echo extra >"$own/extra.keep"
echo extra >all/beside
exits "a dry run" 0 lade restore latest --target all --delete --exclude '*.keep' -n
prints "says what would be deleted" '^deleted +.*/new/dir/file$'
check "and deletes nothing" exist "$own/new/dir/file"
exits "delete" 0 lade restore latest --target all --delete --exclude '*.keep'
check "removes what the snapshot has not" absent "$own/new"
check "but not what is excluded" exist "$own/extra.keep"
check "nor what is beside what was backed up" exist all/beside
rm "$own/extra.keep" && touch -r src "$own"
same "it is as it was" src "$own" xattr hardlinks
exits "a dry run into nothing" 0 lade restore latest --target none -n
check "makes nothing" absent none

# ---- ended ----
file_of_size src/huge 120000000
exits "another backup" 0 lade backup src --tag second
start_restore() { "$LADE" restore latest --target killed >/dev/null 2>"$T/.killed" & pid=$!; }
# Some of the large file has come: its length and its room are there from the beginning.
half_done() {
	local left
	left=$(find killed -name '.lade.*' -size +8000k 2>/dev/null | head -n 1)
	[ -n "$left" ] && [ "$(tail -c +4000000 "$left" | head -c 65536 | tr -d '\000' | wc -c)" -gt 0 ]
}
half_done_or_over() { half_done || ended "$pid"; }
# end_half_done SIGNAL: a restore that gets the signal before it has come to its end; $status. One that was faster than we are is begun again.
end_half_done() {
	local n
	for ((n = 0; n < 100; n++)); do
		remove_trees killed
		start_restore
		wait_for half_done_or_over
		kill "-$1" "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
		status=$?
		[ "$status" = 0 ] || break
	done
}
end_half_done KILL
check "it can be killed in the middle" [ "$status" = 137 ]
exits "to nothing" 0 lade restore latest --target whole --json
whole=$(field bytes_fetched)
remove_trees whole
exits "after it was killed it is run again" 0 lade restore latest --target killed --json
same "and all is there" src "killed/$there/src" xattr hardlinks
no_leftovers "without temporaries" killed
end_half_done TERM
check "interrupted it is 130" [ "$status" = 130 ]
exits "and goes on" 0 lade restore latest --target killed --json --verify
check "with what had come" [ "$(field bytes_fetched)" -lt "$whole" ]
same "and all is there" src "killed/$there/src" xattr hardlinks
no_leftovers "without temporaries" killed

# ---- dump ----
exits "a file is dumped" 0 lade dump latest "$T/src/huge"
check "as it is" cmp "$out" src/huge
exits "an empty one" 0 lade dump "latest:$T/src" sizes/0
check "is nothing" [ ! -s "$out" ]
exits "a symlink is not" 1 lade dump latest "$T/src/links/to-file"
exits "a tree is dumped" 0 lade dump latest "$T/src" --target tree.tar
if is_root && tar --version 2>/dev/null | grep -q GNU; then
	mkdir untarred
	exits "as tar takes it" 0 run tar -C untarred --xattrs --xattrs-include='*' --acls --same-owner -xpf tree.tar
	cp -a src/socket "untarred/$there/src/socket"
	touch -r src "untarred/$there/src"
	same "and as it was" src "untarred/$there/src" xattr hardlinks
fi

# ---- ls, snapshots, stats ----
exits "ls" 0 lade ls "latest:$T/src"
# Those of odd bytes are escaped.
find "$T/src" -not -path '*/odd/*' | sort >expected
grep -av '/odd/' "$out" | sort >found
report "lists every path" "$(differ expected found)"
exits "ls of a directory" 0 lade ls latest "$T/src/modes"
check "lists what is in it alone" [ "$(wc -l <"$out")" = "$(find src/modes -maxdepth 1 | wc -l)" ]
exits "ls as JSON" 0 lade ls latest --json "$T/src/modes"
prints "is an object for each" '"message_type":"node".*"name":"4755","type":"file",.*"permissions":"-rwsr-xr-x"'
exits "ls -l" 0 lade ls -l latest "$T/src/links"
prints "shows where symlinks lead" ' -> sizes/4096$'
exits "snapshots" 0 lade snapshots
prints "have a table" '^ID +Time +Host +Tags +Paths'
prints "of two" '^2 snapshots$'
exits "those with a tag" 0 lade snapshots --tag first --json
check "are one" [ "$(grep -o '"short_id"' "$out" | wc -l)" = 1 ]
first=$(field short_id)
exits "the latest of each" 0 lade snapshots --latest 1 -c
prints "is one" '^1 snapshot$'
exits "in groups" 0 lade snapshots -g tags
prints "with a line for each" '^snapshots for \(tags first\):$'
exits "a short id names one" 0 lade ls "$first" "$T/src"
check "in which the later file is not" [ "$(grep -c huge "$out")" = 0 ]
exits "stats" 0 lade stats latest --json
check "count what a restore writes" [ "$(field total_size)" = "$(find src -type f -printf '%D:%i %s\n' | sort -u | awk '{ s += $2 } END { printf "%d", s }')" ]
exits "of files by contents" 0 lade stats --mode files-by-contents --json
check "each content counts once" [ "$(field total_file_count)" = "$(find src -type f -print0 | xargs -0 sha256sum | cut -c1-64 | sort -u | wc -l)" ]
exits "of chunks" 0 lade stats --mode raw-data
prints "what is stored" '^Stored: +[0-9.]+MB$'

# ---- damage ----
find repo/packs -type f -size +5000k -exec \
	perl -e 'for (@ARGV) { open my $f, "+<", $_ or die; for (my $at = 200; $at < -s $f; $at += 300000) { seek $f, $at, 0; print $f "damage" } }' {} +
remove_trees killed
exits "what cannot be read is 3" 3 lade restore latest --target killed
says "and is told by its path" 'huge": '
check "it is not there" absent "killed/$there/src/huge"
check "what can be read is" exist "killed/$there/src/deep/a/b/c/d/e/f/g/file"
no_leftovers "without temporaries" killed
exits "nor can it be dumped" 1 lade dump latest "$T/src/huge" --target damaged

# ---- holes ----
# With one thread the islands of data wait while what lies behind the next holes is read.
mkdir islands
file_of_size islands/data 21000000
truncate -s 320M islands/file
for i in {0..29}; do
	dd if=islands/data of=islands/file bs=100000 skip=$((7 * i)) count=7 oflag=seek_bytes seek=$((i * 10 * 1024 * 1024)) conv=notrunc status=none
done
rm islands/data
exits "a file of data between holes is backed up" 0 lade backup islands --threads 1
exits "and restored" 0 lade restore "latest:$T/islands" -t oceans
check "as it was" cmp islands/file oceans/file

finish
