#!/bin/sh
# Takes jobs from a list in Redis, one at a time, and writes their results into
# PostgreSQL.
#
# No job is lost, whatever dies: while one is worked on it stands in the list
# "working", until its result is in the database. One that is done twice for that
# changes nothing the second time.
#
# TERM ends it after the job at hand: the shell runs a trap when the command that
# it waits for has ended. So only the shell may get the signal (stop.scope).
set -eu
ending=
trap 'ending=1' TERM

# What the run before has not finished comes first.
job=$(./cache.sh LMOVE working jobs RIGHT LEFT)
if [ -n "$job" ]; then
	echo "once more: $job"
fi
echo "waiting for jobs"
while [ -z "$ending" ]; do
	job=$(./cache.sh BLMOVE jobs working LEFT RIGHT 1) # waits for one for a second
	[ -n "$job" ] || continue
	./sql.sh --set=job="$job" <<-'SQL'
		INSERT INTO results (job, answer) VALUES (:'job', upper(:'job')) ON CONFLICT DO NOTHING;
	SQL
	./cache.sh LREM working 1 "$job" >/dev/null
	echo "done: $job"
done
echo "ending, no job is half done"
