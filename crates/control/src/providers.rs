//! OpenID providers, as text and a sealed secret. What they mean is not this crate's business.

use sqlx::Row as _;

use crate::{Control, ControlError};

/// A stored provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredProvider {
    /// Its id here.
    pub id: String,
    /// What it is configured with, as JSON.
    pub body: String,
    /// Its client secret, sealed.
    pub secret: Option<Vec<u8>>,
}

impl Control {
    /// Every provider, by id.
    ///
    /// # Errors
    /// The database's.
    pub async fn providers(&self) -> Result<Vec<StoredProvider>, ControlError> {
        let rows =
            sqlx::query("SELECT id, body, secret FROM providers ORDER BY id").fetch_all(self.pool()).await?;
        let provider = rows.iter().map(|row| {
            Ok(StoredProvider {
                id: row.try_get("id")?,
                body: row.try_get("body")?,
                secret: row.try_get("secret")?,
            })
        });
        provider.collect()
    }

    /// Stores a provider, new or changed.
    ///
    /// # Errors
    /// The database's.
    pub async fn put_provider(&self, provider: &StoredProvider) -> Result<(), ControlError> {
        sqlx::query(
            "INSERT INTO providers (id, body, secret) VALUES (?, ?, ?)
             ON CONFLICT (id) DO UPDATE SET body = excluded.body, secret = excluded.secret",
        )
        .bind(&provider.id)
        .bind(&provider.body)
        .bind(&provider.secret)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Removes a provider; who signed in through it stays a user.
    ///
    /// # Errors
    /// The database's.
    pub async fn remove_provider(&self, id: &str) -> Result<(), ControlError> {
        sqlx::query("DELETE FROM providers WHERE id = ?").bind(id).execute(self.pool()).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn providers_are_kept_changed_and_removed() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("control.sqlite");
        let provider = |id: &str, body: &str, secret: Option<Vec<u8>>| StoredProvider {
            id: id.to_owned(),
            body: body.to_owned(),
            secret,
        };
        let control = Control::open(&file).await.unwrap();
        for stored in
            [provider("b", "1", None), provider("a", "2", Some(vec![7])), provider("b", "3", Some(vec![8]))]
        {
            control.put_provider(&stored).await.unwrap();
        }
        control.close().await;
        let control = Control::open(&file).await.unwrap();
        let all = [provider("a", "2", Some(vec![7])), provider("b", "3", Some(vec![8]))];
        assert_eq!(control.providers().await.unwrap(), all);
        control.remove_provider("a").await.unwrap();
        assert_eq!(control.providers().await.unwrap(), all[1..]);
    }
}
