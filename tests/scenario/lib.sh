# tests/scenario/lib.sh: what the scenario tests share. They run the real program.
# Sourced by each test; the test ends with `finish`.
#
# A test owns the directory $T, which is removed at its end with every process that
# was started through start_server, start_sshd or start. Needs bash, coreutils, findutils
# and perl-base; what else a function needs (getfattr, sshd, rsync) its caller asks for
# with `have`.
#
# Set by run:  $status  $out  $err (files with what the program printed)
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154

set -u
. "${srcdir:-.}/tests/tap.sh"

export LC_ALL=C TZ=UTC
umask 022
unset CDPATH LADE_RSH RSYNC_RSH RSYNC_FILTER RSYNC_PROXY RSYNC_ICONV

T=$(mktemp -d "${TMPDIR:-/tmp}/lade-scenario.XXXXXX") || exit 99
# Other users run the program on trees in here.
chmod 755 "$T"
# Out of a build tree that other users cannot enter.
cp "${LADE:-${abs_top_builddir:-$PWD/build}/lade}" "$T/lade" || exit 99
LADE=$T/lade
out=$T/.out err=$T/.err
# What the program remembers of one run is for the next one of the same test.
export XDG_STATE_HOME=$T/.state
# Its keys, and the hosts that it knows.
export XDG_CONFIG_HOME=$T/.config
status=0
own_pids=()
own_mounts=()
# Seconds after which a command that should have ended long ago is killed. Sanitizers
# are ten times slower.
LIMIT=${LADE_TEST_LIMIT:-120}

