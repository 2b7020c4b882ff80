# tests/scenario/decide.sh: which entries are updated, and how: the options that decide about that, on one host and through a connection.
. "${srcdir:-.}/tests/scenario/lib.sh"

# A remote shell that stays here.
printf '#!/bin/sh\nshift\nexec sh -c "$*"\n' >"$T/shell"
chmod +x "$T/shell"

# over WAY ARGUMENTS...: lade sync of $T/src/ to $T/dst/ on one host (local), or with the one or the other side behind a shell.
over() {
	local way=$1
	shift
	case $way in
	local) lade sync "$@" "$T/src/" "$T/dst/" ;;
	push) lade sync "$@" -e "$T/shell" --lade-path="$LADE" "$T/src/" "far:$T/dst/" ;;
	pull) lade sync "$@" -e "$T/shell" --lade-path="$LADE" "far:$T/src/" "$T/dst/" ;;
	esac
}

# items NAME SETUP ARGUMENTS...: what -n announces and what a run prints, by each way, is what stands on stdin.
items() {
	local name=$1 setup=$2 way
	shift 2
	sort >"$T/expected"
	for way in local push pull; do
		"$setup"
		over "$way" -in "$@"
		tr '<' '>' <"$out" | sort >"$T/dry"
		report "$name, $way: -n announces it" "$(differ "$T/expected" "$T/dry"; cat "$err")"
		over "$way" -i "$@"
		tr '<' '>' <"$out" | sort >"$T/real"
		report "$name, $way" "$(differ "$T/expected" "$T/real"; cat "$err")"
	done
}

# decided: every kind of difference between $T/src and $T/dst.
decided() {
	rm -rf "$T/src" "$T/dst"
	mkdir -p "$T/src/dir" "$T/src/new-dir" "$T/src/was-file" "$T/dst/dir" "$T/dst/was-dir"
	(
		cd "$T/src" || exit 1
		echo same >same
		echo longer >newer-here
		echo longer >older-here
		echo longer >dir/older-here
		echo 12345 >other-content
		echo time >other-time
		echo new >new
		echo new >new-dir/new
		echo inside >was-file/inside
		echo file >was-dir
		ln -s there link
		ln -s there newer-link
		cp -a same ../dst/
		cd ../dst || exit 1
		echo old >newer-here
		echo old >older-here
		echo old >dir/older-here
		echo abcde >other-content
		echo time >other-time
		echo file >was-file
		ln -s elsewhere link
		ln -s elsewhere newer-link
		echo extra >extra
		cd ..
		find src dst -exec touch -h -d '2020-02-02 02:02:02.25' {} +
		touch -d '2020-02-02 02:02:01' dst/older-here dst/dir/older-here
		touch -h -d '2020-02-02 02:02:03' dst/newer-here dst/newer-link dst/was-dir dst/was-file
		touch -d '2020-02-02 02:02:04' dst/other-time
		touch -h -d '2020-02-02 02:02:02.25' src/dir src src/new-dir src/was-file dst/dir dst
	)
}

items "--existing" decided -a --existing <<-'END'
	cLc........ link -> there
	cLc.t...... newer-link -> there
	>f.st...... newer-here
	>f.st...... older-here
	>f..t...... other-time
	>f+++++++++ was-dir
	>f.st...... dir/older-here
	cd+++++++++ was-file/
END
check "nothing was made that was not there" absent "$T/dst/new" "$T/dst/new-dir"
items "--ignore-existing" decided -a --ignore-existing <<-'END'
	>f+++++++++ new
	cd+++++++++ new-dir/
	>f+++++++++ new-dir/new
END
check "a file is not gone into" [ -f "$T/dst/was-file" ]
items "--existing --ignore-existing" decided -a --existing --ignore-existing </dev/null
items "--existing --ignore-existing --delete" decided -a --existing --ignore-existing --delete <<-'END'
	*deleting   extra
END
items "-u" decided -au <<-'END'
	cLc........ link -> there
	cLc.t...... newer-link -> there
	>f.st...... older-here
	>f+++++++++ was-dir
	>f+++++++++ new
	>f.st...... dir/older-here
	cd+++++++++ new-dir/
	>f+++++++++ new-dir/new
	cd+++++++++ was-file/
	>f+++++++++ was-file/inside
END
items "-I" decided -aI --existing --exclude='*link' --exclude='was-*' <<-'END'
	>f.st...... newer-here
	>f.st...... older-here
	>f......... other-content
	>f..t...... other-time
	>f......... same
	>f.st...... dir/older-here
