# tests/scenario/delta.sh: a file that exists at the destination is sent by what differs in
# it, and is afterwards what a copy would have made of it.
. "${srcdir:-.}/tests/scenario/lib.sh"

# What an edit may cost: a few chunks, and a description of what did not change.
little=65536
# Random edits differ from run to run; LADE_TEST_SEED repeats a run.
seed=${LADE_TEST_SEED:-$RANDOM}

need_server

# edit KIND FILE: change a file in place. Pieces that are put in are new bytes.
cat >"$T/edit" <<'END'
	use strict;
	my ($kind, $file) = @ARGV;
	open my $f, "+<:raw", $file or die "$file: $!";
	local $/;
	my $old = <$f>;
	my $size = length $old;
	my $middle = int $size / 2;
	srand 7 + length $kind;
	sub fresh {
		my ($left, $new) = (int shift() / 4, "");
		for (; $left > 0; $left -= 16384) { $new .= pack "N*", map { rand 4294967295 } 1 .. ($left < 16384 ? $left : 16384) }
		return $new;
	}
	my %edits = (
		"one byte at the start" => sub { substr($_, 0, 1) ^= "\x55" },
		"one byte in the middle" => sub { substr($_, $middle, 1) ^= "\x55" },
		"the last byte" => sub { substr($_, -1, 1) ^= "\x55" },
		"insertion at the start" => sub { substr($_, 0, 0) = "inserted" },
		"insertion in the middle" => sub { substr($_, $middle, 0) = "inserted" },
		"insertion before the end" => sub { substr($_, -10, 0) = "inserted" },
		"deletion at the start" => sub { substr($_, 0, 100) = "" },
		"deletion in the middle" => sub { substr($_, $middle, 10000) = "" },
		"deletion at the end" => sub { substr($_, -1, 1) = "" },
		"append" => sub { $_ .= fresh(20000) },
		"prepend" => sub { $_ = fresh(20000) . $_ },
		"truncation to the half" => sub { $_ = substr $_, 0, $middle },
		"truncation to nothing" => sub { $_ = "" },
		"twice the file" => sub { $_ .= $_ },
		"halves swapped" => sub { $_ = substr($_, $middle) . substr($_, 0, $middle) },
		"two blocks swapped" => sub {
			my ($block, $far) = (262144, $size - 1000000);
			my $piece = substr $_, $far, $block;
			substr($_, $far, $block) = substr $_, 99999, $block;
			substr($_, 99999, $block) = $piece;
		},
		"a block in two places" => sub { substr($_, 99999, 0) = substr $_, $middle, 262144 },
		"a hole" => sub { substr($_, $middle, 1000000) = "\0" x 1000000 },
		"one half new, small changes in the other" => sub {
			substr($_, 0, $middle) = fresh($middle);
			for my $n (0 .. $middle / 8192 - 1) { substr($_, $middle + $n * 8192, 100) = fresh(100) }
		},
		"something else" => sub { $_ = fresh($size) },
		"zeros" => sub { $_ = "\0" x $size },
	);
	if ($kind eq "list") { print "$_\n" for sort keys %edits; exit }
	$_ = $old;
	($edits{$kind} // die "no such edit: $kind")->();
	seek $f, 0, 0;
	print $f $_;
	truncate $f, length $_;
END
edit() { perl "$T/edit" "$@"; }

# random-edits OLD NEW COUNT SEED: files of many kinds in OLD, and edited ones in NEW.
cat >"$T/random-edits" <<'END'
	use strict;
	my ($old, $new, $count, $seed) = @ARGV;
	srand $seed;
	mkdir $old; mkdir $new;
	my @words = map { join "", map { chr 97 + rand 26 } 0 .. rand 12 } 0 .. 300;
	my %makers = (
		random => sub { join "", map { pack "N", rand 4294967295 } 1 .. $_[0] / 4 + 1 },
		text => sub { my $s = ""; $s .= $words[rand @words] . (rand() < .1 ? "\n" : " ") while length $s < $_[0]; $s },
		zeros => sub { "\0" x $_[0] },
		period => sub { my $p = join "", map { chr rand 256 } 0 .. rand 700; substr $p x ($_[0] / length($p) + 1), 0, $_[0] },
		mixed => sub { my $s = ""; $s .= rand() < .5 ? "\0" x rand 9000 : join("", map { chr rand 256 } 0 .. rand 5000) while length $s < $_[0]; $s },
	);
	sub piece {
		my ($text, $max) = @_;
		return $makers{(sort keys %makers)[rand keys %makers]}->(1 + rand $max) if rand() < .7 || !length $text;
		return substr $text, rand length $text, rand $max;
	}
	sub edit {
		my $text = shift;
		my $at = int rand 1 + length $text;
		my $len = int(rand() < .6 ? rand 100 : rand 20000);
		my $what = int rand 7;
		if ($what == 0) { substr($text, $at, 0) = piece($text, $len) }
		elsif ($what == 1) { substr($text, $at, $len) = "" }
		elsif ($what == 2) { substr($text, $at, $len) = piece($text, $len) }
		elsif ($what == 3) { substr($text, $at, 1) ^= chr 1 + rand 255 if $at < length $text }
		elsif ($what == 4) { $text .= piece($text, $len) }
		elsif ($what == 5) { my $cut = substr $text, $at, $len, ""; substr($text, rand 1 + length $text, 0) = $cut }
		else { $text = piece($text, $len) . $text }
		return $text;
	}
	sub spew { my ($file, $text, $time) = @_; open my $f, ">:raw", $file or die "$file: $!"; print $f $text; close $f; utime $time, $time, $file }
	for my $n (1 .. $count) {
		my $maker = (sort keys %makers)[rand keys %makers];
		my $size = int(rand() < .3 ? rand 2000 : rand() < .9 ? rand 60000 : rand 600000);
		my $text = $makers{$maker}->($size);
		spew("$old/$n-$maker", $text, 1000000000);
		$text = edit($text) for 0 .. (rand() < .5 ? 0 : rand 30);
		spew("$new/$n-$maker", $text, 1100000000);
	}
END

# older, newer FILE...: so that no file of one is as old as one of the other.
older() { touch -h -d @1000000000.5 "$@"; }
newer() { touch -h -d @1100000000.25 "$@"; }

# transferred: what the last run with --stats counted as bytes of files.
transferred() { sed -n 's/^Literal data: \([0-9,]*\).*/\1/p' "$out" | tr -d ,; }

# costs NAME MIN MAX: the last run with --stats transferred that many bytes of files.
costs() {
	local bytes
	bytes=$(transferred)
	if [ -n "$bytes" ] && [ "$bytes" -ge "$2" ] && [ "$bytes" -le "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "expected $2 to $3 bytes of files
$(show_run)"
	fi
}

inode() { stat -c %i "$1"; }

# The functions below see label, from, to and options: FROM and TO are put before absolute paths.

# sync_files ARGUMENTS... SRC DST: with --stats, over the kind of connection that is tested.
sync_files() {
	local arguments=("${@:1:$#-2}")
	lade sync "${options[@]}" --stats "${arguments[@]}" "$from${*: -2:1}" "$to${*: -1}"
}

# update NAME MIN MAX [ARGUMENTS...]: $T/src/ to $T/dst/ makes the trees equal, at that price, and then has nothing to do.
update() {
	local name=$label:\ $1 min=$2 max=$3 bytes findings
	shift 3
	sync_files -a "$@" "$T/src/" "$T/dst/"
	bytes=$(transferred)
	findings=$(
		[ "$status" = 0 ] && [ ! -s "$err" ] || show_run
		diff -r --no-dereference "$T/src" "$T/dst" 2>&1 | head -n 20
		[ "${bytes:--1}" -ge "$min" ] && [ "${bytes:--1}" -le "$max" ] ||
			echo "$bytes bytes of files were transferred, expected: $min to $max"
		find "$T/dst" -name '.lade.*'
	)
	if [ -z "$findings" ]; then
		sync_files -ai "$T/src/" "$T/dst/"
		[ "$status $(transferred)" = "0 0" ] && ! grep -qE '^[<>.ch*]' "$out" ||
			findings="the second run finds something to do
$(show_run)"
	fi
	report "$name" "$findings"
}

# start_over FILE: that file alone is in $T/src and, older, in $T/dst.
start_over() {
	remove_trees "$T/src" "$T/dst"
	mkdir "$T/src" "$T/dst"
	cp --sparse=never "$1" "$T/src/file"
	older "$T/src/file"
	cp -p "$T/src/file" "$T/dst/file"
}

# edited KIND MAX: an edit of the file arrives for less than MAX bytes.
edited() {
	edit "$1" "$T/src/file" || return
	newer "$T/src/file"
	update "$2: $1" 0 "$3"
}

edits() {
	local kind max size=5242880
	while read -r kind; do
		start_over "$T/five"
		max=$little
		case $kind in
			append | prepend) max=$((20000 + little)) ;;
			# Chunks end elsewhere in each session, and some lie across the seams: 0.25 MB was the most of 300.
			*swapped | "a block in two places" | "twice the file") max=$((16 * little)) ;;
			# That is how many zeros come.
			"a hole") max=$((1000000 + little)) ;;
			"something else" | zeros | "one half"*) max=$((size + size / 64)) ;;
		esac
		edited "$kind" "5 MiB" "$max"
	done < <(edit list "$T/five")
	start_over "$T/forty"
	for kind in "one byte in the middle" "insertion at the start" "deletion in the middle" append; do
		edited "$kind" "40 MiB" $((little + 20000))
		older "$T/dst/file"
	done
	# What is like the old file is found soon behind what is not, however late the answers come.
	edited "one half new, small changes in the other" "40 MiB" 30000000
	# And what could not be described costs no more than the file.
	start_over "$T/five"
	edit "something else" "$T/src/file"
	update "a file that has become something else is sent" "$size" $((size + size / 64))
	start_over "$T/five"
	edit "one byte in the middle" "$T/src/file"
	update "-W sends all of it" "$size" "$size" -W
}

