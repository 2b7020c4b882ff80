# tests/scenario/inplace.sh: --inplace writes over what is there: the same file afterwards, by whatever it differed. And -S,
# with which zeros that are written become holes.
. "${srcdir:-.}/tests/scenario/lib.sh"

need_server

# edit KIND FILE: change a file in place. What is put in is the same in each run.
cat >"$T/edit" <<'END'
	use strict;
	my ($kind, $file) = @ARGV;
	open my $f, "+<:raw", $file or die "$file: $!";
	local $/;
	$_ = <$f>;
	my $size = length;
	my $middle = int $size / 2;
	srand 7 + length $kind;
	sub fresh { join "", map { pack "N", int rand 4294967295 } 1 .. shift() / 4 }
	sub shuffled {
		my $len = shift;
		my @blocks = unpack "(a$len)*", $_;
		for my $i (reverse 1 .. $#blocks) { my $j = int rand $i + 1; @blocks[$i, $j] = @blocks[$j, $i] }
		return join "", @blocks;
	}
	my %edits = (
		"one byte at the start" => sub { substr($_, 0, 1) ^= "\x55" },
		"one byte in the middle" => sub { substr($_, $middle, 1) ^= "\x55" },
		"insertion at the start" => sub { substr($_, 0, 0) = "inserted" },
		"insertion in the middle" => sub { substr($_, $middle, 0) = "inserted" },
		"a long insertion" => sub { substr($_, 100000, 0) = fresh(1400000) },
		"many insertions" => sub { $_ = join "new", unpack "(a20000)*", $_ },
		"deletion in the middle" => sub { substr($_, $middle, 10000) = "" },
		"a long deletion" => sub { substr($_, 100000, 1400000) = "" },
		"many deletions" => sub { $_ = join "", map { substr $_, 7 } unpack "(a20000)*", $_ },
		"append" => sub { $_ .= fresh(20000) },
		"truncation to the half" => sub { $_ = substr $_, 0, $middle },
		"truncation to nothing" => sub { $_ = "" },
		"truncation to little" => sub { $_ = substr $_, 100, 700 },
		"twice the file" => sub { $_ .= $_ },
		"halves swapped" => sub { $_ = substr($_, $middle) . substr($_, 0, $middle) },
		"blocks swapped" => sub { (substr($_, 99999, 65536), substr($_, 3000000, 65536)) = (substr($_, 3000000, 65536), substr $_, 99999, 65536) },
		"a block in two places" => sub { substr($_, 99999, 0) = substr $_, $middle, 262144 },
		"blocks of 64 KiB in any order" => sub { $_ = shuffled(65536) },
		"blocks of 5000 bytes in any order" => sub { $_ = shuffled(5000) },
		"all backwards by blocks" => sub { $_ = join "", reverse unpack "(a40000)*", $_ },
		"something else" => sub { $_ = fresh($size) },
		"zeros" => sub { substr($_, 100001, 1000000) = "\0" x 1000000 },
	);
	if ($kind eq "list") { print "$_\n" for sort keys %edits; exit }
	($edits{$kind} // die "no such edit: $kind")->();
	seek $f, 0, 0;
	print $f $_;
	truncate $f, length $_;
END
edit() { perl "$T/edit" "$@"; }

# older, newer FILE...: so that no file of one is as old as one of the other.
older() { touch -h -d @1000000000.5 "$@"; }
newer() { touch -h -d @1100000000.25 "$@"; }
inode() { stat -c %i "$1"; }
# blocks FILE: bytes on the disk.
blocks() { sync "$1" && echo $(($(stat -c %b "$1") * 512)); }
# transferred: what the last run with --stats counted as bytes of files.
transferred() { sed -n 's/^Literal data: \([0-9,]*\).*/\1/p' "$out" | tr -d ,; }

# The functions below see label, from, to and options: FROM and TO are put before absolute paths.

# sync_files ARGUMENTS... SRC DST: with --stats, over the kind of connection that is tested.
sync_files() {
	local arguments=("${@:1:$#-2}")
	lade sync "${options[@]}" --stats "${arguments[@]}" "$from${*: -2:1}" "$to${*: -1}"
}

# start_over: a file of 5 MiB is in $T/src and, older, in $T/dst.
start_over() {
	rm -rf "$T/src" "$T/dst"
	mkdir "$T/src" "$T/dst"
	cp "$T/five" "$T/src/file"
	cp "$T/five" "$T/dst/file"
	older "$T/dst/file" "$T/src/file"
}

# over NAME [ARGUMENTS...]: $T/src/ to $T/dst/ with --inplace makes the trees equal, and every file that was there has the inode
# that it had; then there is nothing to do.
over() {
	local name=$label:\ $1 findings
	# Bytes of files that were transferred.
	cost=-1
	shift
	(cd "$T/dst" && find . -type f -printf '%P %i\n' | sort) >"$T/.inodes"
	sync_files -a --inplace "$@" "$T/src/" "$T/dst/"
	cost=$(transferred)
	findings=$(
		[ "$status" = 0 ] && [ ! -s "$err" ] || show_run
		diff -r --no-dereference "$T/src" "$T/dst" 2>&1 | head -n 20
		(cd "$T/dst" && find . -type f -printf '%P %i\n' | sort) | comm -23 "$T/.inodes" - | sed 's/^/another inode: /'
		find "$T/dst" -name '.lade.*'
	)
	if [ -z "$findings" ]; then
		sync_files -ai --inplace "$@" "$T/src/" "$T/dst/"
		[ "$status $(transferred)" = "0 0" ] && ! grep -qE '^[<>.ch*]' "$out" ||
			findings="the second run finds something to do
$(show_run)"
	fi
	report "$name" "$findings"
}

# edits MOST ARGUMENTS...: each kind of edit. MOST: bytes of files that one may cost, or nothing.
edits() {
	local kind most=$1
	shift
	while read -r kind; do
		start_over
		edit "$kind" "$T/src/file"
		newer "$T/src/file"
		over "$kind" "$@"
		[ -z "$most" ] || case $kind in
			# What moved far is sent anew, and so is what is new.
			*any\ order | *backwards* | *swapped | *else | zeros | "a long insertion" | "a block in two places") ;;
			*) check "$label: $kind: $cost bytes are little" test "$cost" -le "$most" ;;
		esac
	done < <(edit list "$T/five")
	start_over
	: >"$T/dst/file"
	newer "$T/src/file"
	over "what was empty" "$@"
	start_over
	rm "$T/dst/file"
	over "what was not there" "$@"
	start_over
	newer "$T/src/file"
	over "only the time is another" "$@"
	start_over
	truncate -s 9M "$T/src/file" "$T/dst/file"
	edit "one byte in the middle" "$T/src/file"
	fallocate --punch-hole -o 100000 -l 1000000 "$T/src/file"
	newer "$T/src/file"
	over "a hole where there was none" "$@"
	fallocate --punch-hole -o 3000000 -l 1000000 "$T/dst/file"
	older "$T/dst/file"
	over "content where there was a hole" "$@"
}

