# tests/scenario/names.sh: two hosts where the same names have other numbers. Owners,
# groups and whom ACLs name follow the name; what the receiver does not know keeps its
# number, as with rsync.
. "${srcdir:-.}/tests/scenario/lib.sh"

is_root || skip_all "needs root"
have setfacl || skip_all "no ACLs on this file system"

# users NAME=NUMBER...: what passwd(5) says on a host; groups: the same for group(5).
users() {
	echo root:x:0:0::/:/bin/sh
	printf '%s\n' "$@" | sed -E 's|(.*)=(.*)|\1:x:\2:0::/:/bin/sh|'
}
groups() {
	echo root:x:0:
	printf '%s\n' "$@" | sed -E 's|(.*)=(.*)|\1:x:\2:|'
}
# ann and bob have changed places; carl has another number; dora is known here only, and
# over there her number is somebody else's.
users ann=2001 bob=2002 carl=2003 dora=2004 >"$T/near.passwd"
users ann=2002 bob=2001 carl=4003 eric=2004 >"$T/far.passwd"
groups art=3001 box=3002 car=3003 dog=3004 >"$T/near.group"
groups art=3002 box=3001 car=5003 elk=3004 >"$T/far.group"

# view HOST COMMAND...: run a command where users and groups are those of HOST.
cat >"$T/view" <<-'END'
	#!/bin/sh
	host=${0%/*}/$1
	shift
	exec unshare -m sh -c 'mount --bind "$0.passwd" /etc/passwd && mount --bind "$0.group" /etc/group &&
		exec "$@"' "$host" "$@"
END
# far HOST COMMAND...: a stand-in for ssh (-e "$T/far").
cat >"$T/far" <<-'END'
	#!/bin/sh
	shift
	exec "${0%/*}/view" far sh -c "exec $*"
END
chmod +x "$T/view" "$T/far"
run "$T/view" near true
[ "$status" = 0 ] || skip_all "cannot mount a file system here"
[ "$("$T/view" near id -u ann) $("$T/view" far id -u ann)" = "2001 2002" ] ||
	skip_all "names come from elsewhere than /etc here"

# fill DIR ANN BOB CARL ART BOX CAR: owners, ACLs and default ACLs, with these numbers; and
# some that have no name on both sides.
fill() {
	mkdir -p "$1/dir" && (
		cd "$1" || exit 1
		echo owned >owned
		echo listed >listed
		echo unknown >unknown
		ln -s owned link
		chown "$2:$5" owned
		chown -h "$4:$7" link
		setfacl -m "u:$2:r,u:$3:rw,u:$4:rwx,g:$5:r,g:$7:rw" listed &&
			setfacl -m u:2004:r,u:2999:rw,g:3004:r,g:3999:rw unknown &&
			setfacl -m "d:u:$3:rx,d:g:$6:rx" dir
	)
}
fill "$T/src" 2001 2002 2003 3001 3002 3003 || skip_all "no ACLs on this file system"
fill "$T/by-name" 2002 2001 4003 3002 3001 5003

# rights DIR: owners and ACLs, by number.
rights() {
	(
		cd "$1" || exit 1
		for file in owned link listed unknown dir; do
			stat -c '%n %u:%g' "$file"
			[ "$file" = link ] || getfacl -cpn "$file"
		done
	)
}
# rights_as NAME EXPECTED FOUND: two trees have equal rights.
rights_as() {
	rights "$2" >"$T/expected"
	rights "$3" >"$T/found"
	report "$1" "$(differ "$T/expected" "$T/found")"
}
owners() { (cd "$1" && stat -c '%n %u:%g' owned link); }
# across NAME ARGUMENTS...: lade sync, as a user of the near host, to or from far.
across() {
	local name=$1
	shift
	run "$T/view" near "$LADE" sync -e "$T/far" --lade-path="$LADE" "$@"
	if [ "$status" = 0 ] && [ ! -s "$err" ]; then
		ok "$name"
	else
		not_ok "$name" "$(show_run)"
	fi
}

across "push -aA" -aA "$T/src/" "far:$T/dst/"
rights_as "owners and ACLs follow the names" "$T/by-name" "$T/dst"
across "the second run" -aAi "$T/src/" "far:$T/dst/"
silent "it finds nothing to do"
if have rsync; then
	run "$T/view" near rsync -aA -e "$T/far" "$T/src/" "far:$T/dst-rsync/"
	rights_as "rsync does the same" "$T/dst-rsync" "$T/dst"
else
	skip "rsync does the same" "rsync is not installed"
fi

# Back again: now the far side sends.
across "pull -aA" -aA "far:$T/by-name/" "$T/back/"
rights_as "owners and ACLs follow the names back" "$T/src" "$T/back"

# Who is only named by an ACL is translated for its own sake.
across "push -rlA" -rlA "$T/src/" "far:$T/acls/"
cp -a "$T/by-name" "$T/by-name-root"
chown -hR 0:0 "$T/by-name-root"
rights_as "ACLs follow the names without -o and -g" "$T/by-name-root" "$T/acls"
across "push -a" -a "$T/src/" "far:$T/owners/"
report "owners follow the names without -A" "$(differ <(owners "$T/by-name") <(owners "$T/owners"))"

across "push -aA --numeric-ids" -aA --numeric-ids "$T/src/" "far:$T/numbers/"
rights_as "owners and ACLs keep their numbers" "$T/src" "$T/numbers"
across "--numeric-ids onto what went by name" -aAi --numeric-ids "$T/src/" "far:$T/dst/"
prints "the ACL of a file differs" '^\.f\.{7}a\. listed$'
rights_as "it has the numbers now" "$T/src" "$T/dst"
across "pull -aA --numeric-ids" -aA --numeric-ids "far:$T/by-name/" "$T/back-numbers/"
rights_as "a pull keeps the numbers too" "$T/by-name" "$T/back-numbers"

# Onto what has the numbers: the difference is seen, and mended in place.
across "by name onto what went by number" -aAi "$T/src/" "far:$T/numbers/"
prints "the ACL of the file differs again" '^\.f\.{7}a\. listed$'
prints "the default ACL of a directory too" '^\.d\.{7}a\. dir/$'
rights_as "it goes by name now" "$T/by-name" "$T/numbers"

finish
