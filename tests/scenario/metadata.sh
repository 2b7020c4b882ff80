# tests/scenario/metadata.sh: what is kept of permissions, owners and times, and what options make of them. The expected lines and modes are those of
# rsync 3.5 for the same trees.
. "${srcdir:-.}/tests/scenario/lib.sh"

need_server

# items NAME OPTIONS... -- LINE...: what `lade sync -i OPTIONS src/ dst/` prints, in any order, and the same with -n before.
items() {
	local name=$1 arguments=() step
	shift
	while [ "$1" != -- ]; do
		arguments+=("$1")
		shift
	done
	shift
	printf '%s\n' "$@" | sed '/^$/d' | sort >"$T/.lines"
	for step in -n ""; do
		lade sync -i $step "${arguments[@]}" "${connection[@]}" "$from$T/src/" "$to$T/dst/"
		sort "$out" >"$T/.printed"
		report "$label: $name${step:+ (dry run)}" "$(differ "$T/.lines" "$T/.printed")$(cat "$err")"
	done
}

# modes NAME DIR "FILE MODE"...
modes() {
	local name=$1 dir=$2
	shift 2
	printf '%s\n' "$@" >"$T/.lines"
	(cd "$dir" && find . -printf '%P %m\n' | grep -F -x -f <(printf '%s\n' "$@") >"$T/.found"
	find . -printf '%P %m\n' | sort >"$T/.all")
	report "$label: $name" "$(grep -F -x -v -f "$T/.found" "$T/.lines" | sed 's/^/not so: /')$([ "$(wc -l <"$T/.found")" = $# ] || cat "$T/.all")"
}

# owners NAME DIR EXPECTED: "FILE UID:GID FILE UID:GID ".
owners() { check "$label: $1" test "$(cd "$2" && find . -mindepth 1 -printf '%P %U:%G\n' | sort | tr '\n' ' ')" = "$3"; }

# Two trees whose times are whole seconds, and differ.
make_both() {
	remove_trees "$T/src" "$T/dst"
	mkdir -p "$T/src/dir" "$T/dst/dir"
	echo same >"$T/src/run"
	echo same >"$T/dst/run"
	echo same >"$T/src/plain"
	echo same >"$T/dst/plain"
	echo longer >"$T/src/dir/changed"
	echo old >"$T/dst/dir/changed"
	echo new >"$T/src/new"
	ln -s target "$T/src/link"
	ln -s target "$T/dst/link"
	ln -s target "$T/src/moved"
	ln -s elsewhere "$T/dst/moved"
	chmod 755 "$T/src/run"
	chmod 640 "$T/dst/run"
	chmod 644 "$T/src/plain"
	chmod 711 "$T/dst/plain"
	chmod 4750 "$T/src/new"
	chmod 700 "$T/src/dir"
	chmod 755 "$T/dst/dir" "$T/src" "$T/dst"
	find "$T/dst" -exec touch -h -d @1000000000 {} +
	find "$T/src" -exec touch -h -d @1100000000 {} +
	touch -d @1000000000 "$T/src/run" "$T/src/plain"
	touch -a -d @1050000000 "$T/src/run"
	touch -a -d @1000000000 "$T/src/plain" "$T/dst/run" "$T/dst/plain"
}

# Lines with > for what arrives, < for what is sent.
each_connection() {
	label=local from="" to="" connection=() arrow=">"
	"$@"
	label=push from="" to=$remote connection=(--token-file "$token") arrow="<"
	"$@"
	label=pull from=$remote to="" connection=(--token-file "$token") arrow=">"
	"$@"
}

executability() {
	make_both
	items "-E" -rltE -- ".d..t...... ./" ".f...p..... plain" ".f...p..... run" ".d..t...... dir/" "${arrow}f.st...... dir/changed" \
		"${arrow}f+++++++++ new" ".L..t...... link -> target" "cLc.t...... moved -> target"
	modes "-E changes who may execute alone" "$T/dst" "run 750" "plain 600" "new 750" "dir 755" "dir/changed 644"
	make_both
	items "neither -p nor -E" -rlt -- ".d..t...... ./" ".d..t...... dir/" "${arrow}f.st...... dir/changed" \
		"${arrow}f+++++++++ new" ".L..t...... link -> target" "cLc.t...... moved -> target"
	modes "without -p modes stay" "$T/dst" "run 640" "plain 711" "new 750" "dir 755"
	make_both
	items "-p goes before -E" -rltpE -- ".d..t...... ./" ".f...p..... plain" ".f...p..... run" ".d..tp..... dir/" "${arrow}f.st...... dir/changed" \
		"${arrow}f+++++++++ new" ".L..t...... link -> target" "cLc.t...... moved -> target"
	modes "-p keeps modes" "$T/dst" "run 755" "plain 644" "new 4750" "dir 700"
}

