#!/bin/sh
# Fails at once.

echo "cannot find what I need" >&2
exit 1
