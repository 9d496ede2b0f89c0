-- Counts of tokens handed out, on their way into the record: an hour's of one writer, packed (domain::served::Page).
CREATE TABLE served_pages (
    id      uuid NOT NULL PRIMARY KEY,
    writer  uuid NOT NULL,
    hour    bigint NOT NULL,
    level   integer NOT NULL,
    entries integer NOT NULL,
    folded  integer NOT NULL,
    written timestamptz NOT NULL,
    page    bytea NOT NULL
);
-- It is packed already.
ALTER TABLE served_pages ALTER COLUMN page SET STORAGE EXTERNAL;

-- The batch that each writer wrote last: one whose outcome nobody heard of is written once.
CREATE TABLE served_writers (
    writer  uuid NOT NULL PRIMARY KEY,
    batch   uuid NOT NULL,
    written timestamptz NOT NULL
);

-- What links were that are no more, as long as there are pages that count their tokens.
CREATE TABLE gone_links (
    id      uuid NOT NULL PRIMARY KEY,
    subject text COLLATE "C" NOT NULL,
    fp_type text COLLATE "C" NOT NULL,
    fp_name text COLLATE "C" NOT NULL,
    sid     text COLLATE "C" NOT NULL,
    gone    timestamptz NOT NULL
);
CREATE INDEX gone_links_gone ON gone_links (gone);
-- For who is erased.
CREATE INDEX gone_links_subject ON gone_links (subject);
CREATE INDEX gone_links_account ON gone_links (fp_type, fp_name, sid);
