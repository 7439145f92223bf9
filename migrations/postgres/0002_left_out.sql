-- What clients sent and nobody could use: by token, reason and hour, with the last sentence that was answered.

CREATE TABLE omitted (
    token    BIGINT NOT NULL,
    reason   TEXT COLLATE "C" NOT NULL,
    hour_ms  BIGINT NOT NULL,
    times    BIGINT NOT NULL,
    last_ms  BIGINT NOT NULL,
    sentence TEXT NOT NULL,
    PRIMARY KEY (token, reason, hour_ms)
);
CREATE INDEX omitted_age ON omitted (hour_ms);

-- Who had a feature at some percentages: also subjects that had been seen before. NULL in what was counted before.
ALTER TABLE first_exposures ADD COLUMN entered BIGINT;
ALTER TABLE first_exposures ADD COLUMN entered_last_ms BIGINT;
