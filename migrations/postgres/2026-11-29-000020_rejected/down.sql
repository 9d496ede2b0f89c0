ALTER TABLE token_sets DROP COLUMN rejected_at;
ALTER TABLE token_sets DROP COLUMN rejected_version;
