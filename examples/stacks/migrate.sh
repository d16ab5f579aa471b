#!/bin/sh
# Brings the database to the newest schema: runs the files in migrations/ that it
# has not seen yet, in order. Each is one transaction together with the note that
# it was run, so a migration that is killed halfway has not happened.
set -eu
./sql.sh -c "SET client_min_messages = warning" \
	-c "CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, run_at timestamptz NOT NULL DEFAULT now())"
for file in migrations/*.sql; do
	name=$(basename "$file" .sql)
	if [ "$(./sql.sh -c "SELECT count(*) FROM migrations WHERE name = '$name'")" -eq 0 ]; then
		./sql.sh --single-transaction -f "$file" -c "INSERT INTO migrations (name) VALUES ('$name')"
		echo "migrated: $name"
	fi
done
echo "the schema is up to date"
