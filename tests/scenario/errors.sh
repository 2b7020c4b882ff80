# tests/scenario/errors.sh: what goes wrong is said once, in words, with the right exit
# code; and what was interrupted leaves nothing half-done under a real name.
. "${srcdir:-.}/tests/scenario/lib.sh"

# many_files DIR COUNT: small files, each with its own name as its content.
many_files() {
	mkdir -p "$1"
	perl -e 'chdir shift; for (1 .. shift) { open F, ">", "f$_" or die; print F "f$_" }' "$1" "$2"
}

# damaged_files DIR: print the files of a many_files tree that do not have their content.
damaged_files() {
	perl -e 'chdir shift; for (<f*>) { open F, "<", $_; my $text = <F>; print "$_\n" if $text ne $_ }' "$1" | head
}

has_file() { [ -n "$(find "$1" -name 'f*' -print -quit 2>/dev/null)" ]; }
no_session() { [ -z "$(cat /proc/"$server_pid"/task/*/children)" ]; }
has_temporary() { [ -n "$(find "$1" -name '.lade.*' -size +0 -print -quit 2>/dev/null)" ]; }

# What is missing or forbidden.
mkdir "$T/src" "$T/dst"
echo good >"$T/src/good"
echo also >"$T/src/zgood"
exits "a missing source is exit 23" 23 lade sync -a "$T/none" "$T/src/good" "$T/dst/"
says "it is named with its reason" 'none.*No such file or directory'
check "the other source is transferred" cmp "$T/src/good" "$T/dst/good"
exits "a missing parent of the destination is exit 11" 11 lade sync -a "$T/src/" "$T/no/parent/"
says "it is named with its reason" 'no/?.*No such file or directory'
exits "a file where a directory must be" "3|11|23" lade sync -a "$T/src/" "$T/src/good/"
says "it is named" 'src/good'

echo secret >"$T/src/secret"
mkdir "$T/src/closed"
echo inside >"$T/src/closed/file"
chmod 0 "$T/src/secret" "$T/src/closed"
mkdir "$T/open"
chmod 777 "$T/open"
exits "an unreadable file is exit 23" 23 run "${as_nobody[@]}" "$LADE" sync -r "$T/src/" "$T/open/"
says "the file is named with its reason" 'secret.*Permission denied'
says "the directory too" 'closed.*Permission denied'
check "the others are transferred" exist "$T/open/good" "$T/open/zgood"
check "nothing stands for it" absent "$T/open/secret"
no_leftovers "no temporary stays for it" "$T/open"
echo stays >"$T/open/stays"
chmod 666 "$T/open/stays"
run "${as_nobody[@]}" "$LADE" sync -r --delete "$T/src/" "$T/open/"
check "after a failed scan nothing is deleted" exist "$T/open/stays"
chmod 700 "$T/src/closed" "$T/src/secret"

forbidden=$T/read-only
mkdir -m 555 "$forbidden"
# A file alone: a directory of its own is opened up when it is part of the transfer.
exits "a destination without the right to write" "11|23" run "${as_nobody[@]}" "$LADE" sync "$T/src/good" "$forbidden/"
says "it says so" 'Permission denied'
exits "a new destination where none may be made" 11 run "${as_nobody[@]}" "$LADE" sync -r "$T/src/" "$forbidden/new/"
says "it is named with its reason" 'new.*Permission denied'

