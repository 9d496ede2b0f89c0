-- Whether an attempt died with its process: its lease lapsed, or was cleared at a start.
ALTER TABLE token_sets ADD COLUMN abandoned INTEGER NOT NULL DEFAULT 0;
-- Whether a mark has been told of.
ALTER TABLE token_sets ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
-- When the rest began that ends at retry_at, by the same clock.
ALTER TABLE token_sets ADD COLUMN failed_at INTEGER;
-- The word by which the provider refuses this token without saying that it is over, since when, and how often.
ALTER TABLE token_sets ADD COLUMN refused_word TEXT;
ALTER TABLE token_sets ADD COLUMN refused_since INTEGER;
ALTER TABLE token_sets ADD COLUMN refused_times INTEGER NOT NULL DEFAULT 0;

UPDATE token_sets SET told = 1 WHERE health IN ('needs_consent', 'lost_in_flight') AND notice_at IS NULL;
