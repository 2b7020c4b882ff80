# tests/scenario/filesystems.sh: what becomes of extents, holes and space where a file is made from old
# content, on the file systems that people have; what an interrupted session leaves; what compression
# saves; and files that were moved.
. "${srcdir:-.}/tests/scenario/lib.sh"
. "${srcdir:-.}/tests/scenario/extents.sh"

# ---- what is counted ----

# transferred: content that the last run (with --stats) sent, in bytes.
transferred() { sed -n 's/^Literal data: \([0-9,]*\) bytes.*/\1/p' "$out" | tr -d ,; }

inode() { stat -c %i "$1"; }

# ---- a connection that can be cut ----

# What passes through it is counted. After LIMIT bytes (0: none) it is cut, or nothing passes any more ("hold").
cat >"$T/relay" <<'END'
use strict;
use IO::Select;
use IO::Socket::INET;
my ($to, $limit, $then) = @ARGV;
my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1", LocalPort => 0) or die $!;
$SIG{PIPE} = "IGNORE";
$| = 1;
print "port ", $listener->sockport, "\n";
while (my $near = $listener->accept) {
	my $far = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $to) or die $!;
	my %other = ($near => $far, $far => $near);
	my $open = IO::Select->new($near, $far);
	my $sum = 0;
	while ($open->count && !($limit && $sum >= $limit)) {
		for my $from ($open->can_read) {
			my $got = sysread $from, my $bytes, 262144;
			if (!$got) {
				$open->remove($from);
				shutdown $other{$from}, 1;
			}
			$sum += $got // 0;
			for (my $done = 0; $got && $done < $got;) {
				my $wrote = syswrite $other{$from}, $bytes, $got - $done, $done;
				last if !$wrote;
				$done += $wrote;
			}
		}
	}
	print "passed $sum\n";
	sleep 1000 if $limit && $sum >= $limit && $then eq "hold";
	close $near;
	close $far;
}
END

# start_relay [LIMIT cut|hold]: sets $relay, an address like $remote.
start_relay() {
	: >"$T/relay.out"
	start perl "$T/relay" "$port" "${1:-0}" "${2:-}" >"$T/relay.out" 2>"$T/relay.err"
	relay_pid=$started
	wait_for grep -q port "$T/relay.out"
	relay=lade+tcp://127.0.0.1:$(sed -n 's/port //p' "$T/relay.out")
}

stop() {
	kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

# passed: bytes that went through the relay in its last connection.
passed() {
	wait_for grep -q passed "$T/relay.out"
	sed -n 's/passed //p' "$T/relay.out" | tail -n 1
}

no_session() { [ -z "$(cat /proc/"$server_pid"/task/*/children)" ]; }

# by_way WAY FROM TO OPTIONS...: sync over TCP or inside this host, by what differs.
by_way() {
	local way=$1 from=$2 to=$3
	shift 3
	case $way in
	push) lade sync -a --token-file "$token" "$@" "$from" "$remote$to" ;;
	pull) lade sync -a --token-file "$token" "$@" "$remote$from" "$to" ;;
	local) lade sync -a --no-whole-file "$@" "$from" "$to" ;;
	esac
}

# went NAME: the last run ended well and said nothing on stderr.
went() {
	if [ "$status" = 0 ] && [ ! -s "$err" ]; then ok "$1"; else not_ok "$1" "$(show_run)"; fi
}

need_server

# ---- extents ----

# update_extents TYPE WAY VERSION PERCENT LIMIT: so much of the first LIMIT bytes is shared with the old file.
update_extents() {
	local type=$1 way=$2 version=$3 percent=$4 limit=$5 name="$1: $2, $3"
	rm -rf "$T/disk/dst" "$T/disk/ref"
	mkdir "$T/disk/dst"
	cp -p "$T/extents/old/file" "$T/disk/dst/file"
	[ "$type" = ext4 ] || cp --reflink=always "$T/disk/dst/file" "$T/disk/ref"
	by_way "$way" "$T/extents/$version/" "$T/disk/dst/" --stats
	went "$name"
	check "$name: the content" cmp "$T/extents/$version/file" "$T/disk/dst/file"
	at_most "$name: bytes transferred" "$(transferred)" $((MIB / 2))
	if [ "$type" != ext4 ]; then
		at_least "$name: percent shared" "$(shared_percent "$T/disk/dst/file" "$limit")" "$percent"
	fi
}