times() {
	make_both
	items "-O" -rltO -- "${arrow}f.st...... dir/changed" "${arrow}f+++++++++ new" ".L..t...... link -> target" "cLc.t...... moved -> target"
	check "$label: -O leaves directories alone" test "$(stat -c %Y "$T/dst/dir")" != 1100000000
	check "$label: but not symlinks" test "$(stat -c %Y "$T/dst/link")" = 1100000000
	make_both
	items "-J" -rltJ -- ".d..t...... ./" ".d..t...... dir/" "${arrow}f.st...... dir/changed" "${arrow}f+++++++++ new" "cLc.t...... moved -> target"
	check "$label: -J leaves symlinks alone" test "$(stat -c %Y "$T/dst/link")" = 1000000000
	check "$label: but not directories" test "$(stat -c %Y "$T/dst/dir")" = 1100000000
	make_both
	items "no -t" -rl -- "${arrow}f.sT...... dir/changed" "${arrow}f+++++++++ new" "cLc.T...... moved -> target"
	rm -rf "$T/dst"
	lade sync -rltO "${connection[@]}" "$from$T/src/" "$to$T/dst/"
	check "$label: -O and a new directory" test "$(stat -c %Y "$T/dst/dir")" != 1100000000
	check "$label: -O and a new file" test "$(stat -c %Y "$T/dst/new")" = 1100000000
}

access_times() {
	make_both
	items "-UU" -rltUU -- ".d..t...... ./" ".d..t...... dir/" ".f......u.. run" "${arrow}f.st...u.. dir/changed" "${arrow}f+++++++++ new" \
		".L..t...... link -> target" "cLc.t...... moved -> target"
	check "$label: -U sets access times" test "$(stat -c '%X %Y' "$T/dst/run" "$T/dst/new" "$T/dst/dir/changed" | tr '\n' ' ')" = \
		"1050000000 1000000000 1100000000 1100000000 1100000000 1100000000 "
	items "-U a second time" -rltU --
}

changed_modes() {
	make_both
	items "--chmod" -rltp --chmod=D2750,Fgo-rwx --chmod=Fg+X -- ".d..tp..... ./" ".d..tp..... dir/" ".f...p..... plain" ".f...p..... run" \
		"${arrow}f.stp..... dir/changed" "${arrow}f+++++++++ new" ".L..t...... link -> target" "cLc.t...... moved -> target"
	modes "--chmod changes modes" "$T/dst" "run 710" "plain 600" "new 4710" "dir 2750" "dir/changed 600"
	make_both
	lade sync -r --chmod=666 "${connection[@]}" "$from$T/src/" "$to$T/dst/"
	modes "--chmod without -p is about what is new" "$T/dst" "run 640" "new 644"
}

each_connection executability
each_connection times
each_connection access_times
each_connection changed_modes

# Where a directory has a default ACL, that and not the umask is about what is made in it, and in what is made in it.
granted_modes() {
	make_both
	chmod 666 "$T/src/new"
	chmod 777 "$T/src/dir"
	mkdir "$T/src/made"
	echo content >"$T/src/made/file"
	chmod 755 "$T/src/made/file"
	chmod 775 "$T/src/made"
	setfacl -d -m u::rwx,g::rwx,o::- "$T/dst"
	lade sync -r "${connection[@]}" "$from$T/src/" "$to$T/dst/"
	modes "a default ACL" "$T/dst" "new 660" "run 640" "dir 755" "made 770" "made/file 750"
	make_both
	setfacl -d -m u::rwx,g::r,o::-,u:12345:rwx "$T/dst"
	lade sync -rp "${connection[@]}" "$from$T/src/" "$to$T/dst/"
	modes "a default ACL with -p" "$T/dst" "new 4750" "dir 700"
	rm -rf "$T/dst/"*
	lade sync -r --mkpath "${connection[@]}" "$from$T/src/" "$to$T/dst/deep/er/"
	modes "a default ACL with --mkpath" "$T/dst" "deep 770" "deep/er 770" "deep/er/run 750"
	remove_trees "$T/dst"
}

