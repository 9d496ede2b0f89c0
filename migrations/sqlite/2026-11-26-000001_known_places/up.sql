-- Where an account is known to sign in from: browsers, by a hash of their cookie, and networks, by a hash of theirs and of the account.
CREATE TABLE known_places (
    subject TEXT NOT NULL REFERENCES accounts (subject) ON DELETE CASCADE,
    place   BLOB NOT NULL,
    kind    TEXT NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (subject, place)
) STRICT;
-- A browser may be several accounts'.
CREATE INDEX known_places_place ON known_places (place);
CREATE INDEX known_places_expires ON known_places (expires);

-- When there is one more try, where those of the window are spent. NULL: not before the window ends.
ALTER TABLE attempts ADD COLUMN opens INTEGER;
