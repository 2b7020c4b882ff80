# tests/scenario/iconv.sh: names in a character set of each side (--iconv).
. "${srcdir:-.}/tests/scenario/lib.sh"

# far HOST COMMAND...: a stand-in for ssh (-e "$T/far"), with another locale than here.
cat >"$T/far" <<-'END'
	#!/bin/sh
	shift
	LC_ALL=C exec sh -c "exec $*"
END
chmod +x "$T/far"
far() {
	lade sync -e "$T/far" --lade-path="$LADE" "$@"
}

# names DIR: what is in it, in ASCII.
names() {
	(cd "$1" && LC_ALL=C find . -mindepth 1 -printf '%P' \( -type l -printf ' -> %l' -o -printf '' \) -printf '\n' | LC_ALL=C sort | LC_ALL=C sed -n l)
}

e=$(printf '\303\251') euro=$(printf '\342\202\254')
latin_e=$(printf '\351')
mkdir -p "$T/src/d$e/deep$e"
echo one >"$T/src/caf$e"
echo two >"$T/src/d$e/x$e"
echo three >"$T/src/d$e/deep$e/plain"
ln -s "caf$e" "$T/src/l$e"
ln "$T/src/caf$e" "$T/src/z$e"

latin='caf\351$
d\351$
d\351/deep\351$
d\351/deep\351/plain$
d\351/x\351$
l\351 -> caf\351$
z\351$'
utf='caf\303\251$
d\303\251$
d\303\251/deep\303\251$
d\303\251/deep\303\251/plain$
d\303\251/x\303\251$
l\303\251 -> caf\303\251$
z\303\251$'

lade sync -aH --iconv=utf8,latin1 "$T/src/" "$T/dst"
check "on one host: all went well" [ "$status" = 0 ]
check "the sources have the first character set" [ "$(names "$T/dst")" = "$latin" ]
check "hard links hold" [ "$T/dst/caf$latin_e" -ef "$T/dst/z$latin_e" ]
lade sync -aHi --delete --iconv=utf8,latin1 "$T/src/" "$T/dst"
check "the second time nothing is done" [ "$status,$(cat "$out")" = 0, ]

mkdir "$T/pushed"
echo old >"$T/pushed/old$latin_e"
far -aHi -8 --delete --iconv=utf8,latin1 "$T/src/" "host:$T/pushed/"
check "a push: all went well" [ "$status" = 0 ]
check "the other side has the second" [ "$(names "$T/pushed")" = "$latin" ]
check "items are in the user's" grep -qx "<f+++++++++ caf$e" "$out"
check "those of deletions, too" grep -qx "\*deleting   old$e" "$out"

mkdir "$T/pulled"
echo old >"$T/pulled/old$e"
echo odd >"$T/pulled/odd$latin_e"
far -aHi -8 --delete --iconv=utf8,latin1 "host:$T/pushed/" "$T/pulled/"
check "a pull: all went well" [ "$status" = 0 ]
check "the order is the same, and what goes is what is not there" [ "$(names "$T/pulled")" = "$utf" ]
check "its items are in the user's character set" grep -qx ">f+++++++++ caf$e" "$out"
far -aHi --delete --iconv=utf8,latin1 "host:$T/pushed/" "$T/pulled/"
check "the second time nothing comes" [ "$status,$(cat "$out")" = 0, ]

far -a --iconv=utf8,latin1 "host:$T/pushed/d$e" "$T/named"
check "what is named is named here" [ "$status,$(names "$T/named" | head -n 1)" = '0,d\303\251$' ]
printf '%s\n' "d$e/x$e" "caf$e" >"$T/list"
far -a --files-from="$T/list" --iconv=utf8,latin1 "host:$T/pushed/" "$T/listed"
check "so are the names of a list" [ "$status,$(names "$T/listed" | tr '\n' ' ')" = '0,caf\303\251$ d\303\251$ d\303\251/x\303\251$ ' ]
printf '%s\n' "d$latin_e/x$latin_e" >"$T/far.list"
far -a --files-from=":$T/far.list" --iconv=utf8,latin1 "$T/src/" "host:$T/far-listed"
check "and there in a list that is there" [ "$status,$(names "$T/far-listed" | tr '\n' ' ')" = '0,d\351$ d\351/x\351$ ' ]

