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
wait_for find "$T/interrupted" -name '.lade.*' -size +0 -fprintf "$T/found" x -quit
kill -TERM "$started"
ends "a slow transfer that is interrupted ends" 20 "$started"

# Silence.
exits "a far side that says nothing" 30 lade sync -a --timeout=1 -e "$T/silent-shell" "$T/src/" far:"$T/none/"
says "it is told" 'wait for a greeting from "far": nothing was heard'
start "$LADE" sync -a --timeout=4 --bwlimit=100 "${far[@]}" "$T/src/" far:"$T/stopped/" 2>"$err"
begun() { [ -n "$(find "$T/stopped" -name '.lade.*')" ]; }
wait_for begun
kill -STOP "$(cat "$T/far.pid")"
ends "a far side that is stopped" 30 "$started"
syncs "the next run completes it" -a "${far[@]}" "$T/src/" far:"$T/stopped/"
same "it is complete" "$T/src" "$T/stopped"
syncs "a time-out that nobody needs" -a --timeout=60 "${far[@]}" "$T/src/" far:"$T/in-time/"
same "it is complete" "$T/src" "$T/in-time"

finish
