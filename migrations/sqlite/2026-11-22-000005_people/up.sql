-- A person: who they are at our own sign-in page. An address belongs to one account of a type, verified or not.
ALTER TABLE accounts ADD COLUMN email TEXT;
ALTER TABLE accounts ADD COLUMN email_verified INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN phone TEXT;
ALTER TABLE accounts ADD COLUMN phone_verified INTEGER NOT NULL DEFAULT 0;
-- argon2id, as a PHC string.
ALTER TABLE accounts ADD COLUMN password_hash TEXT;
-- Set: the account may not sign in, and nobody acts for it.
ALTER TABLE accounts ADD COLUMN disabled_at INTEGER;
CREATE UNIQUE INDEX accounts_email ON accounts (account_type, email);
CREATE UNIQUE INDEX accounts_phone ON accounts (account_type, phone);

-- Browsers in which somebody is signed in: the hash of the cookie, never the cookie.
CREATE TABLE sessions (
    cookie_hash   BLOB NOT NULL PRIMARY KEY,
    subject       TEXT NOT NULL REFERENCES accounts (subject) ON DELETE CASCADE,
    authenticated INTEGER NOT NULL,
    expires       INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_subject ON sessions (subject);
CREATE INDEX sessions_expires ON sessions (expires);

-- How often something was tried since its window began.
CREATE TABLE attempts (
    key     TEXT NOT NULL PRIMARY KEY,
    count   INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT;
CREATE INDEX attempts_expires ON attempts (expires);

-- Authorization codes (RFC 6749 4.1.2). A used one stays until it expires: its second use is an attack.
CREATE TABLE oauth_codes (
    code_hash      BLOB NOT NULL PRIMARY KEY,
    client         TEXT NOT NULL,
    subject        TEXT NOT NULL,
    redirect_uri   TEXT NOT NULL,
    scope          TEXT NOT NULL,
    code_challenge TEXT NOT NULL,
    family         TEXT NOT NULL,
    used           INTEGER NOT NULL,
    expires        INTEGER NOT NULL
) STRICT;
CREATE INDEX oauth_codes_expires ON oauth_codes (expires);
CREATE INDEX oauth_codes_subject ON oauth_codes (subject);

-- Refresh tokens of ours. All that came of one authorization are a family: a used one that comes back ends it.
CREATE TABLE oauth_refresh_tokens (
    token_hash BLOB NOT NULL PRIMARY KEY,
    client     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    scope      TEXT NOT NULL,
    family     TEXT NOT NULL,
    used       INTEGER NOT NULL,
    expires    INTEGER NOT NULL
) STRICT;
CREATE INDEX oauth_refresh_tokens_family ON oauth_refresh_tokens (family);
CREATE INDEX oauth_refresh_tokens_subject ON oauth_refresh_tokens (subject);
CREATE INDEX oauth_refresh_tokens_expires ON oauth_refresh_tokens (expires);

-- NULL: not of a family, as every system-mode token.
ALTER TABLE oauth_tokens ADD COLUMN family TEXT;
CREATE INDEX oauth_tokens_family ON oauth_tokens (family);
CREATE INDEX oauth_tokens_subject ON oauth_tokens (subject);

-- Whether the app opened the instruction in a popup, whose last page tells its opener. An empty code_challenge from now on: the
-- flow is completed in the browser, by the person who is signed in there.
ALTER TABLE flows ADD COLUMN popup INTEGER NOT NULL DEFAULT 0;
