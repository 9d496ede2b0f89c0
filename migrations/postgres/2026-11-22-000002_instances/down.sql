ALTER TABLE flows DROP CONSTRAINT flows_key_on_record;
ALTER TABLE token_sets DROP CONSTRAINT token_sets_key_on_record;
DROP INDEX flows_key;
DROP INDEX token_sets_key;
DROP TABLE dropped_keys;
DROP TABLE instances;
