-- Counts of tokens handed out, on their way into the record: an hour's of one writer, packed (domain::served::Page).
CREATE TABLE served_pages (
    id      TEXT NOT NULL PRIMARY KEY,
    writer  TEXT NOT NULL,                   -- the instance
    hour    INTEGER NOT NULL,                -- since 1970
    level   INTEGER NOT NULL,                -- how often it was merged
    entries INTEGER NOT NULL,
    folded  INTEGER NOT NULL,                -- so many entries are in the record
    written INTEGER NOT NULL,
    page    BLOB NOT NULL
) STRICT;

-- The batch that each writer wrote last: one whose outcome nobody heard of is written once.
CREATE TABLE served_writers (
    writer  TEXT NOT NULL PRIMARY KEY,
    batch   TEXT NOT NULL,
    written INTEGER NOT NULL
) STRICT;

-- What links were that are no more, as long as there are pages that count their tokens.
CREATE TABLE gone_links (
    id      TEXT NOT NULL PRIMARY KEY,
    subject TEXT NOT NULL,
    fp_type TEXT NOT NULL,
    fp_name TEXT NOT NULL,
    sid     TEXT NOT NULL,
    gone    INTEGER NOT NULL
) STRICT;
CREATE INDEX gone_links_gone ON gone_links (gone);
-- For who is erased.
CREATE INDEX gone_links_subject ON gone_links (subject);
CREATE INDEX gone_links_account ON gone_links (fp_type, fp_name, sid);
