-- Saved views: an address's query under a name. An owner is a user, or a key with all that came before it by rotation;
-- without references, since what is shared stays when its owner, role or tenant is gone.
CREATE TABLE views (
    id            BLOB    PRIMARY KEY CHECK (length(id) = 16),
    slug          TEXT    NOT NULL UNIQUE,
    -- As in the table of jobs.
    owner         TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    name_folded   TEXT    NOT NULL,
    query         TEXT    NOT NULL,
    -- JSON list of names; null: whatever the reader's own are.
    columns       TEXT,
    shared        TEXT    NOT NULL CHECK (shared IN ('nobody', 'everybody', 'role', 'tenant')),
    shared_role   BLOB    CHECK ((shared_role IS NOT NULL) = (shared = 'role')),
    shared_tenant INTEGER CHECK ((shared_tenant IS NOT NULL) = (shared = 'tenant')),
    created_at    INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL,
    UNIQUE (owner, name_folded)
) STRICT;

-- What the page opens with.
CREATE TABLE default_views (
    owner TEXT PRIMARY KEY,
    view  BLOB NOT NULL REFERENCES views (id) ON DELETE CASCADE
) STRICT;

-- Short links: whole queries that are too long to hand on.
CREATE TABLE short_links (
    slug       TEXT    PRIMARY KEY,
    owner      TEXT    NOT NULL,
    query      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (owner, query)
) STRICT;
