#!/bin/sh
# Makes what the programs need before their first start: a directory for each
# below state/, and PostgreSQL's files. What is there already is left alone.
set -eu

# own USER DIRECTORY: make a directory that belongs to whom run-as.sh runs USER's
# programs as. Others may enter it, for the sockets in it.
own() {
	mkdir -p "$2"
	if [ "$(id -u)" -eq 0 ]; then
		chown "$1:" "$2"
		./run-as.sh "$1" test -x "$PWD/$2" || {
			echo "user $1 cannot enter $PWD/$2: make the directories above it accessible, or don't run this as root" >&2
			exit 1
		}
	fi
}
own postgres state/postgres
own redis state/redis
own www-data state/nginx

if [ -e state/postgres/data/PG_VERSION ]; then
	echo "the database is there"
	exit
fi
# Into another directory first: what is called data is complete.
new=state/postgres/new
rm -rf "$new"
./run-as.sh postgres "$(./postgresql-bin.sh)/initdb" --pgdata="$new" --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 >state/initdb.log
mv "$new" state/postgres/data
echo "the database was made"