# In EUC-JP the comma comes before the section sign, in UTF-8 behind it.
comma=$(printf '\343\200\201') section=$(printf '\302\247')
mkdir -p "$T/sorted/d$comma" "$T/sorted/d$section" "$T/japan"
touch "$T/sorted/$comma" "$T/sorted/$section" "$T/sorted/d$comma/x" "$T/sorted/d$section/y"
touch "$T/japan/$(printf '\241\242z')" "$T/japan/$(printf '\241\370z')" "$T/japan/$(printf '\377')"
far -a --delete --iconv=utf8,euc-jp "$T/sorted/" "host:$T/japan/"
check "names are in another order on the other side" \
	[ "$status,$(names "$T/japan" | tr '\n' ' ')" = '0,d\241\242$ d\241\242/x$ d\241\370$ d\241\370/y$ \241\242$ \241\370$ ' ]
far -ai --delete --iconv=utf8,euc-jp "$T/sorted/" "host:$T/japan/"
check "they are found there" [ "$status,$(cat "$out")" = 0, ]
far -ai --delete --iconv=utf8,euc-jp "host:$T/japan/" "$T/sorted/"
check "and here, on their way back" [ "$status,$(cat "$out")" = 0, ]
mkdir "$T/half" && mv "$T/sorted/$section" "$T/sorted/d$comma" "$T/half"
far -ai --delete --iconv=utf8,euc-jp "$T/sorted/" "$T/half/" "host:$T/japan/"
check "several sources come together in order" [ "$status,$(grep -cv '^\.d' "$out")" = 0,0 ]

# ---- other paths ----

# A directory of backups, one for partial files, a suffix and a list of sources are where the other side has them.
mkdir -p "$T/kept/d$latin_e"
echo old >"$T/kept/d$latin_e/x$latin_e"
touch -d @1000000000 "$T/kept/d$latin_e/x$latin_e"
far -r --backup --backup-dir="$T/sav$e" --iconv=utf8,latin1 "$T/src/d$e" "host:$T/kept"
check "--backup-dir is converted" [ "$status,$(names "$T/sav$latin_e" | tr '\n' ' ')" = '0,d\351$ d\351/x\351$ ' ]
touch -d @1000000000 "$T/kept/d$latin_e/x$latin_e"
far -r --backup --delete --suffix="-$e" --iconv=utf8,latin1 "$T/src/d$e" "host:$T/kept"
check "--suffix is" test -f "$T/kept/d$latin_e/x$latin_e-$latin_e"
far -r --backup --delete --suffix="-$e" --iconv=utf8,latin1 "$T/src/d$e" "host:$T/kept"
check "and is not deleted later" test -f "$T/kept/d$latin_e/x$latin_e-$latin_e"
mkdir "$T/kept/d$latin_e/part$latin_e"
echo part >"$T/kept/d$latin_e/part$latin_e/other"
far -r --delete --partial-dir="part$e" --iconv=utf8,latin1 "$T/src/d$e" "host:$T/kept"
check "what is in --partial-dir is not, either" [ "$status,$(cat "$T/kept/d$latin_e/part$latin_e/other")" = 0,part ]
check "a backup without -b is" absent "$T/kept/d$latin_e/x$latin_e-$latin_e"
mkdir "$T/temp$latin_e"
rm -r "$T/kept/d$latin_e"
far -r --temp-dir="$T/temp$e" --iconv=utf8,latin1 "$T/src/d$e" "host:$T/kept"
check "--temp-dir is found" [ "$status,$(names "$T/kept" | head -n 1)" = '0,d\351$' ]
printf '%s\n' "x$latin_e" >"$T/list$latin_e"
far -r --files-from=":$T/list$e" --iconv=utf8,latin1 "host:$T/kept/d$e" "$T/from.list"
check "a list of the other side is found" [ "$status,$(names "$T/from.list")" = '0,x\303\251$' ]
mkdir "$T/here"
touch -d @1000000000 "$T/here/x$e"
far -r --backup --backup-dir="$T/here.sav$e" --iconv=utf8,latin1 "host:$T/kept/d$e/" "$T/here"
check "--backup-dir of a pull is as it is here" [ "$status,$(names "$T/here.sav$e")" = '0,x\303\251$' ]

