-- What providers answered to refreshes, by the minute, for charts.
CREATE TABLE provider_minutes (
    minute   INTEGER NOT NULL,               -- since 1970
    fp_type  TEXT NOT NULL,
    fp_name  TEXT NOT NULL,
    outcome  TEXT NOT NULL,
    instance TEXT NOT NULL,
    count    INTEGER NOT NULL,
    millis   INTEGER NOT NULL,               -- of all answers together
    PRIMARY KEY (minute, fp_type, fp_name, outcome, instance)
) STRICT;
