-- When an import brought the set, which its provider did not give to us: what counts from obtained_at elsewhere counts from here.
ALTER TABLE token_sets ADD COLUMN imported_at timestamptz;
-- The life of an access token as the provider stated it last, in seconds. It counts on where an answer states none.
ALTER TABLE token_sets ADD COLUMN stated_life bigint;
-- NULL: the provider did not say.
ALTER TABLE token_sets ADD COLUMN refresh_expires_at timestamptz;

-- Until now nobody wrote down when an import was. It made the link, or came soon after.
UPDATE token_sets SET imported_at = (SELECT created FROM links WHERE links.id = token_sets.link_id)
WHERE obtained_at IS NULL;

-- Refresh ahead where only the settings say how long a token lives.
CREATE INDEX token_sets_unstated ON token_sets (expires_at, coalesce(obtained_at, imported_at)) WHERE expires_at IS NULL;
