-- An access token that a caller reported and the provider refuses: it is kept, and handed out no more.
ALTER TABLE token_sets ADD COLUMN rejected INTEGER NOT NULL DEFAULT 0;
