# tests/scenario/options.sh: what each option does and what it prints.
. "${srcdir:-.}/tests/scenario/lib.sh"

# reset: $T/src and $T/dst are the same small tree again.
reset() {
	rm -rf "$T/src" "$T/dst"
	mkdir -p "$T/src/dir/inner" "$T/src/gone"
	(
		cd "$T/src" || exit 1
		echo same >same
		echo content >content
		echo later >later
		echo mode >mode
		echo inner >dir/inner/file
		echo gone >gone/file
		ln -s same link
		find . -depth -exec touch -h -d '2020-02-02 02:02:02.020202020' {} +
	)
	cp -a "$T/src" "$T/dst"
}

# change: every kind of change to $T/src.
change() {
	(
		cd "$T/src" || exit 1
		echo content that is longer >content
		touch -d '2021-01-01' later
		chmod 0600 mode
		echo new >new
		ln -s new new-link
		ln -sfn content link
		mkdir new-dir
		echo in-new-dir >new-dir/file
		rm -r gone
		rm dir/inner/file
		mkfifo fifo
		! is_root || chown 12345:54321 same
	)
}

# The commands themselves.
exits "lade --version" 0 lade --version
prints "it names itself" '^lade [0-9]+\.[0-9]+'
exits "lade version" 0 lade version
exits "lade --help" 0 lade --help
prints "it lists the commands" 'sync'
exits "lade help sync" 0 lade help sync
prints "it lists the options" '--delete'
cp "$out" "$T/help"
exits "lade sync --help" 0 lade sync --help
check "both are the same" cmp "$T/help" "$out"
exits "no command is a usage error" 1 lade
exits "an unknown command is a usage error" 1 lade frobnicate
says "it is named" 'frobnicate'
exits "sync without arguments is a usage error" 1 lade sync
says "it is told how it is called" '^usage: lade sync'
exits "an unknown option is a usage error" 1 lade sync -a --frobnicate "$T/src/" "$T/dst/"
says "it is named" '--frobnicate'
exits "an unknown short option is a usage error" 1 lade sync -a%  "$T/src/" "$T/dst/"
says "it is named" '%'
exits "an option without its value is a usage error" 1 lade sync -a "$T/src/" "$T/dst/" --exclude
says "it is named" '--exclude'
exits "an option with a value too many is a usage error" 1 lade sync -a --delete=yes "$T/src/" "$T/dst/"
exits "an unknown path is a usage error" 1 lade sync -a --path=teleport "$T/src/" "$T/dst/"
says "it is named" 'teleport'
exits "a source alone is a usage error" 1 lade sync -a
exits "--delete without -r is a usage error" 1 lade sync --delete "$T/src/" "$T/dst/"

# -i against rsync, and -n against -i.
reset
change
cp -a "$T/dst" "$T/dst-rsync"
times_listing "$T/dst" >"$T/before"
lade sync -ain --delete "$T/src/" "$T/dst/"
sort "$out" >"$T/dry"
untouched "-n changes nothing" "$T/dst" "$T/before"
syncs "-ai --delete" -ai --delete "$T/src/" "$T/dst/"
sort "$out" >"$T/real"
same "the changes arrived" "$T/src" "$T/dst"
report "-n announces what the real run reports" "$(differ "$T/real" "$T/dry")"
if have rsync; then
	rsync -ai --delete "$T/src/" "$T/dst-rsync/" | sort >"$T/rsync"
	report "-i prints what rsync prints" "$(differ "$T/rsync" "$T/real")"
else
	skip "-i prints what rsync prints" "rsync is not installed"
fi
printf 'x\n' >"$T/src/ctl"$'\001'"name"
lade sync -ai "$T/src/" "$T/dst/"
prints "control bytes are printed as octal" 'ctl\\#001name$'

# A new tree, and hard links, against rsync.
reset
ln "$T/src/same" "$T/src/same-2"
lade sync -aHi "$T/src/" "$T/new/"
sort "$out" >"$T/real"
if have rsync; then
	rsync -aHi "$T/src/" "$T/new-rsync/" | sort >"$T/rsync"
	# Versions of rsync differ in whether they report that they made the root, and which
	# name of a file brings the content is nobody's promise.
	comparable() { sed -E '/^created directory/d; s/same(-2)?/NAME/g' "$1" | sort; }
	report "-aHi on a new tree prints what rsync prints" \
		"$(differ <(comparable "$T/rsync") <(comparable "$T/real"))"
else
	skip "-aHi on a new tree prints what rsync prints" "rsync is not installed"
fi

