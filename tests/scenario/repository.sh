# tests/scenario/repository.sh: repositories are made, opened by who may, and refused when they are not what they were.
. "${srcdir:-.}/tests/scenario/lib.sh"

unset "${!LADE_@}"
LADE=$T/lade
cd "$T" || exit 99
# Each password costs 256 MiB and a second.
(umask 077; echo 'correct horse' >right; echo 'wrong horse' >wrong)

# flip FILE OFFSET: change a bit of it.
flip() { perl -e 'open my $f, "+<", $ARGV[0] or die; seek $f, $ARGV[1], 0; read $f, my $c, 1; seek $f, $ARGV[1], 0; print $f chr(ord($c) ^ 1)' "$1" "$2"; }
# pin: the one that the last init printed.
pin() { grep -a '^lade-pin-' "$out"; }
# field NAME: of the last command's JSON.
field() { sed -nE "s/.*\"$1\":\"?([^\",}]*).*/\\1/p" "$out"; }

# ---- init ----
exits "no repository is 10" 10 lade key list -r nowhere --password-file right
says "and says so" 'there is no repository in'
mkdir empty
exits "an empty folder is none, either" 10 lade key list -r empty --password-file right
exits "a repository has to be named" 1 lade key list
says "with the ways to do so" 'LADE_REPOSITORY_FILE'
exits "init" 0 lade init -r repo --password-file right --label 'first one'
prints "prints its pin" '^lade-pin-[-_A-Za-z0-9]{66}$'
prints "warns of a lost password" 'nothing brings a lost password back'
own_pin=$(pin)
check "nothing is left of temporaries" [ -z "$(ls repo/tmp)" ]
check "nobody else can reach it" [ "$(stat -c %a repo)" = 700 ]
exits "init twice is refused" 1 lade init -r repo --password-file right
says "as there is one" 'there is a repository in "repo" already'
exits "a quiet one" 0 lade init -qr quiet --no-passphrase --recipient "$(lade key new --recipient=quiet.identity && cat "$out")"
check "says its pin, and nothing else" test "$(wc -l <"$out")" = 1
prints "in the form that --pin takes" '^lade-pin-[-_A-Za-z0-9]{66}$'
mkdir full && touch full/'a File'
exits "so is a folder that holds something" 1 lade init -r full --password-file right
says "which is named" '"a File"'
check "and nothing is made in it" [ "$(ls full)" = 'a File' ]
exits "a host that cannot be reached" 1 lade init -r host:repo --rsh false --password-file right
exits "a daemon's repository has a name" 1 lade init -r lade://127.0.0.1:1/ --password-file right
exits "without a password nothing is made" 1 run setsid "$LADE" init -r none
check "nor its folder" absent none
exits "nobody opens one without any key" 1 lade init -r none --no-passphrase
says "so a recipient is asked for" 'needs a --recipient'

# ---- passwords ----
exits "the password opens it" 0 lade key list -r repo --password-file right
prints "and its key is listed" '^\*[0-9a-f]{32}  password   read,write,manage,root .* first one$'
exits "a wrong one is 12" 12 lade key list -r repo --password-file wrong
says "and is told plainly" 'wrong password: it opens no key of the repository "repo"'
exits "from standard input" 0 run bash -c '"$0" key list -r repo --password-file - <right' "$LADE"
export LADE_REPOSITORY=repo
exits "from a command, in the environment" 0 run env LADE_PASSWORD_COMMAND="sed -n '1p' right" "$LADE" key list
exits "whose failure is told" 1 lade key list --password-command 'false'
says "with its status" 'failed with exit status 1'
exits "a command and a file" 1 lade key list --password-command 'echo a' --password-file right
echo "$T/repo" >place
unset LADE_REPOSITORY
exits "the place may stand in a file" 0 run env LADE_PASSWORD='correct horse' "$LADE" key list --repository-file place --pin "$own_pin"
chmod 644 right
exits "a password that others may read is refused" 1 lade key list -r repo --password-file right
chmod 600 right

# ---- recipients and pins ----
exits "an identity" 0 lade key new --recipient=me.identity
recipient=$(cat "$out")
exits "is not replaced" 11 lade key new --recipient=me.identity
exits "opens what is made for it alone" 0 lade init -r sealed --no-passphrase --recipient "$recipient" --json
sealed_pin=$(field pin)
check "whose JSON has the pin" [ "${#sealed_pin}" = 75 ]
exits "but not without the pin" 1 lade key list -r sealed --identity me.identity
says "which is asked for" 'has no pin'
exits "with it" 0 lade key list -r sealed --identity me.identity --pin "$sealed_pin"
prints "all keys are there" '^\*[0-9a-f]{32}  recipient  read,write,manage,root'
echo "$sealed_pin" >>me.identity
exits "the pin may stand in its file" 0 lade key list -r sealed --identity me.identity
lade key new --recipient=you.identity
exits "another identity is 12" 12 run env LADE_IDENTITY=you.identity "$LADE" key list -r sealed --pin "$sealed_pin"
exits "another repository's pin is refused" 1 lade key list -r sealed --identity me.identity --pin "$own_pin"
says "by name" 'find the pinned repository id in "format"'
exits "what is no pin" 1 lade key list -r sealed --identity me.identity --pin lade-pin-x

