#!/bin/bash
# tests/model/repository.sh: no order of the steps of sessions and collectors, no crash and no loss of power leads to a committed snapshot
# that misses a pack; and each rule of FORMAT.md is needed for that.
set -u
. "${srcdir:-.}/tests/tap.sh"
model=${abs_top_builddir:?}/tests/model/repository_model

# Two sessions of one writer, the second of which may go on with what the first one has put, and a collector; a writer and two collectors.
check "two sessions and a collector" "$model" --sessions=2 --collectors=1
check "a session and two collectors" "$model" --sessions=1 --collectors=2

# Without any one of the rules it finds what goes wrong.
for rule in tombstones fence reread barriers order active; do
	output=$("$model" --sessions=2 --collectors=1 --without=$rule)
	if [ $? = 1 ] && [[ $output == *"misses a pack"* ]]; then
		ok "a pack is missed without: $rule"
	else
		not_ok "a pack is missed without: $rule" "$output"
	fi
done
tap_plan