# Output.
reset
change
syncs "-av" -av "$T/src/" "$T/dst/"
prints "names what is sent" '^new-dir/file$'
prints "names links with their targets" '^new-link -> new$'
check "and not what is unchanged" bash -c '! grep -qx dir/inner/file "$1"' - "$out"
reset
change
lade sync -aq "$T/src/" "$T/dst/"
silent "-q prints nothing"
reset
change
lade sync -a "$T/src/" "$T/dst/"
silent "without options nothing is printed either"
reset
change
syncs "--stats" -a --stats "$T/src/" "$T/dst/"
for line in 'Number of files: [0-9,]+' 'Total file size: [0-9,.]+' 'Total transferred file size: [0-9,.]+'; do
	prints "--stats has: $line" "^$line"
done
reset
change
exits "--progress" 0 lade sync -a --progress "$T/src/" "$T/dst/"

# Without -t and -p.
reset
rm -r "$T/dst/dir"
chmod 0600 "$T/dst/same"
chmod 0666 "$T/src/mode" "$T/src/dir/inner/file" "$T/src/content"
chmod 0600 "$T/dst/content"
chmod 0711 "$T/src/dir"
echo changed >"$T/src/content"
(umask 027 && lade sync -rl "$T/src/" "$T/dst/")
# A read-only directory of one's own is opened up for what is new, and only then.
mkdir -p "$T/locked/src/dir/inner" "$T/locked/dst/dir/inner"
echo one >"$T/locked/src/dir/one"
echo two >"$T/locked/src/dir/inner/two"
ln -s two "$T/locked/src/dir/inner/link"
chmod 500 "$T/locked/dst/dir/inner"
chmod 555 "$T/locked/dst/dir" "$T/locked/dst"
! is_root || chown -R 65534:65534 "$T/locked/dst"
modes() { find "$T/locked/dst" -type d -printf '%m %P\n' | sort; }
before=$(modes)
locked() { run "${as_nobody[@]}" "$LADE" sync "$@" "$T/locked/src/" "$T/locked/dst/"; }
exits "-rlt into read-only directories of one's own" 0 locked -rlt
check "everything is there" diff -r --no-dereference "$T/locked/src" "$T/locked/dst"
check "without -p they have their modes again" test "$(modes)" = "$before"
times_listing "$T/locked/dst" >"$T/locked/times"
exits "-rlt again" 0 locked -rlti
silent "it has nothing to say"
untouched "it leaves them closed" "$T/locked/dst" "$T/locked/times"
rm "$T/locked/src/dir/inner/two"
exits "-rlt --delete in them" 0 locked -rlt --delete
check "it deletes" absent "$T/locked/dst/dir/inner/two"
check "they have their modes again after that" test "$(modes)" = "$before"
exits "-rlp onto them" 0 locked -rlp
check "with -p they get the source's modes" test "$(stat -c %a "$T/locked/dst/dir/inner")" = 755

check "without -p an existing file keeps its mode" test "$(stat -c %a "$T/dst/same")" = 600
check "without -p an existing file that gets other content keeps its mode" \
	test "$(stat -c %a "$T/dst/content")" = 600
check "without -p a new file gets the source's mode less the umask" \
	test "$(stat -c %a "$T/dst/dir/inner/file")" = 640
check "without -p a new directory does too" test "$(stat -c %a "$T/dst/dir")" = 710
check "without -t a new file has the present time" test "$T/dst/dir/inner/file" -nt "$T/src/same"
check "the content is there" cmp "$T/src/content" "$T/dst/content"
reset
echo other >"$T/src/content"
lade sync -rlpi "$T/src/" "$T/dst/"
prints "without -t the column of times has a T" '^>f\.sT\.{6} content$'

# --no-OPTION takes back what -a switched on.
reset
chmod 0600 "$T/src/same"
lade sync -a --no-perms "$T/src/" "$T/dst/"
check "--no-perms" test "$(stat -c %a "$T/dst/same")" = 644
reset
echo newer >"$T/src/content"
touch -d 2010-01-01 "$T/src/content"
lade sync -a --no-t "$T/src/" "$T/dst/"
check "--no-t" test "$T/dst/content" -nt "$T/src/content"
rm -rf "$T/links"
lade sync -a --no-l "$T/src/" "$T/links/"
check "--no-l leaves symlinks out" absent "$T/links/link"
exits "without -r a directory is left out" 0 lade sync -l "$T/src/" "$T/flat/"
check "nothing of it arrived" absent "$T/flat/dir" "$T/flat/same"