END
items "-I -c: the digest decides" decided -acI --existing --exclude='*link' --exclude='was-*' <<-'END'
	>fcst...... newer-here
	>fcst...... older-here
	>fc........ other-content
	.f..t...... other-time
	>fcst...... dir/older-here
END
for kind in sha256 blake2b xxh128,sha256 blake2b,xxh3; do
	items "-c --cc=$kind" decided -ac --cc="$kind" --existing --exclude='*link' --exclude='was-*' <<-'END'
		>fcst...... newer-here
		>fcst...... older-here
		>fc........ other-content
		.f..t...... other-time
		>fcst...... dir/older-here
	END
done
items "--size-only" decided -a --size-only --existing --exclude='*link' --exclude='was-*' <<-'END'
	>f.st...... newer-here
	>f.st...... older-here
	.f..t...... other-time
	>f.st...... dir/older-here
END
items "--modify-window" decided -a --modify-window=1 --existing --exclude='*link' --exclude='was-*' <<-'END'
	>f.s....... newer-here
	>f.s....... older-here
	>f..t...... other-time
	>f.s....... dir/older-here
END
check "what is sent gets the very time" [ "$(stat -c %.Y "$T/dst/older-here")" = "$(stat -c %.Y "$T/src/older-here")" ]
items "-@2 -u" decided -au -@2 --existing --exclude='*link' --exclude='was-*' </dev/null

# cut_times: the destination's file system keeps whole seconds, as it seems, or microseconds.
cut_times() {
	rm -rf "$T/src" "$T/dst"
	mkdir "$T/src" "$T/dst"
	touch -d '2020-02-02 02:02:02.123456789' "$T/src/seconds" "$T/src/microseconds"
	touch -d '2020-02-02 02:02:02' "$T/dst/seconds"
	touch -d '2020-02-02 02:02:02.123456' "$T/dst/microseconds"
	touch -d '2020-02-02 02:02:02' "$T/src" "$T/dst"
}
items "times that were cut are the same" cut_times -a </dev/null
items "-@-1: they are not" cut_times -a -@-1 <<-'END'
	>f..t...... microseconds
	>f..t...... seconds
END

# names: hard links in the source, of which the destination has one.
names() {
	rm -rf "$T/src" "$T/dst"
	mkdir "$T/src" "$T/dst"
	file_of_size "$T/src/a" 100000
	ln "$T/src/a" "$T/src/b"
	ln "$T/src/a" "$T/src/c"
	echo old >"$T/dst/a"
	echo old >"$T/dst/b"
	touch -d '2021-01-01' "$T/src/a"
	touch -d '2022-01-01' "$T/dst/a"
	touch -d '2020-01-01' "$T/dst/b" "$T/src" "$T/dst"
}
items "-H -u: the first name is newer" names -aHu <<-'END'
	>f.st...... b
	hf+++++++++ c => b
END
check "the others are linked to each other" [ "$T/dst/b" -ef "$T/dst/c" ]
check "they have the content" cmp "$T/src/a" "$T/dst/c"
check "the first one is what it was" [ "$(cat "$T/dst/a")" = old ]
items "-H --ignore-existing" names -aH --ignore-existing <<-'END'
	>f+++++++++ c
END
# moving: the same, and the first name is to stay, while the content stands elsewhere and is to be deleted.
moving() {
	names
	cp "$T/src/a" "$T/dst/elsewhere"
	touch -d '2020-01-01' "$T/dst"
}
items "-H --ignore-existing --delete: a file that was moved" moving -aH --ignore-existing --delete <<-'END'
	>f+++++++++ c
	*deleting   elsewhere
END
check "it has the content" cmp "$T/src/c" "$T/dst/c"
for way in local push pull; do
	names
	exits "-H --existing, $way" 0 over "$way" -aH --existing
	check "-H --existing, $way: what is there is linked" [ "$T/dst/a" -ef "$T/dst/b" ]
	check "-H --existing, $way: it has the content" cmp "$T/src/a" "$T/dst/a"
	check "-H --existing, $way: nothing is new" absent "$T/dst/c"
done

# Empty directories.
hollow() {
	rm -rf "$T/src" "$T/dst"
	mkdir -p "$T/src/empty/deep/er" "$T/src/dir/full" "$T/src/dir/empty" "$T/src/hidden" "$T/dst/empty/deep"
	echo file >"$T/src/dir/full/file"
	echo object >"$T/src/hidden/file.o"
	echo extra >"$T/dst/empty/deep/extra"
	find "$T/src" "$T/dst" -depth -exec touch -d '2020-02-02' {} +
}
items "-m" hollow -am --exclude='*.o' <<-'END'
	cd+++++++++ dir/
	cd+++++++++ dir/full/
	>f+++++++++ dir/full/file
