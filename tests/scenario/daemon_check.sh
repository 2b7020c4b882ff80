# tests/scenario/daemon_check.sh: lade daemon --check: what is wrong with a configuration, or what would be served; and a daemon with such a
# configuration does not start.
. "${srcdir:-.}/tests/scenario/lib.sh"

mkdir -p "$T/d" "$T/tree"
conf=$T/d/daemon.conf

# configure LINE...: the configuration, with a state of its own.
configure() { printf '%s\n' "listen = 127.0.0.1:0" "state = $T/d/state" "status = $T/d/status" "$@" >"$conf"; }

configure "[tree]" "path = $T/tree" "auth = authorized:ann, token:bob" "append only = yes" "hosts allow = 127.0.0.0/8" \
	"[hidden]" "path = $T/tree" "auth = any" "list = no"
exits "a good configuration is good" 0 lade daemon --config "$conf" --check
prints "it says where it would listen" '^listen: 127\.0\.0\.1:0$'
prints "and what it would serve to whom" "^tree: $T/tree, append only, for authorized:ann, token:bob at allowed hosts"
prints "one line for each module" "^hidden: $T/tree, read only, for any.*, not listed"
check "nothing was made" test ! -e "$T/d/state"

# Everything that is wrong, in order, with its line.
configure "max conections = 5" "[tree]" "path = tree" "read only = maybe" "[tree]" "path = $T/tree"
exits "a bad one is not" 1 lade daemon --config "$conf" --check
prints "an unknown setting is told with its line" "^$conf:4: max conections: there is no such setting"
prints "a relative path" "^$conf:6: path: \"tree\": .*absolute"
prints "a value that is none" "^$conf:7: read only: \"maybe\": it has to be yes or no"
prints "a module that is there twice" "^$conf:8: \[tree\]: .*in line 5"
prints "one that nobody could use" "^$conf:8: \[tree\]: there is no auth"
exits "a daemon does not start with it" 1 lade daemon --config "$conf"
says "it says the same" "$conf:6: path"

# What only this host shows.
configure "[tree]" "path = $T/none" "auth = any"
exits "a directory that is not there" 1 lade daemon --config "$conf" --check
prints "is told with its line" "^$conf:5: path: .*No such file"
configure "[tree]" "path = $T/tree" "auth = any" "before = $T/none"
exits "a hook that is not there keeps a daemon from starting" 1 lade daemon --config "$conf"
says "which is told" "$conf:7: before: .*No such file"
configure "[all]" "path = $T" "auth = any" "read only = no"
mkdir "$T/d/state"
exits "a tree with the daemon's own key in it is not served" 1 lade daemon --config "$conf" --check
prints "which is told" "^$conf:5: path: .*the daemon's state is in it"
exits "nor by a daemon" 1 lade daemon --config "$conf"
configure "[all]" "path = $T" "auth = any" "exclude = /d/"
exits "unless it is excluded" 0 lade daemon --config "$conf" --check

# More files.
mkdir "$T/d/more"
configure "include = $T/d/more/*.conf" "[tree]" "path = $T/tree" "auth = any"
exits "there may be no file yet to include" 0 lade daemon --config "$conf" --check
printf '%s\n' "[b]" "path = $T/tree" "auth = any" >"$T/d/more/b.conf"
printf '%s\n' "[a]" "path = $T/tree" "auth = any" >"$T/d/more/a.conf"
exits "modules may be in files of their own" 0 lade daemon --config "$conf" --check
check "they come in the order of the names" [ "$(sed -n 's/: .*read only.*//p' "$out" | tr '\n' ' ')" = "tree a b " ]
printf '%s\n' "[c]" "path = $T/none" "auth = any" >"$T/d/more/c.conf"
exits "what this host lacks" 1 lade daemon --config "$conf" --check
prints "is told with their name and line" "^$T/d/more/c.conf:2: path: .*No such file"
printf '%s\n' "listen = 127.0.0.1:0" "[c]" "path = c" "auth = any" >"$T/d/more/c.conf"
exits "a daemon does not start with a fault in one of them" 1 lade daemon --config "$conf"
says "which it tells" "$T/d/more/c.conf:3: path: .*absolute"
says "and that global settings do not belong there" "$T/d/more/c.conf:1: listen: .*modules alone"
rm -r "$T/d/more"
exits "a directory that is not there is a slip" 1 lade daemon --config "$conf" --check
prints "which is told at the include" "^$conf:4: include: .*No such file"
configure "[all]" "path = $T" "auth = any" "exclude = /d/"

# Files that are no configuration.
: >"$T/d/nothing"
exits "an empty one" 1 lade daemon --config "$T/d/nothing" --check
prints "has no module" "^$T/d/nothing: there is no module"
truncate -s 10M "$T/d/huge"
exits "one without end" 1 lade daemon --config "$T/d/huge" --check
prints "is not read" 'more than 4 MiB'
exits "a directory" 1 lade daemon --config "$T/d" --check
prints "is none" 'no regular file'
chmod 000 "$T/d/nothing"
run "${as_nobody[@]}" "$LADE" daemon --config "$T/d/nothing" --check
check "one that cannot be read is an error" [ "$status" = 1 ]
prints "with its reason" 'Permission denied'

chmod o+w "$conf"
exits "a configuration that everybody may write to is not read" 1 lade daemon --config "$conf" --check
prints "which is said" 'chmod o-w'
exits "one that is not there" 1 lade daemon --config "$T/none" --check
prints "is told by its name" "$T/none"

# Not all that is wrong now has to be so later.
need_daemon "[later]" "path = $T/later" "auth = any" "[tree]" "path = $T/tree" "auth = any"
daemon_says 'path: ".*/later": No such file' && ok "a directory that is not there keeps no daemon from serving others" ||
	not_ok "a directory that is not there keeps no daemon from serving others" "$(cat "$T/.server.err")"

# Without a home there is no state, unless it is named.
printf '%s\n' "[tree]" "path = $T/tree" "auth = any" >"$T/d/homeless"
chmod 644 "$T/d/homeless"
run env -u HOME -u XDG_STATE_HOME -u XDG_RUNTIME_DIR "${as_nobody[@]}" "$LADE" daemon --config "$T/d/homeless" --check
check "a user without a home gets no state" [ "$status" = 1 ]
prints "he is told to name one" "homeless: state: there is no HOME"
prints "and a status socket" "homeless: status: there is no HOME"

# Where it is if nothing is said.
if ! is_root; then
	mkdir -p "$XDG_CONFIG_HOME/lade"
	cp "$conf" "$XDG_CONFIG_HOME/lade/daemon.conf"
	chmod 600 "$XDG_CONFIG_HOME/lade/daemon.conf"
	exits "a user's configuration is in his own directory" 0 lade daemon --check
fi

finish
