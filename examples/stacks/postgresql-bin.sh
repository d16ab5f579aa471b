#!/bin/sh
# Prints where the programs of the newest PostgreSQL are. Debian keeps them
# outside of PATH, in a directory for each version.
bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
if [ ! -x "$bin/postgres" ]; then
	echo "PostgreSQL is not installed: apt-get install postgresql" >&2
	exit 1
fi
echo "$bin"
