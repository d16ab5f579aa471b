#!/bin/sh
# psql on our database: answers on standard output without any decoration, and
# an exit status that tells of errors.
#
#   ./sql.sh -c 'SELECT count(*) FROM results'
exec psql --host="$PWD/state/postgres" --username=postgres --dbname=postgres \
	--no-psqlrc --no-password --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"
