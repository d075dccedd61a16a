-- Mappings of importers that were uploaded. Events name the mapping and the version that read them, so a row is never
-- changed and never removed.
CREATE TABLE mappings (
    name       TEXT    NOT NULL,
    version    INTEGER NOT NULL CHECK (version > 0),
    body       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (name, version)
) STRICT;