# random-edits OLD NEW COUNT SEED: files of many kinds in OLD, and edited ones in NEW.
cat >"$T/random-edits" <<'END'
	use strict;
	my ($old, $new, $count, $seed) = @ARGV;
	srand $seed;
	mkdir $old; mkdir $new;
	my %makers = (
		random => sub { join "", map { pack "N", rand 4294967295 } 1 .. $_[0] / 4 + 1 },
		zeros => sub { "\0" x $_[0] },
		period => sub { my $p = join "", map { chr rand 256 } 0 .. rand 700; substr $p x ($_[0] / length($p) + 1), 0, $_[0] },
		mixed => sub { my $s = ""; $s .= rand() < .5 ? "\0" x rand 30000 : join("", map { pack "N", rand 4294967295 } 0 .. rand 5000) while length $s < $_[0]; $s },
	);
	sub made { $makers{(sort keys %makers)[rand keys %makers]}->(1 + rand shift) }
	sub edit {
		my $text = shift;
		my $at = int rand 1 + length $text;
		my $len = int(rand() < .5 ? rand 100 : rand 200000);
		my $what = int rand 8;
		if ($what == 0) { substr($text, $at, 0) = made($len) }
		elsif ($what == 1) { substr($text, $at, $len) = "" }
		elsif ($what == 2) { substr($text, $at, $len) = made($len) }
		elsif ($what == 3) { substr($text, $at, 1) ^= chr 1 + rand 255 if $at < length $text }
		elsif ($what == 4) { $text .= made($len) }
		elsif ($what == 5) { my $cut = substr $text, $at, $len, ""; substr($text, rand 1 + length $text, 0) = $cut }
		elsif ($what == 6) { substr($text, rand 1 + length $text, 0) = substr $text, $at, $len }
		else { $len += 500; my @blocks = unpack "(a$len)*", $text; $text = join "", sort { ($a ^ "\x5a") cmp ($b ^ "\x5a") } @blocks }
		return $text;
	}
	sub spew { my ($file, $text, $time) = @_; open my $f, ">:raw", $file or die "$file: $!"; print $f $text; close $f; utime $time, $time, $file }
	for my $n (1 .. $count) {
		my $text = made(rand() < .3 ? 5000 : rand() < .8 ? 300000 : 3000000);
		spew("$old/$n", $text, 1000000000);
		$text = edit($text) for 0 .. (rand() < .5 ? 0 : rand 8);
		spew("$new/$n", $text, 1100000000);
	}