END
items "-m --delete" hollow -am --delete --exclude='*.o' <<-'END'
	cd+++++++++ dir/
	cd+++++++++ dir/full/
	>f+++++++++ dir/full/file
	*deleting   empty/
	*deleting   empty/deep/
	*deleting   empty/deep/extra
END
no_leftovers "nothing is left over" "$T/dst"

# The destination's path.
hollow
exits "a destination without a parent" 11 lade sync -a "$T/src/" "$T/far/away/dst/"
exits "a file whose directory is missing" 3 lade sync -a "$T/src/dir/full/file" "$T/far/away/file"
exits "--mkpath -n makes nothing" 0 lade sync -ain --mkpath "$T/src/" "$T/far/away/dst/"
prints "but says what it would make" "^created 3 directories for $T/far/away/dst\$"
check "nothing is there" absent "$T/far"
syncs "--mkpath" -ai --mkpath "$T/src/" "$T/far/away/dst/"
prints "it says what it made" "^created 3 directories for $T/far/away/dst\$"
same "--mkpath: the tree" "$T/src" "$T/far/away/dst"
syncs "--mkpath for a file" -ai --mkpath "$T/src/dir/full/file" "$T/far/off//name"
prints "it made one directory" "^created 1 directory for $T/far/off\$"
check "it has its name" cmp "$T/src/dir/full/file" "$T/far/off/name"
syncs "--mkpath for a file into a directory" -a --mkpath "$T/src/dir/full/file" "$T/far/dir/"
check "it is in it" cmp "$T/src/dir/full/file" "$T/far/dir/file"
syncs "--mkpath for a path that ends in a dot" -a --mkpath "$T/src/dir/full/file" "$T/far/dot/."
check "it is in it, too" cmp "$T/src/dir/full/file" "$T/far/dot/file"
exits "--mkpath through a file" 11 lade sync -a --mkpath "$T/src/" "$T/far/dir/file/dst"

# Symlinks to directories in the destination.
linked() {
	rm -rf "$T/src" "$T/dst" "$T/outside"
	mkdir -p "$T/src/one/sub" "$T/src/two/inner" "$T/src/three" "$T/src/dangling" "$T/dst/real/sub" "$T/dst/two" "$T/outside"
	echo file >"$T/src/one/file"
	echo file >"$T/src/one/sub/file"
	echo file >"$T/src/two/inner/file"
	echo file >"$T/src/three/file"
	echo file >"$T/src/dangling/file"
	echo extra >"$T/dst/real/extra"
	echo extra >"$T/outside/extra"
	ln -s real "$T/dst/one"
	ln -s ../real2 "$T/dst/two/inner"
	mkdir -p "$T/dst/real2" "$T/src/aa" "$T/dst/aa/target" "$T/src/zz"
	ln -s aa/target "$T/dst/zz"
	echo file >"$T/src/zz/file"
	ln -s ../outside "$T/dst/three"
	ln -s nowhere "$T/dst/dangling"
	find "$T/src" "$T/dst" -depth -exec touch -h -d '2020-02-02' {} +
}
for way in local push pull; do
	linked
	exits "-K, $way: a link that leads out fails" 23 over "$way" -aK --delete
	says "it is named" 'three'
	check "one within the destination is kept" [ -L "$T/dst/one" ]
	check "what it leads to has the files" cmp "$T/src/one/sub/file" "$T/dst/real/sub/file"
	check "so has one that leads up" cmp "$T/src/two/inner/file" "$T/dst/real2/file"
	check "what one leads to is not deleted, though that was planned before" cmp "$T/src/zz/file" "$T/dst/aa/target/file"
	check "nothing is deleted behind it" exist "$T/dst/real/extra"
	check "nothing was done outside" [ "$(ls -A "$T/outside")" = extra ]
	check "a dangling one is replaced" cmp "$T/src/dangling/file" "$T/dst/dangling/file"
	check "what a link leads to has its time" [ "$(stat -c %Y "$T/dst/real")" = "$(stat -c %Y "$T/src/one")" ]
	linked
	exits "without -K, $way" 0 over "$way" -a
	same "without -K they are all replaced, $way" "$T/src/three" "$T/dst/three"
	check "$way: nothing went outside" [ "$(ls -A "$T/outside")" = extra ]
