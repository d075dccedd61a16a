-- What the server does by itself, now or later: exports, report runs, mails. A row stays when its job has ended: it is
-- the history.
CREATE TABLE jobs (
    id           BLOB    PRIMARY KEY CHECK (length(id) = 16),
    kind         TEXT    NOT NULL,
    -- Whose reach it runs with: admin, key:<uuid> or user:<uuid>.
    owner        TEXT    NOT NULL,
    owner_name   TEXT    NOT NULL,
    -- What set it going, where a job is part of something: a schedule, the job that made the file.
    parent       BLOB    CHECK (length(parent) = 16),
    -- JSON; what to do. Never changes.
    spec         TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'completed', 'failed', 'cancelled', 'expired')),
    attempts     INTEGER NOT NULL DEFAULT 0,
    -- When it may run, at the earliest.
    run_at       INTEGER NOT NULL,
    -- The process that runs it, and until when it is believed to.
    lease_by     BLOB,
    lease_until  INTEGER,
    -- Whether somebody wants it to end.
    cancelling   INTEGER NOT NULL DEFAULT 0 CHECK (cancelling IN (0, 1)),
    done         INTEGER NOT NULL DEFAULT 0,
    total        INTEGER,
    -- JSON; what came of it.
    outcome      TEXT,
    created_at   INTEGER NOT NULL,
    started_at   INTEGER,
    ended_at     INTEGER,
    expires_at   INTEGER
) STRICT;

CREATE INDEX jobs_due ON jobs (run_at) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_of_owner ON jobs (kind, owner, id);
CREATE INDEX jobs_of_parent ON jobs (parent, id) WHERE parent IS NOT NULL;
CREATE INDEX jobs_expiring ON jobs (expires_at) WHERE state = 'completed';
