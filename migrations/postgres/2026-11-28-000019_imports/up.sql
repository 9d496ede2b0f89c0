-- How far the import of an export has come: an import that was cut off goes on from there.
CREATE TABLE imports (
    id    uuid PRIMARY KEY,                  -- the export's
    lines bigint NOT NULL,                   -- of the file, that need not be read again
    at    timestamptz NOT NULL
);