done
linked
rm -r "$T/src/three"
! is_root || chown -R 65534:65534 "$T/src" "$T/dst"
chmod 500 "$T/dst/real"
run "${as_nobody[@]}" "$LADE" sync -rltK "$T/src/" "$T/dst/"
check "-K as a user, into a directory that is closed" cmp "$T/src/one/file" "$T/dst/real/file"
check "which is closed afterwards" [ "$(stat -c %a "$T/dst/real")" = 500 ]
remove_trees "$T/dst"

# Files that grow.
growing() {
	local file
	rm -rf "$T/src" "$T/dst"
	mkdir "$T/src" "$T/dst"
	file_of_size "$T/src/grown" 3000000
	file_of_size "$T/src/other-start" 3000000
	file_of_size "$T/src/small" 700
	file_of_size "$T/src/shorter" 5000
	file_of_size "$T/src/equal" 5000
	file_of_size "$T/src/new" 2000000
	printf ab >"$T/src/tiny"
	file_of_size "$T/src/from-empty" 100000
	head -c 50000 "$T/src/grown" >"$T/src/holes"
	truncate -s 4000000 "$T/src/holes"
	tail -c 50000 "$T/src/grown" >>"$T/src/holes"
	truncate -s 6000000 "$T/src/holes"
	for file in grown holes other-start; do
		head -c 1234567 "$T/src/$file" >"$T/dst/$file"
	done
	printf 'not the same' | dd of="$T/dst/other-start" bs=1 seek=100000 conv=notrunc status=none
	printf 'not the same' | dd of="$T/dst/other-start" bs=1 seek=1234000 conv=notrunc status=none
	head -c 600 "$T/src/small" >"$T/dst/small"
	file_of_size "$T/dst/shorter" 6000
	file_of_size "$T/dst/equal" 5000
	printf a >"$T/dst/tiny"
	: >"$T/dst/from-empty"
	find "$T/src" -exec touch -d '2020-02-02' {} +
	find "$T/dst" -exec touch -d '2019-01-01' {} +
	touch -d '2020-02-02' "$T/dst"
}
grown_items() {
	cat <<-'END'
		>f.st...... from-empty
		>f.st...... grown
		>f.st...... holes
		>f+++++++++ new
		>f.st...... other-start
		>f.st...... small
		>f.st...... tiny
	END
}
# grew NAME FILE...: these are what the source has; the others that were not to grow are as they were.
grew() {
	local name=$1 file
	shift
	for file; do
		check "$name: $file" cmp "$T/src/$file" "$T/dst/$file"
	done
	check "$name: a longer one is left alone" [ "$(stat -c '%s %Y' "$T/dst/shorter")" = '6000 1546300800' ]
	check "$name: one of the same length, too" [ "$(stat -c '%s %Y' "$T/dst/equal")" = '5000 1546300800' ]
	no_leftovers "$name: nothing is left over" "$T/dst"
}
for options in '' '-zS --preallocate --cc=sha256' '--index'; do
	export XDG_STATE_HOME=$T/state
	items "--append $options" growing -a --append $options < <(grown_items)
	grew "--append $options" grown holes small new tiny from-empty
	check "--append $options: what was there is trusted" [ "$(grep -ac 'not the same' "$T/dst/other-start")" -ge 1 ]
	check "--append $options: to its end" [ "$(tail -c +1234001 "$T/dst/other-start" | head -c 12)" = 'not the same' ]
	check "--append $options: what is added is the source's" cmp -i 1234567 "$T/src/other-start" "$T/dst/other-start"
	items "--append-verify $options" growing -a --append-verify $options < <(grown_items)
	grew "--append-verify $options" grown holes small new tiny from-empty other-start
done
growing
ln "$T/dst/grown" "$T/other-name"
syncs "--append on one host" -a --append "$T/src/" "$T/dst/"
check "the file is still the same" [ "$T/dst/grown" -ef "$T/other-name" ]
items "--append again" true -a --append </dev/null

