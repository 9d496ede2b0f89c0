ALTER TABLE token_sets DROP COLUMN rejected;
