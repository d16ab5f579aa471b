#!/bin/sh
# run-as.sh USER COMMAND ARG...: run a command as a user, if we are root; as
# ourselves, if we are not. PostgreSQL refuses to run as root.
#
# Without this, `user = "postgres"` in supervise.toml does it, for a stack that is
# always started by root. What matters is exec: the program takes the place of
# this script, so the pid that supervise knows is its pid.
set -eu
user=$1
shift
if [ "$(id -u)" -ne 0 ]; then
	exec "$@"
fi
exec setpriv --reuid "$user" --regid "$user" --init-groups --pdeathsig keep -- "$@"
