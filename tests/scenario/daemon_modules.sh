# tests/scenario/daemon_modules.sh: lade daemon: what the settings of a module do to those who use it.
. "${srcdir:-.}/tests/scenario/lib.sh"

mkdir -p "$T/tree/sub/hidden" "$T/from/sub/hidden"
echo seen >"$T/tree/seen"
echo seen >"$T/tree/sub/kept.secret"
echo hidden >"$T/tree/a.secret"
echo hidden >"$T/tree/sub/hidden/file"
chmod -R a+rX "$T/tree"

need_daemon "[tree]" "path = $T/tree" "auth = any" "read only = no" "$(as_we_are)" \
	"filter = -_/sub/hidden/ + kept.secret - *.secret"

# What a filter hides.
lade sync --accept-new-host --list-only -r "$daemon/tree/"
check "a list has what can be seen" grep -q ' sub/kept\.secret$' "$out"
check "and nothing that is hidden" test -z "$(grep -E 'a\.secret|hidden' "$out")"
syncs "a module with a filter is fetched" -a "$daemon/tree/" "$T/got/"
check "without what is hidden" absent "$T/got/a.secret" "$T/got/sub/hidden"
check "and with the rest" exist "$T/got/seen" "$T/got/sub/kept.secret"
exits "what is hidden is not there for who knows its name" 23 lade sync -a "$daemon/tree/a.secret" "$T/stolen/"
exits "nor is what is below it" 23 lade sync -a "$daemon/tree/sub/hidden/file" "$T/stolen/"
check "it did not come" absent "$T/stolen/a.secret" "$T/stolen/file"
echo mine >"$T/from/new"
echo mine >"$T/from/a.secret"
echo mine >"$T/from/sub/hidden/file"
exits "a push of the same names" "0|23" lade sync -a --delete "$T/from/" "$daemon/tree/"
check "brings what may be there" cmp "$T/from/new" "$T/tree/new"
check "deletes what can be seen" absent "$T/tree/seen"
check "changes nothing that is hidden" [ "$(cat "$T/tree/a.secret" "$T/tree/sub/hidden/file")" = "$(printf 'hidden\nhidden')" ]
mkdir "$T/empty"
exits "nor does one that deletes everything" "0|23" lade sync -a --delete "$T/empty/" "$daemon/tree/"
check "delete it" exist "$T/tree/a.secret" "$T/tree/sub/hidden/file"

finish
