-- Saved reports: what one shows, and of which events. Shared like views.
CREATE TABLE reports (
    id            BLOB    PRIMARY KEY CHECK (length(id) = 16),
    -- As in the table of jobs.
    owner         TEXT    NOT NULL,
    owner_name    TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    -- JSON: kind, columns, groups, totals.
    definition    TEXT    NOT NULL,
    -- The filters, as in an address.
    query         TEXT    NOT NULL,
    zone          TEXT    NOT NULL,
    shared        TEXT    NOT NULL CHECK (shared IN ('nobody', 'everybody', 'role', 'tenant')),
    shared_role   BLOB    CHECK ((shared_role IS NOT NULL) = (shared = 'role')),
    shared_tenant INTEGER CHECK ((shared_tenant IS NOT NULL) = (shared = 'tenant')),
    created_at    INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL
) STRICT;

CREATE INDEX reports_of_owner ON reports (owner);

-- When reports are made by themselves, and to whom they are sent.
CREATE TABLE schedules (
    id             BLOB    PRIMARY KEY CHECK (length(id) = 16),
    owner          TEXT    NOT NULL,
    owner_name     TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    report         BLOB    NOT NULL REFERENCES reports (id),
    format         TEXT    NOT NULL,
    -- As somebody wrote it: five fields of cron, or words.
    timing         TEXT    NOT NULL,
    zone           TEXT    NOT NULL,
    -- JSON list of addresses.
    recipients     TEXT    NOT NULL,
    subject        TEXT,
    enabled        INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    -- When and why the server itself stopped it.
    stopped_at     INTEGER,
    stopped_reason TEXT,
    -- Null while it is not enabled.
    next_run       INTEGER,
    created_at     INTEGER NOT NULL,
    changed_at     INTEGER NOT NULL
) STRICT;

CREATE INDEX schedules_due ON schedules (next_run) WHERE next_run IS NOT NULL;
