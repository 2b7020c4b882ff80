# tests/scenario/restrict.sh: lade serve --stdio --restrict, as a forced command of ssh runs it: whatever the client asks its
# shell for, one directory is served and nothing else.
. "${srcdir:-.}/tests/scenario/lib.sh"
. "${srcdir:-.}/tests/scenario/transfers.sh"

# The far side: which directory and rights it serves with is in files, and its command line says nothing. It is shut out of /proc, where
# a sanitizer looks for leaks; tests/fault/test_granted has the same server without walls.
cat >"$T/shell" <<END
#!/bin/sh
export ASAN_OPTIONS="\${ASAN_OPTIONS:+\$ASAN_OPTIONS:}detect_leaks=0"
exec "$LADE" serve --stdio --restrict "\$(cat "$T/.jail")" \$(cat "$T/.rights")
END
chmod +x "$T/shell"

# jail DIR [OPTION]: serve DIR from now on.
jail() {
	echo "$1" >"$T/.jail"
	echo "${2-}" >"$T/.rights"
}

far() { lade sync -e "$T/shell" "$@"; }
far_syncs() { syncs "$1" -e "$T/shell" "${@:2}"; }

# ---- what must hold over every connection ----

jail /
fresh_source "$T/src"
transfers push '' far: -e "$T/shell"
transfers pull far: '' -e "$T/shell"

# ---- inside ----

# A directory with a way out of it, by each kind of symlink, and something to steal and to spoil outside.
fresh_jail() {
	remove_trees "$T/jail" "$T/outside" "$T/back"
	mkdir -p "$T/jail/sub/deep" "$T/outside" "$T/back"
	echo secret >"$T/outside/secret"
	echo inside >"$T/jail/sub/file"
	ln -s "$T/outside" "$T/jail/absolute"
	ln -s ../outside "$T/jail/climbing"
	ln -s ../../../outside "$T/jail/sub/deep/climbing"
	ln -s sub "$T/jail/inner"
	ln -s ../outside/secret "$T/jail/leak"
}

# intact NAME: nothing outside was changed or added.
intact() { report "$1" "$(cd "$T/outside" && [ "$(cat secret)" = secret ] && [ "$(ls -A)" = secret ] || ls -lA)"; }

fresh_jail
jail "$T/jail"
far_syncs "the root has many names: /" -a far:/ "$T/back/slash/"
far_syncs "and ." -a far:. "$T/back/dot/"
far_syncs "and none" -a far: "$T/back/none/"
for name in slash dot none; do
	same "$name: all that is inside arrived" "$T/jail" "$T/back/$name"
done
far_syncs "a path that does not begin with a slash begins there, too" -a far:sub/ "$T/back/relative/"
same "it is the same directory" "$T/jail/sub" "$T/back/relative"
far_syncs "a symlink that stays inside is followed where a directory is named" -a far:/inner/ "$T/back/inner/"
same "and leads there" "$T/jail/sub" "$T/back/inner"
far_syncs "dots that stay inside are fine" -a far:/sub/deep/../../sub/ "$T/back/dots/"
same "and lead there" "$T/jail/sub" "$T/back/dots"
far_syncs "a new directory" -a "$T/src/modes" far:/new/
same "is made inside" "$T/src/modes" "$T/jail/new/modes"
far_syncs "--mkpath, with an absolute path" -a --mkpath "$T/src/modes" far:/a/b/c/
same "begins at the root of the client" "$T/src/modes" "$T/jail/a/b/c/modes"
far_syncs "a file under a new name" -a "$T/src/sizes/65537" far:/renamed
check "has it inside" cmp "$T/src/sizes/65537" "$T/jail/renamed"
echo other >"$T/jail/renamed"
far_syncs "--backup-dir, absolute" -a -b --backup-dir=/backups "$T/src/sizes/65537" far:/renamed
check "is inside" grep -q other "$T/jail/backups/renamed"
mkdir "$T/jail/work"
far_syncs "--temp-dir, absolute" -a -T /work "$T/src/sizes/65537" far:/by-work
check "it arrived" cmp "$T/src/sizes/65537" "$T/jail/by-work"
far_syncs "--link-dest, absolute and climbing as far as it may" -a --link-dest=../work/../ "$T/src/sizes/65537" far:/linked/
far_syncs "--compare-dest" -a --compare-dest=/ "$T/src/sizes/65537" far:/compared/
printf 'deep\nfile\n' >"$T/jail/list"
far_syncs "--files-from of the far side" -a --files-from=:/list far:/sub "$T/back/listed"
check "its names came" exist "$T/back/listed/file"
far_syncs "--delete goes on as ever" -a --delete "$T/src/modes/" far:/new/
same "and deletes inside" "$T/src/modes" "$T/jail/new"
if is_root && getent passwd daemon >/dev/null; then
	chown daemon "$T/jail/sub/file"
	far_syncs "owners are known by name behind the walls" -a --usermap=daemon:4711 far:/sub/file "$T/back/owned"
	report "the map found the name" "$(o=$(stat -c %u "$T/back/owned"); [ "$o" = 4711 ] || echo "$o")"
	rm "$T/jail/sub/file"
	echo inside >"$T/jail/sub/file"
