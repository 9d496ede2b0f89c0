-- Who serves now, and with which keys of the keyring.
CREATE TABLE instances (
    id     uuid NOT NULL PRIMARY KEY,
    name   text COLLATE "C" NOT NULL,         -- for people: host and process
    keys   text COLLATE "C" NOT NULL,         -- JSON: the keys it can open with, id to check value
    active text COLLATE "C" NOT NULL,         -- the ids of those it may seal with, one but for a moment, space between
    seen   timestamptz NOT NULL
);

-- Keys that are no more: nothing may be sealed with them again.
CREATE TABLE dropped_keys (
    id      text COLLATE "C" NOT NULL PRIMARY KEY,
    dropped timestamptz NOT NULL
);

-- For finding the rows of a key, a batch at a time.
CREATE INDEX token_sets_key ON token_sets (key_id, link_id);
CREATE INDEX flows_key ON flows (key_id, id);

-- Every row names a key on record, so a keyring that holds all keys on record opens every row. A serving instance has
-- put each key on record before it sealed with it, so the rows that are there need not be looked at.
ALTER TABLE token_sets ADD CONSTRAINT token_sets_key_on_record FOREIGN KEY (key_id) REFERENCES vault_keys (id) NOT VALID;
ALTER TABLE flows ADD CONSTRAINT flows_key_on_record FOREIGN KEY (key_id) REFERENCES vault_keys (id) NOT VALID;