END
# random_edits SEED ARGUMENTS...: 100 files.
random_edits() {
	local seed=$1
	shift
	rm -rf "$T/src" "$T/dst"
	perl "$T/random-edits" "$T/dst" "$T/src" 100 "$seed"
	# And holes where there were none, or the other way round.
	find "$T/src" "$T/dst" -name '*[37]' -exec fallocate --dig-holes {} \; 2>/dev/null
	newer "$T"/src/*
	older "$T"/dst/*
	over "100 random edits, seed $seed${*:+, }$*" "$@"
}

# What stands there stays one file, with its names and its metadata as asked for; what is no file is replaced.
kinds() {
	start_over
	ln "$T/dst/file" "$T/dst/.other"
	edit "insertion in the middle" "$T/src/file"
	chmod 0640 "$T/src/file"
	newer "$T/src/file"
	sync_files -a --inplace "$T/src/" "$T/dst/"
	check "$label: the other name of a file has the new content" cmp "$T/src/file" "$T/dst/.other"
	check "$label: it is the same file" test "$(stat -c '%i %h %a %Y' "$T/dst/file")" = "$(inode "$T/dst/.other") 2 640 1100000000"
	start_over
	chmod 0604 "$T/dst/file"
	edit append "$T/src/file"
	newer "$T/src/file"
	sync_files -rt --inplace "$T/src/" "$T/dst/"
	check "$label: without -p the mode stays" test "$(stat -c '%a %Y' "$T/dst/file")" = "604 1100000000"
	check "$label: without -p the content comes" cmp "$T/src/file" "$T/dst/file"
	start_over
	cp "$T/five" "$T/target"
	for kind in symlink dangling fifo directory; do
		rm -rf "$T/dst/file" "$T/nowhere"
		case $kind in
			symlink) ln -s ../target "$T/dst/file" ;;
			dangling) ln -s ../nowhere "$T/dst/file" ;;
			fifo) mkfifo "$T/dst/file" ;;
			directory) mkdir "$T/dst/file" ;;
		esac
		edit "one byte in the middle" "$T/src/file"
		newer "$T/src/file"
		sync_files -a --inplace "$T/src/" "$T/dst/"
		report "$label: a $kind in the way is replaced" "$(
			[ "$status" = 0 ] && [ ! -s "$err" ] || show_run
			[ ! -L "$T/dst/file" ] && cmp "$T/src/file" "$T/dst/file" 2>&1
			find "$T/dst" -name '.lade.*'
		)"
	done
	check "$label: nothing went through the link" cmp "$T/five" "$T/target"
	check "$label: nor through the dangling one" absent "$T/nowhere"
	rm -rf "$T/src" "$T/dst"
	mkdir "$T/src"
	cp "$T/five" "$T/src/a"
	ln "$T/src/a" "$T/src/b"
	cp -a "$T/src" "$T/dst"
	edit "deletion in the middle" "$T/src/a"
	newer "$T/src/a"
	older "$T/dst/a"
	over "-H: both names of a file" -H
	check "$label: -H: they are one file" test "$(inode "$T/dst/a")" = "$(inode "$T/dst/b")"
	# A file that is renamed, and one that is renamed and edited, where deletion is on.
	start_over
	cp "$T/five" "$T/dst/second"
	mv "$T/src/file" "$T/src/moved"
	edit "one byte in the middle" "$T/dst/second"
	edit "insertion in the middle" "$T/dst/second"
	cp "$T/five" "$T/src/new"
	rm -f "$T/.inodes"
	sync_files -a --inplace --delete "$T/src/" "$T/dst/"
	check "$label: --delete: moved files arrive" diff -r "$T/src" "$T/dst"
	# What an earlier run left: of a file that is there it is of no use, another one is continued.
	start_over
	edit "something else" "$T/src/file"
	newer "$T/src/file"
	: >"$T/dst/new"
	mv "$T/dst/new" "$T/dst/.lade.$(printf '%032d' 0)"
	sync_files -a --inplace "$T/src/" "$T/dst/"
	check "$label: something that is called as a temporary file does not matter" cmp "$T/src/file" "$T/dst/file"
}

dry_run() {
	start_over
	edit "one byte in the middle" "$T/src/file"
	newer "$T/src/file"
	times_listing "$T/dst" >"$T/.before"
	sync_files -ain --inplace -S "$T/src/" "$T/dst/"
	cp "$out" "$T/.dry"
	untouched "$label: -n changes nothing" "$T/dst" "$T/.before"
	sync_files -ai --inplace -S "$T/src/" "$T/dst/"
	report "$label: -n announces what the real run reports" \
		"$(differ <(grep '^[<>.ch*]' "$out") <(grep '^[<>.ch*]' "$T/.dry"))"
}

# -S: no more blocks than the content needs, with its edges and what a file system needs for itself.
sparse() {
	local findings need=$((3 * 65536 + 16 * 4096))
	rm -rf "$T/src" "$T/dst"
	mkdir "$T/src" "$T/dst"
	# Of 12 MiB there are 3 times 64 KiB that are no zeros, at places that are no multiples of anything.
	perl -e 'open my $f, ">:raw", $ARGV[0]; srand 9; my $zeros = "\0" x 1000000;
		print $f $zeros x 4, map({ chr 1 + rand 255 } 1 .. 65536), "\0" x 12345 for 1 .. 3' "$T/src/file"
	head -c 30000 /dev/zero >"$T/src/small"
	cp "$T/five" "$T/src/dense"
	over "-S: new files" -S
	findings=$(
		[ "$(blocks "$T/dst/file")" -le $need ] || echo "$(blocks "$T/dst/file") bytes on the disk"
		[ "$(blocks "$T/dst/small")" = 0 ] || echo "$(blocks "$T/dst/small") bytes for zeros alone"
	)
	report "$label: -S: zeros take no blocks" "$findings"
	# What the old file has in their place goes; without --inplace there is another file.
	for inplace in --inplace --no-inplace; do
		perl -e 'open my $f, ">:raw", $ARGV[0]; print $f "x" x 12233000' "$T/dst/file"
		older "$T/dst/file"
		sync_files -a -S "$inplace" "$T/src/" "$T/dst/"
		findings=$(
			cmp "$T/src/file" "$T/dst/file" 2>&1
			[ "$(blocks "$T/dst/file")" -le $need ] || echo "$(blocks "$T/dst/file") bytes on the disk"
		)
		report "$label: -S $inplace: over something else" "$findings"
	done
	# Mostly the same, so that chunks of the old file are taken: they are looked at, too.
	(printf 'moved'; cat "$T/src/file") >"$T/dst/file"
	older "$T/dst/file"
	sync_files -a -S "$T/src/" "$T/dst/"
	findings=$(
		cmp "$T/src/file" "$T/dst/file" 2>&1
		[ "$(blocks "$T/dst/file")" -le $need ] || echo "$(blocks "$T/dst/file") bytes on the disk"
	)
	report "$label: -S: what is taken from the old file" "$findings"
	(printf 'moved'; cat "$T/src/file") >"$T/dst/file"
	older "$T/dst/file"
	over "-S --inplace: what was moved" -S
}

# A piece that ends in zeros that are left out is whole all the same: it is not asked for once more.
zeros_at_the_end() {
	start_over
	head -c 300000 "$T/five" >"$T/dst/file"
	(head -c 300000 "$T/five"; head -c 500000 /dev/zero) >"$T/src/file"
	edit "one byte in the middle" "$T/dst/file"
	newer "$T/src/file"
	older "$T/dst/file"
	over "-S: zeros at the end" -S
	check "$label: -S: $cost bytes are little" test "$cost" -le 600000
}

# Names of one file that all get another content: one after the other, and what the last one gets counts.
several_names() {
	local bytes options_of_run
	for bytes in 0 1000 2000000; do
		for options_of_run in "" -H "--append"; do
			rm -rf "$T/src" "$T/dst"
			mkdir -p "$T/src" "$T/dst/dir"
			head -c "$bytes" "$T/five" >"$T/src/a"
			head -c $((bytes + 5000)) "$T/five" >"$T/src/b"
			mkdir "$T/src/dir"
			head -c $((bytes + 9000)) "$T/five" >"$T/src/dir/c"
			echo >"$T/dst/a"
			[ "$options_of_run" != --append ] || : >"$T/dst/a"
			ln "$T/dst/a" "$T/dst/b"
			ln "$T/dst/a" "$T/dst/dir/c"
			older "$T/dst/a"
			# shellcheck disable=SC2086
			sync_files -a --inplace $options_of_run "$T/src/" "$T/dst/"
			report "$label: $bytes bytes for three names of one file${options_of_run:+, $options_of_run}" "$(
				[ "$status" = 0 ] && [ ! -s "$err" ] || show_run
				cmp "$T/src/dir/c" "$T/dst/dir/c" 2>&1
				[ "$(inode "$T/dst/a") $(inode "$T/dst/b")" = "$(inode "$T/dst/dir/c") $(inode "$T/dst/dir/c")" ] || echo "not one file"
			)"
		done
	done
}

# No part of it comes twice: what one edit costs can be told.
perl -e 'srand 5; print pack "N*", map { rand 4294967295 } 1 .. 1310720' >"$T/five"
label=push from='' to=$remote options=(--token-file "$token")
edits 163840
random_edits 1
random_edits 2 -S
kinds
dry_run
sparse
zeros_at_the_end
several_names
label=pull from=$remote to=''
random_edits 3
kinds
several_names
sparse
label="local, by what differs" from='' options=(--no-whole-file)
random_edits 4
random_edits 5 -S
label="whole files, local" options=()
several_names
edits ''
random_edits 6 -S
kinds
sparse
label="whole files, push" to=$remote options=(--token-file "$token")
edits '' -W
random_edits 7 -W -S
for path in auto clone copy_file_range sendfile splice mmap copy; do
	label=push to=$remote options=(--token-file "$token")
	start_over
	edit "many insertions" "$T/src/file"
	edit "append" "$T/src/file"
	newer "$T/src/file"
	over "--path=$path" --path="$path"
	label=local to='' options=()
	start_over
	edit "many insertions" "$T/src/file"
	newer "$T/src/file"
	over "--path=$path" --path="$path"
done

# Only what differs is written. written TRACE: bytes that went into a file of $T/dst.
written() {
	perl -ne '
		my ($pid) = /^(\d+)/;
		my $into = /(?:pwrite64|write)\(\d+<[^>]*\/dst\/file>/ || /(?:splice|copy_file_range)\([^<]*<[^>]*>, \S+, \d+<[^>]*\/dst\/file>/;
		if (/<unfinished/) { $open{$pid} = $into; next }
		$into = delete $open{$pid} if /resumed>/;
		$sum += $1 if $into && / = (\d+)/;
		END { print $sum + 0 }' "$1"
}
if [ -n "${LADE_TEST_NO_STRACE:-}" ] || ! have strace || ! run strace -f -o "$T/.trace" true || [ "$status" != 0 ]; then
	skip "only blocks that differ are written" "tracing is forbidden here (LADE_TEST_NO_STRACE)"
else
	start_over
	for at in 0 1000000 2000001 5242879; do
		printf x | dd of="$T/src/file" bs=1 seek="$at" conv=notrunc status=none
	done
	newer "$T/src/file"
	before=$(inode "$T/dst/file")
	# LeakSanitizer does not work under a tracer.
	ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" run strace -f -y -e trace=write,pwrite64,splice,copy_file_range \
		-o "$T/.trace" "$LADE" sync -a --inplace --no-whole-file "$T/src/" "$T/dst/"
	check "traced: it arrives" cmp "$T/src/file" "$T/dst/file"
	check "traced: it is the same file" test "$before" = "$(inode "$T/dst/file")"
	bytes=$(written "$T/.trace")
	check "only blocks that differ are written ($bytes bytes)" test "$bytes" -gt 0 -a "$bytes" -le $((4 * 4096))
fi

# Without the rights of root.
mkdir "$T/mine"
for mode in 0644 0444 0200 0000; do
	start_over
	edit "insertion in the middle" "$T/src/file"
	newer "$T/src/file"
	chmod "$mode" "$T/dst/file"
	! is_root || chown -R 65534 "$T/src" "$T/dst"
	before=$(inode "$T/dst/file")
	exits "onto a file of one's own of mode $mode" 0 \
		run "${as_nobody[@]}" "$LADE" sync -rt --inplace --no-whole-file "$T/src/" "$T/dst/"
	check "it is the same file with the same mode (mode $mode)" \
	chmod u+r "$T/dst/file"
	check "it arrived (mode $mode)" cmp "$T/src/file" "$T/dst/file"
		test "$(stat -c '%i %a' "$T/dst/file")" = "$before $(printf %o "$mode")"
	chmod u+r "$T/dst/file"
	check "it arrived (mode $mode)" cmp "$T/src/file" "$T/dst/file"
done
if is_root; then
	start_over
	edit append "$T/src/file"
	chmod 0644 "$T/dst/file"
	chown 65534 "$T/dst" "$T/src" "$T/src/file"
	exits "onto somebody else's file: exit 23" 23 run "${as_nobody[@]}" "$LADE" sync -rt --inplace "$T/src/" "$T/dst/"
	says "somebody else's file is named" 'open for writing "file": Permission denied'
	check "somebody else's file stays" cmp "$T/five" "$T/dst/file"
else
	skip "onto somebody else's file" "needs root"
fi

# A file that somebody has locked is left alone.
start_over
edit append "$T/src/file"
start perl -e 'use Fcntl ":flock"; open my $f, "<", $ARGV[0] or die; flock $f, LOCK_EX; print "locked\n"; close STDOUT; sleep 1000' \
	"$T/dst/file" >"$T/.locked"
wait_for test -s "$T/.locked"
exits "a file that is locked: exit 23" 23 lade sync -a --inplace "$T/src/" "$T/dst/"
says "the locked file is named" 'locked.*"file"'
check "the locked file stays" cmp "$T/five" "$T/dst/file"
kill "$started"
wait "$started" 2>/dev/null
syncs "when it is not locked any more it is written" -a --inplace "$T/src/" "$T/dst/"
check "and arrives" cmp "$T/src/file" "$T/dst/file"

# A full disk: what fits is written, the rest is told, and the next run goes on.
if small_disk "$T/disk" 8m; then
	for how in --whole-file --no-whole-file; do
		start_over
		rm -f "$T/disk/file"
		cp -p "$T/five" "$T/disk/file"
		older "$T/disk/file"
		before=$(inode "$T/disk/file")
		edit "a long insertion" "$T/src/file"
		edit "a long insertion" "$T/src/file"
		edit "a long insertion" "$T/src/file"
		newer "$T/src/file"
		exits "a full disk: exit 23 ($how)" 23 lade sync -a --inplace "$how" "$T/src/" "$T/disk/"
		says "a full disk is told ($how)" 'write "file": No space left on device'
		says "and what that means for the file ($how)" 'half-written.*"file"'
		check "it cannot be taken for the new one ($how)" test "$(stat -c %Y "$T/disk/file")" = 1099999999
		edit "truncation to the half" "$T/src/file"
		newer "$T/src/file"
		syncs "a file that fits is written ($how)" -a --inplace "$how" "$T/src/" "$T/disk/"
		check "it arrived ($how)" cmp "$T/src/file" "$T/disk/file"
		check "it is the same file ($how)" test "$before" = "$(inode "$T/disk/file")"
		# It takes the place of the old one, where there would be no room for both.
		edit "truncation to the half" "$T/disk/file"
		cp "$T/five" "$T/src/file"
		syncs "no room is needed for a second copy ($how)" -a --inplace "$how" "$T/src/" "$T/disk/"
		check "and it arrived ($how)" cmp "$T/src/file" "$T/disk/file"
	done
else
	skip "a full disk" "needs root"
fi

# Killed while it is written: the next run goes on, whether the sizes agree or not.
slow_shell
shell=(-e "$T/slow-shell" --lade-path="$LADE")
is_newer() { [ "$T/dst/file" -nt "$T/.reference" ]; }
for victim in this-side far-side; do
	for kind in "something else" "a long insertion"; do
		start_over
		cat "$T/five" "$T/five" >>"$T/src/file"
		cp "$T/src/file" "$T/dst/file"
		older "$T/dst/file" "$T/.reference" 2>/dev/null
		edit "$kind" "$T/src/file"
		newer "$T/src/file"
		before=$(inode "$T/dst/file")
		rm -f "$T/far.pid"
		cp -p "$T/dst/file" "$T/.reference"
		start "$LADE" sync -a --inplace "${shell[@]}" "$T/src/" "far:$T/dst/" >"$out" 2>"$err"
		check "$victim, $kind: a transfer is under way" wait_for is_newer
		far_pid=$(cat "$T/far.pid")
		if [ "$victim" = this-side ]; then
			kill -KILL "$started"
		else
			kill -KILL "$far_pid" 2>/dev/null
		fi
		wait "$started" 2>/dev/null
		wait_for ended "$far_pid"
		no_leftovers "$victim, $kind: no temporary file is left" "$T/dst"
		syncs "$victim, $kind: the next run completes" -a --inplace --no-whole-file "$T/src/" "$T/dst/"
		check "$victim, $kind: the file is the new one" cmp "$T/src/file" "$T/dst/file"
		check "$victim, $kind: it is the same file" test "$before" = "$(inode "$T/dst/file")"
	done
done
# A run without --inplace leaves a temporary file. Of a file that is not there it is continued, beside one that is there removed.
has_temporary() { [ -n "$(find "$1" -name '.lade.*' -size +0 -print -quit 2>/dev/null)" ]; }
for kind in there "not there"; do
	start_over
	edit "something else" "$T/src/file"
	newer "$T/src/file"
	[ "$kind" = there ] || rm "$T/dst/file"
	start "$LADE" sync -a "${shell[@]}" "$T/src/" "far:$T/dst/" >"$out" 2>"$err"
	check "a temporary file of one that is $kind is made" wait_for has_temporary "$T/dst"
	kill -KILL "$started"
	wait "$started" 2>/dev/null
	wait_for ended "$(cat "$T/far.pid")"
	rm "$T/far.pid"
	syncs "a temporary file of one that is $kind: the next run" -a --inplace --no-whole-file "$T/src/" "$T/dst/"
	check "a temporary file of one that is $kind: the file" cmp "$T/src/file" "$T/dst/file"
	no_leftovers "a temporary file of one that is $kind goes" "$T/dst"
done
check "the server is still the same process" alive "$server_pid"

finish
