#!/bin/bash
# tests/model/repository.sh: no order of the steps of sessions and collectors, no crash and no loss of power leads to a committed snapshot
# that misses a pack; and each rule of FORMAT.md is needed for that.
set -u
. "${srcdir:-.}/tests/tap.sh"
model=${abs_top_builddir:?}/tests/model/repository_model

# Two sessions of one writer, the second of which may go on with what the first one has put; collectors; and the tables made anew.
check "two sessions and a collector" "$model" --sessions=2 --collectors=1
check "a session, a collector and a compaction" "$model" --sessions=1 --collectors=1 --compactions=1
check "two sessions, a collector and a compaction, without a loss of power" "$model" --reliable --sessions=2 --collectors=1 --compactions=1

# needs RULE ARGUMENT...: without the rule it finds what goes wrong.
needs() {
	local rule=$1 output
	shift
	output=$("$model" "--without=$rule" "$@")
	if [ $? = 1 ] && [[ $output == *"misses a pack"* ]]; then
		ok "a pack is missed without: $rule"
	else
		not_ok "a pack is missed without: $rule" "$output"
	fi
}
for rule in tombstones fence reread barriers order taking first; do
	needs "$rule" --sessions=2 --collectors=1
done
needs active --reliable --sessions=2 --collectors=1 --compactions=1
tap_plan
