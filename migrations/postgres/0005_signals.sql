-- When applications were first and last heard of: that a flag was asked for, served to somebody, followed by an outcome.
-- The flag '' stands for answers about all flags at once. A few rows for each flag, however much is asked.

CREATE TABLE signals (
    environment TEXT NOT NULL,
    flag        TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('evaluation', 'exposure', 'outcome')),
    first_ms    BIGINT NOT NULL,
    last_ms     BIGINT NOT NULL,
    PRIMARY KEY (environment, flag, kind)
);
