-- How far the import of an export has come: an import that was cut off goes on from there.
CREATE TABLE imports (
    id    TEXT NOT NULL PRIMARY KEY,         -- the export's
    lines INTEGER NOT NULL,                  -- of the file, that need not be read again
    at    INTEGER NOT NULL                   -- in microseconds since 1970
) STRICT;
