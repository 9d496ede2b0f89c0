-- The version whose access token a caller reported and the provider refuses, and since when: it is kept, and handed out no more. One that any
-- writer replaces has another version.
ALTER TABLE token_sets ADD COLUMN rejected_version bigint;
ALTER TABLE token_sets ADD COLUMN rejected_at timestamptz;