# Each size becomes each other, with the same start and with other content.
sizes() {
	local size other
	for size in 0 1 511 512 513 4095 4096 4097 65535 65536 65537 1048575 1048576 1048577; do
		head -c "$size" "$T/five" >"$T/sizes/$size"
		tail -c "$size" "$T/five" >"$T/sizes/other-$size"
	done
	remove_trees "$T/src" "$T/dst"
	mkdir "$T/src" "$T/dst"
	for size in 0 1 511 512 513 4095 4096 4097 65535 65536 65537 1048576; do
		for other in 0 1 511 512 513 4095 4096 4097 65535 65536 65537; do
			cp "$T/sizes/$other" "$T/dst/$other-to-$size"
			cp "$T/sizes/$size" "$T/src/$other-to-$size"
			cp "$T/sizes/other-$other" "$T/dst/other-$other-to-$size"
			cp "$T/sizes/$size" "$T/src/other-$other-to-$size"
		done
	done
	for size in 1048575 1048576 1048577; do
		for other in 0 1 65536 1048575 1048576 1048577; do
			cp "$T/sizes/$other" "$T/dst/$other-to-$size"
			cp "$T/sizes/$size" "$T/src/$other-to-$size"
		done
	done
	for size in 1 511 512 513 4095 4096 4097 65535 65536 65537 1048575 1048576 1048577; do
		for other in "one byte at the start" "one byte in the middle" "the last byte"; do
			cp "$T/sizes/$size" "$T/dst/$size-$other"
			cp "$T/sizes/$size" "$T/src/$size-$other"
			edit "$other" "$T/src/$size-$other"
		done
	done
	older "$T"/dst/*
	newer "$T"/src/*
	update "files of all sizes become files of all sizes" 1 100000000
}

random_edits() {
	local round
	for round in 1 2; do
		remove_trees "$T/src" "$T/dst"
		perl "$T/random-edits" "$T/dst" "$T/src" 400 $((seed + round))
		# And holes where there were none, or the other way round.
		find "$T/src" "$T/dst" -name '*[37]-*' -exec fallocate --dig-holes {} \; 2>/dev/null
		newer "$T"/src/*
		older "$T"/dst/*
		update "random edits, seed $((seed + round))" 1 100000000
	done
}

# allocated FILE: bytes on the disk.
allocated() { echo $(($(stat -c %b "$1") * 512)); }
holes() {
	local findings
	start_over "$T/five"
	rm "$T/src/file"
	truncate -s 40M "$T/src/file"
	dd if="$T/five" of="$T/src/file" bs=4096 seek=3000 count=100 conv=notrunc status=none
	cp -p --sparse=never "$T/src/file" "$T/dst/file"
	older "$T/dst/file"
	edit "one byte in the middle" "$T/dst/file"
	cp -p "$T/dst/file" "$T/.dense"
	update "a sparse file over one without holes" 0 "$little"
	[ "$(allocated "$T/.dense")" -lt 40000000 ] || [ "$(allocated "$T/dst/file")" -lt 4000000 ] ||
		findings="it takes $(allocated "$T/dst/file") bytes on the disk"
	report "$label: it has holes afterwards" "${findings:-}"
	start_over "$T/five"
	rm "$T/dst/file"
	truncate -s 5M "$T/dst/file"
	dd if="$T/five" of="$T/dst/file" bs=4096 seek=100 skip=100 count=800 conv=notrunc status=none
	older "$T/dst/file"
	newer "$T/src/file"
	update "a file without holes over a sparse one" 0 3000000
	start_over "$T/five"
	truncate -s 40M "$T/src/file" "$T/dst/file"
	edit "insertion in the middle" "$T/src/file"
	fallocate --dig-holes "$T/src/file"
	fallocate --dig-holes "$T/dst/file"
	update "both are sparse" 0 "$little"
	start_over "$T/five"
	rm "$T/src/file" "$T/dst/file"
	truncate -s 30M "$T/src/file"
	truncate -s 20M "$T/dst/file"
	older "$T/dst/file"
	update "both are nothing but holes" 0 "$little"
	start_over "$T/five"
	truncate -s 20M "$T/src/file"
	update "a hole at the end" 0 "$little"
	start_over "$T/five"
	head -c 100 "$T/five" >"$T/src/file"
	truncate -s 20000 "$T/src/file"
	cp "$T/src/file" "$T/dst/file"
	older "$T/dst/file"
	newer "$T/src/file"
	update "only the time of a file that ends in a hole is another" 0 0
	start_over "$T/five"
	: >"$T/src/file"
	truncate -s 5M "$T/src/file"
	update "all is a hole now" 0 $((5242880 + little))
	start_over "$T/five"
	: >"$T/dst/file"
	truncate -s 5M "$T/dst/file"
	older "$T/dst/file"
	newer "$T/src/file"
	update "all was a hole" 5000000 $((5242880 + little))
}

# What is so small that it is sent rather than asked for is left out, and what has holes.
inodes() { find "$T/dst" -type f -size +1k ! -name '*sparse' ! -name all-hole -printf '%P %i\n' | sort; }

# Only the metadata of what has not changed is written: the file stays the same one.
touched() {
	local before
	remove_trees "$T/src" "$T/dst"
	cp -a "$T/one-of-each" "$T/src"
	cp -a "$T/one-of-each" "$T/dst"
	find "$T/src" -type f -exec touch -d @1200000000.5 {} +
	chmod 0604 "$T/src/sizes/3145728"
	inodes >"$T/.inodes"
	ls -i "$T"/dst/{sparse,all-hole} >"$T/.inodes-holes"
	sync_files -aH "$T/src/" "$T/dst/"
	[ "$status" = 0 ] && [ ! -s "$err" ] && ok "$label: all files touched" || not_ok "$label: all files touched" "$(show_run)"
	costs "$label: next to nothing is transferred" 0 "$little"
	same "$label: the metadata is right" "$T/src" "$T/dst" hardlinks
	inodes >"$T/.inodes-now"
	report "$label: no file was written anew" "$(differ "$T/.inodes" "$T/.inodes-now")"
	report "$label: and none with holes" "$(differ "$T/.inodes-holes" <(ls -i "$T"/dst/{sparse,all-hole}))"
	# -c finds out by itself that there is nothing to send.
	find "$T/src" -type f -exec touch -d @1300000000 {} +
	sync_files -aHc "$T/src/" "$T/dst/"
	costs "$label: with -c nothing is transferred" 0 0
	same "$label: the metadata is right with -c" "$T/src" "$T/dst" hardlinks
	inodes >"$T/.inodes-now"
	report "$label: no file was written anew with -c" "$(differ "$T/.inodes" "$T/.inodes-now")"
	# -c finds what size and time do not tell.
	before=$(stat -c %y "$T/src/sizes/1048576")
	edit "one byte in the middle" "$T/src/sizes/1048576"
	touch -d "$before" "$T/src/sizes/1048576"
	sync_files -a "$T/src/" "$T/dst/"
	check "$label: size and time are trusted without -c" \
		bash -c '! cmp -s "$1/src/sizes/1048576" "$1/dst/sizes/1048576"' - "$T"
	sync_files -aHc "$T/src/" "$T/dst/"
	costs "$label: with -c the difference is sent" 1 "$little"
	same "$label: and arrives" "$T/src" "$T/dst" hardlinks
}

# Names of one file at the destination.
linked() {
	start_over "$T/five"
	ln "$T/dst/file" "$T/dst/other"
	edit "one byte in the middle" "$T/src/file"
	sync_files -a "$T/src/" "$T/dst/"
	check "$label: a name of a linked file" cmp "$T/src/file" "$T/dst/file"
	check "$label: the other name keeps the old content" cmp "$T/five" "$T/dst/other"
	remove_trees "$T/src" "$T/dst"
	mkdir "$T/src"
	cp "$T/five" "$T/src/a"
	ln "$T/src/a" "$T/src/b"
	cp -a "$T/src" "$T/dst"
	older "$T/dst/a"
	edit "insertion in the middle" "$T/src/a"
	sync_files -aH "$T/src/" "$T/dst/"
	costs "$label: -H: a change of a linked file" 1 "$little"
	same "$label: -H: both names have it" "$T/src" "$T/dst" hardlinks
	# What was linked is two files now.
	cp "$T/src/b" "$T/.b"
	rm "$T/src/b"
	cp "$T/.b" "$T/src/b"
	edit "one byte at the start" "$T/src/b"
	newer "$T/src/b"
	update "-H: a name that is its own file now" 1 "$little" -H
	check "$label: -H: they are two files" test "$(inode "$T/dst/a")" != "$(inode "$T/dst/b")"
}

# What stands in the way is no basis.
obstacles() {
	start_over "$T/five"
	edit "one byte in the middle" "$T/src/file"
	mv "$T/dst/file" "$T/target"
	ln -s ../target "$T/dst/file"
	update "a symlink to an old version" 5242880 5242880
	check "$label: its target stays" cmp "$T/five" "$T/target"
	rm "$T/dst/file"
	mkfifo "$T/dst/file"
	update "a FIFO" 5242880 5242880
	rm "$T/dst/file"
	mkdir "$T/dst/file"
	update "an empty directory" 5242880 5242880
	rm "$T/dst/file"
	mkdir "$T/dst/file"
	echo kept >"$T/dst/file/inside"
	sync_files -a "$T/src/" "$T/dst/"
	check "$label: a directory that is not empty is an error" test "$status" = 23
	check "$label: and stays" exist "$T/dst/file/inside"
	update "a directory that is not empty, --delete" 5242880 5242880 --delete
	start_over "$T/five"
	rm "$T/src/file"
	mkfifo "$T/src/file"
	sync_files -a "$T/src/" "$T/dst/"
	check "$label: a file becomes a FIFO" test -p "$T/dst/file"
}

# A file that its owner may not write, or not read.
modes() {
	local mode
	for mode in 0444 0400 0200 0000; do
		start_over "$T/five"
		edit "one byte in the middle" "$T/src/file"
		chmod "$mode" "$T/dst/file"
		update "onto a file of mode $mode" 1 5300000
		check "$label: mode $mode is that of the source now" test "$(stat -c %a "$T/dst/file")" = 644
	done
	start_over "$T/five"
	edit "one byte in the middle" "$T/src/file"
	chmod 0444 "$T/dst/file" "$T/src/file"
	update "of mode 0444 onto mode 0444" 1 "$little"
	check "$label: it has that mode" test "$(stat -c %a "$T/dst/file")" = 444
}

dry_run() {
	start_over "$T/five"
	edit "one byte in the middle" "$T/src/file"
	times_listing "$T/dst" >"$T/.before"
	sync_files -ain "$T/src/" "$T/dst/"
	cp "$out" "$T/.dry"
	untouched "$label: -n changes nothing" "$T/dst" "$T/.before"
	check "$label: -n leaves the content" cmp "$T/five" "$T/dst/file"
	sync_files -ai "$T/src/" "$T/dst/"
	report "$label: -n announces what the real run reports" \
		"$(differ <(grep '^[<>.ch*]' "$out") <(grep '^[<>.ch*]' "$T/.dry"))"
}

# many_changes: 2,000 files, most changed, some new, some gone.
many_changes() {
	remove_trees "$T/src" "$T/dst"
	perl -e '
		my ($src, $dst) = @ARGV;
		sub spew { my ($file, $text, $time) = @_; open my $f, ">:raw", $file or die "$file: $!"; print $f $text; close $f; utime $time, $time, $file }
		srand 5;
		mkdir $_ for $src, $dst;
		for my $n (1 .. 2000) {
			if ($n % 100 == 1) { mkdir "$_/d" . int $n / 100 for $src, $dst }
			my $name = sprintf "d%d/%d", ($n - 1) / 100, $n;
			my $text = pack "N*", map { rand 4294967295 } 0 .. rand 12000;
			spew("$dst/$name", $text, 1000000000) if $n % 8;
			substr($text, rand length $text, 3) = "changed";
			spew("$src/$name", $text, 1100000000) if $n % 17;
		}' "$T/src" "$T/dst"
	find "$T/src" -name '*3' -type f -exec chmod 0600 {} +
	older "$T"/dst/* "$T/dst"
	newer "$T"/src/* "$T/src"
	cp -a "$T/dst" "$T/dst-before"
	sync_files -ain --delete "$T/src/" "$T/dst/"
	sort "$out" | grep '^[<>.ch*]' >"$T/.dry"
	sync_files -ai --delete "$T/src/" "$T/dst/"
	sort "$out" | grep '^[<>.ch*]' >"$T/.real"
	same "$label: 2,000 changes at once" "$T/src" "$T/dst"
	costs "$label: the new ones and little else is sent" 4000000 16000000
	report "$label: 2,000 changes: -n announces them" "$(differ "$T/.real" "$T/.dry")"
	if have rsync; then
		rsync -ai --no-whole-file --delete "$T/src/" "$T/dst-before/" | sort >"$T/.rsync"
		# "<" is for what leaves this host, which there was none with rsync.
		report "$label: 2,000 changes: -i prints what rsync prints" "$(differ "$T/.rsync" <(sed 's/^</>/' "$T/.real" | sort))"
	else
		skip "$label: 2,000 changes: -i prints what rsync prints" "rsync is not installed"
	fi
	rm -rf "$T/dst-before"
	sync_files -ai --delete "$T/src/" "$T/dst/"
	costs "$label: then nothing is transferred" 0 0
}

# all_of LABEL FROM TO OPTIONS...
all_of() {
	local label=$1 from=$2 to=$3 options=("${@:4}")
	edits
	sizes
	random_edits
	holes
	touched
	linked
	obstacles
	modes
	dry_run
	many_changes
}

mkdir "$T/sizes"
make_tree "$T/one-of-each"
file_of_size "$T/five" 5242880
file_of_size "$T/forty" 41943040
all_of push '' "$remote" --token-file "$token"
all_of pull "$remote" '' --token-file "$token"
all_of local '' '' --no-whole-file

# Every way to move bytes.
label=paths from='' to=$remote options=(--token-file "$token")
for path in auto clone copy_file_range sendfile splice mmap copy; do
	start_over "$T/five"
	edit "insertion in the middle" "$T/src/file"
	edit "append" "$T/src/file"
	update "--path=$path" 20000 $((20000 + little)) --path="$path"
done

# Without the rights of root: what its owner may not read is no basis, and what he may not
# write is made anew.
mkdir "$T/mine"
for mode in 0644 0444 0200 0000; do
	start_over "$T/five"
	edit "one byte in the middle" "$T/src/file"
	chmod 0444 "$T/src/file"
	chmod "$mode" "$T/dst/file"
	! is_root || chown -R 65534 "$T/src" "$T/dst"
	exits "onto a file of one's own of mode $mode" 0 \
		run "${as_nobody[@]}" "$LADE" sync -a --no-whole-file --stats "$T/src/" "$T/dst/"
	check "it arrived (mode $mode)" cmp "$T/src/file" "$T/dst/file"
	check "it has the mode of the source (mode $mode)" test "$(stat -c %a "$T/dst/file")" = 444
	case $mode in
		0[46]44) costs "for what differs (mode $mode)" 1 "$little" ;;
	esac
done

# -i beside rsync, for a file under each kind of change.
if have rsync; then
	changes() {
		remove_trees "$T/src" "$T/dst"
		mkdir "$T/src"
		for name in content size time mode time-mode content-mode same small empty emptied filled; do
			head -c 30000 "$T/five" >"$T/src/$name"
		done
		: >"$T/src/empty"
		: >"$T/src/filled"
		echo small >"$T/src/small"
		find "$T/src" -exec touch -d @1000000000 {} +
		cp -a "$T/src" "$T/dst"
		(
			cd "$T/src" || exit
			edit "one byte in the middle" content
			touch -d @1000000000 content
			edit "append" size
			edit "append" content-mode
			chmod 0600 mode time-mode content-mode
			touch -d @1100000000 time time-mode content-mode empty
			echo changed >small
			: >emptied
			echo filled >filled
			touch -d @1100000000 small emptied filled size
			touch -d @1000000000 .
		)
	}
	for arguments in -ai -aic -rlpgoDi -rlDic "-ai --delete" -aiH; do
		changes
		cp -a "$T/dst" "$T/dst-rsync"
		# shellcheck disable=SC2086 # several options are meant
		rsync $arguments --no-whole-file "$T/src/" "$T/dst-rsync/" | sort >"$T/.rsync"
		# shellcheck disable=SC2086
		syncs "$arguments" $arguments --no-whole-file "$T/src/" "$T/dst/"
		report "$arguments prints what rsync prints" "$(differ "$T/.rsync" <(sort "$out"))"
		times=notimes
		[[ $arguments != -a* ]] || times=
		# shellcheck disable=SC2086 # it may be nothing
		same "$arguments makes what rsync makes" "$T/dst-rsync" "$T/dst" $times
		rm -rf "$T/dst-rsync"
	done
else
	skip "-i prints what rsync prints" "rsync is not installed"
fi

# The basis changes, shrinks or goes while it is in use: what arrives is the source or nothing.
slow_shell
shell=(-e "$T/slow-shell" --lade-path="$LADE")
has_temporary() { [ -n "$(find "$1" -name '.lade.*' -size +0 -print -quit 2>/dev/null)" ]; }
# half_changed: every other 64 KiB of a file of 40 MiB is new.
cp "$T/forty" "$T/half-changed"
perl -e 'open F, "+<:raw", $ARGV[0] or die; srand 3;
	for my $n (0 .. 319) { seek F, $n * 131072, 0; print F pack "N*", map { rand 4294967295 } 1 .. 16384 }' "$T/half-changed"
half_changed() {
	start_over "$T/forty"
	cp "$T/half-changed" "$T/src/file"
	newer "$T/src/file"
	cp -p "$T/src/file" "$T/.new"
}
# in_the_middle: start a push of it, until it is under way.
in_the_middle() {
	half_changed
	rm -f "$T/far.pid"
	start "$LADE" sync -a "${shell[@]}" "$T/src/" "far:$T/dst/" >"$out" 2>"$err"
	check "$1: a transfer is under way" wait_for has_temporary "$T/dst"
	far_pid=$(cat "$T/far.pid")
}
# whole NAME: in the middle of an update the destination is the old file; the next run makes it the new one.
whole() {
	check "$1: the file is the old one" cmp "$T/forty" "$T/dst/file"
	completes "$1"
}
completes() {
	syncs "$1: the next run completes" -a --no-whole-file "$T/src/" "$T/dst/"
	check "$1: the file is the new one" cmp "$T/dst/file" "$T/.new"
	no_leftovers "$1: no temporary stays" "$T/dst"
}
for what in "zeros" "truncation to nothing" "insertion at the start"; do
	in_the_middle "the basis becomes: $what"
	edit "$what" "$T/dst/file"
	cp "$T/dst/file" "$T/.changed"
	ends "the basis becomes: $what" "0|23" "$started"
	report "the basis becomes: $what: what is there is the source or untouched" \
		"$(cmp -s "$T/dst/file" "$T/.changed" || cmp "$T/dst/file" "$T/.new" 2>&1)"
	completes "the basis becomes: $what"
done
in_the_middle "the basis is removed"
rm "$T/dst/file"
ends "the basis is removed" "0|23" "$started"
completes "the basis is removed"
in_the_middle "the source becomes something else"
edit "something else" "$T/src/file"
newer "$T/src/file"
ends "the source becomes something else" "0|23|24" "$started"
cp -p "$T/src/file" "$T/.new"
# Same size, and the time was put back: only -c sees it.
syncs "the source becomes something else: the next run" -ac --no-whole-file "$T/src/" "$T/dst/"
check "the source becomes something else: it arrives in the end" cmp "$T/.new" "$T/dst/file"

# Killed in the middle of an update.
in_the_middle "this side is killed"
kill -KILL "$started"
wait "$started" 2>/dev/null
check "this side is killed: the far side ends" wait_for ended "$far_pid"
whole "this side is killed"
in_the_middle "the far side is killed"
kill -KILL "$far_pid"
ends "the far side is killed: this side ends" "12|255" "$started"
whole "the far side is killed"
in_the_middle "SIGINT"
kill -INT "$started"
ends "SIGINT: exit 20" 20 "$started"
check "SIGINT: the far side ends" wait_for ended "$far_pid"
whole "SIGINT"

# At any moment, over TCP.
sessions() { cat /proc/"$server_pid"/task/*/children; }
no_session() { [ -z "$(sessions)" ]; }
for round in {1..12}; do
	half_changed
	if [ $((round % 2)) = 0 ]; then
		places=("$T/src/" "$remote$T/dst/")
	else
		places=("$remote$T/src/" "$T/dst/")
	fi
	start "$LADE" sync -a --token-file "$token" "${places[@]}" >"$out" 2>"$err"
	sleep "0.0$((RANDOM % 90 + 10))"
	# shellcheck disable=SC2046 # several words are meant
	if [ $((round % 4)) -lt 2 ]; then
		kill -KILL "$started" 2>/dev/null
	else
		kill -KILL $(sessions) 2>/dev/null
	fi
	wait "$started" 2>/dev/null
	wait_for no_session
	findings=$(cmp -s "$T/dst/file" "$T/forty" || cmp "$T/dst/file" "$T/.new" 2>&1)
	lade sync -a --token-file "$token" "${places[@]}"
	findings+=$([ "$status" = 0 ] || show_run; cmp "$T/.new" "$T/dst/file" 2>&1; find "$T/dst" -name '.lade.*')
	[ -z "$findings" ] || break
done
report "TCP: killed at any moment, the file is the old or the new one, and the next run completes" "$findings"
check "the server is still the same process" alive "$server_pid"

finish
