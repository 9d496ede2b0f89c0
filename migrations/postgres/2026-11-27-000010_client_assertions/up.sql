-- Assertions by which applications proved themselves (RFC 7523): each is good once.
CREATE TABLE client_assertions (
    client TEXT NOT NULL,
    -- SHA-256 of its jti.
    jti_hash bytea NOT NULL,
    -- When it can't be good any more, and may be forgotten.
    until timestamptz NOT NULL,
    PRIMARY KEY (client, jti_hash)
);
CREATE INDEX client_assertions_until ON client_assertions (until);

-- By which claim an issuer's users are known (`subject_claim`): it may not change under accounts.
CREATE TABLE issuer_rules (
    issuer TEXT NOT NULL PRIMARY KEY,
    subject_claim TEXT NOT NULL
);
