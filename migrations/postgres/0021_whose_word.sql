-- Whose word the evidence rests on. A cell holds what everybody told, servers and browsers with a receipt; where browsers
-- told something, `servers` is the same cell as if they had not. NULL: there is no difference, as in all cells of before,
-- whose outcomes therefore count as told by servers. The same for subjects at their first exposure.
-- And what browsers told without a receipt, to be drawn beside the evidence: by metric, in slots of ten minutes.

ALTER TABLE cells ADD COLUMN servers TEXT;
ALTER TABLE first_exposures ADD COLUMN servers_treatment BIGINT;
ALTER TABLE first_exposures ADD COLUMN servers_control BIGINT;

CREATE TABLE unverified_outcomes (
    environment TEXT COLLATE "C" NOT NULL,
    flag        TEXT COLLATE "C" NOT NULL,
    metric      TEXT COLLATE "C" NOT NULL,
    slot_ms     BIGINT NOT NULL,
    outcomes    BIGINT NOT NULL,
    events      BIGINT NOT NULL,
    PRIMARY KEY (environment, flag, metric, slot_ms)
);
CREATE INDEX unverified_outcomes_age ON unverified_outcomes (slot_ms);
