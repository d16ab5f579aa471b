CREATE TABLE results (
	job    text PRIMARY KEY,
	answer text NOT NULL
);