extents() {
	local type=$1 way
	for way in push pull local; do
		update_extents "$type" "$way" overwritten 90 $((64 * MIB))
		update_extents "$type" "$way" inserted 90 $((60 * MIB))
	done
	update_extents "$type" push inserted-block 90 $((64 * MIB))
	update_extents "$type" push appended 90 $((64 * MIB))
	update_extents "$type" push shortened 90 $((60 * MIB))
	rm -rf "$T/disk/dst" "$T/disk/ref"
}

# ---- holes ----

holes() {
	local type=$1 way name limit
	for way in push pull local whole; do
		rm -rf "$T/disk/dst"
		cp -a --sparse=auto "$T/holes/old" "$T/disk/dst"
		if [ "$way" = whole ]; then
			lade sync -a "$T/holes/new/" "$T/disk/dst/"
		else
			by_way "$way" "$T/holes/new/" "$T/disk/dst/"
		fi
		went "$type: holes, $way"
		same "$type: holes, $way: the content" "$T/holes/new" "$T/disk/dst"
		sync -f "$T/disk"
		limit=$(($(blocks "$T/holes/new/onto-nothing") + 65536))
		# Where a file grows XFS takes some space in advance, up to 1 MiB here behind each end, and keeps it
		# in what becomes a hole: after cp as well.
		[ "$type" != xfs ] || limit=$((limit + 3 * MIB))
		for name in onto-nothing onto-dense onto-zeros onto-others onto-filled onto-longer; do
			at_most "$type: holes, $way: the space taken by $name" "$(blocks "$T/disk/dst/$name")" $limit
		done
	done
	rm -rf "$T/disk/dst"
}

make_versions
make_holes
for type in ext4 xfs btrfs; do
	options=()
	[ $type != xfs ] || options=(-m reflink=1)
	if ! image_disk "$T/disk" $type 400M ${options[@]+"${options[@]}"}; then
		skip "$type" "$no_disk"
		continue
	fi
	if have filefrag; then
		extents $type
	else
		skip "$type: extents" "no filefrag here"
	fi
	holes $type
	drop_disk "$T/disk"
done
rm -rf "$T/extents" "$T/holes"

# ---- a full file system ----

full_disk() {
	local way
	mkdir "$T/full-old" "$T/full-new"
	head -c $((24 * MIB)) /dev/urandom >"$T/full-old/big"
	cp "$T/full-old/big" "$T/full-new/big"
	change "$T/full-new/big" 20000000 10000
	echo old | tee "$T/full-old/a-small" >"$T/full-old/z-small"
	echo newer | tee "$T/full-new/a-small" >"$T/full-new/z-small"
	touch -d '2020-01-01 00:00:00' "$T"/full-old/*
	for way in push pull local; do
		rm -rf "$T/disk/dst" "$T/disk/ballast"
		cp -a "$T/full-old" "$T/disk/dst"
		sync -f "$T/disk"
		head -c $(($(df --output=avail -B1 "$T/disk" | tail -n 1) - 8 * MIB)) /dev/zero >"$T/disk/ballast"
		exits "a full disk, $way" "11|23" by_way "$way" "$T/full-new/" "$T/disk/dst/"
		says "a full disk, $way: the file is named with its reason" 'big.*No space left on device'
		check "a full disk, $way: the old file is intact" cmp "$T/full-old/big" "$T/disk/dst/big"
		check "a full disk, $way: the others are done" cmp "$T/full-new/a-small" "$T/disk/dst/a-small"
		check "a full disk, $way: the last of them, too" cmp "$T/full-new/z-small" "$T/disk/dst/z-small"
		no_leftovers "a full disk, $way: no temporary stays" "$T/disk/dst"
		rm "$T/disk/ballast"
		by_way "$way" "$T/full-new/" "$T/disk/dst/"
		went "a full disk, $way: with space again the next run completes"
		same "a full disk, $way: the tree is whole" "$T/full-new" "$T/disk/dst"
	done
	rm -rf "$T/full-old" "$T/full-new"
}

if image_disk "$T/disk" ext4 80M -m 0; then
	full_disk
	drop_disk "$T/disk"
else
	skip "a full disk" "$no_disk"
fi

# ---- going on ----

# The name depends on that of the file alone.
left() { find "$T/going-dst" -name '.lade.*' -size +0; }
has_half() { [ "$(blocks "$(left)")" -gt $((60 * MIB)) ]; }

# goes_on WHAT OPTIONS...: what an interrupted session left in $T/going-dst is used, in the way of $way.
goes_on() {
	local what=$1 there size=$((200 * MIB))
	shift
	there=$(left)
	check "$what: part of the file stays" test -n "$there"
	check "$what: and not under the real name" absent "$T/going-dst/file"
	[ -n "$there" ] || return
	there=$(blocks "$there")
	by_way "$way" "$T/going/" "$T/going-dst/" --stats "$@"
	went "$what: the next run completes"
	check "$what: the content" cmp "$T/going/file" "$T/going-dst/file"
	at_most "$what: bytes transferred of $size, with $there there" "$(transferred)" $((size - there + 4 * MIB))
	no_leftovers "$what: no temporary stays" "$T/going-dst"
}

# begin OPTIONS...: a first copy through a relay that lets 80 MiB pass.
begin() {
	rm -rf "$T/going-dst"
	mkdir "$T/going-dst"
	start_relay $((80 * MIB)) hold
	start "$LADE" sync -a --token-file "$token" "$@" "$T/going/" "$relay$T/going-dst/" >"$out" 2>"$err"
	client=$started
	wait_for has_half || diagnose <"$err"
	temporary=$(basename "$(left)")
}

mkdir "$T/going"
head -c $((200 * MIB)) /dev/urandom >"$T/going/file"
way=push
begin
stop "$client"
stop "$relay_pid"
check "the session of a killed client ends" wait_for no_session
goes_on "the client killed"

begin
# The listener and the process that it made for the session.
# shellcheck disable=SC2046 # several words are meant
kill -KILL "$server_pid" $(cat /proc/"$server_pid"/task/*/children)
wait "$server_pid" 2>/dev/null
stop "$relay_pid"
ends "the server killed: this side ends" "10|12" "$client"
start_server
goes_on "the server killed"

