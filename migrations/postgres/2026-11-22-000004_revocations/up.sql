-- Tokens that no link needs any more, to be revoked at their provider (RFC 7009).
CREATE TABLE revocations (
    id          uuid NOT NULL PRIMARY KEY,
    subject     text COLLATE "C",                        -- NULL: a bind that was made for nobody yet
    fp_type     text COLLATE "C" NOT NULL,
    fp_name     text COLLATE "C" NOT NULL,
    sid         text COLLATE "C",                        -- NULL: the provider did not prove whose they are
    key_id      text COLLATE "C" NOT NULL REFERENCES vault_keys (id),
    wrapped_key bytea NOT NULL,
    sealed      bytea NOT NULL,               -- the tokens, under the job's own id
    attempts    integer NOT NULL,
    retry_at    timestamptz NOT NULL,         -- moves with each attempt: whoever moved it has the job
    created     timestamptz NOT NULL
);
-- For finding the rows of a key, a batch at a time.
CREATE INDEX revocations_key ON revocations (key_id, id);
CREATE INDEX revocations_retry_at ON revocations (retry_at);

-- Whether an account holds tokens is asked before each revocation, whoever's link it is.
CREATE INDEX links_account ON links (fp_type, fp_name, sid);
