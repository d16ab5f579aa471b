#!/bin/sh
# redis-cli on our Redis; -e has an exit status that tells of errors.
exec redis-cli -s state/redis/redis.sock -e "$@"
