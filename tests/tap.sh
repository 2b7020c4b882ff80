# tests/tap.sh: TAP from bash. Sourced by the check_* scripts and by scenario/lib.sh.
# The plan is printed at the end, by tap_plan.
# shellcheck shell=bash

tap_count=0
tap_failures=0

# A name may hold no "#" and no newline: they mean something in TAP.
tap_line() {
	local name=${2//[#$'\n']/_}
	tap_count=$((tap_count + 1))
	echo "$1 $tap_count - $name${3:+ # SKIP $3}"
}

# diagnose < TEXT: show a text beside the results.
diagnose() { sed 's/^/# /'; }

ok() { tap_line ok "$1"; }

# not_ok NAME [TEXT]
not_ok() {
	tap_failures=$((tap_failures + 1))
	[ -z "${2:-}" ] || printf '%s\n' "$2" | diagnose
	tap_line 'not ok' "$1"
}

# skip NAME REASON
skip() { tap_line ok "$1" "$2"; }

# report NAME FINDINGS: passes if there are no findings.
report() {
	if [ -z "$2" ]; then
		ok "$1"
	else
		not_ok "$1" "$2"
	fi
}

# check NAME COMMAND...: passes if the command does; else shows what it printed.
check() {
	local name=$1 output
	shift
	if output=$("$@" 2>&1); then
		ok "$name"
	else
		not_ok "$name" "\$ $*
$output"
	fi
}

tap_plan() { echo "1..$tap_count"; }
