-- How long events are kept, as it was set over time. tenant 0: the installation. class and value both '': every event.
-- days 0: for ever; null: the place has no period of its own from then on.
CREATE TABLE retention (
    tenant INTEGER NOT NULL,
    class TEXT NOT NULL,
    value TEXT NOT NULL,
    since INTEGER NOT NULL,
    days INTEGER,
    PRIMARY KEY (tenant, class, value, since)
) STRICT;

-- When a tenant was put below another one, in microseconds since 1970; null: never.
ALTER TABLE tenants ADD COLUMN placed_at INTEGER;
