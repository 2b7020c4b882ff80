# tests/scenario/daemon_hostile.sh: what neither clients nor crashes may do to a running daemon and its modules. Each test begins with its
# attack class; tests/fault/README.md has them all.
. "${srcdir:-.}/tests/scenario/lib.sh"
. "${srcdir:-.}/tests/scenario/transfers.sh"

mkdir -p "$T/open/sub" "$T/drop" "$T/append" "$T/outside/dir" "$T/src/sub" "$T/hidden"
chmod 755 "$T/open" "$T/outside"
echo content >"$T/open/file"
echo 'a secret of the server' >"$T/outside/secret"
echo 'in a directory' >"$T/outside/dir/secret"
echo below >"$T/open/sub/file"
ln -s "$T/outside" "$T/open/absolute"
ln -s ../outside "$T/open/relative"
ln -s ../outside/secret "$T/open/secret"
ln -s /proc/self/root "$T/open/magic"
echo new >"$T/src/new"
echo below >"$T/src/sub/below"

# What a hook is told, one variable a line; it is no shell that looks at it.
cat >"$T/hook" <<-END
	#!/bin/sh
	env | grep -a LADE_ >>"$T/hook.told"
END
chmod 755 "$T/hook"

need_daemon "login timeout = 600" "stop timeout = 1" "max connections per peer = 20" \
	"[open]" "path = $T/open" "auth = any" "$(as_we_are)" \
	"[drop]" "path = $T/drop" "auth = any" "write only = yes" "$(as_we_are)" \
	"[both]" "path = $T/open" "auth = any" "read only = no" "$(as_we_are)" "after = $T/hook" \
	"[append]" "path = $T/append" "auth = any" "append only = yes" "$(as_we_are)" \
	"[user]" "path = $T/drop" "auth = any" "read only = no" "incoming chmod = ug-s,o-w" \
	"[two]" "path = $T/open" "auth = any" "max connections per peer = 2" \
	"[locked]" "path = $T/open" "auth = authorized"
syncs "the host becomes known" -a --accept-new-host "$daemon/open/file" "$T/got0/"

# What is refused below is refused for a reason.
syncs "an honest client writes" -a "$T/src/" "$daemon/both/honest/"
syncs "and reads" -a "$daemon/open/sub/" "$T/honest/"
check "what it wrote is there" test -e "$T/open/honest/sub/below" -a -e "$T/honest/file"
rm -rf "$T/open/honest"

times_listing "$T/outside" >"$T/outside.times"
outside_is_untouched() { untouched "$1" "$T/outside" "$T/outside.times"; }

# brings_nothing NAME ARGUMENTS...: no byte of what is outside comes to $T/got, whatever the exit status is.
brings_nothing() {
	local name=$1
	shift
	rm -rf "$T/got"
	mkdir "$T/got"
	lade sync "$@" "$T/got/"
	[ "$status" -lt 124 ] || not_ok "$name: it ends" "$(show_run)"
	report "$name" "$(grep -arl -e 'a secret of' -e 'in a directory' "$T/got" "$out" "$err" 2>&1)"
}

# ---- A6: out of the module ----
for path in /../outside/secret /sub/../../outside/secret //../outside /absolute/secret /relative/secret /absolute/ /relative/ /magic"$T"/outside/secret /./.././outside/; do
	brings_nothing "A6 source $path" -rL "$daemon/open$path"
done
for option in --copy-links --copy-unsafe-links --copy-dirlinks --relative '--files-from=:/../outside/secret' '--files-from=:/secret' \
	'--filter=merge /secret' '--filter=dir-merge /../outside/secret'; do
	brings_nothing "A6 $option" -r "$option" "$daemon/open/"
done
for path in /../outside/ /absolute/ /relative/dir/ /sub/../../outside/new /magic"$T"/outside/; do
	lade sync -a "$T/src/" "$daemon/both$path"
	outside_is_untouched "A6 destination $path"
	rm -rf "$T/open/outside" "$T/open/new"
done
for option in "--backup-dir=$T/outside" --backup-dir=/../outside --backup-dir=absolute "--temp-dir=$T/outside" --temp-dir=../outside --temp-dir=relative \
	"--partial-dir=$T/outside" --partial-dir=relative "--link-dest=$T/outside" --copy-dest=../outside --compare-dest=absolute; do
	echo "other $option" >"$T/src/new"
	lade sync -ab "$option" "$T/src/" "$daemon/both/in/"
	[ "$status" -lt 124 ] || not_ok "A6 $option ends" "$(show_run)"
	outside_is_untouched "A6 $option"
done
lade sync -a --link-dest=/absolute/dir --copy-links "$T/outside/dir/" "$daemon/both/linked/"
outside_is_untouched "A6 no hard link to what is outside"

