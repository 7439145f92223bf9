-- The time zone in which a member reads and types times, by its IANA name. Without one, what the browser says.

ALTER TABLE users ADD COLUMN time_zone TEXT;
