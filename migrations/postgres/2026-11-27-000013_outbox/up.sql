-- Events that endpoints are still to be told, and those that were given up: a row for each endpoint.
CREATE TABLE outbox (
    seq       bigserial PRIMARY KEY,               -- the order of each lane
    endpoint  text COLLATE "C" NOT NULL,
    lane      uuid NOT NULL,                       -- whose order it stands in: an account at a provider, or a person
    id        uuid NOT NULL,                       -- of the line in the record
    at        timestamptz NOT NULL,
    event     text COLLATE "C" NOT NULL,
    subject   text COLLATE "C",
    fp_type   text COLLATE "C",
    fp_name   text COLLATE "C",
    sid       text COLLATE "C",
    reason    text COLLATE "C",                    -- a code of ours
    replayed  boolean NOT NULL,
    queued_at timestamptz NOT NULL,
    forgotten boolean NOT NULL,                    -- its person was erased: it is told, and becomes no dead letter
    dead_at   timestamptz,
    failure   text COLLATE "C"                     -- why it was given up, a code of ours
);
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
    endpoint      text COLLATE "C" NOT NULL,
    lane          uuid NOT NULL,
    due_at        timestamptz NOT NULL,
    attempts      integer NOT NULL,                -- failures in a row of the one whose turn it is
    failing_since timestamptz,
    PRIMARY KEY (endpoint, lane)
);
CREATE INDEX outbox_lanes_due ON outbox_lanes (endpoint, due_at);

-- Who delivers an endpoint's events, and until when.
CREATE TABLE outbox_leases (
    endpoint    text COLLATE "C" NOT NULL PRIMARY KEY,
    holder      uuid NOT NULL,
    lease_until timestamptz NOT NULL
);
