# tests/scenario/filter.sh: the filter language with the real program: rules of the command line and of the
# tree, on both sides, and what a tree with bad ones does.
. "${srcdir:-.}/tests/scenario/lib.sh"

export HOME=$T/home
unset CVSIGNORE
mkdir "$HOME"

# tree DIR FILE...: a tree of empty files, all of one time; NAME=TEXT gives content.
tree() {
	local root=$1 name
	shift
	remove_trees "$root"
	mkdir -p "$root"
	for name; do
		mkdir -p "$(dirname "$root/${name%%=*}")"
		case $name in
		*=*) printf '%b' "${name#*=}" >"$root/${name%%=*}" ;;
		*) : >"$root/$name" ;;
		esac
	done
	find "$root" -depth -exec touch -h -d '2020-02-02 02:02:02' {} +
}

# holds NAME DIR FILE...: these files are in the tree, and no others.
holds() {
	local name=$1 root=$2
	shift 2
	printf '%s\n' "$@" | LC_ALL=C sort >"$T/.expected"
	(cd "$root" && find . ! -type d -printf '%P\n' | LC_ALL=C sort) >"$T/.found"
	report "$name" "$(differ "$T/.expected" "$T/.found")"
}

# The three ways a transfer can go: one process talks to another, or each side is a client of the other.
if start_server; then
	ways="local push pull"
else
	show_server
	ways=local
	skip "filters over a connection" "no server"
fi

# through WAY OPTIONS...: lade sync -a OPTIONS $T/src/ $T/dst/
through() {
	local way=$1
	shift
	case $way in
	local) run "$LADE" sync -a "$@" "$T/src/" "$T/dst/" ;;
	push) run "$LADE" sync -a --token-file="$token" "$@" "$T/src/" "$remote$T/dst/" ;;
	pull) run "$LADE" sync -a --token-file="$token" "$@" "$remote$T/src/" "$T/dst/" ;;
	esac
}

# lacks WORD: the last command did not print it.
lacks() { ! grep -q -e "$1" "$out" "$err"; }

# goes NAME STATUS WAY OPTIONS...
goes() {
	local name=$1 expected=$2
	shift 2
	through "$@"
	if [ "$status" = "$expected" ]; then ok "$name"; else not_ok "$name" "$(show_run)"; fi
}

