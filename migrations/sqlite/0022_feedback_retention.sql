-- Environments that keep what users told for another time than usual, counted from when it arrived.

CREATE TABLE feedback_retention (
    environment TEXT NOT NULL PRIMARY KEY REFERENCES environments (key),
    days        BIGINT NOT NULL CHECK (days > 0)
);
