DROP INDEX audit_actor;
DROP INDEX audit_sid;
DROP INDEX audit_subject;
DROP INDEX audit_event;
DROP INDEX audit_at;
CREATE INDEX audit_at ON audit (at);
ALTER TABLE audit DROP COLUMN batch;
ALTER TABLE audit DROP COLUMN count;
ALTER TABLE audit DROP COLUMN actor;