# Another program at the other end of a remote shell: what it is decides, and not when it ends, nor what its shell makes of that.
# stranger NAME STATUS PATTERN COMMANDS: the shell that runs them, tried both ways and in several moments.
stranger() {
	local name=$1 expected=$2 pattern=$3 delay
	for delay in 0 0.2; do
		printf '#!/bin/sh\nsleep %s\n%s\n' "$delay" "$4" >"$T/stranger"
		chmod +x "$T/stranger"
		exits "$name (push, $delay)" "$expected" lade sync -a -e "$T/stranger" "$T/src/good" far:dst/
		says "it says why" "$pattern"
		# What it says is there, and it has gone, before anything is said to it.
		exits "$name (pull, $delay)" "$expected" lade sync -a -e "$T/late $T/stranger" far:src/ "$T/dst/"
	done
}
# late COMMAND...: its output once it has ended, and nothing for it to hear.
printf '#!/bin/sh\nexec 0<&-\nsleep 0.2\n"$@" </dev/null >"%s/said"\nstatus=$?\ncat "%s/said"\nexit $status\n' "$T" "$T" >"$T/late"
chmod +x "$T/late"
hello="printf '\\237lade\\r\\n\\032'"
stranger "a shell that greets" 2 "does not speak lade's protocol" 'echo "This account is closed."; exit 1'
stranger "a shell that greets and fails" 2 'remote shell .* failed' 'echo "Host key verification failed."; exit 255'
stranger "a shell that says what it does not find" 2 'was not found' 'echo "lade: command not found"; exit 127'
stranger "a shell that fails" 255 'remote shell .* failed' 'exit 255'
stranger "a shell that does not find it" 127 'was not found' 'exit 127'
stranger "a shell that ends" 12 'closed unexpectedly' 'exit 0'
stranger "a greeting that ends" 12 'closed unexpectedly' "$hello"
mkdir "$T/repository"
printf '#!/bin/sh\n"%s" serve --stdio --repository --restrict="%s/repository"\nexit 255\n' "$LADE" "$T" >"$T/forced"
chmod +x "$T/forced"
exits "a repository's server (push)" 2 lade sync -a -e "$T/forced" "$T/src/good" far:dst/
says "it says what it is" 'has repositories alone'
exits "a repository's server (pull)" 2 lade sync -a -e "$T/forced" far:src/ "$T/dst/"
says "it says what it is" 'has repositories alone'
printf '#!/bin/sh\ncat\nexit 255\n' >"$T/echo"
chmod +x "$T/echo"
exits "an echo" 12 lade sync -a -e "$T/echo" far:src/ "$T/dst/"

# A full disk.
if small_disk "$T/small" 8m; then
	mkdir "$T/large"
	file_of_size "$T/large/big" 12000000
	echo small >"$T/large/a-small-one"
	for path in auto splice copy; do
		exits "a full disk (--path=$path)" "11|23" lade sync -a --path="$path" "$T/large/" "$T/small/dst/"
		says "the file is named with its reason (--path=$path)" 'big.*No space left on device'
		check "nothing half-written is visible (--path=$path)" absent "$T/small/dst/big"
		no_leftovers "no temporary stays (--path=$path)" "$T/small"
		rm -rf "$T/small/dst"
	done
else
	skip "a full disk" "cannot mount a file system here"
fi

# begin DIR LADE_ARGUMENTS...: start a run that copies $T/many to DIR and stop it (SIGSTOP) in the
# middle. A busy machine may look only when the run is over: then once more.
many=30000
begin() {
	local dir=$1
	shift
	for _ in {1..20}; do
		rm -rf "$dir"
		start "$LADE" "$@" >"$out" 2>"$err"
		wait_for has_file "$dir"
		kill -STOP "$started" 2>/dev/null
		# What is missing now the other side cannot get: the run is not over.
		[ "$(find "$dir" -name 'f*' | wc -l)" -ge "$many" ] || return 0
		kill -CONT "$started" 2>/dev/null
		wait "$started"
	done
	return 1
}

# Ctrl-C while many files are copied.
many_files "$T/many" "$many"
begin "$T/many-dst" sync -a "$T/many/" "$T/many-dst/"
kill -INT "$started"
kill -CONT "$started"
ends "SIGINT is exit 20" 20 "$started"
says "it says so" '[Ii]nterrupt|[Ss]ignal|SIGINT'
report "each file that is there is whole" "$(damaged_files "$T/many-dst")"
syncs "the next run completes" -a "$T/many/" "$T/many-dst/"
same "the tree is whole" "$T/many" "$T/many-dst"
no_leftovers "no temporary stays" "$T/many-dst"

# While nobody has answered yet.
printf '#!/bin/sh\ntouch "%s/waiting"; cat >/dev/null\n' "$T" >"$T/mute-shell"
chmod +x "$T/mute-shell"
start "$LADE" sync -a -e "$T/mute-shell" "$T/many/" far:dst/ 2>"$err"
wait_for test -e "$T/waiting"
kill -INT "$started"
ends "SIGINT before the greeting is exit 20" 20 "$started"