clean_up() {
	local pid mount
	for pid in ${own_pids[@]+"${own_pids[@]}"}; do
		kill -KILL "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	for mount in ${own_mounts[@]+"${own_mounts[@]}"}; do
		[ -z "$mount" ] || umount -l "$mount"
	done
	cd /
	remove_trees "$T"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# remove_trees DIR...: as rm -rf, for any user: trees of the tests hold directories that may not be written to.
remove_trees() {
	chmod -R u+rwX "$@" 2>/dev/null
	rm -rf "$@"
}

finish() {
	tap_plan
	[ "$tap_failures" = 0 ]
	exit
}

# skip_all REASON: the whole test cannot run here.
skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" = 0 ]; }

# run COMMAND...: run with a time limit; see $status, $out, $err.
run() {
	timeout -k 5 "$LIMIT" "$@" >"$out" 2>"$err" </dev/null
	status=$?
}

lade() { run "$LADE" "$@"; }

show_run() {
	echo "exit status: $status"
	head -c 4000 "$out" | sed 's/^/stdout: /'
	head -c 4000 "$err" | sed 's/^/stderr: /'
}

# exist FILE...: all are there, as regular files.
exist() {
	local file
	for file; do
		[ -f "$file" ] || { echo "missing: $file"; return 1; }
	done
}

# absent FILE...: none is there.
absent() {
	local file
	for file; do
		[ ! -e "$file" ] && [ ! -L "$file" ] || { echo "there: $file"; return 1; }
	done
}

# exits NAME STATUSES COMMAND...: run a command that must end with one of the statuses ("0", "2|12").
exits() {
	local name=$1 expected=$2
	shift 2
	"$@"
	if [[ "|$expected|" == *"|$status|"* ]]; then
		ok "$name"
	else
		not_ok "$name" "\$ $*
expected exit status: $expected
$(show_run)"
	fi
}

# syncs NAME ARGUMENTS...: lade sync ARGUMENTS ends with 0 and says nothing on stderr.
syncs() {
	local name=$1
	shift
	lade sync "$@"
	if [ "$status" = 0 ] && [ ! -s "$err" ]; then
		ok "$name"
	else
		not_ok "$name" "\$ lade sync $*
$(show_run)"
	fi
}

# says NAME PATTERN: the last command's stderr has a line that matches the extended pattern.
says() {
	if grep -aqE -e "$2" "$err"; then
		ok "$1"
	else
		not_ok "$1" "no line on stderr matches: $2
$(show_run)"
	fi
}

# prints NAME PATTERN: the same for stdout.
prints() {
	if grep -aqE -e "$2" "$out"; then
		ok "$1"
	else
		not_ok "$1" "no line on stdout matches: $2
$(show_run)"
	fi
}

# silent NAME: the last command printed nothing at all.
silent() {
	if [ ! -s "$out" ] && [ ! -s "$err" ]; then
		ok "$1"
	else
		not_ok "$1" "$(show_run)"
	fi
}

# differ LISTING LISTING: their differences, the first of them.
differ() { diff -u --label expected --label found "$1" "$2" | head -n 60; }

# same NAME DIR DIR [xattr] [hardlinks] [notimes]: two trees have equal listings.
same() {
	local name=$1 expected=$2 found=$3
	shift 3
	tree_listing "$expected" "$@" >"$T/.expected"
	tree_listing "$found" "$@" >"$T/.found"
	# Two trees that are not there are not the same.
	[ -s "$T/.expected" ] || echo "nothing in $expected" >"$T/.expected"
	report "$name" "$(differ "$T/.expected" "$T/.found")"
}

# tree_listing DIR [xattr] [hardlinks] [notimes] [noowner]: print a line for each entry
# below DIR and for DIR itself (as "."), sorted by path: path, type, mode, owner, group,
# size, modification time, link target and digest of the content. "hardlinks" adds
# the first name of each group; "xattr" adds attributes and ACLs.
tree_listing() {
	local tree=$1 with=" ${*:2} "
	(
		cd "$tree" || exit 1
		# Three records an entry: what has no odd bytes, the path, the target.
		find . -printf '%y %m %U %G %s %T@ %D:%i %n\0%p\0%l\0' >"$T/.entries"
		find . -type f -print0 | xargs -0r sha256sum -z >"$T/.digests"
		WITH=$with perl -e '
			use strict;
			my ($entries, $digests, %digest, %leader, @rows) = @ARGV;
			local $/ = "\0";
			sub escape { my $s = shift; $s =~ s/([^!-\x5b\x5d-~])/sprintf "\\%03o", ord $1/ge; $s }
			open my $f, "<", $digests or die;
			while (<$f>) { chomp; /^(\S+) [ *](.*)$/s and $digest{$2} = $1 }
			open $f, "<", $entries or die;
			while (defined(my $facts = <$f>)) {
				chomp(my $path = <$f>); chomp(my $target = <$f>); chomp $facts;
				push @rows, [$path, $target, split / /, $facts];
			}
			my $with = $ENV{WITH};
			for (sort { $a->[0] cmp $b->[0] } @rows) {
				my ($path, $target, $type, $mode, $uid, $gid, $size, $time, $inode, $links) = @$_;
				my $line = escape($path) . " $type";
				$line .= " $mode" unless $type eq "l";
				$line .= " $uid:$gid" unless $with =~ / noowner /;
				$line .= " $size" if $type =~ /[fl]/;
				$line .= " $time" unless $with =~ / notimes /;
				$line .= " -> " . escape($target) if $type eq "l";
				$line .= " " . ($digest{$path} // "unreadable") if $type eq "f";
				$line .= " device " . (lstat $path)[6] if $type =~ /[bc]/;
				if ($with =~ / hardlinks / && $type ne "d" && $links > 1) {
					my $leader = $leader{$inode} //= $path;
					$line .= " = $links " . escape($leader);
				}
				print "$line\n";
			}' "$T/.entries" "$T/.digests"
		if [[ $with == *' xattr '* ]]; then
			# ACLs are the attributes system.posix_acl_*. The kernel gives names in any order.
			find . -print0 | sort -z | xargs -0r getfattr -h -d -m - -e hex |
				perl -00 -ne 'my ($file, @rest) = grep { length } split /\n/;
					print map { "$_\n" } $file, sort grep { !/^security\.selinux/ } @rest'
		fi
	)
}

# times_listing DIR: path, change time and modification time of every entry. Equal before
# and after means that nothing was touched.
times_listing() { (cd "$1" && find . -printf '%p %C@ %T@ %i\n' | sort); }

# untouched NAME DIR LISTING: the tree has the times that times_listing wrote to the file.
untouched() {
	times_listing "$2" >"$T/.times"
	[ -s "$T/.times" ] || echo "nothing in $2" >"$T/.times"
	report "$1" "$(differ "$3" "$T/.times")"
}

# no_leftovers NAME DIR: no temporary of ours stays in a tree.
no_leftovers() { report "$1" "$(find "$2" -name '.lade.*' -print | head -n 10)"; }

# file_of_size FILE SIZE: content that differs from file to file and does not compress to nothing. It does not repeat
# itself either: what does is cut by its period, in a phase of its own behind every change. So each piece is a block
# that lies over itself, every time at another distance.
file_of_size() {
	perl -e 'my ($seed, $size, $len) = (unpack("%32C*", $ARGV[0]) + 1, $ARGV[1], 65537);
		srand $seed;
		my $block = join "", map { chr int rand 256 } 1 .. $len;
		my $twice = $block x 2;
		for (my $n = 1; $size > 0; $n++) {
			my $piece = $block ^ substr $twice, 17 * $n % $len, $len;
			print substr $piece, 0, $size;
			$size -= $len;
		}' "$1" "$2" >"$1"
}

# make_tree DIR: a tree with one of everything. With the rights of root also devices and
# owners. Attributes are added by make_attributes.
make_tree() {
	local size n
	mkdir -p "$1"
	(
		cd "$1" || exit 1
		mkdir -p sizes deep/a/b/c/d/e/f/g empty-dir 'dir with spaces' odd modes links
		for size in 0 1 511 512 513 4095 4096 4097 65535 65536 65537 1048575 1048576 1048577 3145728; do
			file_of_size "sizes/$size" "$size"
		done
		echo deep >deep/a/b/c/d/e/f/g/file
		echo spaces >'dir with spaces/file with spaces'
		echo dash >./-leading-dash
		echo newline >$'odd/new\nline'
		echo invalid >$'odd/invalid-\xff\xfe-utf8'
		echo control >$'odd/tab\tescape\x1b'
		echo quote >"odd/quote'\"\`\$(x)*?[a]\\"
		echo utf8 >$'odd/\xc3\xbc\xe2\x82\xac'
		echo long >"odd/$(printf 'n%.0s' {1..255})"
		echo tilde >./~tilde
		echo colon >./with:colon
		ln -s sizes/4096 links/to-file
		ln -s ../sizes links/to-dir
		ln -s does/not/exist links/dangling
		ln -s /absolute/nowhere links/absolute
		ln -s "$(printf 't%.0s' {1..200})" links/long-target
		echo linked >links/hard-1
		ln links/hard-1 links/hard-2
		ln links/hard-1 'dir with spaces/hard-3'
		mkfifo fifo
		perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0) && bind(S, sockaddr_un("socket")) or die $!'
		truncate -s 2M sparse
		echo middle | dd of=sparse bs=1 seek=1048576 conv=notrunc status=none
		truncate -s 300000 all-hole
		for n in 0400 0600 0644 0755 0777 0711 4755 2755 1644; do
			echo "$n" >"modes/$n"
			chmod "$n" "modes/$n"
		done
		mkdir modes/dir-0700 modes/dir-1777 modes/dir-0555
		echo inside >modes/dir-0555/inside
		if is_root; then
			mknod odd/null c 1 3 2>/dev/null
			echo other >modes/other-owner
			chown 12345:54321 modes/other-owner
			chown -h 12345:54321 links/dangling
		fi
		chmod 0700 modes/dir-0700
		chmod 1777 modes/dir-1777
		chmod 0555 modes/dir-0555
		# Last, and from the leaves up: what came before changes times of directories.
		n=0
		find . -depth -print0 | while IFS= read -r -d '' size; do
			n=$((n + 1))
			touch -h -d "@$((1000000000 + n * 86400)).$(printf '%09d' $((n * 7654321 % 1000000000)))" "$size"
		done
		touch -d '1969-07-20 20:17:40.5' sizes/1
		touch -d '2040-01-01 00:00:00.000000001' sizes/511
	)
}

# make_attributes DIR: extended attributes and ACLs on some entries of a make_tree tree.
# Fails where the file system has none.
make_attributes() {
	(
		cd "$1" || exit 1
		touch -r sizes "$T/.sizes-time"
		setfattr -n user.lade.text -v 'some text' sizes/4096 &&
			setfattr -n user.lade.binary -v 0x00ff0a00 sizes/4096 &&
			setfattr -n user.lade.empty sizes/0 &&
			setfattr -n user.lade.dir -v yes sizes &&
			setfacl -m u:12345:rw,g:54321:r sizes/65536 &&
			setfacl -m u:12345:rwx -m d:u:12345:rx,d:g::rx sizes || exit 1
		touch -r "$T/.sizes-time" sizes
	) 2>/dev/null
}

# wait_for COMMAND...: until the command succeeds; fails after the time limit.
wait_for() {
	local end=$((SECONDS + LIMIT))
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.02
	done
}

# start COMMAND...: run in the background, killed at the end; its pid is in $started.
# bash lets background commands ignore SIGINT: the program is to see it as from a terminal.
start() {
	env --default-signal=INT "$@" </dev/null &
	started=$!
	own_pids+=("$started")
}

alive() { kill -0 "$1" 2>/dev/null; }
ended() { ! alive "$1"; }

# ends NAME STATUSES PID: a background process ends within the time limit with one of the statuses.
ends() {
	if ! wait_for ended "$3"; then
		not_ok "$1" "process $3 still runs after $LIMIT s"
		kill -KILL "$3"
		wait "$3" 2>/dev/null
		status=137
		return
	fi
	wait "$3" 2>/dev/null
	status=$?
	if [[ "|$2|" == *"|$status|"* ]]; then
		ok "$1"
	else
		not_ok "$1" "expected exit status: $2
$(show_run)"
	fi
}

# start_server [ARGUMENTS...]: lade serve on a free port of 127.0.0.1. Sets $port,
# $server_pid, and $token, the file of a token that it accepts.
start_server() {
	token=$T/token
	[ -e "$token" ] || (umask 077 && head -c 32 /dev/urandom | base64 >"$token")
	# What another server said is not to be taken for this one's.
	: >"$T/.server.err"
	"$LADE" serve --listen 127.0.0.1:0 --token-file "$token" "$@" \
		>"$T/.server.out" 2>"$T/.server.err" </dev/null &
	server_pid=$!
	own_pids+=("$server_pid")
	wait_for grep -qE 'listening on 127\.0\.0\.1:[0-9]+' "$T/.server.err" || return 1
	port=$(sed -nE 's/.*listening on 127\.0\.0\.1:([0-9]+).*/\1/p' "$T/.server.err" | head -n 1)
	remote=lade+tcp://127.0.0.1:$port
}

# need_server [ARGUMENTS...]: the same; without a server the script ends here.
need_server() {
	start_server "$@" && return
	not_ok "the server starts" "$(cat "$T/.server.err")"
	finish
}

# as_we_are: the line of a module that has its files touched by the user of the test.
as_we_are() { ! is_root || echo "uid = root"; }

# start_daemon LINE...: lade daemon on a free port of 127.0.0.1 with these lines of configuration. Sets $port, $server_pid,
# $daemon (what is before the module), $daemon_conf. Its log is $T/.server.err.
start_daemon() {
	daemon_conf=$T/daemon/daemon.conf
	mkdir -p "$T/daemon"
	printf '%s\n' "listen = 127.0.0.1:0" "state = $T/daemon/state" "status = $T/daemon/status" "$@" >"$daemon_conf"
	# Else the words of the last one are there until the new one is begun.
	: >"$T/.server.err"
	"$LADE" daemon --config "$daemon_conf" >"$T/.server.out" 2>"$T/.server.err" </dev/null &
	server_pid=$!
	own_pids+=("$server_pid")
	wait_for grep -qE 'listening on 127\.0\.0\.1:[0-9]+' "$T/.server.err" || return 1
	port=$(sed -nE 's/.*listening on 127\.0\.0\.1:([0-9]+).*/\1/p' "$T/.server.err" | head -n 1)
	daemon=lade://127.0.0.1:$port
}

# need_daemon LINE...: the same; without a daemon the script ends here.
need_daemon() {
	start_daemon "$@" && return
	not_ok "the daemon starts" "$(cat "$T/.server.err")"
	finish
}

# daemon_says PATTERN: a line of its log.
daemon_says() { wait_for grep -qE "$1" "$T/.server.err"; }

show_server() { sed 's/^/# server: /' "$T/.server.err"; }

# start_sshd: a private ssh server of the current user on a free port of 127.0.0.1, with
# keys of its own. Sets $ssh, the command for -e, by which the host is called "far".
# Fails with a reason in $T/.sshd.err.
start_sshd() {
	local dir=$T/sshd try port sshd
	sshd=$(PATH=$PATH:/usr/sbin command -v sshd) || {
		echo "sshd is not installed" >"$T/.sshd.err"
		return 1
	}
	mkdir -p "$dir"
	chmod 700 "$dir"
	ssh-keygen -q -t ed25519 -N '' -f "$dir/host_key" && ssh-keygen -q -t ed25519 -N '' -f "$dir/key" || return 1
	cp "$dir/key.pub" "$dir/authorized_keys"
	# sshd insists on the directory of its privilege separation; the system's start-up makes
	# it where sshd is run as a service.
	! is_root || mkdir -p /run/sshd
	for try in {1..20}; do
		port=$((20000 + RANDOM % 30000))
		cat >"$dir/sshd_config" <<-END
			Port $port
			ListenAddress 127.0.0.1
			HostKey $dir/host_key
			AuthorizedKeysFile $dir/authorized_keys
			PidFile none
			StrictModes no
			UsePAM no
			PasswordAuthentication no
			KbdInteractiveAuthentication no
			PermitRootLogin prohibit-password
			PrintMotd no
			MaxStartups 100
			SetEnv ASAN_OPTIONS=exitcode=99 LSAN_OPTIONS=exitcode=99 TSAN_OPTIONS=exitcode=99
		END
		cat >"$dir/ssh_config" <<-END
			Host far
			HostName 127.0.0.1
			Port $port
			IdentityFile $dir/key
			IdentitiesOnly yes
			IdentityAgent none
			UserKnownHostsFile /dev/null
			GlobalKnownHostsFile /dev/null
			StrictHostKeyChecking no
			BatchMode yes
			LogLevel ERROR
			ControlMaster no
		END
		: >"$T/.sshd.err"
		"$sshd" -D -e -f "$dir/sshd_config" 2>"$T/.sshd.err" </dev/null &
		sshd_pid=$!
		if wait_for sshd_decided && alive "$sshd_pid"; then
			own_pids+=("$sshd_pid")
			ssh="ssh -F $dir/ssh_config"
			timeout "$LIMIT" $ssh far true </dev/null >>"$T/.sshd.err" 2>&1
			return
		fi
		kill -KILL "$sshd_pid" 2>/dev/null
		wait "$sshd_pid" 2>/dev/null
		grep -q 'Address already in use' "$T/.sshd.err" || return 1
	done
	return 1
}

sshd_decided() { ended "$sshd_pid" || grep -q 'Server listening' "$T/.sshd.err"; }

# slow_shell: write $T/slow-shell, a stand-in for ssh (-e "$T/slow-shell") that runs the
# far command here, with what is sent to it passing at about 6 MB/s, so that a transfer is
# still under way when a test interferes. Its far process is in $T/far.pid. As ssh it
# ends with the far command, and with 255 if a signal ended that.
slow_shell() {
	cat >"$T/slow-shell" <<-'END'
		#!/usr/bin/perl
		# usage: slow-shell HOST COMMAND...
		use strict;
		my ($host, @command) = @ARGV;
		my $pid_file = $0 =~ s/slow-shell$/far.pid/r;
		pipe my $out, my $in or die;
		my $far = fork // die;
		if (!$far) {
			close $in;
			open STDIN, "<&", $out or die;
			exec "sh", "-c", "echo \$\$ >'$pid_file'; exec @command";
		}
		close $out;
		my $feeder = fork // die;
		if (!$feeder) {
			close STDOUT;
			while (sysread STDIN, my $bytes, 65536) {
				syswrite $in, $bytes or last;
				select undef, undef, undef, .01;
			}
			exit;
		}
		close $in;
		close STDIN;
		close STDOUT;
		waitpid $far, 0;
		my $status = $?;
		kill KILL => $feeder;
		exit($status & 127 ? 255 : $status >> 8);
	END
	chmod +x "$T/slow-shell"
}

# Put before a command it takes the rights of root away: run "${as_nobody[@]}" "$LADE" ...
as_nobody=()
! is_root || as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)

