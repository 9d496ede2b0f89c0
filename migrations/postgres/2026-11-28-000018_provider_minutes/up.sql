-- What providers answered to refreshes, by the minute, for charts.
CREATE TABLE provider_minutes (
    minute   bigint NOT NULL,
    fp_type  text COLLATE "C" NOT NULL,
    fp_name  text COLLATE "C" NOT NULL,
    outcome  text COLLATE "C" NOT NULL,
    instance uuid NOT NULL,
    count    bigint NOT NULL,
    millis   bigint NOT NULL,
    PRIMARY KEY (minute, fp_type, fp_name, outcome, instance)
);
