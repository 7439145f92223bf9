-- Whose word an event is, so that nobody's events hide or move another's. A line of the ledger says between which times
-- servers told it: NULL for lines of before, which count as told by servers; a last time of 0 where only browsers did. A
-- batch says which copy of the server wrote it. Feedback ids of browsers and of servers are apart, and of the items of
-- a day so many are browsers'.

ALTER TABLE exposures ADD COLUMN servers_first_ms BIGINT;
ALTER TABLE exposures ADD COLUMN servers_last_ms BIGINT;

ALTER TABLE event_ids ADD COLUMN writer BIGINT;

ALTER TABLE feedback ADD COLUMN teller TEXT NOT NULL DEFAULT 'servers' CHECK (teller IN ('servers', 'browsers'));
DROP INDEX feedback_event_unique;
CREATE UNIQUE INDEX feedback_event_unique ON feedback (environment, teller, event_id);

ALTER TABLE feedback_days ADD COLUMN of_browsers BIGINT NOT NULL DEFAULT 0;