begin --delete
stop "$client"
stop "$relay_pid"
check "with --delete: the session ends" wait_for no_session
goes_on "the client killed, with --delete" --delete

way=pull
rm -rf "$T/going-dst"
start_relay $((80 * MIB)) cut
exits "a pull that is cut off" "10|12" lade sync -a --token-file "$token" "$relay$T/going/" "$T/going-dst/"
stop "$relay_pid"
goes_on "a pull that is cut off"

# What a session seems to have left may be anything.
head -c $((8 * MIB)) /dev/urandom >"$T/going/file"
for way in push pull local; do
	rm -rf "$T/going-dst"
	mkdir "$T/going-dst"
	(umask 077 && head -c $((8 * MIB)) /dev/urandom >"$T/going-dst/$temporary")
	by_way $way "$T/going/" "$T/going-dst/"
	went "$way: a temporary file with other content"
	same "$way: it does no harm" "$T/going" "$T/going-dst"

	rm -rf "$T/going-dst/file"
	(umask 077 && head -c $((12 * MIB)) /dev/urandom >"$T/going-dst/$temporary")
	by_way $way "$T/going/" "$T/going-dst/"
	went "$way: a temporary file that is longer"
	same "$way: a longer one does no harm" "$T/going" "$T/going-dst"

	rm -rf "$T/going-dst/file"
	(umask 077 && head -c $((4 * MIB)) "$T/going/file" >"$T/going-dst/$temporary")
	by_way $way "$T/going/" "$T/going-dst/" --stats
	same "$way: a temporary file with half of the content" "$T/going" "$T/going-dst"
	at_most "$way: half of it is transferred" "$(transferred)" $((5 * MIB))

	# One that somebody else may have open for reading, if not more.
	rm -rf "$T/going-dst/file"
	cp "$T/going/file" "$T/going-dst/$temporary"
	chmod 644 "$T/going-dst/$temporary"
	planted=$(inode "$T/going-dst/$temporary")
	exec 9<"$T/going-dst/$temporary"
	by_way $way "$T/going/" "$T/going-dst/"
	went "$way: a temporary file that others can read"
	same "$way: the file arrives" "$T/going" "$T/going-dst"
	check "$way: it is another one" test "$planted" != "$(inode "$T/going-dst/file")"
	exec 9<&-

	rm -rf "$T/going-dst/file" "$T/other-name"
	(umask 077 && head -c $((8 * MIB)) /dev/urandom >"$T/other-name")
	cp "$T/other-name" "$T/other-name.was"
	ln "$T/other-name" "$T/going-dst/$temporary"
	exits "$way: a temporary file with another name" "0|23" by_way $way "$T/going/" "$T/going-dst/"
	check "$way: what has that name is left alone" cmp "$T/other-name" "$T/other-name.was"
	[ "$status" != 0 ] || same "$way: and the file arrives" "$T/going" "$T/going-dst"
