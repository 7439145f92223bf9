-- What the copies of the server sign short-lived things with, such as the addresses of event streams.

ALTER TABLE workspace ADD COLUMN secret TEXT;