# ---- what cannot be converted ----

echo four >"$T/src/eu$euro"
mkdir -p "$T/src/dir$euro/in"
echo five >"$T/src/dir$euro/in/it$e"
ln -s "$euro" "$T/src/link"
echo old >"$T/pushed/stays"
far -aHi -8 --delete --iconv=utf8,latin1 "$T/src/" "host:$T/pushed/"
check "what the other side cannot have is an error" [ "$status" = 23 ]
check "nothing else was made" [ "$(rm -f "$T/pushed/stays.no" && names "$T/pushed" | grep -v stays)" = "$latin" ]
check "nothing is deleted then" [ -f "$T/pushed/stays" ]
check "the name is told as it is here" grep -q "convert the name of \"eu$euro\"" "$err"
check "that of the directory, too" grep -q "convert the name of \"dir$euro\"" "$err"
check "what is in it is not told" [ "$(grep -c "it$e" "$err")" = 0 ]
check "a symlink whose target cannot be" grep -q 'convert the target of symlink "link"' "$err"
rm -r "$T/src/eu$euro" "$T/src/dir$euro" "$T/src/link"

echo bad >"$T/src/bad$latin_e"
mkdir "$T/src/none"
echo bad >"$T/src/none/bad$latin_e"
far -aHi --delete --iconv=utf8,latin1 "$T/src/" "host:$T/pushed/"
check "what is no name here is an error" [ "$status" = 23 ]
check "it is told in octal" grep -qF 'convert the name of "bad\#351"' "$err"
check "then nothing is deleted, either" [ -f "$T/pushed/stays" ]
far -aHi --delete --exclude='bad*' --iconv=utf8,latin1 "$T/src/" "host:$T/pushed/"
check "what is excluded is none" [ "$status" = 0 ]
check "and then it goes" absent "$T/pushed/stays"
rm -r "$T/src/bad$latin_e" "$T/src/none"

# ---- character sets ----

LC_ALL=C.UTF-8 far -a --iconv=. "$T/src/" "host:$T/locale"
check "the other side takes its own locale" [ "$status" = 23 ]
check "ASCII has no such names" [ -z "$(names "$T/locale")" ]
lade sync -a --iconv=utf8,euc-jp "$T/src/" "$T/euc"
check "EUC-JP has them, in three bytes" [ "$status,$(names "$T/euc" | head -n 1)" = '0,caf\217\253\261$' ]
lade sync -a --iconv=nonsense,utf8 "$T/src/" "$T/none"
check "a character set that is none here" [ "$status" = 4 ]
far -a --iconv=utf8,nonsense "$T/src/" "host:$T/none"
check "or there" [ "$status" = 4 ]
check "is named" grep -q '"nonsense"' "$err"
check "before anything is made" absent "$T/none"
RSYNC_ICONV=utf8,latin1 lade sync -aH "$T/src/" "$T/environment"
check "RSYNC_ICONV counts" [ "$(names "$T/environment")" = "$latin" ]
RSYNC_ICONV=utf8,latin1 lade sync -aH --no-iconv "$T/src/" "$T/not"
check "unless --no-iconv is given" [ "$(names "$T/not")" = "$utf" ]

finish