done
rm -rf "$T/going" "$T/going-dst" "$T"/other-name*

# ---- compression ----

mkdir -p "$T/text/tree"
seq 1 9000000 | head -c $((40 * MIB)) >"$T/text/large"
perl -e 'chdir shift; for my $n (1 .. 400) { open F, ">", "f$n"; print F "file $n, line $_\n" for 1 .. $n * 2 }' "$T/text/tree"
for with in -z --zl=9 --zc=zstd --zc=none '-z --path=sendfile' '--zl=3 --path=splice'; do
	for way in push pull; do
		rm -rf "$T/text-dst"
		# shellcheck disable=SC2086 # several words are meant
		by_way $way "$T/text/" "$T/text-dst/" $with
		went "$way with $with"
		same "$way with $with: the tree" "$T/text" "$T/text-dst"
	done
done
start_relay
for with in --zl=3 --zc=none; do
	rm -rf "$T/text-dst"
	syncs "through a relay with $with" -a --token-file "$token" $with "$T/text/" "$relay$T/text-dst/"
	same "through a relay with $with: the tree" "$T/text" "$T/text-dst"
	: "$(passed)"
	sleep 0.1
	if [ $with = --zl=3 ]; then
		at_most "$with: bytes on the wire" "$(passed)" $((20 * MIB))
	else
		at_least "$with: bytes on the wire" "$(passed)" $((40 * MIB))
	fi
	: >"$T/relay.out"
done
stop "$relay_pid"
# A file with old content at the destination, and one that does not shrink.
change "$T/text/large" 10000000 1000 30000000 100000
head -c $((10 * MIB)) /dev/urandom >"$T/text/random"
lade sync -a --token-file "$token" --zl=3 --stats "$T/text/" "$remote$T/text-dst/"
went "an update with --zl=3, and what does not shrink"
same "an update with --zl=3: the tree" "$T/text" "$T/text-dst"
at_most "an update with --zl=3: bytes transferred" "$(transferred)" $((11 * MIB))
rm -rf "$T/text" "$T/text-dst"

# ---- files that were moved ----

# moving: the same three files on both sides.
moving() {
	rm -rf "$T/moved" "$T/moved-dst"
	mkdir -p "$T/moved/before"
	for n in 1 2 3; do head -c $((20 * MIB)) "$T/contents.$n" >"$T/moved/before/$n"; done
	cp -a "$T/moved" "$T/moved-dst"
}

for n in 1 2 3; do head -c $((20 * MIB)) /dev/urandom >"$T/contents.$n"; done
for way in push pull local; do
	moving
	first=$(inode "$T/moved-dst/before/1") second=$(inode "$T/moved-dst/before/2") third=$(inode "$T/moved-dst/before/3")
	mkdir -p "$T/moved/after/deep"
	mv "$T/moved/before/1" "$T/moved/after/one"
	mv "$T/moved/before/2" "$T/moved/after/deep/2"
	mv "$T/moved/before/3" "$T/moved/after/3"
	rmdir "$T/moved/before"
	chmod 600 "$T/moved/after/3"
	touch -d '2021-03-04 05:06:07.89' "$T/moved/after/3"
	before=$(times_listing "$T/moved-dst")
	by_way $way "$T/moved/" "$T/moved-dst/" --delete -n -i
	sort "$out" >"$T/foreseen"
	check "$way, moved: a dry run moves nothing" test "$before" = "$(times_listing "$T/moved-dst")"
	by_way $way "$T/moved/" "$T/moved-dst/" --delete -i --stats
	went "$way, moved"
	check "$way, moved: the items are those of the dry run" cmp "$T/foreseen" \
		<(grep -E '^[<>ch.*][dfe]' "$out" | sort)
	at_most "$way, moved: bytes transferred" "$(transferred)" 1000
	same "$way, moved: the tree" "$T/moved" "$T/moved-dst"
	check "$way, moved: the files are the same ones" test "$first $second $third" = \
		"$(inode "$T/moved-dst/after/one") $(inode "$T/moved-dst/after/deep/2") $(inode "$T/moved-dst/after/3")"
	lade sync -ai --delete "$T/moved/" "$T/moved-dst/"
	silent "$way, moved: a second run has nothing to say"
