-- Whether an attempt died with its process: its lease lapsed, or was cleared at a start.
ALTER TABLE token_sets ADD COLUMN abandoned boolean NOT NULL DEFAULT FALSE;
-- Whether a mark has been told of.
ALTER TABLE token_sets ADD COLUMN told boolean NOT NULL DEFAULT FALSE;
-- When the rest began that ends at retry_at, by the same clock.
ALTER TABLE token_sets ADD COLUMN failed_at timestamptz;
-- The word by which the provider refuses this token without saying that it is over, since when, and how often.
ALTER TABLE token_sets ADD COLUMN refused_word text;
ALTER TABLE token_sets ADD COLUMN refused_since timestamptz;
ALTER TABLE token_sets ADD COLUMN refused_times integer NOT NULL DEFAULT 0;

UPDATE token_sets SET told = TRUE WHERE health IN ('needs_consent', 'lost_in_flight') AND notice_at IS NULL;
