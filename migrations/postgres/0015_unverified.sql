-- Events of browsers without a receipt, which anybody can make up: counted by flag and hour, and no evidence of anything.

CREATE TABLE unverified_events (
    environment TEXT COLLATE "C" NOT NULL,
    flag        TEXT COLLATE "C" NOT NULL,
    hour_ms     BIGINT NOT NULL,
    times       BIGINT NOT NULL,
    PRIMARY KEY (environment, flag, hour_ms)
);