# ---- clients ----
as_root=(-r sealed --identity me.identity)
exits "a write-only client" 0 lade key add "${as_root[@]}" --write-only client.key --label laptop
check "its file is nobody else's" [ "$(stat -c %a client.key)" = 600 ]
exits "it opens the repository" 0 lade key list -r sealed --key-file client.key
exits "its file is not made twice" 1 lade key add "${as_root[@]}" --write-only client.key
check "nor a writer for that" [ "$(ls sealed/trust | wc -l)" = 4 ]
exits "it adds no keys" 1 lade key add -r sealed --key-file client.key --recipient "$recipient"
says "for want of the root key" 'the root key is needed'
exits "nor does it remove any" 1 lade key remove -r sealed --key-file client.key --force "$(ls sealed/keys)"
check "the key is still there" [ "$(ls sealed/keys | wc -l)" = 1 ]
exits "of another repository it is refused" 1 lade key list -r repo --key-file client.key
chmod 640 client.key
exits "a key file that others may read is refused" 1 lade key list -r sealed --key-file client.key
chmod 600 client.key
exits "a reader" 0 lade key add "${as_root[@]}" --read-only --new-password-file right --label reader --json
reader=$(field id)
exits "opens it" 0 lade key list -r sealed --password-file right
prints "and may only read" "^\\*$reader  password   read  .*reader\$"
exits "it adds nobody" 1 lade key add -r sealed --password-file right --recipient "$recipient"
root=$(find sealed/keys -type f ! -name "$reader" -printf '%f')
exits "the last key with the root key stays" 1 lade key remove "${as_root[@]}" "$root"
says "as it is the last" 'is the last key with the root key'
exits "a key is removed by the beginning of its id" 0 lade key remove "${as_root[@]}" "${reader:0:12}"
exits "who had it is out: 12" 12 lade key list -r sealed --password-file right
exits "one that is not there" 1 lade key remove "${as_root[@]}" 00000000
exits "the last one goes by force" 0 lade key remove "${as_root[@]}" --force "$root"
exits "and with it everybody: 12" 12 lade key list "${as_root[@]}"

# ---- without encryption ----
exits "a plain repository" 0 lade init -r plain --plaintext --no-passphrase --recipient "$recipient"
plain_pin=$(pin)
exits "is refused to who did not say so" 1 lade key list -r plain --password-file right
says "with the word that it takes" '--plaintext'
exits "is read by who did, without any key" 0 lade key list -r plain --plaintext
exits "or has its pin" 0 lade key list -r plain --identity me.identity --pin "$plain_pin"

# ---- what is not what it was ----
exits "a repository" 0 lade init -r ours --no-passphrase --recipient "$recipient"
ours_pin=$(pin)
exits "and another one" 0 lade init -r theirs --no-passphrase --recipient "$recipient"
ours=(-r ours --identity me.identity --pin "$ours_pin")
key=keys/$(ls ours/keys)
cp -a ours good
# refused NAME OBJECT: the repository that was changed is refused by the object's name; it is mended then.
refused() {
	exits "$1" 1 lade key list "${ours[@]}"
	says "$1: by name" "\"$2\""
	rm -rf ours && cp -a good ours
}
for object in format trust/1 trust/3 "$key"; do
	flip "ours/$object" 70
	refused "${object%%/*} is changed (${object##*/})" "$object"
	truncate -s -1 "ours/$object"
	refused "${object%%/*} is short (${object##*/})" "$object"
	echo >>"ours/$object"
	refused "${object%%/*} is long (${object##*/})" "$object"
done
rm ours/trust/2
refused "a statement is gone" trust/2
cp theirs/format ours/format
refused "another one's format" format
cp theirs/trust/2 ours/trust/2
refused "another one's statement" trust/2
cp theirs/keys/* "ours/$key"
refused "another one's key" "$key"
rm -r ours && cp -a theirs ours
refused "another repository in its place" format
rm -r ours && cp -a plain ours
refused "a plain repository in its place" format
exits "as it was it opens" 0 lade key list "${ours[@]}"
# An init that came to the statements, and was killed.
rm ours/format
exits "what an interrupted init left is no repository" 10 lade key list "${ours[@]}"
exits "and no reason not to make one" 0 lade init -r ours --no-passphrase --recipient "$recipient"
exits "which opens" 0 lade key list -r ours --identity me.identity --pin "$(pin)"
check "and has one key" [ "$(ls ours/keys | wc -l)" = 1 ]

# ---- the terminal ----
if have script; then
	# has_asked NUMBER: that many questions are on the screen.
	has_asked() { [ "$(grep -aoE '(assword of the repository [^:]*|Once more): ' "$out" | wc -l)" -ge "$1" ]; }
	# asked ARGUMENTS LINE...: what is typed before a question is asked is dropped, so each line waits for its own.
	asked() {
		local arguments=$1 line number=0
		shift
		: >"$out"
		timeout -k 5 "$LIMIT" script -qec "$LADE $arguments" /dev/null >"$out" 2>"$err" < <(
			for line; do
				number=$((number + 1))
				wait_for has_asked "$number"
				echo "$line"
			done
		)
		status=$?
	}
	exits "the terminal is asked twice" 0 asked "init -r typed" 'secret words' 'secret words'
	exits "and once to open it" 0 asked "key list -r typed" 'secret words'
	exits "what differs is no password" 1 asked "init -r typo" 'secret words' 'secret word'
	prints "and is told" 'the two differ'
	check "nothing is shown" bash -c '! grep -q "secret words" "$0"' "$out"
else
	skip "the terminal is asked" "no script(1) here"
fi

finish
