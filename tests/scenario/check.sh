# tests/scenario/check.sh: `lade check`: whatever happens to whatever object of a repository is found and named, and what it hurts is told.
. "${srcdir:-.}/tests/scenario/lib.sh"

unset "${!LADE_@}"
LADE=$T/lade
export XDG_CACHE_HOME=$T/.cache
cd "$T" || exit 99

# flip FILE: change a bit in the middle of it.
flip() { perl -e 'my $n = (-s $ARGV[0]) >> 1; open my $f, "+<", $ARGV[0] or die; seek $f, $n, 0; read $f, my $c, 1; seek $f, $n, 0; print $f chr(ord($c) ^ 1)' "$1"; }

# ---- a repository: an identity opens it, as that costs no second for each run ----
lade key new --recipient=me.identity
recipient=$(cat "$out")
exits "a repository" 0 lade init -r repo --no-passphrase --recipient "$recipient" --json
sed -nE 's/.*"pin":"([^"]*).*/\1/p' "$out" >>me.identity
export LADE_REPOSITORY=$T/repo LADE_IDENTITY=$T/me.identity
exits "no key is needed to see that it is one" 0 lade check --no-key

mkdir -p tree/a tree/b
head -c 1500000 /dev/urandom >tree/a/random
seq 200000 >tree/b/numbers
for i in $(seq 100); do echo "$i" >"tree/b/$i"; done
exits "a backup" 0 lade backup tree
head -c 700000 /dev/urandom >tree/a/more
exits "and another one" 0 lade backup tree
exits "and a third one" 0 lade backup tree

# ---- it is whole ----
exits "it is whole" 0 lade check
prints "which is said" '^no errors were found$'
prints "with what was looked at" '^Checked: +3 snapshots, '
exits "all bytes of it" 0 lade check --read-data
prints "were read" '^Read: '
exits "a part" 0 lade check --read-data-subset=1/2
exits "some percent" 0 lade check --read-data-subset=50%
exits "some bytes" 0 lade check --read-data-subset=1M
exits "without a key" 0 lade check --no-key
exits "quietly" 0 lade check -q --read-data
check "it says nothing" [ ! -s "$out" ] && check "nor on standard error" [ ! -s "$err" ]
exits "as JSON" 0 lade check --json
prints "with a sum" '^\{"message_type":"summary","num_errors":0,.*"snapshots":3,'
exits "what is no part" 1 lade check --read-data-subset=3/2
exits "both" 1 lade check --read-data --read-data-subset=1/2
exits "data without a key" 1 lade check --no-key --read-data
exits "no repository: 10" 10 lade check -r nowhere
exits "nor without a key" 10 lade check -r nowhere --no-key

# ---- each kind of object, and each damage ----
cp -a repo good
mend() { rm -rf repo && cp -a good repo; }

# named NAME OBJECT ARGUMENT...: a check finds something, and names the object.
named() {
	local name=$1 object=$2
	shift 2
	exits "$name" 1 lade check "$@"
	says "$name: by name" "$object"
	mend
}

# same_hurts JSON DIR: what a check told of the last snapshot, files and directories, is what is not in DIR as it should be: no more, and no less.
same_hurts() {
	(cd tree && find . -type f | sed 's/^..//' | while read -r file; do cmp -s "$file" "$T/$2$T/tree/$file" || echo "$T/tree/$file"; done) >lost
	grep -F "\"snapshot_id\":\"$last_id\"" "$1" | sed -nE 's/.*"path":"([^"]*)".*/\1/p' >hurt
	perl -e 'open my $h, "<", "hurt"; open my $l, "<", "lost"; chomp(my @hurt = <$h>); chomp(my @lost = <$l>);
		 for my $f (@lost) { print "not told: $f\n" unless grep { $_ eq "/" || $f eq $_ || index($f, "$_/") == 0 } @hurt }
		 for my $d (@hurt) { print "not lost: $d\n" unless grep { $d eq "/" || $_ eq $d || index($_, "$d/") == 0 } @lost }' >differs
	cat differs
	[ -s lost ] && [ ! -s differs ]
}

