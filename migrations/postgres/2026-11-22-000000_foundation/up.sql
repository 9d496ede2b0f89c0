-- Text compares byte for byte (COLLATE "C"), as on the other engine.

CREATE TABLE accounts (
    subject      text COLLATE "C" NOT NULL PRIMARY KEY,
    issuer       text COLLATE "C",                       -- NULL: the account is ours
    account_type text COLLATE "C" NOT NULL,
    name         text COLLATE "C",
    created      timestamptz NOT NULL
);

-- A link has no foreign key to an account: with subjects = "any" the users live elsewhere.
CREATE TABLE links (
    id            uuid NOT NULL PRIMARY KEY,
    subject       text COLLATE "C" NOT NULL,
    fp_type       text COLLATE "C" NOT NULL,
    fp_name       text COLLATE "C" NOT NULL,
    sid           text COLLATE "C" NOT NULL,
    user_name     text COLLATE "C",
    proof         text COLLATE "C" NOT NULL,
    origin_client text COLLATE "C",
    exclusive_key text COLLATE "C",                      -- set: the external account has one owner
    created       timestamptz NOT NULL,
    UNIQUE (subject, fp_type, fp_name, sid),
    UNIQUE (exclusive_key)
);

CREATE TABLE token_sets (
    link_id        uuid NOT NULL PRIMARY KEY REFERENCES links (id) ON DELETE CASCADE,
    key_id         text COLLATE "C" NOT NULL,            -- the keyring's key that wraps wrapped_key
    wrapped_key    bytea NOT NULL,
    sealed_access  bytea,
    sealed_refresh bytea,
    scope          text COLLATE "C",
    expires_at     timestamptz,                  -- NULL: the provider did not say
    obtained_at    timestamptz,                  -- NULL: imported
    version        bigint NOT NULL,         -- moves when tokens are written, and only then
    health         text COLLATE "C" NOT NULL,
    health_since   timestamptz,
    attempt        uuid,                     -- who holds the refresh lease
    lease_until    timestamptz,
    unclosed_by    uuid,                     -- an attempt whose end nobody recorded
    retry_at       timestamptz,
    failures       integer NOT NULL
);

CREATE TABLE link_uses (
    link_id   uuid NOT NULL PRIMARY KEY REFERENCES links (id) ON DELETE CASCADE,
    last_used timestamptz NOT NULL
);

-- One bind in progress. Done, failed and late flows have no row.
CREATE TABLE flows (
    id             uuid NOT NULL PRIMARY KEY,
    state          text COLLATE "C" NOT NULL,
    client         text COLLATE "C" NOT NULL,
    subject        text COLLATE "C",                     -- fixed by the instruction's bearer, if it had one
    fp_type        text COLLATE "C" NOT NULL,
    fp_name        text COLLATE "C" NOT NULL,
    callback       text COLLATE "C" NOT NULL,
    code_challenge text COLLATE "C" NOT NULL,
    cookie_hash    bytea,                     -- the one browser that opened it
    state_hash     bytea,                     -- the OAuth state of the provider's leg
    code_hash      bytea,                     -- the bind code
    sid            text COLLATE "C",                     -- the account, once it is known
    user_name      text COLLATE "C",
    key_id         text COLLATE "C" NOT NULL,
    wrapped_key    bytea NOT NULL,
    sealed         bytea,                     -- the leg's nonce and verifier, later the grant
    opened         timestamptz,
    expires        timestamptz NOT NULL,
    created        timestamptz NOT NULL,
    UNIQUE (state_hash),
    UNIQUE (code_hash)
);
CREATE INDEX flows_expires ON flows (expires);

CREATE TABLE oauth_tokens (
    token_hash bytea NOT NULL PRIMARY KEY,
    id         uuid NOT NULL,
    client     text COLLATE "C" NOT NULL,
    subject    text COLLATE "C",                         -- NULL: system mode
    scope      text COLLATE "C" NOT NULL,
    issued     timestamptz NOT NULL,
    expires    timestamptz NOT NULL
);
CREATE INDEX oauth_tokens_expires ON oauth_tokens (expires);

-- Every key that has sealed anything, with a value that tells whether a key of that id is the same key.
CREATE TABLE vault_keys (
    id          text COLLATE "C" NOT NULL PRIMARY KEY,
    check_value bytea NOT NULL,
    created     timestamptz NOT NULL
);

-- Which ownership rule the rows of a provider were last brought in line with.
CREATE TABLE provider_rules (
    fp_type   text COLLATE "C" NOT NULL,
    fp_name   text COLLATE "C" NOT NULL,
    exclusive boolean NOT NULL,
    PRIMARY KEY (fp_type, fp_name)
);

CREATE TABLE audit (
    id            uuid NOT NULL PRIMARY KEY,
    at            timestamptz NOT NULL,
    event         text COLLATE "C" NOT NULL,
    client        text COLLATE "C",
    subject       text COLLATE "C",
    fp_type       text COLLATE "C",
    fp_name       text COLLATE "C",
    sid           text COLLATE "C",
    detail        text COLLATE "C",                      -- a reason code, never a provider's raw text
    claimed_ip    text COLLATE "C",
    claimed_agent text COLLATE "C"
);
CREATE INDEX audit_at ON audit (at);
