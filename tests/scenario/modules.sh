# tests/scenario/modules.sh: what the settings of a daemon's module mean for the trees behind it.
. "${srcdir:-.}/tests/scenario/lib.sh"

mkdir -p "$T/large" "$T/tree/pub" "$T/tree/private" "$T/in" "$T/munged" "$T/added" "$T/jail/sub" "$T/outside" "$T/src/private"
echo public >"$T/tree/pub/file"
echo private >"$T/tree/private/file"
echo key >"$T/tree/pub/host.key"
ln -s ../private "$T/tree/pub/door"
echo secret >"$T/outside/secret"
echo jailed >"$T/jail/sub/file"
ln -s ../outside "$T/jail/way"
ln -s "$T/outside" "$T/jail/absolute"
echo one >"$T/src/one"
echo two >"$T/src/two.key"
echo three >"$T/src/private/three"
ln -s /etc/passwd "$T/src/link"
chmod 755 "$T/src/one"
head -c 1000000 /dev/urandom >"$T/large/file"

# Modules that root alone may have.
root_modules=()
! is_root || root_modules=("[chroot]" "path = $T/jail" "auth = any" "uid = root" "read only = no" "use chroot = yes"
	"[cell]" "path = $T/cell" "auth = any" "use chroot = yes"
	"[names]" "path = $T/cell" "auth = any" "uid = root" "read only = no" "use chroot = yes")
need_daemon \
	"[hides]" "path = $T/tree" "auth = any" "$(as_we_are)" "read only = no" "exclude = /private *.key" \
	"outgoing chmod = F=r" "incoming chmod = Fgo=" \
	"[munges]" "path = $T/munged" "auth = any" "$(as_we_are)" "read only = no" "munge symlinks = yes" \
	"[adds]" "path = $T/added" "auth = any" "$(as_we_are)" "append only = yes" \
	"[refuses]" "path = $T/in" "auth = any" "$(as_we_are)" "read only = no" "refuse options = delete* compress" \
	"[jail]" "path = $T/jail" "auth = any" "$(as_we_are)" "read only = no" \
	${root_modules[@]+"${root_modules[@]}"}
lade sync -a --accept-new-host "$daemon/jail/sub/" "$T/first/"

# ---- exclude ----

syncs "excluded names are not sent" -a "$daemon/hides/" "$T/got/"
check "the others are" exist "$T/got/pub/file"
check "nothing of these" absent "$T/got/private" "$T/got/pub/host.key"
report "outgoing chmod is for them" "$(m=$(stat -c %a "$T/got/pub/file"); [ "$m" = 444 ] || echo "$m")"
for path in private/ private/file pub/host.key pub/door/ pub/door/file pub/../private/file; do
	exits "an excluded name is not there: $path" 23 lade sync -a "$daemon/hides/$path" "$T/stolen/"
done
exits "not even for who follows symlinks" "0|23" lade sync -aL "$daemon/hides/" "$T/followed/"
report "nothing of it came" "$(grep -rlE 'private|key' "$T/stolen" "$T/followed" 2>/dev/null)"
exits "excluded names cannot be made" 23 lade sync -a "$T/src/" "$daemon/hides/"
says "which is told by name" 'withholds.*"(private|two.key)"'
check "the others were" exist "$T/tree/one"
check "these were not" absent "$T/tree/two.key" "$T/tree/private/three"
report "incoming chmod is for them" "$(m=$(stat -c %a "$T/tree/one"); [ "$m" = 700 ] || echo "$m")"
lade sync -a --delete "$T/src/" "$daemon/hides/"
check "excluded names are not deleted" exist "$T/tree/private/file" "$T/tree/pub/host.key"
check "others are" absent "$T/tree/pub/file"

# ---- munging, adding, refusing ----

