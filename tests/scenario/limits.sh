# tests/scenario/limits.sh: limits of rate, time and memory, and how the other side is reached.
. "${srcdir:-.}/tests/scenario/lib.sh"

mkdir -p "$T/src/dir"
file_of_size "$T/src/big" 3000000
file_of_size "$T/src/dir/small" 3000
echo text >"$T/src/text"

# A shell that runs the far command here; its process is in $T/far.pid.
cat >"$T/near-shell" <<END
#!/bin/sh
shift
echo \$\$ >"$T/far.pid"
exec sh -c "exec \$*"
END
# One behind which nobody says anything.
printf '#!/bin/sh\nexec sleep 1000\n' >"$T/silent-shell"
# One that shows how it was called.
printf '#!/bin/sh\nprintf "%%s\\n" "$@" >"%s/called"\nexit 255\n' "$T" >"$T/ssh"
chmod +x "$T/near-shell" "$T/silent-shell" "$T/ssh"
far=(-e "$T/near-shell" --lade-path="$LADE")

# begun DIR: a file is under way there.
begun() { [ -n "$(find "$1" -name '.lade.*')" ]; }

# The rate. How fast it is is no matter of these tests (tests/unit/test_throttle, tests/bench/limits).
syncs "a copy with a limit" -a --bwlimit=20m "$T/src/" "$T/limited/"
same "it is complete" "$T/src" "$T/limited"
syncs "one that makes holes" -aS --bwlimit=20m "$T/src/" "$T/limited-holes/"
same "it is complete" "$T/src" "$T/limited-holes"
syncs "a push with a limit" -a --bwlimit=20m "${far[@]}" "$T/src/" far:"$T/pushed/"
same "it is complete" "$T/src" "$T/pushed"
syncs "a pull with a limit" -az --bwlimit=20m "${far[@]}" far:"$T/src/" "$T/pulled/"
same "it is complete" "$T/src" "$T/pulled"
exits "a rate that is too low is refused" 1 lade sync -a --bwlimit=0.1 "$T/src/" "$T/none/"
says "it is named" "'0.1' is no rate"

# A transfer that takes 50 minutes is interrupted at once: nothing waits for the limit then.
start "$LADE" sync -a --bwlimit=1 "${far[@]}" "$T/src/" far:"$T/interrupted/"
wait_for begun "$T/interrupted"
kill -TERM "$started"
ends "a slow transfer that is interrupted ends" 20 "$started"

# Silence.
exits "a far side that says nothing" 30 lade sync -a --timeout=1 -e "$T/silent-shell" "$T/src/" far:"$T/none/"
says "it is told" 'wait for a greeting from "far": nothing was heard'
start "$LADE" sync -a --timeout=4 --bwlimit=100 "${far[@]}" "$T/src/" far:"$T/stopped/" 2>"$err"
wait_for begun "$T/stopped"
kill -STOP "$(cat "$T/far.pid")"
ends "a far side that is stopped" 30 "$started"
syncs "the next run completes it" -a "${far[@]}" "$T/src/" far:"$T/stopped/"
same "it is complete" "$T/src" "$T/stopped"
syncs "a time-out that nobody needs" -a --timeout=60 "${far[@]}" "$T/src/" far:"$T/in-time/"
same "it is complete" "$T/src" "$T/in-time"

# Memory. Sanitizers take more than anything else, and level 19 looks 128 MiB back.
exits "less memory than lade needs" 1 lade sync -a --max-alloc=100M "$T/src/" "$T/none/"
if grep -qaE '__(asan|tsan)_init' "$LADE"; then
	skip "sessions with little memory" "sanitizers map all of it"
else
	syncs "a session with little memory" -az --max-alloc=128M "${far[@]}" "$T/src/" far:"$T/little/"
	same "it is complete" "$T/src" "$T/little"
	mkdir "$T/large"
	head -c 40000000 /dev/zero >"$T/large/zeros"
	exits "one that needs more" 22 lade sync -a --zl=19 --max-alloc=128M "${far[@]}" "$T/large/" far:"$T/more/"
	says "it is told" 'out of memory'
	exits "a far side that needs more" 22 lade sync -a --zl=19 --max-alloc=128M "${far[@]}" far:"$T/large/" "$T/more/"
	says "it tells" 'compress: out of memory'
fi

# How ssh is called, and TCP.
called() { tr '\n ' '||' <"$T/called" 2>/dev/null; }
PATH=$T:$PATH run "$LADE" sync -6 -a "$T/src/" user@[fe80::1%lo]:x
check "ssh is told the family, the user and the host" [ "$(called)" = "-6|-l|user|fe80::1%lo|lade|serve|--stdio|" ]
RSYNC_RSH="$T/ssh -o 'A B' -p 7" run "$LADE" sync -a --rsync-path='sudo -u www lade' "$T/src/" h:x
check "options of ssh and of sudo pass through" [ "$(called)" = "-o|A|B|-p|7|h|sudo|-u|www|lade|serve|--stdio|" ]
if start_server; then
	syncs "a port and an address of our own" -a --port="$port" --address=127.0.0.2 -4 --password-file="$token" \
		--sockopts=SO_SNDBUF=65536,TCP_NODELAY --contimeout=60 --timeout=60 "$T/src/" "lade+tcp://127.0.0.1$T/tcp/"
	same "it is complete" "$T/src" "$T/tcp"
	timeout "$LIMIT" "$LADE" sync -a --token-file=- "$remote$T/src/" "$T/tcp-pulled/" <"$token" >"$out" 2>"$err"
	status=$?
	silent "a token from standard input"
	same "it is complete" "$T/src" "$T/tcp-pulled"
	syncs "a pull with a limit" -a --bwlimit=20m --token-file="$token" "$remote$T/src/" "$T/tcp-limited/"
	same "it is complete" "$T/src" "$T/tcp-limited"
	exits "an address of the other kind" 10 lade sync -a -6 --token-file="$token" "$remote$T/src/" "$T/none/"
else
	not_ok "the server starts" "$(cat "$T/.server.err")"
fi

finish
