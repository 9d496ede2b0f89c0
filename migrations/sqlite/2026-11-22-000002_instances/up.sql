-- Who serves now, and with which keys of the keyring.
CREATE TABLE instances (
    id     TEXT NOT NULL PRIMARY KEY,
    name   TEXT NOT NULL,                    -- for people: host and process
    keys   TEXT NOT NULL,                    -- JSON: the keys it can open with, id to check value
    active TEXT NOT NULL,                    -- the ids of those it may seal with, one but for a moment, space between
    seen   INTEGER NOT NULL
) STRICT;

-- Keys that are no more: nothing may be sealed with them again.
CREATE TABLE dropped_keys (
    id      TEXT NOT NULL PRIMARY KEY,
    dropped INTEGER NOT NULL
) STRICT;

-- For finding the rows of a key, a batch at a time.
CREATE INDEX token_sets_key ON token_sets (key_id, link_id);
CREATE INDEX flows_key ON flows (key_id, id);

-- Foreign keys to vault_keys, which SQLite can't add to a table that is there: every row names a key on record, so a
-- keyring that holds all keys on record opens every row.
CREATE TRIGGER token_sets_key_made BEFORE INSERT ON token_sets
WHEN NOT EXISTS (SELECT 1 FROM vault_keys WHERE id = NEW.key_id)
BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed: token_sets.key_id'); END;
CREATE TRIGGER token_sets_key_changed BEFORE UPDATE OF key_id ON token_sets
WHEN NOT EXISTS (SELECT 1 FROM vault_keys WHERE id = NEW.key_id)
BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed: token_sets.key_id'); END;
CREATE TRIGGER flows_key_made BEFORE INSERT ON flows
WHEN NOT EXISTS (SELECT 1 FROM vault_keys WHERE id = NEW.key_id)
BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed: flows.key_id'); END;
CREATE TRIGGER flows_key_changed BEFORE UPDATE OF key_id ON flows
WHEN NOT EXISTS (SELECT 1 FROM vault_keys WHERE id = NEW.key_id)
BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed: flows.key_id'); END;
CREATE TRIGGER vault_keys_dropped BEFORE DELETE ON vault_keys
WHEN EXISTS (SELECT 1 FROM token_sets WHERE key_id = OLD.id) OR EXISTS (SELECT 1 FROM flows WHERE key_id = OLD.id)
BEGIN SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed: a row names the key'); END;
