//! The importers' mappings that this server knows: built in, installed as files, uploaded.
//!
//! Invariant: a name and version means one text for as long as events name it. What was uploaded stands over everything:
//! it is what read the records that were sent for it.

use std::{collections::BTreeSet, fs, io, path::Path, sync::Arc};

use arc_swap::{ArcSwap, Guard};
use indelible_control::{Control, StoredMapping};
use indelible_ingest::{Mapping, MappingError, MappingErrors, Registry};

use crate::RunError;

/// Every mapping, and where the ones that are not built in came from. Clones share the table.
#[derive(Clone)]
pub(crate) struct Mappings {
    table: Arc<ArcSwap<Table>>,
}

#[derive(Clone)]
pub(crate) struct Table {
    pub(crate) registry: Registry,
    uploaded: BTreeSet<(String, u32)>,
}

/// Where a mapping came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A part of the program.
    BuiltIn,
    /// A file of the directory of mappings.
    Installed,
    /// Sent with `PUT /v1/mappings`.
    Uploaded,
}

impl Origin {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::BuiltIn => "built_in",
            Self::Installed => "installed",
            Self::Uploaded => "uploaded",
        }
    }
}

impl Table {
    pub(crate) fn origin(&self, mapping: &Mapping) -> Origin {
        let key = (mapping.name().to_owned(), mapping.version());
        let built_in = Registry::builtin().get_exact(mapping.name(), mapping.version());
        if self.uploaded.contains(&key) {
            Origin::Uploaded
        } else if built_in.is_some_and(|built_in| built_in.text() == mapping.text()) {
            Origin::BuiltIn
        } else {
            Origin::Installed
        }
    }
}

impl Mappings {
    /// The built-in mappings, those of `directory` over them, the uploaded ones over both.
    ///
    /// # Errors
    /// [`RunError`]: the directory or the database can't be read, a mapping is none, or a file gives the version of an
    /// uploaded mapping another text.
    pub(crate) async fn load(directory: &Path, control: &Control) -> Result<Self, RunError> {
        let mut table = Table { registry: installed(directory)?, uploaded: BTreeSet::new() };
        for StoredMapping { name, version, body } in control.mappings().await? {
            let label = format!("{name} {version} (uploaded)");
            let mapping = Mapping::parse(&label, &body)?;
            let other = table.registry.get_exact(&name, version).filter(|known| known.text() != body);
            if other.is_some_and(|other| table.origin(other) == Origin::Installed) {
                let message =
                    "a file of the directory of mappings gives this version another text; raise its version";
                return Err(RunError::Mapping(MappingErrors(vec![MappingError {
                    file: label,
                    line: 1,
                    column: 1,
                    field: "version".to_owned(),
                    message: message.to_owned(),
                }])));
            }
            if other.is_some() {
                tracing::warn!(mapping = name, version, "an uploaded mapping stands over the built-in one");
            }
            table.registry.add(mapping);
            table.uploaded.insert((name, version));
        }
        Ok(Self { table: Arc::new(ArcSwap::from_pointee(table)) })
    }

    pub(crate) fn table(&self) -> Guard<Arc<Table>> {
        self.table.load()
    }

    /// The newest mapping of the name `x`, or exactly the version 2 for `x@2`.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Mapping>> {
        let table = self.table.load();
        match name.split_once('@') {
            Some((name, version)) => table.registry.get_exact(name, version.parse().ok()?).cloned(),
            None => table.registry.get(name).cloned(),
        }
    }

    /// Adds an uploaded mapping that is stored already.
    pub(crate) fn add(&self, mapping: Mapping) {
        let key = (mapping.name().to_owned(), mapping.version());
        self.table.rcu(|table| {
            let mut table = Table::clone(table);
            table.registry.add(mapping.clone());
            table.uploaded.insert(key.clone());
            table
        });
    }
}

/// The built-in mappings, and the installation's own over them. A directory that does not exist holds none.
pub(crate) fn installed(directory: &Path) -> Result<Registry, RunError> {
    let mut registry = Registry::builtin().clone();
    let unreadable = |source| RunError::Directory { directory: directory.to_owned(), source };
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(registry),
        entries => entries.map_err(unreadable)?,
    };
    let mut files =
        entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>().map_err(unreadable)?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    for file in files {
        let text = fs::read_to_string(&file).map_err(unreadable)?;
        registry.add(Mapping::parse(&file.display().to_string(), &text)?);
    }
    Ok(registry)
}

#[cfg(test)]
mod tests {
    use indelible_event::Timestamp;

    use super::*;

    fn text(name: &str, version: u32, action: &str) -> String {
        format!("name = \"{name}\"\nversion = {version}\n[event]\naction = \"{action}\"\n")
    }

    async fn control(directory: &Path, uploaded: &[(&str, u32, &str)]) -> Control {
        let control = Control::open(&directory.join("control.sqlite")).await.unwrap();
        for (name, version, action) in uploaded {
            let stored = StoredMapping {
                name: (*name).to_owned(),
                version: *version,
                body: text(name, *version, action),
            };
            control.insert_mapping(&stored, Timestamp::from_micros(1)).await.unwrap();
        }
        control
    }

    #[tokio::test]
    async fn knows_where_each_mapping_came_from_and_the_newest_of_a_name() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("door.toml"), text("door", 1, "a")).unwrap();
        let control = control(directory.path(), &[("door", 2, "b"), ("wikipedia", 1, "mine")]).await;
        let mappings = Mappings::load(directory.path(), &control).await.unwrap();
        let table = mappings.table();
        let origin = |name: &str, version| table.origin(table.registry.get_exact(name, version).unwrap());
        assert_eq!(origin("door", 1), Origin::Installed);
        assert_eq!(origin("door", 2), Origin::Uploaded);
        assert_eq!(origin("wikipedia", 1), Origin::Uploaded);
        assert_eq!(origin("generic", 1), Origin::BuiltIn);
        assert_eq!(mappings.get("door").unwrap().version(), 2);
        assert_eq!(mappings.get("door@1").unwrap().version(), 1);
        for none in ["door@3", "door@", "door@1x", "@1", ""] {
            assert!(mappings.get(none).is_none(), "{none}");
        }
        mappings.add(Mapping::parse("x", &text("door", 3, "c")).unwrap());
        assert_eq!(mappings.get("door").unwrap().version(), 3);
        assert_eq!(table.registry.get("door").unwrap().version(), 2, "who looks sees one state");
    }

    #[tokio::test]
    async fn a_version_with_two_texts_is_refused_at_start() {
        let directory = tempfile::tempdir().unwrap();
        let control = control(directory.path(), &[("door", 2, "b")]).await;
        fs::write(directory.path().join("door.toml"), text("door", 2, "b")).unwrap();
        assert!(Mappings::load(directory.path(), &control).await.is_ok());
        fs::write(directory.path().join("door.toml"), text("door", 2, "other")).unwrap();
        let error = Mappings::load(directory.path(), &control).await.err().unwrap();
        assert!(matches!(&error, RunError::Mapping(_)) && error.is_configuration(), "{error:?}");
    }
}
