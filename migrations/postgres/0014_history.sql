-- Names the history that the audit log tells: random, and another one after a copy of the server has noticed that a
-- backup was put back, so that every other copy notices too.

ALTER TABLE workspace ADD COLUMN history TEXT NOT NULL DEFAULT '';
UPDATE workspace SET history = md5(random()::text || clock_timestamp()::text || txid_current()::text);
