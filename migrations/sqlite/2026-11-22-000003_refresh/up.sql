-- What is to be told of a link that was marked dead, and when: until then the mark may be undone.
ALTER TABLE token_sets ADD COLUMN notice_at INTEGER;
-- Before it is told, the provider is asked once more.
ALTER TABLE token_sets ADD COLUMN second_look INTEGER NOT NULL DEFAULT 0;

CREATE INDEX token_sets_notice ON token_sets (notice_at) WHERE notice_at IS NOT NULL;
CREATE INDEX token_sets_marked ON token_sets (health_since) WHERE health_since IS NOT NULL;
-- Refresh ahead looks for what expires soon, keep-alive for what has not been refreshed for long.
CREATE INDEX token_sets_expires ON token_sets (expires_at);
CREATE INDEX token_sets_obtained ON token_sets (obtained_at);
