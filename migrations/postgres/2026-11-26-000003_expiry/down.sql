DROP INDEX token_sets_unstated;
ALTER TABLE token_sets DROP COLUMN refresh_expires_at;
ALTER TABLE token_sets DROP COLUMN stated_life;
ALTER TABLE token_sets DROP COLUMN imported_at;
