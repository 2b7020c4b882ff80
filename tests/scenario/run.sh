# tests/scenario/run.sh: backup jobs: what their files say is done, by name, by cron, with hooks, tries and locks, and can be restored.
. "${srcdir:-.}/tests/scenario/lib.sh"

unset "${!LADE_@}"
LADE=$T/lade
here=$(cd "${srcdir:-.}" && pwd) || exit 99
cd "$T" || exit 99
export XDG_CACHE_HOME=$T/.cache HOME=$T/home
mkdir home jobs.d src metrics hooks
(umask 077; echo 'correct horse' >password; echo 'wrong horse' >wrong)
echo one >src/one
mkdir src/sub
echo two >src/sub/two
echo left >src/left.o

# job NAME < SETTINGS: the file of a job, of what every job here has and more.
job() {
	{ printf '%s\n' "path = $T/src" "password file = $T/password"; cat; } >"jobs.d/$1.conf"
}
# jobs ARGUMENTS...: lade run, with the jobs of this test.
jobs() { lade run --jobs-dir "$T/jobs.d" "$@"; }
# has FILE WORDS: it has this line.
has() { grep -qxF -- "$2" "$1" || { cat "$1"; return 1; }; }
# metric NAME FILE: a number of the metrics.
metric() { sed -n "s/^lade_job_$1{name=\"[a-z]*\"} //p" "$2"; }
# snapshots COUNT: so many are in the repository.
snapshots() { run "$LADE" snapshots -r "$T/${2:-repo}" --password-file "$T/password" --json; [ "$(grep -o '"short_id"' "$out" | wc -l)" = "$1" ] || show_run; }
# restored NAME DIR DIR: the first one is the second, but for its own time and owners.
restored() {
	touch -r "$2" "$3"
	same "$1" "$2" "$3" noowner
}
# A hook that notes what it was told; it fails if there is a file called fail-NAME, and waits while there is one called wait-NAME.
cat >hooks/note <<'END'
#!/bin/sh
cd "${0%/*}" || exit 9
log=log
[ "$1" != cron ] || log=cron-log
echo "$1 $LADE_JOB $LADE_STATUS ${#LADE_SNAPSHOT}" >>"$log"
echo "$LADE_SNAPSHOT" >"snapshot-$1"
while [ -e "wait-$1" ]; do sleep 0.05; done
[ ! -e "fail-$1" ]
END
chmod +x hooks/note

