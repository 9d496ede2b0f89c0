-- The Condo dialect: what its users are and may do, their sessions, phone confirmations, organizations.

-- What an administrator grants to single users: names of rights, separated by blanks, in alphabetical order.
CREATE TABLE rights_sets (
    id         uuid NOT NULL PRIMARY KEY,
    name       text COLLATE "C" NOT NULL,
    granted    text COLLATE "C" NOT NULL,
    created    timestamptz NOT NULL,
    updated    timestamptz NOT NULL,
    deleted_at timestamptz
);

ALTER TABLE accounts ADD COLUMN is_admin boolean NOT NULL DEFAULT false;
ALTER TABLE accounts ADD COLUMN is_support boolean NOT NULL DEFAULT false;
-- Whether a password alone doesn't sign in.
ALTER TABLE accounts ADD COLUMN two_factor boolean NOT NULL DEFAULT false;
ALTER TABLE accounts ADD COLUMN rights_set uuid REFERENCES rights_sets (id) ON DELETE SET NULL;
-- A JSON object: what partners told of the user, by identity type.
ALTER TABLE accounts ADD COLUMN meta text COLLATE "C" NOT NULL DEFAULT '{}';
-- What the partner said that the account came from; they sign nobody in.
ALTER TABLE accounts ADD COLUMN external_system text COLLATE "C";
ALTER TABLE accounts ADD COLUMN external_email text COLLATE "C";
ALTER TABLE accounts ADD COLUMN external_email_verified boolean NOT NULL DEFAULT false;
ALTER TABLE accounts ADD COLUMN external_phone text COLLATE "C";
ALTER TABLE accounts ADD COLUMN external_phone_verified boolean NOT NULL DEFAULT false;
-- NULL: not since it was made.
ALTER TABLE accounts ADD COLUMN updated timestamptz;

-- Sessions of the Condo dialect: the hash of the id, never the id. Without a subject: somebody who has not signed in.
CREATE TABLE condo_sessions (
    sid_hash  bytea NOT NULL PRIMARY KEY,
    subject   text COLLATE "C" REFERENCES accounts (subject) ON DELETE CASCADE,
    user_type text COLLATE "C",
    source    text COLLATE "C",
    provider  text COLLATE "C",
    client_id text COLLATE "C",
    created   timestamptz NOT NULL,
    expires   timestamptz NOT NULL
);
CREATE INDEX condo_sessions_subject ON condo_sessions (subject);
CREATE INDEX condo_sessions_expires ON condo_sessions (expires);

-- Confirmations of a phone, each for one purpose: what its token begins with. Neither the token nor the code can be read from here. With a subject: it was asked for by the
-- user's id, so the number is not told.
CREATE TABLE confirm_phone_actions (
    token_hash   bytea NOT NULL PRIMARY KEY,
    purpose      text COLLATE "C" NOT NULL,
    phone        text COLLATE "C" NOT NULL,
    subject      text COLLATE "C" REFERENCES accounts (subject) ON DELETE CASCADE,
    code_mac     bytea NOT NULL,
    code_expires timestamptz NOT NULL,
    retries      integer NOT NULL,
    verified     boolean NOT NULL,
    completed    timestamptz,
    expires      timestamptz NOT NULL,
    created      timestamptz NOT NULL
);
CREATE INDEX confirm_phone_actions_phone ON confirm_phone_actions (phone, created);
CREATE INDEX confirm_phone_actions_subject ON confirm_phone_actions (subject);
CREATE INDEX confirm_phone_actions_expires ON confirm_phone_actions (expires);

CREATE TABLE organizations (
    id         uuid NOT NULL PRIMARY KEY,
    name       text COLLATE "C" NOT NULL,
    created    timestamptz NOT NULL,
    updated    timestamptz NOT NULL,
    deleted_at timestamptz
);

-- What employees of an organization may do there: names of permissions, as above.
CREATE TABLE employee_roles (
    id           uuid NOT NULL PRIMARY KEY,
    organization uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name         text COLLATE "C" NOT NULL,
    granted      text COLLATE "C" NOT NULL,
    created      timestamptz NOT NULL,
    updated      timestamptz NOT NULL,
    deleted_at   timestamptz
);
CREATE INDEX employee_roles_organization ON employee_roles (organization);

-- Who works for which organization: once each.
CREATE TABLE employees (
    id           uuid NOT NULL PRIMARY KEY,
    organization uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    subject      text COLLATE "C" NOT NULL REFERENCES accounts (subject) ON DELETE CASCADE,
    role         uuid REFERENCES employee_roles (id) ON DELETE SET NULL,
    name         text COLLATE "C",
    email        text COLLATE "C",
    phone        text COLLATE "C",
    is_accepted  boolean NOT NULL,
    is_rejected  boolean NOT NULL,
    is_blocked   boolean NOT NULL,
    created      timestamptz NOT NULL,
    updated      timestamptz NOT NULL,
    deleted_at   timestamptz
);
CREATE UNIQUE INDEX employees_once ON employees (subject, organization) WHERE deleted_at IS NULL;
CREATE INDEX employees_organization ON employees (organization);
CREATE INDEX employees_role ON employees (role);