else
	skip "owners are known by name behind the walls" "needs root"
fi
far_syncs "names are converted behind the walls" -a --iconv=utf8,latin1 "$T/src/modes/" far:/latin/
exits "a character set that the far side has to load" 0 far -a --iconv=utf8,euc-jp "$T/src/modes/" far:/japan/
intact "nothing of that went outside"

# ---- climbing out, in each place where a path is named ----

fresh_jail
for way in ../outside /../outside absolute /climbing sub/deep/climbing /sub/../../outside inner/../../outside "$T/outside"; do
	exits "pull of $way is an error" 23 far -a "far:$way/" "$T/back/stolen/"
	exits "pull of a file there, too: $way" 23 far -a "far:$way/secret" "$T/back/stolen/"
	exits "push to $way is an error" "11|3|23" far -a "$T/src/modes" "far:$way/"
	exits "and with --mkpath: $way" "11|3|23|0" far -a --mkpath "$T/src/modes" "far:$way/x/y/"
	exits "--backup-dir=$way" "11|23|0" far -a -b --backup-dir="$way/new" "$T/src/modes/" far:/sub/
	# Its way may be one inside by now, which --mkpath made.
	exits "--temp-dir=$way" "0|1|11|23" far -a -T "$way" -I "$T/src/modes/" far:/sub/
	exits "--link-dest=$way" 0 far -a --link-dest="$way" "$T/outside/secret" far:/linked/
	check "is not linked: $way" test "$(stat -c %h "$T/outside/secret")" = 1
	remove_trees "$T/jail/linked"
	exits "--files-from=:$way" "1|11|12|23" far -a --files-from=":$way/secret" far:/ "$T/back/stolen/"
	exits "a merge file in $way" "0|11|23" far -a "--filter=dir-merge $way/secret" far:/sub/ "$T/back/merged/"
	check "nothing was stolen: $way" absent "$T/back/stolen/secret" "$T/back/stolen/outside"
