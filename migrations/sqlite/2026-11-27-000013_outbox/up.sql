-- Events that endpoints are still to be told, and those that were given up: a row for each endpoint.
CREATE TABLE outbox (
    seq       INTEGER NOT NULL PRIMARY KEY,       -- the order of each lane
    endpoint  TEXT NOT NULL,
    lane      TEXT NOT NULL,                      -- whose order it stands in: an account at a provider, or a person
    id        TEXT NOT NULL,                      -- of the line in the record
    at        INTEGER NOT NULL,
    event     TEXT NOT NULL,
    subject   TEXT,
    fp_type   TEXT,
    fp_name   TEXT,
    sid       TEXT,
    reason    TEXT,                               -- a code of ours
    replayed  INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    forgotten INTEGER NOT NULL,                   -- its person was erased: it is told, and becomes no dead letter
    dead_at   INTEGER,
    failure   TEXT                                -- why it was given up, a code of ours
) STRICT;
CREATE UNIQUE INDEX outbox_id ON outbox (id, endpoint);
-- The next of a lane; what waits, and what was given up, a page at a time.
CREATE INDEX outbox_lane ON outbox (endpoint, lane, seq) WHERE dead_at IS NULL;
CREATE INDEX outbox_waiting ON outbox (endpoint, seq) WHERE dead_at IS NULL;
CREATE INDEX outbox_dead ON outbox (endpoint, seq) WHERE dead_at IS NOT NULL;
CREATE INDEX outbox_dead_at ON outbox (dead_at) WHERE dead_at IS NOT NULL;
-- For who is erased.
CREATE INDEX outbox_subject ON outbox (subject) WHERE subject IS NOT NULL;
CREATE INDEX outbox_account ON outbox (fp_type, fp_name, sid) WHERE sid IS NOT NULL;

-- The orders of an endpoint that have something waiting. Whoever adds to one holds its row until the commit.
CREATE TABLE outbox_lanes (
    endpoint      TEXT NOT NULL,
    lane          TEXT NOT NULL,
    due_at        INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,               -- failures in a row of the one whose turn it is
    failing_since INTEGER,
    PRIMARY KEY (endpoint, lane)
) STRICT;
CREATE INDEX outbox_lanes_due ON outbox_lanes (endpoint, due_at);

-- Who delivers an endpoint's events, and until when.
CREATE TABLE outbox_leases (
    endpoint    TEXT NOT NULL PRIMARY KEY,
    holder      TEXT NOT NULL,
    lease_until INTEGER NOT NULL
) STRICT;
