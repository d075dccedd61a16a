-- Tenants form a tree. `number` is immutable, never reused, and the only thing that the index knows of a tenant.
CREATE TABLE tenants (
    number       INTEGER PRIMARY KEY,
    uuid         BLOB    NOT NULL UNIQUE CHECK (length(uuid) = 16),
    name         TEXT    NOT NULL,
    name_folded  TEXT    NOT NULL UNIQUE,
    display_name TEXT,
    parent       INTEGER REFERENCES tenants (number),
    auditing     INTEGER NOT NULL CHECK (auditing IN (0, 1)),
    chain_id     BLOB    NOT NULL UNIQUE CHECK (length(chain_id) = 16),
    created_at   INTEGER NOT NULL
) STRICT;

-- Only the SHA-256 of a key is kept: its secret has 256 random bits, so a slow hash would add nothing.
CREATE TABLE keys (
    id                 BLOB    PRIMARY KEY CHECK (length(id) = 16),
    name               TEXT    NOT NULL,
    prefix             TEXT    NOT NULL,
    hash               BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    permissions        TEXT    NOT NULL,
    reach              TEXT    NOT NULL,
    default_tenant     INTEGER REFERENCES tenants (number),
    tenant_from_target INTEGER NOT NULL CHECK (tenant_from_target IN (0, 1)),
    expires_at         INTEGER,
    created_at         INTEGER NOT NULL,
    revoked_at         INTEGER
) STRICT;

-- Every version of the rules stays: an event says which version it was received under. A version is built in (it
-- came with a release, and a later release may add the next one) or edited (an administrator's, which stays).
CREATE TABLE rule_sets (
    version    INTEGER PRIMARY KEY,
    body       TEXT    NOT NULL,
    built_in   INTEGER NOT NULL CHECK (built_in IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;