done
exits "--partial-dir, absolute and outside" "11|23|0" far -a --partial-dir="$T/outside" "$T/src/sizes/" far:/partial/
for option in -L -k --copy-unsafe-links; do
	exits "$option does not follow what leads out" "0|23" far -a "$option" far:/ "$T/back/followed/"
	report "nothing of it came: $option" "$(find "$T/back/followed" -type f -name secret; find "$T/back/followed" -type f -name leak)"
	report "nor its content: $option" "$(grep -rl secret "$T/back/followed" --exclude-dir=absolute)"
	exits "$option follows what stays inside" "0|23" far -a "$option" far:/inner "$T/back/inside/"
	remove_trees "$T/back"/*
done
mkdir -p "$T/climbs/climbing" "$T/climbs/absolute" "$T/climbs/inner"
touch "$T/climbs/climbing/new" "$T/climbs/absolute/new" "$T/climbs/inner/new"
exits "-K goes through no symlink that leads out" "0|23" far -rK "$T/climbs/" far:/
check "but through one that stays inside" exist "$T/jail/sub/new"
ln -sf ../outside/secret "$T/jail/sub/.rsync-filter"
exits "a file of rules that leads out is not read" 23 far -aF far:/sub/ "$T/back/ruled/"
report "nor is any of it told" "$(grep -a secret "$err" "$out" | grep -v 'rsync-filter')"
rm "$T/jail/sub/.rsync-filter"
printf 'merge %s/outside/secret\n' "$T" >"$T/jail/sub/.rsync-filter"
exits "nor one that is named in another" 23 far -aF far:/sub/ "$T/back/ruled/"
rm "$T/jail/sub/.rsync-filter"
intact "nothing went outside"
report "no message says where the directory is" "$(far -a far:/nothing "$T/back/"; grep -a "$T/jail" "$err" "$out")"
exits "a rule that is absolute is about the client's root" 0 far -a "--filter=-/ /sub/file" far:/sub/ "$T/back/absolute/"
check "and holds there" absent "$T/back/absolute/file"
exits "and not about the server's" 0 far -a "--filter=-/ $T/jail/sub/file" far:/sub/ "$T/back/absolute/"
check "where it says nothing" exist "$T/back/absolute/file"

# ---- rights ----

fresh_jail
jail "$T/jail" --read-only
far_syncs "read-only: reading" -a far:/sub/ "$T/back/read/"
exits "read-only: writing is refused" 1 far -a "$T/src/modes" far:/
says "and told" 'write to what is served read-only'
exits "read-only: --remove-source-files is refused" 4 far -a --remove-source-files far:/sub/ "$T/back/read/"
says "by its name" '"--remove-source-files"'
check "the file is still there" exist "$T/jail/sub/file"

jail "$T/jail" --write-only
exits "write-only: reading is refused" 1 far -a far:/sub/ "$T/back/"
says "and told" 'read from what is served write-only'
exits "write-only: so is listing" 1 far far:/
far_syncs "write-only: writing" -a "$T/src/modes" far:/
same "it arrived" "$T/src/modes" "$T/jail/modes"
printf 'secret\nlines\n' >"$T/jail/secret"
for option in -c -y --append --append-verify --index --out-format=%C --files-from=:/secret; do
	exits "write-only: $option is refused" 4 far -a "$option" "$T/src/modes" far:/
	says "as it would tell: $option" 'written and not read'
done
report "write-only: no line of a file came as the name of a source" "$(grep -aE 'lines' "$out" "$err")"
mkdir -p "$T/jail/ruled" "$T/none"
cp "$T/jail/secret" "$T/jail/ruled/secret"
touch "$T/jail/ruled/lines" "$T/jail/ruled/guess"
for option in --delete --delete-excluded --force; do
	exits "write-only: $option by rules in the tree is refused" 4 far -ani "$option" "--filter=:- secret" "$T/none/" far:/ruled/
	says "as it would tell: $option" 'files of rules in the tree by the option "--filter"'
done
far_syncs "write-only: such rules are the sender's alone where nothing is deleted" -a "--filter=:- secret" "$T/src/modes/" far:/ruled/
far_syncs "write-only: deleting by the client's rules" -a --delete --exclude=lines "$T/none/" far:/ruled/
check "goes by them" exist "$T/jail/ruled/lines"
check "and deletes the rest" absent "$T/jail/ruled/guess" "$T/jail/ruled/secret"
cp "$T/src/sizes/3145728" "$T/jail/guess"
cp "$T/src/sizes/3145728" "$T/guess"
lade sync -e "$T/shell" -a --no-whole-file --stats "$T/guess" far:/guess
prints "write-only: a file that is there already comes whole: nothing is compared" 'Literal data: 3,145,728 bytes'

fresh_jail
jail "$T/jail" --append-only
mkdir -p "$T/add/sub/more"
echo differs >"$T/add/sub/file"
echo new >"$T/add/sub/new"
echo deep >"$T/add/sub/more/deep"
ln -s new "$T/add/sub/link"
ln "$T/add/sub/new" "$T/add/sub/new2"
chmod 700 "$T/add/sub"
times_listing "$T/jail/sub" | grep '/file ' >"$T/before"
stat -c '%a %U %G' "$T/jail/sub" >"$T/mode-before"
exits "append-only: what is new comes, what differs is an error" 23 far -aH "$T/add/sub" far:/
says "which names it" 'change \(append-only\) "sub/file"'
check "the new ones are there" exist "$T/jail/sub/new" "$T/jail/sub/new2" "$T/jail/sub/more/deep"
report "hard links too" "$([ "$T/jail/sub/new" -ef "$T/jail/sub/new2" ] || echo "two files")"
report "the old one is untouched" "$(times_listing "$T/jail/sub" | grep '/file ' | diff "$T/before" -)"
report "and so is its directory's mode" "$(stat -c '%a %U %G' "$T/jail/sub" | diff "$T/mode-before" -)"
cp -p "$T/jail/sub/file" "$T/add/sub/file"
lade sync -e "$T/shell" -aHi "$T/add/sub" far:/
silent "append-only: what is equal is passed over in silence"
chmod 600 "$T/add/sub/new"
lade sync -e "$T/shell" -aHi "$T/add/sub" far:/
silent "append-only: whatever metadata it has"
report "which it keeps" "$(m=$(stat -c %a "$T/jail/sub/new"); [ "$m" = 644 ] || echo "$m")"
for option in --delete --delete-after --delete-excluded --inplace --append -b --backup-dir=/x --force --partial-dir=x \
	--delete-missing-args --write-devices -c -y --index; do
	exits "append-only: $option is refused" 4 far -a "$option" "$T/add/sub" far:/
	name=${option%%=*}
	case $option in -b) name=--backup ;; -c) name=--checksum ;; -y) name=--fuzzy ;; esac
	says "by its name: $option" "\"$name\""
done
mkdir "$T/kinds"
ln -s elsewhere "$T/kinds/sub"
exits "append-only: a symlink does not take the place of a directory" 23 far -a "$T/kinds/sub" far:/
rm "$T/kinds/sub"
mkdir -p "$T/kinds/inner/x"
exits "append-only: nor a directory that of a symlink" 23 far -a "$T/kinds/inner" far:/
check "it is what it was" test -L "$T/jail/inner"
exits "append-only: reading is refused" 1 far -a far:/ "$T/back/"
echo 1 >"$T/kinds/delayed"
far_syncs "append-only: --delay-updates" -a --delay-updates "$T/kinds/delayed" far:/late/
check "has it there" exist "$T/jail/late/delayed"
no_leftovers "append-only: no temporary stays" "$T/jail"
intact "nothing went outside"

# ---- what it goes with ----

exits "--restrict without --stdio" 1 lade serve --restrict "$T/jail" --listen 127.0.0.1:0 --token-file "$T/x"
exits "--read-only without --restrict" 1 lade serve --stdio --read-only
exits "two rights" 1 lade serve --stdio --restrict "$T/jail" --read-only --append-only
exits "a directory that is not there" 11 lade serve --stdio --restrict "$T/nowhere"
says "it is named" nowhere

finish