done

moving
mv "$T/moved/before" "$T/moved/after"
start_relay
syncs "moved, through a relay" -a --delete --token-file "$token" "$T/moved/" "$relay$T/moved-dst/"
at_most "moved: bytes on the wire" "$(passed)" 200000
stop "$relay_pid"
same "moved, through a relay: the tree" "$T/moved" "$T/moved-dst"

moving
mv "$T/moved/before/1" "$T/moved/grown"
echo more >>"$T/moved/grown"
mkdir "$T/moved/changed"
mv "$T/moved/before/2" "$T/moved/changed/2"
change "$T/moved/changed/2" 10000000 100
by_way push "$T/moved/" "$T/moved-dst/" --delete --stats
went "moved and changed"
same "moved and changed: the tree" "$T/moved" "$T/moved-dst"
at_most "moved and changed: bytes transferred" "$(transferred)" $((21 * MIB))

moving
first=$(inode "$T/moved-dst/before/1")
mv "$T/moved/before/1" "$T/moved/copy-1"
cp -a "$T/moved/copy-1" "$T/moved/copy-2"
by_way push "$T/moved/" "$T/moved-dst/" --delete
went "moved and copied"
same "moved and copied: the tree" "$T/moved" "$T/moved-dst" hardlinks
check "moved and copied: one is the old file" test "$first" = "$(inode "$T/moved-dst/copy-1")" -o \
	"$first" = "$(inode "$T/moved-dst/copy-2")"

moving
ln "$T/moved-dst/before/1" "$T/moved-dst/before/1-too"
ln "$T/moved-dst/before/2" "$T/moved-dst/stays"
ln "$T/moved/before/2" "$T/moved/stays"
mv "$T/moved/before/1" "$T/moved/after-1"
mv "$T/moved/before/2" "$T/moved/after-2"
cp -a "$T/moved/stays" "$T/moved/stays.new"
touch -d '2022-03-04 05:06:07.89' "$T/moved/stays.new"
mv "$T/moved/stays.new" "$T/moved/stays"
by_way push "$T/moved/" "$T/moved-dst/" --delete --stats
went "moved, with several names"
same "moved, with several names: the tree" "$T/moved" "$T/moved-dst" hardlinks
at_most "moved, with several names: bytes transferred" "$(transferred)" $MIB

# Out of a directory that stays, with others and alone.
moving
first=$(inode "$T/moved-dst/before/1")
mv "$T/moved/before/1" "$T/moved/before/one"
mv "$T/moved/before/2" "$T/moved/2"
by_way push "$T/moved/" "$T/moved-dst/" --delete --stats
went "moved out of a directory"
same "moved out of a directory: the tree" "$T/moved" "$T/moved-dst"
at_most "moved out of a directory: bytes transferred" "$(transferred)" 1000
check "moved out of a directory: the file is the same one" test "$first" = "$(inode "$T/moved-dst/before/one")"

# What a filter protects stays, even in a directory that goes.
moving
mv "$T/moved-dst/before/1" "$T/moved-dst/before/1.kept"
cp -a "$T/moved-dst/before/1.kept" "$T/kept"
mkdir "$T/moved/after"
mv "$T/moved/before/1" "$T/moved/after/1"
rm -r "$T/moved/before"
by_way push "$T/moved/" "$T/moved-dst/" --delete --exclude='*.kept'
check "what is excluded is not moved away" cmp "$T/kept" "$T/moved-dst/before/1.kept"
check "and what was moved arrives" cmp "$T/moved/after/1" "$T/moved-dst/after/1"

moving
first=$(inode "$T/moved-dst/before/1")
mv "$T/moved/before/1" "$T/moved/after"
by_way push "$T/moved/" "$T/moved-dst/"
went "without --delete"
check "without --delete nothing is moved" test "$first" = "$(inode "$T/moved-dst/before/1")" -a \
	"$first" != "$(inode "$T/moved-dst/after")"
check "without --delete: the new file arrives" cmp "$T/moved/after" "$T/moved-dst/after"

finish
