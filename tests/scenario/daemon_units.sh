# tests/scenario/daemon_units.sh: the units of systemd: what systemd-analyze says of them. Nothing is started.
. "${srcdir:-.}/tests/scenario/lib.sh"

build=${abs_top_builddir:-$PWD/build}
if ! have systemd-analyze; then
	for n in 1 2 3 4 5 6 7 8; do skip "units, $n" "no systemd-analyze here"; done
	finish
fi

mkdir "$T/units"
for unit in lade lade-repository lade-backup@; do
	# What is not installed is not there to be executed, nor is its manual.
	sed -e "s,^ExecStart=[^ ]*,ExecStart=$LADE," -e '/^Documentation=/d' "$build/packaging/systemd/$unit.service" >"$T/units/$unit.service"
done
for unit in lade.socket lade-backup@.timer; do
	grep -v '^Documentation=' "$srcdir/packaging/systemd/$unit" >"$T/units/$unit"
done

# verify FILE: systemd knows each of its words.
verify() {
	run systemd-analyze verify --man=no "$T/units/$1"
	report "systemd finds no fault in $1" "$(grep -F "$T/units" "$err"; grep -F "$1" "$err" | grep -vF "$T/units")"
}
verify lade.service
verify lade-repository.service
verify lade.socket
verify lade-backup@.service
verify lade-backup@.timer

# exposure UNIT TENTHS: how much of the system it can reach, at most: systemd-analyze(1), security.
exposure() {
	run systemd-analyze security --offline=true --no-pager --threshold="$2" "$T/units/$1"
	if grep -q 'Unknown .*offline\|unrecognized option' "$err"; then
		skip "$1 is closed as far as it can be" "no systemd-analyze here"
	else
		report "$1 is closed as far as it can be" "$([ "$status" = 0 ] || { tail -n 3 "$out"; cat "$err"; })"
	fi
}
exposure lade.service 45
exposure lade-repository.service 20
exposure lade-backup@.service 50

finish
