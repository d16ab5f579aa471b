ALTER TABLE results ADD COLUMN done_at timestamptz NOT NULL DEFAULT now();