if touch "$T/probe" && have setfacl && setfacl -m u:12345:rw "$T/probe" 2>/dev/null; then
	each_connection granted_modes
else
	skip "default ACLs" "no ACLs on this file system"
fi

# What reading leaves behind: a file system that keeps access times strictly would show it without --open-noatime.
label=local
make_both
lade sync -rlt --open-noatime "$T/src/" "$T/dst/"
check "--open-noatime leaves access times alone" test "$(stat -c %X "$T/src/new" "$T/src/dir/changed" | tr '\n' ' ')" = "1100000000 1100000000 "

for wrong in --chmod=rw "--chmod=u+r,," --chown=a:b:c --usermap=bob --groupmap=9-5:1 "--chown=a --usermap=b:c" -M--bwlimit=1 \
	"--write-devices -S"; do
	# shellcheck disable=SC2086
	exits "$wrong is refused" 1 lade sync -a $wrong "$T/src/" "$T/dst/"
done

# ---- owners ----

mapped() {
	remove_trees "$T/src" "$T/dst"
	mkdir "$T/src"
	touch "$T/src/a" "$T/src/b" "$T/src/c"
	chown 12345:12346 "$T/src/b"
	chown 77777:77778 "$T/src/c"
	lade sync -r "$@" "${connection[@]}" "$from$T/src/" "$to$T/dst/"
}

owner_maps() {
	mapped -o --usermap=root:40001,:40002 --groupmap=12346:0,70000-80000:40003
	owners "maps of owners and groups" "$T/dst" "a 40001:0 b 40002:0 c 40002:40003 "
	mapped --chown=40004
	owners "--chown of the owner implies -o" "$T/dst" "a 40004:0 b 40004:0 c 40004:0 "
	mapped --chown=:40005
	owners "--chown of the group implies -g" "$T/dst" "a 0:40005 b 0:40005 c 0:40005 "
	mapped --numeric-ids --usermap=root:1,0:40006,*:40007
	owners "with --numeric-ids nobody has a name" "$T/dst" "a 40006:0 b 40007:0 c 40007:0 "
	mapped -o --usermap=12345:no-such-user-here,12345-12345:40008
	says "$label: a name that nobody has costs a warning" "no-such-user-here"
	owners "and its rule is none" "$T/dst" "a 0:0 b 40008:0 c 77777:0 "
	mapped -o -g --no-super
	case $label in
	local) owners "--no-super gives nothing away" "$T/dst" "a 0:0 b 0:0 c 0:0 " ;;
	esac
}

fakes() {
	remove_trees "$T/src" "$T/dst" "$T/back"
	mkdir -p "$T/src/dir"
	mknod "$T/src/block" b 7 200
	mkfifo "$T/src/fifo"
	ln -s where "$T/src/link"
	echo content >"$T/src/file"
	chown 12345:12346 "$T/src/file" "$T/src/dir"
	chmod 4755 "$T/src/file"
	chmod 1777 "$T/src/dir"
	chown -h 77777:77778 "$T/src/link"
	setfattr -n trusted.lade -v held "$T/src/file"
	setfattr -n user.lade -v own "$T/src/file"
	find "$T/src" -exec touch -h -d @1100000000 {} +
	mkdir "$T/far"
	chown 1000:1000 "$T/far"
	user=(setpriv --reuid 1000 --regid 1000 --clear-groups)
	run "${user[@]}" "$LADE" sync -aX -M--fake-super "$T/src/" "$T/far/tree/"
	check "as a user, onto --fake-super" test "$status" = 0
	check "what it writes is rsync's" test "$(cd "$T/far/tree" && getfattr -h -d -m . -e text block fifo link file dir 2>/dev/null | sed 's/^# file: //' | tr '\n' ' ')" = \
		'block user.rsync.%stat="60644 7,200 0:0"  fifo user.rsync.%stat="10644 0,0 0:0"  link user.rsync.%stat="120777 0,0 77777:77778"  file user.lade="own" user.rsync.%stat="104755 0,0 12345:12346"  dir user.rsync.%stat="41777 0,0 12345:12346"  '
	check "a symlink is a file with its target" test "$(cat "$T/far/tree/link")" = where
	run "${user[@]}" "$LADE" sync -aXi -M--fake-super "$T/src/" "$T/far/tree/"
	silent "a second run has nothing to do"
	lade sync -aX "$T/src/" -M--fake-super "$T/far/tree/"
	check "root gives attributes other names" test "$(getfattr --only-values -n user.rsync.trusted.lade "$T/far/tree/file" 2>/dev/null)" = held
	lade sync -aX --fake-super -M--super "$T/far/tree/" "$T/back/"
	same "what is read back is what was there" "$T/src" "$T/back" xattr
	setfattr -n user.rsync.%stat -v "40755 0,0 0:0" "$T/far/tree/file"
	exits "a note that makes no sense costs the file" 23 lade sync -aX --fake-super -M--super "$T/far/tree/" "$T/back/"
	says "and is reported" '"file"'
}