first=$(cd good && ls snapshots/*/1-* | head -n1) last=$(cd good && ls snapshots/*/3-* | head -n1)
small=$(cd good && ls -S packs/*/* | tail -n1) large=$(cd good && ls -S packs/*/* | head -n1)
last_id=$(echo "$last" | sed -E 's/.*-([0-9a-f]{16})-.*/\1/')
table=$(cd good && ls index/0/* | head -n1) refs=$(cd good && ls refs/*-1-*/0)
other_table=$(cd good && ls index/0/* | tail -n1) other_refs=$(cd good && ls refs/*-3-*/0)

for object in format trust/1 trust/3 "$table" "$first" "$last" "$refs" "$small" "$large"; do
	kind=${object%%/*}
	how=()
	[ "$kind" = packs ] && how=(--read-data)
	flip "repo/$object"
	named "$kind: a bit is flipped" "$object" ${how[@]+"${how[@]}"}
	truncate -s -1 "repo/$object"
	named "$kind: it is truncated" "$object"
	truncate -s 0 "repo/$object"
	named "$kind: it is empty" "$object"
	echo >>"repo/$object"
	named "$kind: it is longer" "$object"
done
for pair in "$table $other_table" "$first $last" "$refs $other_refs" "$large $small" trust/1\ trust/2; do
	# shellcheck disable=SC2086
	set -- $pair
	cp "good/$2" "repo/$1"
	named "${1%%/*}: another one is in its place" "$1" --read-data
done
for object in "$table" "$refs" "$small" "$large"; do
	rm "repo/$object"
	named "${object%%/*}: it is missing" "$object"
done
rm "repo/$first"
exits "a snapshot in the middle is missing" 1 lade check
says "and was withheld" 'it was lost, or is withheld'
mend
rm "repo/$last"
exits "the last snapshot is missing" 1 lade check
says "as its refs say" 'belongs to a snapshot that is missing'
mend
rm repo/trust/2
exits "a statement is missing" 1 lade check
says "by name" 'trust/2'
mend
for object in "$table" "$first" "$small"; do
	# The same bytes under another name of the same form.
	new=$(printf '%s\n' "$object" | perl -pe 's/([0-9a-f]{14})([0-9a-f])/$1 . ($2 eq "0" ? "1" : "0")/e if m{^packs}; s{/(\d-)?([0-9a-f])([0-9a-f]{15})}{"/" . ($1 || "") . ($2 eq "0" ? "1" : "0") . $3}e unless m{^(packs|snapshots)}; s{(/\d-)([0-9a-f])}{$1 . ($2 eq "0" ? "1" : "0")}e if m{^snapshots}')
	cp "repo/$object" "repo/$new"
	named "${object%%/*}: it is there twice" "$new" --read-data
done

# ---- without a key ----
for object in "$table" "$first" "$small" "$large"; do
	flip "repo/$object"
	named "${object%%/*}: a flipped bit is seen without a key" "$object" --no-key
done
rm "repo/$small"
named "what refs name is missed without a key" "${small:0:25}" --no-key

# ---- what is hurt: chance has decided which pack has what ----
rm "repo/$large"
exits "a pack of content is lost" 1 lade check
says "with it a file" 'tree/(a/random|a/more|b/numbers)'
check "the names of all others are not told" bash -c '! grep -q b/5 "$1"' - "$err"
exits "as JSON" 1 lade check --json
prints "with the path" '"message_type":"error".*"snapshot_id":"[0-9a-f]{16}","path":".*/tree/(a/random|a/more|b/numbers)"'
cp "$out" told
exits "what is intact can be restored" 3 lade restore "$last_id" --target back
check "that is all that was not told to be hurt" same_hurts told back
mend
rm "repo/$table"
exits "a table is lost" 1 lade check --json
cp "$out" told
exits "what others have can be restored" 3 lade restore "$last_id" --target back2
check "that is the same again" same_hurts told back2
mend
flip "repo/$large"
exits "one chunk is damaged" 1 lade check --read-data --json
prints "and counted" '"message":"1 of its [0-9]+ chunks are damaged"'
cp "$out" told
exits "what is intact can be restored then, too" 3 lade restore "$last_id" --target back3
check "and is what was not told to be hurt" same_hurts told back3
mend
echo x >repo/packs/stray
exits "what is no object does no harm" 0 lade check -v
prints "and is named" '^packs/stray: is not the name of an object'
mend
exits "after all it is whole" 0 lade check --read-data

finish
