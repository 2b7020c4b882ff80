# bash completion of lade: the program knows its own options.
# shellcheck shell=bash disable=SC1090
source <(lade completion bash 2>/dev/null)
