#!/bin/sh
# Does not listen to TERM. What it starts doesn't either: an ignored signal
# stays ignored across exec.

trap '' TERM

echo "I ignore TERM"
while :; do sleep 1; done
