# tests/scenario/completion.sh: what `lade completion` prints is what the shells take.
. "${srcdir:-.}/tests/scenario/lib.sh"

mkdir "$T/here"
touch "$T/here/file one" "$T/here/other"
mkdir "$T/here/dir"

for shell in bash zsh fish; do
	exits "a script for $shell" 0 lade completion "$shell"
	cp "$out" "$T/lade.$shell"
	if have "$shell"; then
		exits "$shell can read it" 0 run "$shell" -n "$T/lade.$shell"
		silent "without a word"
	else
		skip "$shell can read it" "no $shell here"
	fi
done
exits "no shell is a usage error" 1 lade completion
exits "an unknown one, too" 1 lade completion csh
says "those that there are" 'bash, zsh or fish'

# completed NAME WORDS LINE...: completing the last word of a line offers exactly the words, one per line. As bash does,
# the line is split at = and : too.
completed() {
	local name=$1 expected=$2 line=$3
	(
		cd "$T/here" || exit 1
		compopt() { :; }
		. "$T/lade.bash"
		COMP_LINE=$line COMP_POINT=${#line}
		read -ra COMP_WORDS <<<"$(sed -E 's/([=:])/ \1 /g' <<<"$line")"
		[[ $line != *' ' ]] || COMP_WORDS+=('')
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		_lade
		printf '%s\n' ${COMPREPLY[@]+"${COMPREPLY[@]}"}
	) >"$T/found" 2>&1
	printf '%b\n' "$expected" >"$T/expected"
	report "$name" "$(differ "$T/expected" "$T/found")"
}
completed "commands" 'stats\nstatus' 'lade st'
completed "an option" '--bwlimit=' 'lade sync --bwl'
completed "one that is taken back" '--no-perms' 'lade sync -a --no-per'
completed "a refused one is not offered" '' 'lade sync --checksum-see'
completed "words of a value" 'sendfile\nsplice' 'lade sync --path=s'
completed "the same behind a blank" 'sendfile\nsplice' 'lade sync --path s'
completed "all of them" 'zstd\nauto\nnone' 'lade sync --zc='
completed "files of a value" 'file one' 'lade sync --exclude-from=f'
completed "directories of a value" 'dir' 'lade sync --link-dest '
completed "a value that cannot be known" '' 'lade sync --bwlimit='
completed "a source" 'file one' 'lade sync -a f'
completed "a path of a server" '' 'lade sync -a lade+tcp://h:1/'
completed "a path on a host, without bash-completion" '' 'lade sync -a far:pa'
# Every option of the help is offered.
"$LADE" sync --help | grep -oE -e '^  (-., |    )--[^ ]+(, --[^ ]+)*' | grep -oE -e '--[a-z][a-z0-9-]*' | sort -u >"$T/options"
report "every option is in the scripts" "$(while read -r option; do
	grep -qF -e " $option" "$T/lade.bash" || echo "$option is not in that of bash"
	grep -qE -e "\*${option}[=[]" "$T/lade.zsh" || echo "$option is not in that of zsh"
	grep -qE -e "-l ${option#--} " "$T/lade.fish" || echo "$option is not in that of fish"
done <"$T/options")"
if have fish; then
	fish_offers() { (cd "$T/here" && PATH=$T:$PATH HOME=$T fish --no-config -c "source $T/lade.fish; complete -C 'lade sync --path=se'") | grep -q sendfile; }
	check "fish completes" fish_offers
else
	skip "fish completes" "no fish here"
fi
if have zsh; then
	zsh_loads() { HOME=$T zsh -fc "autoload -U compinit; compinit -u -D; source $T/lade.zsh; (( \$+_comps[lade] ))"; }
	check "zsh takes it" zsh_loads
else
	skip "zsh takes it" "no zsh here"
fi

finish
