-- Ids are lower-case UUIDs, instants are microseconds since 1970 in UTC.

CREATE TABLE accounts (
    subject      TEXT NOT NULL PRIMARY KEY,
    issuer       TEXT,                       -- NULL: the account is ours
    account_type TEXT NOT NULL,
    name         TEXT,
    created      INTEGER NOT NULL
) STRICT;

-- A link has no foreign key to an account: with subjects = "any" the users live elsewhere.
CREATE TABLE links (
    id            TEXT NOT NULL PRIMARY KEY,
    subject       TEXT NOT NULL,
    fp_type       TEXT NOT NULL,
    fp_name       TEXT NOT NULL,
    sid           TEXT NOT NULL,
    user_name     TEXT,
    proof         TEXT NOT NULL,
    origin_client TEXT,
    exclusive_key TEXT,                      -- set: the external account has one owner
    created       INTEGER NOT NULL,
    UNIQUE (subject, fp_type, fp_name, sid),
    UNIQUE (exclusive_key)
) STRICT;

CREATE TABLE token_sets (
    link_id        TEXT NOT NULL PRIMARY KEY REFERENCES links (id) ON DELETE CASCADE,
    key_id         TEXT NOT NULL,            -- the keyring's key that wraps wrapped_key
    wrapped_key    BLOB NOT NULL,
    sealed_access  BLOB,
    sealed_refresh BLOB,
    scope          TEXT,
    expires_at     INTEGER,                  -- NULL: the provider did not say
    obtained_at    INTEGER,                  -- NULL: imported
    version        INTEGER NOT NULL,         -- moves when tokens are written, and only then
    health         TEXT NOT NULL,
    health_since   INTEGER,
    attempt        TEXT,                     -- who holds the refresh lease
    lease_until    INTEGER,
    unclosed_by    TEXT,                     -- an attempt whose end nobody recorded
    retry_at       INTEGER,
    failures       INTEGER NOT NULL
) STRICT;

CREATE TABLE link_uses (
    link_id   TEXT NOT NULL PRIMARY KEY REFERENCES links (id) ON DELETE CASCADE,
    last_used INTEGER NOT NULL
) STRICT;

-- One bind in progress. Done, failed and late flows have no row.
CREATE TABLE flows (
    id             TEXT NOT NULL PRIMARY KEY,
    state          TEXT NOT NULL,
    client         TEXT NOT NULL,
    subject        TEXT,                     -- fixed by the instruction's bearer, if it had one
    fp_type        TEXT NOT NULL,
    fp_name        TEXT NOT NULL,
    callback       TEXT NOT NULL,
    code_challenge TEXT NOT NULL,
    cookie_hash    BLOB,                     -- the one browser that opened it
    state_hash     BLOB,                     -- the OAuth state of the provider's leg
    code_hash      BLOB,                     -- the bind code
    sid            TEXT,                     -- the account, once it is known
    user_name      TEXT,
    key_id         TEXT NOT NULL,
    wrapped_key    BLOB NOT NULL,
    sealed         BLOB,                     -- the leg's nonce and verifier, later the grant
    opened         INTEGER,
    expires        INTEGER NOT NULL,
    created        INTEGER NOT NULL,
    UNIQUE (state_hash),
    UNIQUE (code_hash)
) STRICT;
CREATE INDEX flows_expires ON flows (expires);

CREATE TABLE oauth_tokens (
    token_hash BLOB NOT NULL PRIMARY KEY,
    id         TEXT NOT NULL,
    client     TEXT NOT NULL,
    subject    TEXT,                         -- NULL: system mode
    scope      TEXT NOT NULL,
    issued     INTEGER NOT NULL,
    expires    INTEGER NOT NULL
) STRICT;
CREATE INDEX oauth_tokens_expires ON oauth_tokens (expires);

-- Every key that has sealed anything, with a value that tells whether a key of that id is the same key.
CREATE TABLE vault_keys (
    id          TEXT NOT NULL PRIMARY KEY,
    check_value BLOB NOT NULL,
    created     INTEGER NOT NULL
) STRICT;

-- Which ownership rule the rows of a provider were last brought in line with.
CREATE TABLE provider_rules (
    fp_type   TEXT NOT NULL,
    fp_name   TEXT NOT NULL,
    exclusive INTEGER NOT NULL,
    PRIMARY KEY (fp_type, fp_name)
) STRICT;

CREATE TABLE audit (
    id            TEXT NOT NULL PRIMARY KEY,
    at            INTEGER NOT NULL,
    event         TEXT NOT NULL,
    client        TEXT,
    subject       TEXT,
    fp_type       TEXT,
    fp_name       TEXT,
    sid           TEXT,
    detail        TEXT,                      -- a reason code, never a provider's raw text
    claimed_ip    TEXT,
    claimed_agent TEXT
) STRICT;
CREATE INDEX audit_at ON audit (at);
