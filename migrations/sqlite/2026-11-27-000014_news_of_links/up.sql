-- Whether it was told that the link needs its user, and not yet that it gives tokens again.
ALTER TABLE token_sets ADD COLUMN announced INTEGER NOT NULL DEFAULT 0;
-- When it is next to be told that the refresh token ends soon.
ALTER TABLE token_sets ADD COLUMN warning_at INTEGER;

UPDATE token_sets SET announced = told;
UPDATE token_sets SET warning_at = refresh_expires_at - 604800000000 WHERE refresh_expires_at IS NOT NULL;

CREATE INDEX token_sets_announced ON token_sets (health) WHERE announced;
CREATE INDEX token_sets_warning ON token_sets (warning_at) WHERE warning_at IS NOT NULL;
