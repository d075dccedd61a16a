//! Importers' mappings that were uploaded: text that is stored once and read as long as events name it.

use indelible_event::Timestamp;
use sqlx::Row as _;

use crate::{Control, ControlError};

/// An uploaded mapping. What the text means is not this crate's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMapping {
    /// Its name.
    pub name: String,
    /// Its version, from 1.
    pub version: u32,
    /// Its file.
    pub body: String,
}

impl Control {
    /// Every uploaded mapping, by name, then version.
    ///
    /// # Errors
    /// The database's.
    pub async fn mappings(&self) -> Result<Vec<StoredMapping>, ControlError> {
        let rows = sqlx::query("SELECT name, version, body FROM mappings ORDER BY name, version")
            .fetch_all(self.pool())
            .await?;
        rows.iter()
            .map(|row| {
                let version: i64 = row.try_get("version")?;
                let version =
                    u32::try_from(version).map_err(|_| ControlError::Corrupt { what: "mapping version" })?;
                Ok(StoredMapping { name: row.try_get("name")?, version, body: row.try_get("body")? })
            })
            .collect()
    }

    /// Stores a mapping, on disk when this returns; one that is stored is never changed.
    ///
    /// # Errors
    /// The database's, also when the name has that version already.
    pub async fn insert_mapping(&self, mapping: &StoredMapping, now: Timestamp) -> Result<(), ControlError> {
        sqlx::query("INSERT INTO mappings (name, version, body, created_at) VALUES (?, ?, ?, ?)")
            .bind(&mapping.name)
            .bind(i64::from(mapping.version))
            .bind(&mapping.body)
            .bind(now.as_micros())
            .execute(self.pool())
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_mapping_survives_and_is_never_changed() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("control.sqlite");
        let now = Timestamp::from_micros(1);
        let mapping = |name: &str, version, body: &str| StoredMapping {
            name: name.to_owned(),
            version,
            body: body.to_owned(),
        };
        let control = Control::open(&file).await.unwrap();
        for stored in [mapping("b", 1, "x"), mapping("a", 2, "y"), mapping("a", 1, "z")] {
            control.insert_mapping(&stored, now).await.unwrap();
        }
        assert!(control.insert_mapping(&mapping("a", 2, "other"), now).await.is_err());
        control.close().await;
        let control = Control::open(&file).await.unwrap();
        let all = [mapping("a", 1, "z"), mapping("a", 2, "y"), mapping("b", 1, "x")];
        assert_eq!(control.mappings().await.unwrap(), all);
    }
}
