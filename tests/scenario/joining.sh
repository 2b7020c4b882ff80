# tests/scenario/joining.sh: a daemon's sessions over more than one connection: those who may join one, and those who may not.
. "${srcdir:-.}/tests/scenario/lib.sh"

joiner=${abs_top_builddir:-$PWD/build}/tests/scenario/joiner
worn=${joiner%joiner}worn
[ -x "$joiner" ] && [ -x "$worn" ] || skip_all "tests/scenario/joiner and worn are not built"
config=$XDG_CONFIG_HOME/lade

mkdir -p "$T/src/dir" "$T/drop"
for i in {1..40}; do
	head -c $((i * 3000)) /dev/urandom >"$T/src/dir/file-$i"
done
head -c 1500000 /dev/urandom >"$T/src/large"
need_daemon "[drop]" "path = $T/drop" "auth = any" "read only = no" "$(as_we_are)"

exits "a session moves" 0 run "$joiner" move "$port" "$T/src/" /drop/moved
prints "several times" '^([3-9]|[1-9][0-9]) connections more$'
same "and the tree arrives" "$T/src" "$T/drop/moved"
syncs "the next one finds nothing to do" -ai "$T/src/" "lade://127.0.0.1:$port/drop/moved/"
silent "nor to say"

exits "a wrong proof is not the end of a session" 0 run "$joiner" wrong "$port" "$T/src/" /drop/proved
same "its tree arrives" "$T/src" "$T/drop/proved"
daemon_says 'session [0-9]+ of 127\.0\.0\.1:[0-9]+: somebody else wanted to join it' && ok "the daemon tells of it" ||
	not_ok "the daemon tells of it"

# A session that takes its time, and somebody who would like to have it. Sessions have the numbers of their connections.
"$LADE" sync -a --bwlimit=200k "$T/src/large" "lade://127.0.0.1:$port/drop/slow/" >"$T/slow.out" 2>&1 &
slow_pid=$!
own_pids+=("$slow_pid")
slow_number() { number=$("$LADE" status --config "$daemon_conf" 2>/dev/null | awk '$4 == "drop" { print $1 }') && [ -n "$number" ]; }
wait_for slow_number
# It is not to be over before all have tried: with its client stopped it waits.
kill -STOP "$slow_pid"
"$LADE" key new --key="$T/other" >/dev/null
refused=0 closed=0 odd=0
for tried in 1 2 "$number" 1000000; do
	run "$joiner" join "$port" "$config/key" "$tried"
	case $status in
	1) refused=$((refused + 1)) ;;
	2) closed=$((closed + 1)) ;;
	*) odd=$((odd + 1)) ;;
	esac
done
check "sessions that are not there, or over, are refused" test "$refused" = 3
check "one that is there hangs up on who does not know its key" test "$closed" = 1
check "nobody got in" test "$odd" = 0
exits "another client is told that there is none" 1 run "$joiner" join "$port" "$T/other" "$number"
exits "nobody has the session 0" 1 run "$joiner" join "$port" "$config/key" 0
kill -CONT "$slow_pid"
wait "$slow_pid"
check "the session did not mind" test $? = 0
check "nor its file" cmp "$T/src/large" "$T/drop/slow/large"
kill "$server_pid"
wait "$server_pid" 2>/dev/null

# A daemon that asks for it: its keys wear out while its clients' do not.
lade=$LADE
LADE=$worn
need_daemon "ktls = off" "[src]" "path = $T/src" "auth = any" "$(as_we_are)"
LADE=$lade
exits "a session moves when the daemon asks for it" 0 run "$joiner" asked "$port" /src/ "$T/asked"
prints "several times" '^([3-9]|[1-9][0-9]) connections more$'
same "and the tree arrives" "$T/src" "$T/asked"
syncs "so does one of a client as people have it" -a "lade://127.0.0.1:$port/src/" "$T/pulled/"
same "and its tree" "$T/src" "$T/pulled"

finish
