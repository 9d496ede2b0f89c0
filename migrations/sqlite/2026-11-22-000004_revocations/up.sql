-- Tokens that no link needs any more, to be revoked at their provider (RFC 7009).
CREATE TABLE revocations (
    id          TEXT NOT NULL PRIMARY KEY,
    subject     TEXT,                        -- NULL: a bind that was made for nobody yet
    fp_type     TEXT NOT NULL,
    fp_name     TEXT NOT NULL,
    sid         TEXT,                        -- NULL: the provider did not prove whose they are
    key_id      TEXT NOT NULL REFERENCES vault_keys (id),
    wrapped_key BLOB NOT NULL,
    sealed      BLOB NOT NULL,               -- the tokens, under the job's own id
    attempts    INTEGER NOT NULL,
    retry_at    INTEGER NOT NULL,            -- moves with each attempt: whoever moved it has the job
    created     INTEGER NOT NULL
) STRICT;
-- For finding the rows of a key, a batch at a time.
CREATE INDEX revocations_key ON revocations (key_id, id);
CREATE INDEX revocations_retry_at ON revocations (retry_at);

-- Whether an account holds tokens is asked before each revocation, whoever's link it is.
CREATE INDEX links_account ON links (fp_type, fp_name, sid);
