-- Whose tenant it is, beyond its name. `kind` is null where nobody said: a tenant with others below it is a territory.
ALTER TABLE tenants ADD COLUMN kind          TEXT CHECK (kind IN ('territory', 'domain'));
ALTER TABLE tenants ADD COLUMN external_id   TEXT;
ALTER TABLE tenants ADD COLUMN zone          TEXT;
ALTER TABLE tenants ADD COLUMN state         TEXT    NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended'));
ALTER TABLE tenants ADD COLUMN audited_since INTEGER;
UPDATE tenants SET audited_since = created_at WHERE auditing = 1;

-- Names that a tenant had. Events live under them, so they stay its own for ever.
CREATE TABLE former_names (
    name_folded TEXT    PRIMARY KEY,
    name        TEXT    NOT NULL,
    tenant      INTEGER NOT NULL REFERENCES tenants (number)
) STRICT;

ALTER TABLE keys ADD COLUMN create_tenants INTEGER NOT NULL DEFAULT 0 CHECK (create_tenants IN (0, 1));
ALTER TABLE keys ADD COLUMN replaces       BLOB REFERENCES keys (id);
ALTER TABLE keys ADD COLUMN last_used_at   INTEGER;

-- The roles of an installation's own; the ready-made ones stand in the program.
CREATE TABLE roles (
    id          BLOB PRIMARY KEY CHECK (length(id) = 16),
    name        TEXT NOT NULL,
    name_folded TEXT NOT NULL UNIQUE,
    permissions TEXT NOT NULL,
    reach       TEXT NOT NULL CHECK (reach IN ('everything', 'territories', 'tenant', 'oneself'))
) STRICT;

CREATE TABLE users (
    id                BLOB    PRIMARY KEY CHECK (length(id) = 16),
    username          TEXT    NOT NULL,
    username_folded   TEXT    NOT NULL UNIQUE,
    first_name        TEXT,
    last_name         TEXT,
    email             TEXT,
    locale            TEXT,
    zone              TEXT,
    tenant            INTEGER REFERENCES tenants (number),
    -- JSON list of names.
    groups            TEXT    NOT NULL DEFAULT '[]',
    state             TEXT    NOT NULL CHECK (state IN ('invited', 'active', 'locked', 'disabled')),
    -- argon2id, as a PHC string.
    password          TEXT,
    password_set_at   INTEGER,
    -- Sealed under the key of control.key.
    totp              BLOB,
    -- The step of the last code, so that none is good twice.
    totp_last_step    INTEGER,
    created_at        INTEGER NOT NULL,
    last_sign_in_at   INTEGER
) STRICT;

-- What a user may do. Rows follow ledger entries.
CREATE TABLE grants (
    user        BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role        BLOB NOT NULL,
    -- JSON list of tenant numbers, for roles that reach over territories given.
    territories TEXT NOT NULL,
    PRIMARY KEY (user, role)
) STRICT;

CREATE TABLE recovery_codes (
    user BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (user, hash)
) STRICT;

-- Sign-in elsewhere: who a provider says that a user is.
CREATE TABLE identities (
    provider TEXT NOT NULL,
    subject  TEXT NOT NULL,
    user     BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (provider, subject)
) STRICT;

-- Only the SHA-256 of a session's secret is kept.
CREATE TABLE sessions (
    hash         BLOB    PRIMARY KEY CHECK (length(hash) = 32),
    id           BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    user         BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    method       TEXT    NOT NULL,
    address      TEXT    NOT NULL,
    user_agent   TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT;

-- Links that are good once: setting up, invitations, new passwords.
CREATE TABLE links (
    hash       BLOB    PRIMARY KEY CHECK (length(hash) = 32),
    purpose    TEXT    NOT NULL CHECK (purpose IN ('setup', 'invitation', 'password')),
    user       BLOB    REFERENCES users (id) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL
) STRICT;

-- Looking that is recorded but not yet an event of the trail; one row for each question of a window.
CREATE TABLE looks (
    window_start INTEGER NOT NULL,
    principal    BLOB    NOT NULL,
    tenant       INTEGER NOT NULL,
    kind         TEXT    NOT NULL,
    question     TEXT    NOT NULL,
    -- JSON: who looked, from where.
    who          TEXT    NOT NULL,
    count        INTEGER NOT NULL,
    first_at     INTEGER NOT NULL,
    last_at      INTEGER NOT NULL,
    PRIMARY KEY (window_start, principal, tenant, kind, question)
) STRICT;

-- Read the settings entries once more: they say since when each tenant is audited.
DELETE FROM settings WHERE name = 'settings_applied_through';

-- OpenID providers; their secrets are sealed under the key of control.key.
CREATE TABLE providers (
    id     TEXT PRIMARY KEY,
    -- JSON, without the secret.
    body   TEXT NOT NULL,
    secret BLOB
) STRICT;