syncs "a symlink comes to a module that munges" -a "$T/src/link" "$daemon/munges/"
report "it leads nowhere there" "$(t=$(readlink "$T/munged/link"); [ "$t" = /rsyncd-munged//etc/passwd ] || echo "$t")"
syncs "and goes as it came" -a "$daemon/munges/link" "$T/back"
report "it leads where it did" "$(t=$(readlink "$T/back"); [ "$t" = /etc/passwd ] || echo "$t")"
syncs "a module to which may be added" -a "$T/src/" "$daemon/adds/"
same "has it all" "$T/src" "$T/added" notimes
echo changed >"$T/src/one"
exits "what is there is not changed" 23 lade sync -a "$T/src/" "$daemon/adds/"
check "it is what it was" grep -q one "$T/added/one"
exits "nor deleted" 4 lade sync -a --delete "$T/src/" "$daemon/adds/"
exits "a refused option" 4 lade sync -a --delete-excluded "$T/src/" "$daemon/refuses/"
says "has its name" '"--delete-excluded"'
exits "another one" 4 lade sync -az "$daemon/refuses/" "$T/never/"
syncs "the rest works" -a "$T/src/" "$daemon/refuses/"

# ---- staying inside ----

for module in jail chroot; do
	if [ "$module" = chroot ] && ! is_root; then
		skip "a module with a root of its own" "needs root"
		continue
	fi
	syncs "$module: its tree" -a "$daemon/$module/" "$T/$module-got/"
	same "$module: arrived" "$T/jail" "$T/$module-got"
	for way in ../outside /../outside way absolute sub/../../outside; do
		exits "$module: $way/ is not to be read" 23 lade sync -a "$daemon/$module/$way/" "$T/stolen/"
		exits "$module: nor what is there" 23 lade sync -a "$daemon/$module/$way/secret" "$T/stolen/"
		exits "$module: $way/ is not to be written to" "3|11|23" lade sync -a "$T/src/one" "$daemon/$module/$way/"
	done
	syncs "$module: a tree goes in" -a "$T/src/" "$daemon/$module/in/"
	same "$module: and is there" "$T/src" "$T/jail/in"
	remove_trees "$T/jail/in"
	syncs "$module: the index of a client" -a --index "$T/large/" "$daemon/$module/indexed/"
	mv "$T/large/file" "$T/large/moved"
	lade sync -a --index --stats "$T/large/" "$daemon/$module/indexed/"
	prints "$module: is remembered" 'Literal data: 0 bytes'
	mv "$T/large/moved" "$T/large/file"
	remove_trees "$T/jail/indexed"
done

# What is in there tells nothing about who the session is: a client may have written it.
if is_root; then
	mkdir -p "$T/cell/etc"
	echo cell:x:4242:lade,nobody >"$T/cell/etc/group"
	echo kept >"$T/cell/kept"
	chown 0:4242 "$T/cell/kept"
	chmod 640 "$T/cell/kept"
	exits "a module gives no groups to its sessions" 23 lade sync -a "$daemon/cell/" "$T/cell-got/"
	check "the rest comes" exist "$T/cell-got/etc/group"
	check "what a group of its own may read does not" absent "$T/cell-got/kept"
	# With its services no name would be known, and who opens one of its libraries waits for ever.
	printf '%s: none\n' passwd group >"$T/cell/etc/nsswitch.conf"
	libraries=$T/cell$(dirname "$(ldd "$LADE" | awk '/libc\.so/ { print $3 }')")
	mkdir -p "$libraries"
	mkfifo "$libraries/libnss_none.so.2" "$libraries/libnss_systemd.so.2" "$libraries/libnss_sss.so.2"
	echo nobody:x:4243:4243::/:/bin/false >"$T/cell/etc/passwd"
	mkdir "$T/named"
	touch "$T/named/known" "$T/named/unknown"
	chown nobody "$T/named/known"
	chown daemon "$T/named/unknown"
	exits "nor name services" 23 lade sync -a "$daemon/cell/" "$T/cell-again/"
	syncs "nor to those that write" -a "$T/named/" "$daemon/names/named/"
	report "names of its own files are known" "$(u=$(stat -c %u "$T/cell/named/known"); [ "$u" = 4243 ] || echo "$u")"
	exits "nor character sets" 4 lade sync -a --iconv=.,ISO-8859-15 "$T/named/" "$daemon/names/again"
	says "which is told" 'use chroot.*--iconv'
	check "nothing came" absent "$T/cell/again"
else
	skip "a module gives no groups to its sessions" "needs root"
fi
report "nothing outside was touched" "$(find "$T/outside" -mindepth 1 ! -name secret)"
report "nor stolen" "$(grep -rl secret "$T/stolen" 2>/dev/null)"

finish
