# tests/scenario/golden.sh: the golden repositories are whole, and what they hold is restored: tests/golden/README.
. "${srcdir:-.}/tests/scenario/lib.sh"

unset "${!LADE_@}"
LADE=$T/lade
export XDG_CACHE_HOME=$T/.cache
golden=$(cd "${srcdir:-.}/tests/golden" && pwd) || exit 99
cd "$T" || exit 99
cp -r "$golden" golden && chmod -R u+rwX,go= golden
top=dev/shm/lade-golden

# stamp PATH: the time of its change, as a listing has it.
stamp() { local at; at=$(stat -c %.9Y "$1") && echo "${at/./}"; }

# is_as KIND MODE TIME CONTENT PATH: what a line of a listing says of it is so.
is_as() {
	local path=$5
	[ "$(stamp "$path")" = "$3" ] || return 1
	case $1 in
	file) [ -f "$path" ] && [ "$(stat -c %s:%a "$path")" = "${4%:*}:$2" ] && [ "$(sha256sum <"$path")" = "${4#*:}  -" ] ;;
	directory) [ -d "$path" ] && [ "$(stat -c %a "$path")" = "$2" ] ;;
	symlink) [ "$(readlink "$path")" = "$4" ] ;;
	fifo) [ -p "$path" ] && [ "$(stat -c %a "$path")" = "$2" ] ;;
	esac
}

# as_listed LISTING DIR: all that its lines tell of is there.
as_listed() {
	local kind mode time content shown path wrong=0
	while read -r kind mode time content shown; do
		path=$(printf '%b.' "$shown") && path=$2/${path%.}
		case $kind:$shown in
		xattr:* | hole:* | links:* | file:tree/attributes) continue ;;
		esac
		is_as "$kind" "$mode" "$time" "$content" "$path" || { echo "not as it was: $shown"; wrong=$((wrong + 1)); }
	done <"$1"
	return $((wrong > 0))
}

for kind in encrypted plain portable; do
	export LADE_REPOSITORY=$T/golden/$kind LADE_IDENTITY=$T/golden/identity
	exits "$kind: it is whole" 0 lade check --read-data
	prints "$kind: with two snapshots" '^Checked: +2 snapshots, '
	exits "$kind: they are listed" 0 lade snapshots --json
	# In the order of their content.
	mapfile -t ids < <(grep -oE '"short_id":"[0-9a-f]+"' "$out" | cut -d'"' -f4)
	check "$kind: both" [ "${#ids[@]}" = 2 ]
	for number in 1 2; do
		# Its attributes are longer than some file systems take.
		exits "$kind: snapshot $number is restored" 0 lade restore "${ids[number - 1]}" --exclude attributes --target "restored.$kind.$number"
		check "$kind: all of snapshot $number" as_listed "golden/listing.$number" "restored.$kind.$number/$top"
	done
done
finish