for way in $ways; do
	src=(a.o b.c keep.o d/a.o d/x d/e/x)
	tree "$T/src" "${src[@]}"
	remove_trees "$T/dst"
	goes "$way: rules of all kinds" 0 "$way" -f'+ keep.o' -f'hide,! *.[oc]' -f'-_a.o' -f'include */'
	holds "$way: the first that matches decides" "$T/dst" b.c keep.o
	remove_trees "$T/dst"
	goes "$way: all but directories" 0 "$way" -f'+ */' -f'-! x' -f'- e/x'
	holds "$way: negated rules" "$T/dst" d/x

	tree "$T/src" "${src[@]}" '.rf=- x\n' 'd/e/.rf=+ x\n- /y\n' d/e/y d/y
	remove_trees "$T/dst"
	goes "$way: files of rules in the tree" 0 "$way" -f': .rf'
	holds "$way: the innermost comes first" "$T/dst" .rf a.o b.c keep.o d/a.o d/y d/e/.rf d/e/x
	remove_trees "$T/dst"
	goes "$way: not inherited, and left out themselves" 0 "$way" -f'dir-merge,ne .rf'
	holds "$way: they count in their directory only" "$T/dst" a.o b.c keep.o d/a.o d/x d/y d/e/x
	tree "$T/top" '.rsync-filter=- b.c\n'
	mv "$T/src" "$T/top/src"
	ln -s top/src "$T/src"
	tree "$T/dst"
	goes "$way: -FF looks above the source" 0 "$way" -FF
	holds "$way: its rules hold below" "$T/dst" .rf a.o keep.o d/a.o d/x d/y d/e/.rf d/e/x d/e/y
	rm "$T/src"

	# What is on the other side: excluded names are protected, those of one side are not.
	tree "$T/src" a d/b
	extra=(x.o y.p z.h n d/x.o gone/x.o gone/p.q gone/n)
	tree "$T/dst" "${extra[@]}"
	goes "$way: --delete with rules of one side" 0 "$way" --delete -f'- x.o' -f'P y.p' -f'H z.h' -f'-p p.q'
	holds "$way: what is protected stays" "$T/dst" a d/b x.o y.p d/x.o gone/x.o
	tree "$T/dst" "${extra[@]}"
	goes "$way: --delete-excluded" 0 "$way" --delete-excluded -f'- x.o' -f'P y.p' -f'-r n'
	holds "$way: what has the receiver's side stays" "$T/dst" a d/b y.p n gone/n
	tree "$T/src" a d/b '.rf=- a\n'
	tree "$T/dst" '.rf=- n\n' n m d/n d/m 'gone/.rf=- deep' gone/deep gone/other
	goes "$way: --delete with files of rules" 0 "$way" --delete -f':e .rf'
	holds "$way: those of the destination protect" "$T/dst" .rf n d/b d/n gone/.rf gone/deep
	tree "$T/dst" '.rf=- n\n' n gone/n gone/m
	goes "$way: they protect nothing for the sender" 0 "$way" --delete -f':s .rf' --exclude=.rf
	holds "$way: what they name goes" "$T/dst" .rf d/b

	tree "$T/src" a '.rf=- n\n'
	tree "$T/dst" n m gone/n gone/m
	goes "$way: --delete with a file of rules that comes" 0 "$way" --delete -f': .rf'
	holds "$way: it comes too late for what is beside it" "$T/dst" a .rf gone/n

	tree "$T/dst" n m gone/n gone/m
	goes "$way: --delete-after with a file of rules that comes" 0 "$way" --delete-after -f': .rf'
	holds "$way: it protects" "$T/dst" a .rf n gone/n

	tree "$T/dst" '.rf=- o\n# old\n' n o
	goes "$way: --delete-after with a file of rules that is replaced" 0 "$way" --delete-after -f': .rf'
	holds "$way: what the old one named goes" "$T/dst" a .rf n
	tree "$T/dst" '.rf=- o\n# old\n' n o
	goes "$way: --delete with a file of rules that is replaced" 0 "$way" --delete -f': .rf'
	holds "$way: what the new one names goes" "$T/dst" a .rf o

	# A tree whose rules are wrong: nothing of the directory is sent, nothing in it is deleted, the rest goes on.
	tree "$T/src" a 'd/.rf=- ok\nsecret text' d/b e/c
	tree "$T/dst" d/old e/old
	goes "$way: a file of rules that is none" 23 "$way" --delete -f': .rf'
	holds "$way: the rest is there, and all that was" "$T/dst" a d/old e/c e/old
	says "$way: file and line are named" 'd/\.rf line 2'
	check "$way: its text is not" lacks 'secret'
	tree "$T/src" a d/b
	tree "$T/dst" 'd/.rf=junk' d/old old
	goes "$way: one in the destination" 23 "$way" --delete -f': .rf'
	holds "$way: nothing beside it is deleted" "$T/dst" a d/b d/.rf d/old
	says "$way: file and line are named" 'd/\.rf line 1'
	tree "$T/src" a
	tree "$T/dst" 'gone/d/.rf=junk' gone/d/old gone/e
	goes "$way: one in a directory that goes" 23 "$way" --delete -f': .rf'
	holds "$way: its directory does not" "$T/dst" a gone/d/.rf gone/d/old

	tree "$T/src" a.o b.log keep.log x/y d/x/z d/b.log '.gitignore=*.log\n!keep.log\n/x/\n' 'd/.gitignore=!b.log\n'
	remove_trees "$T/dst"
	goes "$way: --gitignore" 0 "$way" --gitignore
	holds "$way: as git does" "$T/dst" a.o keep.log d/x/z d/b.log .gitignore d/.gitignore

	printf 'home\n' >"$HOME/.cvsignore"
	tree "$T/src" a a.o home env CVS/x .git/y d/one d/two d/e/one '.cvsignore=d2 z' d2/x 'd/.cvsignore=one\n'
	tree "$T/dst" gone/a.o
	CVSIGNORE="env" goes "$way: -C" 0 "$way" -C --delete
	holds "$way: what CVS ignores is not there" "$T/dst" a .cvsignore d/.cvsignore d/two d/e/one
	remove_trees "$T/dst"
	goes "$way: -C and rules before it" 0 "$way" -C -f'+ a.o' -f:C -f'+ one'
	holds "$way: those come first" "$T/dst" a a.o env .cvsignore d/.cvsignore d/two d/e/one
done

# The name of the place: a rule with / is about the absolute path.
tree "$T/src" a d/a
remove_trees "$T/dst"
syncs "an absolute rule" -a -f"-/ $T/src/d/a" "$T/src/" "$T/dst/"
holds "it holds there alone" "$T/dst" a
remove_trees "$T/dst"
syncs "for a source with a name, too" -a -f"-/ $T/src/a" "$T/src" "$T/dst/"
holds "it holds there alone" "$T/dst" src/d/a