# A connection that breaks: what came is a beginning of the file, and the next run goes on with it.
growing
rm "$T/src"/*
file_of_size "$T/src/large" 20000000
head -c 1000000 "$T/src/large" >"$T/dst/large"
slow_shell
start "$LADE" sync -a --append -e "$T/slow-shell" --lade-path="$LADE" "$T/src/" "far:$T/dst/"
longer() { [ "$(stat -c %s "$T/dst/large")" -gt 2000000 ]; }
wait_for longer
kill -KILL "$(cat "$T/far.pid")"
wait "$started" 2>/dev/null
size=$(stat -c %s "$T/dst/large")
check "a killed --append is not done" [ "$size" -lt 20000000 ]
check "what it leaves is a beginning" cmp -n "$size" "$T/src/large" "$T/dst/large"
syncs "the next run" -a --append "$T/src/" "$T/dst/"
check "makes it whole" cmp "$T/src/large" "$T/dst/large"

# Blocks.
rm -rf "$T/src" "$T/dst"
mkdir "$T/src" "$T/dst"
{ head -c 100000 /dev/zero; echo middle; head -c 2000000 /dev/zero; } >"$T/src/zeros"
truncate -s 3000000 "$T/src/hole"
file_of_size "$T/src/dense" 500000
blocks() { stat -c %b "$T/dst/$1"; }
if fallocate -l 100000 "$T/dst/probe" 2>/dev/null && rm "$T/dst/probe"; then
	for way in local push pull; do
		rm -rf "$T/dst"
		exits "--preallocate, $way" 0 over "$way" -a --preallocate
		same "--preallocate, $way: the tree" "$T/src" "$T/dst"
		[ "$way" = local ] || check "--preallocate, $way: holes have blocks" [ "$(blocks hole)" -ge 5856 ]
		rm -rf "$T/dst"
		exits "--preallocate -S, $way" 0 over "$way" -aS --preallocate
		same "--preallocate -S, $way: the tree" "$T/src" "$T/dst"
		check "--preallocate -S, $way: zeros are holes" [ "$(blocks zeros)" -le 64 ]
		check "--preallocate -S, $way: holes are holes" [ "$(blocks hole)" -le 16 ]
	done
else
	skip "--preallocate" "no fallocate on this file system"
fi

# What has the name of something of a type that is not copied is not deleted.
types_left_out() {
	rm -rf "$T/src" "$T/dst"
	mkdir "$T/src" "$T/dst"
	for name in link fifo full; do
		ln -s there "$T/dst/$name"
	done
	echo file >"$T/dst/as-file"
	echo extra >"$T/dst/extra"
	ln -s here "$T/src/link"
	ln -s here "$T/src/as-file"
	mkfifo "$T/src/fifo"
	ln -s missing "$T/src/new"
	touch -d '2020-02-02 02:02:02' "$T/src" "$T/dst"
}
items "-r --delete" types_left_out -r --delete <<'EOF'
*deleting   extra
*deleting   full
skipping non-regular file "as-file"
skipping non-regular file "fifo"
skipping non-regular file "link"
skipping non-regular file "new"
EOF
check "what is skipped stays" [ "$(readlink "$T/dst/link") $(readlink "$T/dst/fifo") $(cat "$T/dst/as-file")" = "there there file" ]
items "-r --delete --existing" types_left_out -r --delete --existing <<'EOF'
*deleting   extra
*deleting   full
skipping non-regular file "as-file"
skipping non-regular file "fifo"
skipping non-regular file "link"
EOF
items "-a --delete --no-D --ignore-existing" types_left_out -a --delete --no-D --ignore-existing <<'EOF'
*deleting   extra
*deleting   full
cL+++++++++ new -> missing
EOF

# -m: what a rule of the command line protects at the destination is made, although it is empty.
empties() {
	rm -rf "$T/src" "$T/dst"
	mkdir -p "$T/src/empty/sub" "$T/src/other/x" "$T/src/full/none" "$T/dst"
	echo file >"$T/src/full/file"
	echo 'P *' >"$T/src/full/rules"
	find "$T/src" "$T/dst" -exec touch -d '2020-02-02 02:02:02' {} +
}
items "-m with a protect rule" empties -am -f 'P /empty/sub' -f '-r x' -f ': rules' <<'EOF'
cd+++++++++ empty/
cd+++++++++ empty/sub/
cd+++++++++ full/
cd+++++++++ other/
cd+++++++++ other/x/
>f+++++++++ full/file
>f+++++++++ full/rules
EOF

# The first name of a file changes: what is told of the others is how they differed.
linked_names() {
	rm -rf "$T/src" "$T/dst"
	mkdir "$T/src" "$T/dst"
	echo longer >"$T/src/a"
	ln "$T/src/a" "$T/src/b"
	ln "$T/src/a" "$T/src/c"
	echo old >"$T/dst/a"
	cp "$T/dst/a" "$T/dst/b"
	touch -d '2021-01-01' "$T/dst/a" "$T/src/a"
	touch -d '2022-01-01' "$T/dst/b"
	touch -d '2020-02-02' "$T/src" "$T/dst"
}
items "hard links" linked_names -aH <<'EOF'
>f.s....... a
hf+++++++++ c => a
hf.st...... b => a
EOF
items "hard links, of which one is newer (-u)" linked_names -aHu <<'EOF'
>f.s....... a
hf+++++++++ c => a
hf.st...... b => a
EOF
finish