# ACLs that are only noted, where the file system, or who runs it, has none: what is written is rsync's.
fake_acls() {
	remove_trees "$T/src" "$T/dst" "$T/back"
	mkdir -p "$T/src/dir"
	echo content >"$T/src/file"
	chmod 640 "$T/src/file"
	setfacl -m u:12345:rw,g:12346:r "$T/src/file"
	setfacl -m u:12345:r,d:u:12345:rwx "$T/src/dir"
	lade sync -aA -M--fake-super "$T/src/" "$T/dst/"
	check "ACLs, onto --fake-super" test "$(cd "$T/dst" && getfattr -d -m . -e hex file dir 2>/dev/null | grep acl | tr '\n' ' ')" = \
		"user.rsync.%aacl=0x800000000400000006000000800000003930000006000080\
3a30000004000000 user.rsync.%aacl=0x8000000005000000050000008000000039300000040000\
80 user.rsync.%dacl=0x070000000500000007000000050000003930000007000080 "
	check "they are no real ones" test "$(cd "$T/dst" && getfacl -cns file dir)" = ""
	lade sync -aAi -M--fake-super "$T/src/" "$T/dst/"
	silent "a second run has nothing to do with ACLs"
	lade sync -aA --fake-super -M--super "$T/dst/" "$T/back/"
	same "ACLs that are read back are what was there" "$T/src" "$T/back" xattr
	chmod g-w "$T/src/file"
	lade sync -aAi -M--fake-super "$T/src/" "$T/dst/"
	check "a new mode is no other ACL" test "$(cat "$out")" = ".f...p..... file"
	setfacl -b "$T/src/file"
	lade sync -aAi -M--fake-super "$T/src/" "$T/dst/"
	check "an ACL that is gone" test "$(cat "$out") $(getfattr -d -m . "$T/dst/file" 2>&1)" = ".f.......a. file "
	setfattr -n user.rsync.%aacl -v nonsense "$T/dst/file"
	exits "an ACL that makes no sense costs an error" 23 lade sync -aA --fake-super -M--super "$T/dst/" "$T/back/"
	says "and is named" 'faked ACL of "file"'
}

# Devices that are files to one side: one that swallows everything, and is empty.
devices() {
	remove_trees "$T/src" "$T/dst"
	mkdir "$T/src" "$T/dst"
	mknod "$T/src/from" c 1 3
	echo content >"$T/src/to"
	mknod "$T/dst/to" c 1 3
	lade sync -rt --copy-devices --write-devices "${connection[@]}" "$from$T/src/" "$to$T/dst/"
	check "$label: a device of the source is a file" test -f "$T/dst/from"
	check "$label: a device of the destination is written to, and stays" test -c "$T/dst/to"
	check "$label: without complaint" test "$status" = 0
	lade sync -rt "${connection[@]}" "$from$T/src/" "$to$T/dst/"
	check "$label: without --write-devices a file takes its place" test "$(cat "$T/dst/to")" = content
}

if ! is_root; then
	skip "owners" "needs root"
else
	each_connection owner_maps
	if mknod "$T/null" c 1 3 2>/dev/null && : 2>/dev/null >"$T/null"; then
		each_connection devices
	else
		skip "devices as files" "cannot make devices here"
	fi
	label=local from="" to="" connection=()
	if have getfattr && have setpriv && touch "$T/probe" && setfattr -n user.lade -v 1 "$T/probe" 2>/dev/null &&
		setfattr -n trusted.lade -v 1 "$T/probe" 2>/dev/null && mknod "$T/device" b 7 200 2>/dev/null; then
		fakes
		if have setfacl && setfacl -m u:12345:rw "$T/probe" 2>/dev/null; then
			fake_acls
		else
			skip "--fake-super with ACLs" "no ACLs on this file system"
		fi
	else
		skip "--fake-super" "no extended attributes on this file system"
	fi
fi

check "the server is still the same process" alive "$server_pid"
finish
