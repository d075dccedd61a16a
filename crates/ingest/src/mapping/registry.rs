//! The mappings that are known, by name and version.
//!
//! Those of `mappings/` are built in. An envelope names the version that read its record; as long as that version
//! is here, the record is read as it was then.

use std::sync::{Arc, OnceLock};

use super::Mapping;

include!(concat!(env!("OUT_DIR"), "/mappings.rs"));

/// Known mappings.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    /// In order of name, then version.
    mappings: Vec<Arc<Mapping>>,
}

impl Registry {
    /// The mappings that are built in.
    pub fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<Registry> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            let mut registry = Self::default();
            for (file, text) in FILES {
                // The tests of this crate read every file, so that none is left out in silence.
                if let Ok(mapping) = Mapping::parse(file, text) {
                    registry.add(mapping);
                }
            }
            registry
        })
    }

    /// Adds a mapping; one of the same name and version is replaced.
    pub fn add(&mut self, mapping: Mapping) {
        let key = |mapping: &Mapping| (mapping.name().to_owned(), mapping.version());
        match self.mappings.binary_search_by_key(&key(&mapping), |known| key(known)) {
            Ok(at) => self.mappings[at] = Arc::new(mapping),
            Err(at) => self.mappings.insert(at, Arc::new(mapping)),
        }
    }

    /// The newest mapping of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Mapping>> {
        self.mappings.iter().rev().find(|mapping| mapping.name() == name)
    }

    /// The mapping of this name and version.
    pub fn get_exact(&self, name: &str, version: u32) -> Option<&Arc<Mapping>> {
        self.mappings.iter().find(|mapping| mapping.name() == name && mapping.version() == version)
    }

    /// Every mapping, in order of name, then version.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Mapping>> {
        self.mappings.iter()
    }

    /// The mapping of this name and version, else the newest of this name.
    pub fn get_version(&self, name: &str, version: u32) -> Option<&Arc<Mapping>> {
        self.get_exact(name, version).or_else(|| self.get(name))
    }

    /// The newest mapping of each name, in order of name.
    pub fn newest(&self) -> impl Iterator<Item = &Arc<Mapping>> {
        let mut names: Vec<&str> = self.mappings.iter().map(|mapping| mapping.name()).collect();
        names.dedup();
        names.into_iter().filter_map(|name| self.get(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_mapping_of_its_own_name_and_version() {
        for (file, text) in FILES {
            let mapping = Mapping::parse(file, text).unwrap_or_else(|errors| panic!("{errors}"));
            let stem = file.trim_end_matches(".toml");
            let wanted =
                [mapping.name().to_owned(), format!("old/{}.v{}", mapping.name(), mapping.version())];
            assert!(wanted.contains(&stem.to_owned()), "{file} is {} {}", mapping.name(), mapping.version());
        }
        assert_eq!(Registry::builtin().mappings.len(), FILES.len(), "a name and version occurs twice");
    }

    #[test]
    fn finds_the_version_that_read_a_record_or_the_newest() {
        let mapping = |version| {
            let text = format!("name = \"x\"\nversion = {version}\n[event]\naction = \"a\"");
            Mapping::parse("x.toml", &text).unwrap()
        };
        let mut registry = Registry::default();
        for version in [2, 1, 3, 2] {
            registry.add(mapping(version));
        }
        assert_eq!(registry.mappings.len(), 3);
        let version = |version| registry.get_version("x", version).map(|mapping| mapping.version());
        assert_eq!((version(1), version(2), version(9)), (Some(1), Some(2), Some(3)));
        assert!(registry.get("y").is_none());
        assert_eq!(registry.newest().map(|mapping| mapping.version()).collect::<Vec<_>>(), [3]);
    }
}
