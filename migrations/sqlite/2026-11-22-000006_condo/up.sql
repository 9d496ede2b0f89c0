-- The Condo dialect: what its users are and may do, their sessions, phone confirmations, organizations.

-- What an administrator grants to single users: names of rights, separated by blanks, in alphabetical order.
CREATE TABLE rights_sets (
    id         TEXT NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    granted    TEXT NOT NULL,
    created    INTEGER NOT NULL,
    updated    INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;

ALTER TABLE accounts ADD COLUMN is_admin INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN is_support INTEGER NOT NULL DEFAULT 0;
-- Whether a password alone doesn't sign in.
ALTER TABLE accounts ADD COLUMN two_factor INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN rights_set TEXT REFERENCES rights_sets (id) ON DELETE SET NULL;
-- A JSON object: what partners told of the user, by identity type.
ALTER TABLE accounts ADD COLUMN meta TEXT NOT NULL DEFAULT '{}';
-- What the partner said that the account came from; they sign nobody in.
ALTER TABLE accounts ADD COLUMN external_system TEXT;
ALTER TABLE accounts ADD COLUMN external_email TEXT;
ALTER TABLE accounts ADD COLUMN external_email_verified INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN external_phone TEXT;
ALTER TABLE accounts ADD COLUMN external_phone_verified INTEGER NOT NULL DEFAULT 0;
-- NULL: not since it was made.
ALTER TABLE accounts ADD COLUMN updated INTEGER;

-- Sessions of the Condo dialect: the hash of the id, never the id. Without a subject: somebody who has not signed in.
CREATE TABLE condo_sessions (
    sid_hash  BLOB NOT NULL PRIMARY KEY,
    subject   TEXT REFERENCES accounts (subject) ON DELETE CASCADE,
    user_type TEXT,
    source    TEXT,
    provider  TEXT,
    client_id TEXT,
    created   INTEGER NOT NULL,
    expires   INTEGER NOT NULL
) STRICT;
CREATE INDEX condo_sessions_subject ON condo_sessions (subject);
CREATE INDEX condo_sessions_expires ON condo_sessions (expires);

-- Confirmations of a phone, each for one purpose: what its token begins with. Neither the token nor the code can be read from here. With a subject: it was asked for by the
-- user's id, so the number is not told.
CREATE TABLE confirm_phone_actions (
    token_hash   BLOB NOT NULL PRIMARY KEY,
    purpose      TEXT NOT NULL,
    phone        TEXT NOT NULL,
    subject      TEXT REFERENCES accounts (subject) ON DELETE CASCADE,
    code_mac     BLOB NOT NULL,
    code_expires INTEGER NOT NULL,
    retries      INTEGER NOT NULL,
    verified     INTEGER NOT NULL,
    completed    INTEGER,
    expires      INTEGER NOT NULL,
    created      INTEGER NOT NULL
) STRICT;
CREATE INDEX confirm_phone_actions_phone ON confirm_phone_actions (phone, created);
CREATE INDEX confirm_phone_actions_subject ON confirm_phone_actions (subject);
CREATE INDEX confirm_phone_actions_expires ON confirm_phone_actions (expires);

CREATE TABLE organizations (
    id         TEXT NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    created    INTEGER NOT NULL,
    updated    INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;

-- What employees of an organization may do there: names of permissions, as above.
CREATE TABLE employee_roles (
    id           TEXT NOT NULL PRIMARY KEY,
    organization TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    granted      TEXT NOT NULL,
    created      INTEGER NOT NULL,
    updated      INTEGER NOT NULL,
    deleted_at   INTEGER
) STRICT;
CREATE INDEX employee_roles_organization ON employee_roles (organization);

-- Who works for which organization: once each.
CREATE TABLE employees (
    id           TEXT NOT NULL PRIMARY KEY,
    organization TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    subject      TEXT NOT NULL REFERENCES accounts (subject) ON DELETE CASCADE,
    role         TEXT REFERENCES employee_roles (id) ON DELETE SET NULL,
    name         TEXT,
    email        TEXT,
    phone        TEXT,
    is_accepted  INTEGER NOT NULL,
    is_rejected  INTEGER NOT NULL,
    is_blocked   INTEGER NOT NULL,
    created      INTEGER NOT NULL,
    updated      INTEGER NOT NULL,
    deleted_at   INTEGER
) STRICT;
CREATE UNIQUE INDEX employees_once ON employees (subject, organization) WHERE deleted_at IS NULL;
CREATE INDEX employees_organization ON employees (organization);
CREATE INDEX employees_role ON employees (role);