# The quick check and -c.
reset
echo otherly >"$T/src/content"
touch -r "$T/dst/content" "$T/src/content"
lade sync -ai "$T/src/" "$T/dst/"
check "equal size and time count as unchanged" test ! -s "$out"
lade sync -aci "$T/src/" "$T/dst/"
prints "-c looks at the content" '^>fc'
check "-c brings it" cmp "$T/src/content" "$T/dst/content"

# Owners.
if is_root; then
	reset
	chown 12345:54321 "$T/src/same"
	syncs "--numeric-ids" -a --numeric-ids "$T/src/" "$T/dst/"
	check "owner and group are the numbers" test "$(stat -c %u:%g "$T/dst/same")" = 12345:54321
	reset
	chown 12345:54321 "$T/src/same"
	lade sync -a --no-o --no-group "$T/src/" "$T/dst/"
	check "--no-o --no-group" test "$(stat -c %u:%g "$T/dst/same")" = 0:0
else
	skip "--numeric-ids" "needs root"
fi

# Deletion and filters.
reset
echo extra >"$T/dst/extra"
mkdir -p "$T/dst/extra-dir/deep"
echo extra >"$T/dst/extra-dir/deep/file"
echo keep >"$T/dst/keep.o"
syncs "without --delete" -a "$T/src/" "$T/dst/"
check "extra files stay" exist "$T/dst/extra" "$T/dst/extra-dir/deep/file"
syncs "--delete --exclude" -a --delete --exclude='*.o' "$T/src/" "$T/dst/"
check "extra files go" absent "$T/dst/extra" "$T/dst/extra-dir"
check "what is excluded is protected" exist "$T/dst/keep.o"
filtered() {
	local name=$1
	shift
	rm -rf "$T/filtered"
	syncs "$name" -a "$@" "$T/src/" "$T/filtered/"
}
reset
touch "$T/src/a.o" "$T/src/dir/b.o" "$T/src/dir/c.c"
filtered "--exclude by name" --exclude='*.o'
check "it holds at every depth" absent "$T/filtered/a.o" "$T/filtered/dir/b.o"
check "the rest is there" exist "$T/filtered/same" "$T/filtered/dir/c.c"
filtered "--exclude at the root" --exclude=/a.o --exclude=/b.o
check "only there" absent "$T/filtered/a.o"
check "not below" exist "$T/filtered/dir/b.o"
filtered "--exclude of a directory" --exclude=inner/
check "it is not entered" absent "$T/filtered/dir/inner"
filtered "--include before --exclude" --include='b.*' --exclude='*.o'
check "the first that matches decides" exist "$T/filtered/dir/b.o"
check "the second for the others" absent "$T/filtered/a.o"
filtered "--include of directories alone" --include='*/' --include='*.c' --exclude='*'
check "what is included is there" exist "$T/filtered/dir/c.c"
check "what is not is not" absent "$T/filtered/same" "$T/filtered/dir/b.o"
printf '# a comment\n\n*.o\n+ same\n; another\n/link\n' >"$T/rules"
filtered "--exclude-from" --exclude-from="$T/rules"
check "its rules hold" absent "$T/filtered/a.o" "$T/filtered/link"
printf 'b.o\n' >"$T/rules"
filtered "--include-from" --include-from="$T/rules" --exclude='*.o'
check "its rules hold" exist "$T/filtered/dir/b.o"
exits "a file of rules that is missing" "1|11|23" lade sync -a --exclude-from="$T/none" "$T/src/" "$T/dst/"
says "it is named" "$T/none"

# Every way of moving the bytes gives the same tree; one that does not work here falls back.
make_tree "$T/rich"
if start_server; then
	server=yes
else
	server=
fi
for path in auto clone copy_file_range sendfile splice mmap copy; do
	syncs "--path=$path" -aH --path="$path" "$T/rich/" "$T/path-$path/"
	same "--path=$path: the tree arrived" "$T/rich" "$T/path-$path" hardlinks
	rm -rf "$T/path-$path"
	if [ -n "$server" ]; then
		syncs "--path=$path over TCP" -aH --path="$path" --token-file "$token" "$T/rich/" "$remote$T/path-$path/"
		same "--path=$path over TCP: the tree arrived" "$T/rich" "$T/path-$path" hardlinks
		rm -rf "$T/path-$path"
	else
		not_ok "--path=$path over TCP" "the server did not start"
	fi
done

# Options that change how, not what.
for option in -W --fsync --fail-changed; do
	rm -rf "$T/dst"
	syncs "$option" -a "$option" "$T/src/" "$T/dst/"
	same "$option: the tree arrived" "$T/src" "$T/dst"
done

exits "lade paths" 0 lade paths "$T"
prints "it knows splice" 'splice'
exits "lade paths with an unknown option" 1 lade paths --frobnicate

finish