# ---- a real cron, which has a minute while the rest is tested ----
cron_pid=
start_cron() {
	mkdir -p crond/home crond/upper crond/work crond/spool crond/run cron-repo
	cp -r src cron-src
	# Everything of the line but how often, and where lade is, is that of the example; what is remembered is for this test alone.
	echo "HOME=$T/crond/home" >crond/line
	sed -e 's,^\*/15,*,' -e "s,root lade,root $LADE," "$here/packaging/cron.d/lade" >>crond/line
	cat >crond/start <<-END
		set -e
		mount -t overlay -o "lowerdir=/etc,upperdir=$T/crond/upper,workdir=$T/crond/work" overlay /etc || exit 77
		mount --bind "$T/crond/spool" /var/spool/cron
		mount --bind "$T/crond/run" /run
		mkdir -p crond/spool/crontabs
		rm -f /etc/cron.d/* /etc/crontab
		cp crond/line /etc/cron.d/lade
		mkdir -p /etc/lade/jobs.d
		printf '%s\n' 'path = $T/cron-src' 'repository = $T/cron-repo' 'password file = $T/password' 'every = 1d' 'after = $T/hooks/note cron' >/etc/lade/jobs.d/home.conf
		exec cron -f
	END
	run "$LADE" init -r "$T/cron-repo" --password-file "$T/password"
	unshare -m --propagation private bash crond/start >crond/out 2>&1 &
	cron_pid=$!
	own_pids+=("$cron_pid")
}
if is_root && have cron && have unshare && unshare -m true 2>/dev/null; then start_cron; fi

# ---- files ----
exits "no job is wanted" 1 lade run
says "and asked for" 'which job'
exits "there is none" 0 lade run --list --jobs-dir "$T/jobs.d"
exits "nor one of that name" 1 jobs nothing
says "which is said" "there is no job 'nothing'"
exits "nor such a directory" 1 lade run --jobs-dir "$T/none" --list
job home <<END
repository = $T/repo
exclude = *.o
tag = nightly
every = 1d
metrics = $T/metrics
before = $T/hooks/note before
after = $T/hooks/note after
on failure = $T/hooks/note failure
END
printf 'path = src\nrepository = %s\nnice = 77\n' "$T/repo" >jobs.d/bad.conf
exits "--check" 1 jobs --check
prints "tells a fault with file and line" "^$T/jobs.d/bad.conf:1: path: \"src\": it has to be an absolute path"
prints "and the next one" "^$T/jobs.d/bad.conf:3: nice:"
prints "and what is good" '^home: no fault$'
exits "--check of one" 0 jobs --check home
exits "a wrong job does not run" 1 jobs bad
says "and it is said why" 'bad.conf:1: path'
rm jobs.d/bad.conf
touch 'jobs.d/a b.conf'
exits "nor does one of another name" 1 jobs --check
prints "which is said" 'letters, digits'
rm 'jobs.d/a b.conf'
chmod g+w jobs.d/home.conf
exits "nor one that a group may write" 1 jobs home
says "which is said" 'chmod g-w'
chmod g-w jobs.d/home.conf
exits "--list before any run" 0 jobs --list
prints "shows that it is due" '^home  *-  *-  *-  now$'

# ---- end to end ----
exits "no repository is 10" 10 jobs home
check "the hooks ran in order" [ "$(cat hooks/log)" = "before home 0 0
after home 10 0
failure home 10 0" ]
check "the metrics have the status" [ "$(metric last_status metrics/lade_home.prom)" = 10 ]
check "and no success" [ "$(metric last_success_timestamp_seconds metrics/lade_home.prom)" = 0 ]
run "$LADE" init -r "$T/repo" --password-file "$T/password"
: >hooks/log
began=$(date +%s)
exits "a job" 0 jobs home
silent "says nothing while nobody watches"
check "the hooks know the snapshot" [ "$(cat hooks/log)" = "before home 0 0
after home 0 64" ]
report "there is one" "$(snapshots 1)"
prints "of that job's tag" '"nightly"'
exits "it can be restored" 0 lade restore -r "$T/repo" --password-file "$T/password" "$(head -c 12 hooks/snapshot-after):$T/src" -t "$T/back"
rm src/left.o
restored "and is what was there, but for what is left out" "$T/src" "$T/back"
check "the metrics tell of it" [ "$(metric last_status metrics/lade_home.prom) $(metric last_files metrics/lade_home.prom) $(metric last_errors metrics/lade_home.prom) $(
	metric last_bytes metrics/lade_home.prom) $(metric last_tries metrics/lade_home.prom)" = "0 2 0 8 1" ]
check "and when" [ "$(metric last_success_timestamp_seconds metrics/lade_home.prom)" -ge "$began" ]
check "a collector may read them" [ "$(stat -c %a metrics/lade_home.prom)" = 644 ]
check "nothing else is there" [ "$(ls metrics)" = lade_home.prom ]
exits "--list --json" 0 jobs --list --json
prints "has it all" '^\{"message_type":"job","name":"home","file":".*","last_start":[0-9]*,"last_success":[0-9]*,"last_status":0,"due":[0-9]*\}$'
check "due is in a day" [ "$(sed 's/.*"due":\([0-9]*\).*/\1/' "$out")" -gt $((began + 80000)) ]
exits "--json is that of a backup" 0 jobs home --json
prints "with its summary" '"message_type":"summary"'

# ---- hooks ----
: >hooks/log
touch hooks/fail-before
exits "a hook before that fails ends the job" 1 jobs home
says "which is said" 'job home: before: it failed with exit status 1'
check "nothing more is done" [ "$(cat hooks/log)" = "before home 0 0
failure home 1 0" ]
rm hooks/fail-before
touch hooks/fail-after
exits "a hook after that fails is told" 1 jobs home
says "as well" 'job home: after: it failed'
rm hooks/fail-after

# ---- locks ----
touch hooks/wait-before
: >hooks/log
"$LADE" run --jobs-dir "$T/jobs.d" home >"$T/first.out" 2>&1 &
first=$!
own_pids+=("$first")
wait_for test -s hooks/log
exits "a job that runs is not begun again" 11 jobs home
says "and who has it is said" "job home: it is running already, as process $first\$"
exits "--due leaves it alone" 0 jobs --due
silent "without a word"
kill -TERM "$first"
wait "$first"
check "told to end, it ends" [ $? = 130 ]
check "with the hook for failures" has hooks/log "failure home 130 0"
rm hooks/wait-before
exits "and the lock is free" 0 jobs home

# ---- --due ----
echo changed >src/one
exits "--due runs nothing that is not due" 0 jobs --due
snapshots 0 >/dev/null
before=$(grep -o '"short_id"' "$out" | wc -l)
rm -rf .state/lade/jobs*
exits "one that never made it to the end is due" 0 jobs --due
report "and has run" "$(snapshots $((before + 1)))"
exits "once" 0 jobs --due
report "until it is due again" "$(snapshots $((before + 1)))"
for file in .state/lade/jobs*/home.state; do echo damaged >"$file"; done
exits "a damaged state is none" 0 jobs --due
report "so that it runs" "$(snapshots $((before + 2)))"
echo 'whatever' >jobs.d/bad.conf
for file in .state/lade/jobs*/home.state; do echo "lade-job-1 $((began - 200000)) $((began - 200000)) $((began - 199999)) 0" >"$file"; done
exits "missed twice, beside a job that is wrong" 1 jobs --due
says "which is told" 'bad.conf:1: this is neither'
rm jobs.d/bad.conf
report "it is made up for once" "$(snapshots $((before + 3)))"
exits "and not again" 0 jobs --due
report "afterwards" "$(snapshots $((before + 3)))"

# ---- tries ----
job late <<END
repository = $T/late-repo
retries = 20
retry wait = 1s
after = $T/hooks/note late
END
run "$LADE" init -r "$T/other-repo" --password-file "$T/password"
: >hooks/log
"$LADE" run --jobs-dir "$T/jobs.d" late >"$T/late.out" 2>&1 &
late=$!
own_pids+=("$late")
wait_for grep -q 'the next try, 2 of 21, is in 1 s' "$T/late.out"
check "a repository that is not there is waited for" grep -q 'job late: it failed with status 10; the next try, 2 of 21, is in 1 s' "$T/late.out"
mv other-repo late-repo
wait "$late"
check "until it is" [ $? = 0 ]
check "the hook ran once" [ "$(cat hooks/log)" = "late late 0 64" ]
printf '%s\n' "path = $T/src" "repository = $T/repo" "password file = $T/wrong" 'retries = 5' 'retry wait = 1m' >jobs.d/wrong.conf
exits "a wrong password does not pass: it is tried once" 12 jobs wrong
check "nothing was waited for" [ "$(grep -c 'next try' "$err")" = 0 ]
job slow <<END
repository = $T/repo
before = /bin/sleep 100
timeout = 1s
END
exits "what takes too long is ended" 1 jobs slow
says "which is said" 'before: it took longer than the timeout of 1 s'
printf '%s\n' 'command = sleep 100' "repository = $T/repo" "password file = $T/password" 'timeout = 3s' 'retries = 3' >jobs.d/slow.conf
exits "so is a backup, with the command" 1 run setsid "$LADE" run --jobs-dir "$T/jobs.d" slow
says "and is not tried again" 'job slow: it took longer than the timeout of 3 s, and was ended'
check "not once" [ "$(grep -c 'next try' "$err")" = 0 ]
exits "the worst of several is told, and all run" 12 jobs wrong late

# ---- what a command prints ----
printf '%s\n' 'command = printf %s.%s a b' 'stdin filename = dump.txt' "repository = $T/repo" "password file = $T/password" "after = $T/hooks/note stream" >jobs.d/stream.conf
exits "the output of a command" 0 jobs stream
exits "is in the snapshot" 0 lade dump -r "$T/repo" --password-file "$T/password" "$(head -c 12 hooks/snapshot-stream)" /dump.txt
check "as it was" [ "$(cat "$out")" = a.b ]

# ---- as cron(8) would ----
# as_cron USER-COMMAND...: the line of the example, with the environment that cron gives; SHELL and PATH are its own, but for where lade is.
line=$(sed -n 's/^\*\/15 \* \* \* \* root //p' "$here/packaging/cron.d/lade")
check "the example has the line" [ "$line" = 'lade run --due' ]
mkdir -p home/.config/lade/jobs.d bin
ln -s "$LADE" bin/lade
cp -r src home/docs
(umask 077; cp password home/password)
# Its time is half a day away: it does not come while this goes on.
at=$(env -u TZ date -d '12 hours' +%H:%M)
printf '%s\n' "path = $T/home/docs" "repository = $T/home/repo" "password file = $T/home/password" "at = $at" >home/.config/lade/jobs.d/home.conf
as_user=()
if is_root; then
	chown -R nobody home
	as_user=("${as_nobody[@]}")
fi
cron_line() { run "${as_user[@]}" env -i HOME="$T/home" LOGNAME=nobody PATH="$T/bin:/usr/bin:/bin" SHELL=/bin/sh /bin/sh -c "$1"; }
exits "a repository of a user" 0 cron_line "lade init -r $T/home/repo --password-file $T/home/password"
exits "the line of the example" 0 cron_line "$line"
silent "says nothing, so that no letter is written"
exits "it made a backup" 0 cron_line "lade restore -r $T/home/repo --password-file $T/home/password latest:$T/home/docs -t $T/home/back"
restored "that can be restored" "$T/home/docs" "$T/home/back"
exits "again" 0 cron_line "$line"
silent "it says nothing"
exits "and does nothing" 0 cron_line "lade snapshots -r $T/home/repo --password-file $T/home/password --json"
check "until it is due" [ "$(grep -o '"short_id"' "$out" | wc -l)" = 1 ]
mkdir -m 0 home/docs/closed
rm -rf home/.local
exits "what cannot be read is 3" 3 cron_line "$line"
says "and named, for a letter" 'docs/closed'
exits "it counts as a run that made it to the end" 0 cron_line "$line"

# ---- the five lines of the README ----
mkdir backups
sed -n '/^### Every night/,/^## /s/^    //p' "$here/README.md" | sed "s,/etc/lade,$T/etc/lade,g; s,/etc/cron.d,$T/etc/cron.d,g; s,/var/backups,$T/backups,g; s,path = /etc,path = $T/src,; s,path = /home,path = $T/hooks,; s,lade run ,lade run --jobs-dir $T/etc/lade/jobs.d ,g" >readme
check "the README has five lines" [ "$(wc -l <readme)" = 5 ]
exits "which work when pasted" 0 run env PATH="$T/bin:$PATH" bash -e readme
prints "and show the job" '^nightly .* 0  20'
check "and have cron run it" grep -q "^\*/15 \* \* \* \* root $T/bin/lade run --due\$" etc/cron.d/lade

# ---- the real cron ----
if [ -z "$cron_pid" ]; then
	if is_root && have unshare; then skip "a real cron" "no cron here"; else skip "a real cron" "needs root"; fi
elif ! kill -0 "$cron_pid" 2>/dev/null && { wait "$cron_pid"; [ $? = 77 ]; }; then
	skip "a real cron" "cannot mount a file system here"
else
	check "a real cron ran the job" wait_for grep -q '^cron home 0 64' hooks/cron-log
	exits "what it made can be restored" 0 lade restore -r "$T/cron-repo" --password-file "$T/password" "latest:$T/cron-src" -t "$T/cron-back"
	restored "and is what was there" "$T/cron-src" "$T/cron-back"
	kill "$cron_pid"
fi

finish
