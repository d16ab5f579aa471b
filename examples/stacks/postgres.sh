#!/bin/sh
# Runs the newest PostgreSQL server of this machine. Debian keeps it outside of
# PATH, one for each version.
#
# It has no port: who may enter state/postgres may use it, by the socket there.
set -eu
exec ./run-as.sh postgres "$(./postgresql-bin.sh)/postgres" \
	-D state/postgres/data \
	-c listen_addresses= \
	-c unix_socket_directories="$PWD/state/postgres"