# Merged files.
printf -- '- a\n. %s/second\n' "$T" >"$T/first"
printf -- '+ d/keep\n- keep\n' >"$T/second"
tree "$T/src" a d/keep keep b
remove_trees "$T/dst"
syncs "merge" -a -f"merge $T/first" "$T/src/" "$T/dst/"
holds "both files" "$T/dst" d/keep b
remove_trees "$T/dst"
printf -- '- a\n' >"$T/rules"
syncs "merge from standard input" -a -f'merge,- -' "$T/src/" "$T/dst/" <"$T/rules"
holds "lines are patterns" "$T/dst" a d/keep keep b
exits "a file to merge that is not there" 11 lade sync -a -f". $T/none" "$T/src/" "$T/dst/"
says "it is named" "$T/none"
exits "a rule that is none" 1 lade sync -a -f'frob x' "$T/src/" "$T/dst/"
says "it is named" 'frob x'

# As a user, too, where the file cannot be read.
tree "$T/src" a 'd/.rf=- x' d/b
chmod 0 "$T/src/d/.rf"
mkdir -m 777 "$T/open"
exits "a file of rules that may not be read" 23 run "${as_nobody[@]}" "$LADE" sync -a --no-o --no-g -f': .rf' "$T/src/" "$T/open/dst/"
holds "its directory is not sent" "$T/open/dst" a

# A file of rules that is a device, a FIFO or a directory is none.
tree "$T/src" a d/b e/.rf/c
mkfifo "$T/src/.rf"
remove_trees "$T/dst"
syncs "what is no regular file has no rules" -a --no-D -f':e .rf' "$T/src/" "$T/dst/"
holds "all is there" "$T/dst" a d/b

# Rules about attributes.
if have setfattr && : >"$T/probe" && setfattr -n user.a -v 1 "$T/probe" 2>/dev/null; then
	tree "$T/src" f
	tree "$T/dst" f
	setfattr -n user.a -v new "$T/src/f"
	setfattr -n user.b -v new "$T/src/f"
	setfattr -n user.a -v old "$T/dst/f"
	setfattr -n user.c -v old "$T/dst/f"
	attributes() { getfattr -d "$1" 2>/dev/null | grep '^user\.' | tr '\n' ' '; }
	syncs "-x with -X" -aX -f'-x user.a' "$T/src/" "$T/dst/"
	check "it is left as it is" test "$(attributes "$T/dst/f")" = 'user.a="old" user.b="new" '
	syncs "-xr with -X" -aX -f'-xr user.b' "$T/src/" "$T/dst/"
	check "the receiver's stays" test "$(attributes "$T/dst/f")" = 'user.a="new" user.b="new" '
	syncs "-xs with -X" -aX -f'-xs user.a' "$T/src/" "$T/dst/"
	check "the sender's does not come" test "$(attributes "$T/dst/f")" = 'user.b="new" '
	if have setfacl && setfacl -m u:12345:rw "$T/src/f" 2>/dev/null; then
		named() { getfacl -cn "$1" 2>/dev/null | grep -c '^user:12345:'; }
		syncs "-X alone" -aX "$T/src/" "$T/dst/"
		check "is not about ACLs" test "$(named "$T/dst/f")" = 0
		syncs "-X with a rule that excludes them" -aX -f'-x system.*' "$T/src/" "$T/dst/"
		check "nor is it then" test "$(named "$T/dst/f")" = 0
		lade sync -aXi -f'-x user.nothing' "$T/src/" "$T/dst/"
		check "with any other rule it is" test "$(named "$T/dst/f") $(cat "$out")" = "1 .f........x f"
		lade sync -aXi -f'-x user.nothing' "$T/src/" "$T/dst/"
		silent "and then there is nothing to do"
	else
		skip "rules about ACLs" "no ACLs on this file system"
	fi
else
	skip "rules about attributes" "no extended attributes on this file system"
fi

# Who decides.
tree "$T/src" 'd/.rf=# c\n- *.o\n' d/e/a.o x
exits "lade filter" 0 lade filter --root="$T/src" -f'- x' -f': .rf' d/e/a.o x y d/z/b.o x/y
prints "the file and the line" '^excluded  d/e/a\.o: "- \*\.o", d/\.rf line 2$'
prints "the rule of the command line" '^excluded  x: "- x", rule 1 of the command line$'
prints "no rule" '^included  y: no rule matches$'
prints "of what is not there, too" '^excluded  d/z/b\.o: "- \*\.o", d/\.rf line 2$'
prints "the directory above" '^excluded  x/y: x is, by "- x", rule 1'
exits "lade filter --receiver" 0 lade filter --root="$T/src" -f'H x' -f'P y' --receiver x y
prints "hidden is not protected" '^at risk  x: no rule'
prints "protected is" '^protected  y: "- y", rule 2'
exits "lade filter without a path" 1 lade filter -f'- x'
exits "lade filter of what is elsewhere" 1 lade filter ../x
finish
