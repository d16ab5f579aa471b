#!/bin/sh
# Stands in for a migration: takes two seconds, then it is done.

echo "adding a column"
sleep 2
echo "done"