# ---- A4: a component that is now a directory, now a symlink to the outside ----
mkdir -p "$T/open/flip" "$T/open/flip.real"
for n in {1..40}; do echo "$n" >"$T/open/flip/$n"; done
perl -e '
	my ($dir, $outside) = @ARGV;
	symlink $outside, "$dir/flip.link" or die;
	my $end = time + 40;
	while (time < $end) {
		rename "$dir/flip", "$dir/flip.dir" and rename "$dir/flip.link", "$dir/flip";
		select undef, undef, undef, .0003;
		rename "$dir/flip", "$dir/flip.link" and rename "$dir/flip.dir", "$dir/flip";
	}' "$T/open" "$T/outside" &
flipper=$!
own_pids+=("$flipper")
mkdir "$T/many"
for n in {1..40}; do echo "new $n" >"$T/many/$n"; done
findings=
for _ in {1..12}; do
	lade sync -aI "$T/many/" "$daemon/both/flip/"
	[ "$status" -lt 124 ] || findings+="ended with $status
"
	rm -rf "$T/got"
	lade sync -rI "$daemon/both/flip/" "$T/got/"
	findings+=$(grep -arl 'secret' "$T/got" 2>/dev/null)
done
kill "$flipper"
wait "$flipper" 2>/dev/null
rm -rf "$T/open"/flip*
report "A4 nothing is read through a symlink that comes and goes" "$findings"
outside_is_untouched "A4 nothing is written through it"

# ---- A3: a module that may not be read is no oracle ----
head -c 200000 /dev/urandom >"$T/drop/kept"
cp -p "$T/drop/kept" "$T/guess"
rm -rf "$T/got"
exits "A3 nothing comes out of a write-only module" 1 lade sync -a "$daemon/drop/kept" "$T/got/"
exits "A3 nor its names" "1|4|23" lade list "$daemon/drop/"
report "A3 its names are nowhere" "$(grep -a kept "$out" "$err")"
exits "A3 digests are not compared there" 4 lade sync -ac "$T/guess" "$daemon/drop/kept"
lade sync -a --no-whole-file -I --stats "$T/guess" "$daemon/drop/kept"
report "A3 a right guess saves no byte" "$(sed -nE 's/.*Literal data: ([0-9,]+).*/\1/p' "$out" | tr -d , | awk '$1 < 200000')"

# ---- A10 and append-only ----
echo first >"$T/append/first"
mkdir "$T/empty"
lade sync -a --delete "$T/empty/" "$daemon/append/"
check "A10 nothing is deleted where one may only append" test -e "$T/append/first"
echo other >"$T/src/first"
touch -d '2001-01-01' "$T/src/first"
lade sync -aI "$T/src/" "$daemon/append/"
check "A10 nothing is overwritten there" grep -qx first "$T/append/first"
lade sync -a --remove-source-files "$daemon/open/file" "$T/got2/"
check "A10 a reader removes nothing" test -e "$T/open/file"

# ---- A12: words that are more than words ----
bad=$'evil\nlade: session 999 of 192.0.2.1:1 as \'root\': both\e[2J\e]0;x\a'
lade sync -a "$daemon/$bad/" "$T/got/"
report "A12 the log has no line that a module's name has made" "$(grep -aE "^lade: session 999 of|$(printf '\033')|$(printf '\a')" "$T/.server.err")"
report "A12 nor has the screen" "$(grep -aP '\e|\a' "$err")"
echo x >"$T/src/$(printf 'a\nLADE_EVIL=1\n\e[31m')"
lade sync -a "$T/src/" "$daemon/both/in2/"
wait_for test -s "$T/hook.told"
report "A12 a hook is told nothing that a name has made" "$(grep -a EVIL "$T/hook.told")"

# ---- A13: what a refusal tells ----
chmod 000 "$T/hidden"
lade sync -a "$daemon/none/" "$T/got/"
lade sync -a "$daemon/open/../../nowhere" "$T/got/"
report "A13 no path of the server is told" "$(grep -aF "$T" "$err" | grep -avF "$T/got")"

# ---- A14: bits that give rights ----
if is_root; then
	echo x >"$T/src/suid"
	chown 0:0 "$T/src/suid"
	chmod 6777 "$T/src/suid"
	mknod "$T/src/null" c 1 3 2>/dev/null
	chmod 777 "$T/drop"
	lade sync -a "$T/src/" "$daemon/user/given/"
	report "A14 no set-uid bit, nothing of root's, no device" \
		"$(find "$T/drop/given" \( -perm /6000 -o -uid 0 -o -type c -o -type b \) -print)"
	rm -f "$T/src/suid" "$T/src/null"
else
	skip "A14 no set-uid bit, nothing of root's, no device" "needs root"
fi

# ---- A16: a source that changes under the daemon's sender ----
head -c 30000000 /dev/zero >"$T/open/shrinks"
perl -e 'my $end = time + 20; while (time < $end) { truncate $ARGV[0], 1000; truncate $ARGV[0], 30000000; select undef, undef, undef, .002 }' "$T/open/shrinks" &
changer=$!
own_pids+=("$changer")
for path in sendfile mmap copy; do
	rm -rf "$T/got"
	exits "A16 a file that shrinks and grows ($path)" "0|23|24" lade sync -a --path="$path" "$daemon/open/shrinks" "$T/got/"
