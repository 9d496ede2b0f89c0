-- The person who acted: not always the one that a line concerns.
ALTER TABLE audit ADD COLUMN actor TEXT;
-- How many times it happened, and which batch of counts was the last to be added.
ALTER TABLE audit ADD COLUMN count INTEGER NOT NULL DEFAULT 1;
ALTER TABLE audit ADD COLUMN batch TEXT;
-- Each question to the record is answered from an index, a page at a time.
DROP INDEX audit_at;
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_event ON audit (event, at, id);
CREATE INDEX audit_subject ON audit (subject, at, id) WHERE subject IS NOT NULL;
CREATE INDEX audit_sid ON audit (fp_type, fp_name, sid, at, id) WHERE sid IS NOT NULL;
-- For who is erased.
CREATE INDEX audit_actor ON audit (actor) WHERE actor IS NOT NULL;
