ALTER TABLE revocations DROP COLUMN erased_sid;