done
kill "$changer"
wait "$changer" 2>/dev/null
rm "$T/open/shrinks"
report "A16 no process of the daemon was killed by it" "$(grep -aE 'status=1[0-9][0-9]' "$T/.server.err")"

# ---- A9: places ----
# At this rate they are there until they are ended.
head -c 3000000 /dev/urandom >"$T/open/slow"
slow=()
for n in 1 2; do
	start "$LADE" sync -a --bwlimit=10k "$daemon/two/slow" "$T/slow$n/" >/dev/null 2>&1
	slow+=("$started")
done
wait_for test -d "$T/slow1"
wait_for test -d "$T/slow2"
exits "A9 one address has so many places and no more" 10 lade sync -a "$daemon/two/file" "$T/got/"

syncs "A9 another one has its own" -a --address=127.0.0.3 "$daemon/two/file" "$T/got3/"

# ---- Isolation ----
pids_of_sessions() { pgrep -P "$server_pid"; }
# Those two alone: the process of a session is there a little longer than its client.
two() { [ "$(pids_of_sessions | wc -l)" = 2 ]; }
wait_for two
first=$(pids_of_sessions | head -n 1)
if is_root; then
	# The seed of the host key: the end of its PKCS#8.
	cat >"$T/look.pl" <<-'END'
		use strict;
		my ($seed_file, $line, $pid) = @ARGV;
		open my $file, "<", $seed_file or die;
		my $seed = join "", <$file>;
		length $seed == 32 or die "that is no seed";
		open my $maps, "<", "/proc/$pid/maps" or die "maps: $!";
		open my $mem, "<", "/proc/$pid/mem" or die "mem: $!";
		my $looked = 0;
		while (<$maps>) {
			my ($from, $to) = /^([0-9a-f]+)-([0-9a-f]+) r/ or next;
			next if /\[v/;
			no warnings "portable";
			($from, $to) = (hex $from, hex $to);
			# The shadow of a sanitizer, terabytes of nothing.
			next if $to - $from > 1 << 32;
			for (my $at = $from; $at < $to; $at += 1 << 20) {
				my $len = $to - $at < (1 << 20) + 64 ? $to - $at : (1 << 20) + 64;
				sysseek $mem, $at, 0;
				defined(my $got = sysread $mem, my $bytes, $len) or next;
				$looked += $got;
				print "the seed is at ", sprintf("%x", $at), "\n" if index($bytes, $seed) >= 0;
				print "its text is at ", sprintf("%x", $at), "\n" if index($bytes, $line) >= 0;
			}
		}
		$looked > 100000 or print "only $looked bytes could be read\n";
	END
	text=$(sed '/^-/d' "$T/daemon/state/host_key")
	base64 -d <<<"$text" | tail -c 32 >"$T/seed"
	look() { perl "$T/look.pl" "$T/seed" "${text:24:36}" "$1" 2>&1; }
	# That it finds what is there, the monitor shows.
	report "the monitor has the host key in memory" "$(look "$server_pid" | grep -q 'the seed is' || echo "it was not found")"
	report "a worker has it nowhere" "$(look "$first")"
	exec 7<>"/dev/tcp/127.0.0.1/$port"
	greeter_is_there() { [ "$(pids_of_sessions | wc -l)" -ge 3 ]; }
	wait_for greeter_is_there
	greeter=$(pids_of_sessions | tail -n 1)
	report "a greeter has it nowhere" "$(look "$greeter")"
	check "a greeter is nobody" test "$(stat -c %u "/proc/$greeter")" != 0 -o "$(awk '/^Uid/ { print $2 }' "/proc/$greeter/status")" != 0
	check "a greeter may have no more rights" grep -q 'NoNewPrivs:.*1' "/proc/$greeter/status"
	exec 7<&- 7>&-
else
	skip "a worker has it nowhere" "needs root"
fi
wait_for two
exec 7<>"/dev/tcp/127.0.0.1/$port"
three() { [ "$(pids_of_sessions | wc -l)" -ge 3 ]; }
wait_for three
kill -SEGV "$(pids_of_sessions | tail -n 1)"
exec 7<&- 7>&-
syncs "a greeter that crashes does not matter to others" -a "$daemon/open/file" "$T/got4/"
kill -KILL "$first"
daemon_says 'status=137' && ok "the log says how a worker was killed" || not_ok "the log says how a worker was killed" "$(show_server)"
syncs "a worker that is killed does not matter to others" -a "$daemon/open/file" "$T/got5/"
check "nor to other sessions" alive "$(pids_of_sessions | head -n 1)"
kill "${slow[@]}" 2>/dev/null
check "the monitor is there" alive "$server_pid"
report "no process of the daemon was found out by a sanitizer" "$(grep -aE 'Sanitizer|runtime error' "$T/.server.err")"
kill -TERM "$server_pid"
ends "it ends in order" 0 "$server_pid"
chmod 700 "$T/hidden"

finish
