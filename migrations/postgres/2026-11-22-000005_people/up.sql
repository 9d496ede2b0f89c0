-- A person: who they are at our own sign-in page. An address belongs to one account of a type, verified or not.
ALTER TABLE accounts ADD COLUMN email text COLLATE "C";
ALTER TABLE accounts ADD COLUMN email_verified boolean NOT NULL DEFAULT false;
ALTER TABLE accounts ADD COLUMN phone text COLLATE "C";
ALTER TABLE accounts ADD COLUMN phone_verified boolean NOT NULL DEFAULT false;
-- argon2id, as a PHC string.
ALTER TABLE accounts ADD COLUMN password_hash text COLLATE "C";
-- Set: the account may not sign in, and nobody acts for it.
ALTER TABLE accounts ADD COLUMN disabled_at timestamptz;
CREATE UNIQUE INDEX accounts_email ON accounts (account_type, email);
CREATE UNIQUE INDEX accounts_phone ON accounts (account_type, phone);

-- Browsers in which somebody is signed in: the hash of the cookie, never the cookie.
CREATE TABLE sessions (
    cookie_hash   bytea NOT NULL PRIMARY KEY,
    subject       text COLLATE "C" NOT NULL REFERENCES accounts (subject) ON DELETE CASCADE,
    authenticated timestamptz NOT NULL,
    expires       timestamptz NOT NULL
);
CREATE INDEX sessions_subject ON sessions (subject);
CREATE INDEX sessions_expires ON sessions (expires);

-- How often something was tried since its window began.
CREATE TABLE attempts (
    key     text COLLATE "C" NOT NULL PRIMARY KEY,
    count   integer NOT NULL,
    expires timestamptz NOT NULL
);
CREATE INDEX attempts_expires ON attempts (expires);

-- Authorization codes (RFC 6749 4.1.2). A used one stays until it expires: its second use is an attack.
CREATE TABLE oauth_codes (
    code_hash      bytea NOT NULL PRIMARY KEY,
    client         text COLLATE "C" NOT NULL,
    subject        text COLLATE "C" NOT NULL,
    redirect_uri   text COLLATE "C" NOT NULL,
    scope          text COLLATE "C" NOT NULL,
    code_challenge text COLLATE "C" NOT NULL,
    family         uuid NOT NULL,
    used           boolean NOT NULL,
    expires        timestamptz NOT NULL
);
CREATE INDEX oauth_codes_expires ON oauth_codes (expires);
CREATE INDEX oauth_codes_subject ON oauth_codes (subject);

-- Refresh tokens of ours. All that came of one authorization are a family: a used one that comes back ends it.
CREATE TABLE oauth_refresh_tokens (
    token_hash bytea NOT NULL PRIMARY KEY,
    client     text COLLATE "C" NOT NULL,
    subject    text COLLATE "C" NOT NULL,
    scope      text COLLATE "C" NOT NULL,
    family     uuid NOT NULL,
    used       boolean NOT NULL,
    expires    timestamptz NOT NULL
);
CREATE INDEX oauth_refresh_tokens_family ON oauth_refresh_tokens (family);
CREATE INDEX oauth_refresh_tokens_subject ON oauth_refresh_tokens (subject);
CREATE INDEX oauth_refresh_tokens_expires ON oauth_refresh_tokens (expires);

-- NULL: not of a family, as every system-mode token.
ALTER TABLE oauth_tokens ADD COLUMN family uuid;
CREATE INDEX oauth_tokens_family ON oauth_tokens (family);
CREATE INDEX oauth_tokens_subject ON oauth_tokens (subject);

-- Whether the app opened the instruction in a popup, whose last page tells its opener. An empty code_challenge from now on: the
-- flow is completed in the browser, by the person who is signed in there.
ALTER TABLE flows ADD COLUMN popup boolean NOT NULL DEFAULT false;
