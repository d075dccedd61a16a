-- What of time a role may ask about: ISO 8601 durations in calendar units; null: not limited.
ALTER TABLE roles ADD COLUMN range_back TEXT;
ALTER TABLE roles ADD COLUMN range_span TEXT;