# Large files on the way through a slow connection.
slow_shell
mkdir "$T/big"
file_of_size "$T/big/first" 40000000
file_of_size "$T/big/second" 3000000
# push: start the transfer and wait until it is in the middle of the large file.
push() {
	rm -rf "$T/big-dst" "$T/far.pid"
	mkdir "$T/big-dst"
	start "$LADE" sync -a -e "$T/slow-shell" --lade-path="$LADE" "$T/big/" "far:$T/big-dst/" >"$out" 2>"$err"
	wait_for has_temporary "$T/big-dst" || diagnose <"$err"
	far_pid=$(cat "$T/far.pid")
}
# after WHAT: what must hold after any interruption.
after() {
	check "$1: no partial file under the real name" absent "$T/big-dst/first"
	syncs "$1: the next run completes" -a -e "$T/slow-shell" --lade-path="$LADE" "$T/big/" "far:$T/big-dst/"
	same "$1: the tree is whole" "$T/big" "$T/big-dst"
	no_leftovers "$1: no temporary stays" "$T/big-dst"
}
push
kill -INT "$started"
ends "SIGINT during a large file is exit 20" 20 "$started"
check "the far side ends too" wait_for ended "$far_pid"
after "SIGINT"
push
kill -TERM "$started"
ends "SIGTERM during a large file is exit 20" 20 "$started"
check "the far side ends after SIGTERM" wait_for ended "$far_pid"
push
kill -KILL "$started"
wait "$started" 2>/dev/null
check "when this side is killed the far side ends" wait_for ended "$far_pid"
after "this side killed"
push
kill -KILL "$far_pid"
ends "when the far side is killed this side ends" "12|255" "$started"
says "and says what happened" 'closed|ended|lost|died|killed'
after "the far side killed"

# The same over TCP.
if start_server; then
	begin "$T/tcp-dst" sync -a --token-file "$token" "$T/many/" "$remote$T/tcp-dst/"
	kill -KILL "$started"
	wait "$started" 2>/dev/null
	# Until it has noticed, its temporary files are locked.
	check "TCP: the session of a killed client ends" wait_for no_session
	syncs "TCP: after a killed client the server serves on" -a --token-file "$token" "$T/many/" "$remote$T/tcp-dst/"
	same "TCP: the tree is whole" "$T/many" "$T/tcp-dst"
	no_leftovers "TCP: no temporary stays" "$T/tcp-dst"
	begin "$T/tcp-dst" sync -a --token-file "$token" "$T/many/" "$remote$T/tcp-dst/"
	# The listener and the process that it made for the session.
	# shellcheck disable=SC2046 # several words are meant
	kill -KILL "$server_pid" $(cat /proc/"$server_pid"/task/*/children)
	kill -CONT "$started"
	ends "TCP: when the server is killed this side ends" "10|12" "$started"
	says "TCP: and says what happened" 'closed|reset|lost'
	report "TCP: each file that is there is whole" "$(damaged_files "$T/tcp-dst")"
else
	not_ok "TCP: the server starts" "$(cat "$T/.server.err")"
fi

# A source that changes while it is read is no reason to fail the others.
mkdir "$T/shrinking"
file_of_size "$T/shrinking/first" 40000000
echo other >"$T/shrinking/second"
start "$LADE" sync -a -e "$T/slow-shell" --lade-path="$LADE" "$T/shrinking/" "far:$T/shrunk/" >"$out" 2>"$err"
wait_for has_temporary "$T/shrunk"
truncate -s 1000 "$T/shrinking/first"
ends "a file that shrinks under the transfer" "0|23|24" "$started"
check "the other file arrived" cmp "$T/shrinking/second" "$T/shrunk/second"
syncs "the next run completes it" -a "$T/shrinking/" "$T/shrunk/"
same "the tree is whole after the shrinking" "$T/shrinking" "$T/shrunk"

# Files that are too long for the destination: what is packed behind them goes on with what was packed of them.
mkdir "$T/too-long"
perl -e 'srand 1; my @words = map { join "", map { chr 97 + rand 26 } 0 .. rand 9 } 0 .. 999;
	for my $name (1 .. 3) {
		open my $f, ">", "$ARGV[0]/$name"; my $len = 0; my $most = $name == 1 ? 9e6 : 2e6;
		while ($len < $most) { my $line = join(" ", map { $words[rand @words] } 0 .. 9) . "\n"; print $f $line; $len += length $line }
	}' "$T/too-long"
printf '#!/bin/bash\nshift\nulimit -f 4096\nexec sh -c "$*"\n' >"$T/short-shell"
chmod +x "$T/short-shell"
lade sync -a --zl=9 -e "$T/short-shell" --lade-path="$LADE" "$T/too-long/" "far:$T/short/"
check "a file that is too long for the destination: exit status 23" test "$status" = 23
says "it says what happened" 'too large'
check "it is not there" test ! -e "$T/short/1"
for name in 2 3; do
	check "file $name behind it is whole" cmp "$T/too-long/$name" "$T/short/$name"
done

finish