# small_disk DIR SIZE: mount a tmpfs there. Fails without the right to.
small_disk() {
	mkdir -p "$1"
	is_root && mount -t tmpfs -o "size=$2,mode=755" lade-test "$1" 2>/dev/null && own_mounts+=("$1")
}

# image_disk DIR TYPE SIZE MKFS_OPTIONS...: mount a file system of its own there, in an image file. Fails,
# with the reason for a skip in $no_disk, where that cannot be done.
image_disk() {
	local dir=$1 type=$2 size=$3 mkfs
	shift 3
	no_disk="needs root"
	is_root || return
	no_disk="no mkfs.$type here"
	mkfs=$(PATH=$PATH:/usr/sbin:/sbin command -v "mkfs.$type") || return
	no_disk="cannot mount a file system here"
	mkdir -p "$dir"
	rm -f "$dir.image"
	# An image that cannot be made is no reason to skip what can be tested with it.
	truncate -s "$size" "$dir.image" && "$mkfs" -q "$@" "$dir.image" >"$T/.mkfs" 2>&1 || {
		diagnose <"$T/.mkfs"
		no_disk="mkfs.$type failed"
		return 1
	}
	mount -o loop "$dir.image" "$dir" 2>/dev/null && own_mounts+=("$dir")
}

# forget FILE...: have nothing of them in memory. To mount a disk anew does not do: a process in a mount namespace of its own, of another test, may keep it in use.
forget() {
	local file
	sync "$@"
	for file; do
		dd if="$file" iflag=nocache count=0 status=none >/dev/null
	done
}

# drop_disk DIR: unmount what image_disk or small_disk mounted, and give back its space.
drop_disk() {
	local mount others=()
	umount "$1" || umount -l "$1"
	for mount in "${own_mounts[@]}"; do
		[ "$mount" = "$1" ] || others+=("$mount")
	done
	own_mounts=(${others[@]+"${others[@]}"})
	rm -f "$1.image"
}
