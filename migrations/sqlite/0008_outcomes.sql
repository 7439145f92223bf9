-- What is measured, and the outcomes themselves: never one by one, but added up in cells of a few seconds. A running
-- server owns the rows with its name in `writer` and rewrites them whole, so that writing again never counts twice and
-- servers never wait for each other; readers add the rows up. As cells age they are merged into minutes and hours.

CREATE TABLE metrics (
    key       TEXT NOT NULL PRIMARY KEY,
    document  TEXT NOT NULL,
    audit_seq BIGINT NOT NULL
);
INSERT INTO metrics (key, document, audit_seq) VALUES
    ('error_rate', '{"key":"error_rate","name":"Error rate","description":"Requests that failed.","kind":"error_rate","unit":"%","lower_is_better":true}', 0),
    ('latency', '{"key":"latency","name":"Latency","description":"How long requests took that did not fail.","kind":"latency","unit":"ms","lower_is_better":true}', 0),
    ('conversion', '{"key":"conversion","name":"Conversion","description":"People who did what the feature is for within half an hour of seeing it.","kind":"conversion","unit":"%","lower_is_better":false}', 0),
    ('crashes', '{"key":"crashes","name":"Crashes","description":"Sessions that ended in a crash.","kind":"crashes","unit":"%","lower_is_better":true}', 0),
    ('complaints', '{"key":"complaints","name":"Complaints","description":"Complaints from feedback, for each exposed person.","kind":"complaints","unit":"","lower_is_better":true}', 0);

CREATE TABLE cells (
    environment TEXT NOT NULL,
    flag        TEXT NOT NULL,
    metric      TEXT NOT NULL,
    from_ms     BIGINT NOT NULL,
    step_ms     BIGINT NOT NULL,
    rule        TEXT NOT NULL,
    arm         TEXT NOT NULL,
    allocation  BIGINT NOT NULL,
    writer      TEXT NOT NULL,
    document    TEXT NOT NULL,
    PRIMARY KEY (environment, flag, metric, from_ms, step_ms, rule, arm, allocation, writer)
);
CREATE INDEX cells_age ON cells (step_ms, from_ms);

-- Subjects at their first exposure to a rule, while its percentages stayed the same.
CREATE TABLE first_exposures (
    environment       TEXT NOT NULL,
    flag              TEXT NOT NULL,
    rule              TEXT NOT NULL,
    allocation        BIGINT NOT NULL,
    writer            TEXT NOT NULL,
    treatment         BIGINT NOT NULL,
    control           BIGINT NOT NULL,
    treatment_share   BIGINT,
    control_share     BIGINT,
    first_ms          BIGINT NOT NULL,
    treatment_last_ms BIGINT NOT NULL,
    control_last_ms   BIGINT NOT NULL,
    PRIMARY KEY (environment, flag, rule, allocation, writer)
);
CREATE INDEX first_exposures_age ON first_exposures (first_ms);

-- Hours exist before `hours_until_ms`, minutes from `minutes_from_ms` on; whoever moves `next_ms` on does the work.
CREATE TABLE cells_upkeep (
    id              INTEGER PRIMARY KEY CHECK (id = 1),
    next_ms         BIGINT NOT NULL,
    hours_until_ms  BIGINT NOT NULL,
    minutes_from_ms BIGINT NOT NULL
);
INSERT INTO cells_upkeep (id, next_ms, hours_until_ms, minutes_from_ms) VALUES (1, 0, 0, 0);
