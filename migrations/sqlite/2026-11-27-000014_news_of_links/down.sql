DROP INDEX token_sets_warning;
DROP INDEX token_sets_announced;
ALTER TABLE token_sets DROP COLUMN warning_at;
ALTER TABLE token_sets DROP COLUMN announced;
