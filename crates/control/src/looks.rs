//! Looking that is recorded and not yet an event of the trail: durable before the answer, gathered into one event when
//! its window ends.

use indelible_event::Timestamp;
use sqlx::{Row as _, sqlite::SqliteRow};

use crate::{
    Control, ControlError, TenantNumber,
    store::{from_sql, to_sql},
};

/// What somebody asked within a window.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LookKey {
    /// When the window began, in microseconds.
    pub window_start: i64,
    /// Who: the bytes that stand for a principal, or for an address.
    pub principal: [u8; 16],
    /// Whose events; 0: of several tenants, or of none.
    pub tenant: TenantNumber,
    /// How, such as `search`.
    pub kind: String,
    /// What was asked for.
    pub question: String,
}

/// How often, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Who looked and from where, as JSON members of an event.
    pub who: String,
    /// How often.
    pub count: u64,
    /// When for the first time.
    pub first_at: Timestamp,
    /// When for the last time.
    pub last_at: Timestamp,
}

impl Control {
    /// Writes a look down; on disk when this returns.
    ///
    /// # Errors
    /// The database's.
    pub async fn put_look(&self, key: &LookKey, look: &Look) -> Result<(), ControlError> {
        sqlx::query(
            "INSERT INTO looks (window_start, principal, tenant, kind, question, who, count, first_at, last_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET count = excluded.count, last_at = excluded.last_at",
        )
        .bind(key.window_start)
        .bind(key.principal.as_slice())
        .bind(to_sql(key.tenant))
        .bind(&key.kind)
        .bind(&key.question)
        .bind(&look.who)
        .bind(i64::try_from(look.count).unwrap_or(i64::MAX))
        .bind(look.first_at.as_micros())
        .bind(look.last_at.as_micros())
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// All that is written down and not removed.
    ///
    /// # Errors
    /// The database's.
    pub async fn looks(&self) -> Result<Vec<(LookKey, Look)>, ControlError> {
        let rows = sqlx::query("SELECT * FROM looks ORDER BY window_start").fetch_all(self.pool()).await?;
        rows.iter().map(look_from).collect()
    }

    /// Removes looks that are in the trail, all or none.
    ///
    /// # Errors
    /// The database's.
    pub async fn remove_looks(&self, keys: &[&LookKey]) -> Result<(), ControlError> {
        let mut rows = self.pool().begin().await?;
        for key in keys {
            sqlx::query(
                "DELETE FROM looks WHERE window_start = ? AND principal = ? AND tenant = ? AND kind = ? AND question = ?",
            )
            .bind(key.window_start)
            .bind(key.principal.as_slice())
            .bind(to_sql(key.tenant))
            .bind(&key.kind)
            .bind(&key.question)
            .execute(&mut *rows)
            .await?;
        }
        Ok(rows.commit().await?)
    }
}

fn look_from(row: &SqliteRow) -> Result<(LookKey, Look), ControlError> {
    let principal: Vec<u8> = row.try_get("principal")?;
    let time = |column| Ok::<_, ControlError>(Timestamp::from_micros(row.try_get(column)?));
    let count: i64 = row.try_get("count")?;
    let key = LookKey {
        window_start: row.try_get("window_start")?,
        principal: principal.try_into().map_err(|_| ControlError::Corrupt { what: "look" })?,
        tenant: from_sql(row.try_get("tenant")?)?,
        kind: row.try_get("kind")?,
        question: row.try_get("question")?,
    };
    let look = Look {
        who: row.try_get("who")?,
        count: count.unsigned_abs(),
        first_at: time("first_at")?,
        last_at: time("last_at")?,
    };
    Ok((key, look))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn looks_survive_until_they_are_in_the_trail() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("control.sqlite");
        let at = Timestamp::from_micros;
        let key = |kind: &str, question: &str| LookKey {
            window_start: 300,
            principal: [7; 16],
            tenant: 3,
            kind: kind.into(),
            question: question.into(),
        };
        let look =
            |count| Look { who: "{}".into(), count, first_at: at(310), last_at: at(310 + count as i64) };
        let control = Control::open(&file).await.unwrap();
        for (kind, question, count) in
            [("search", "a", 1), ("search", "b", 1), ("feed", "", 1), ("search", "a", 4)]
        {
            control.put_look(&key(kind, question), &look(count)).await.unwrap();
        }
        control.close().await;
        let control = Control::open(&file).await.unwrap();
        let mut looks = control.looks().await.unwrap();
        looks.sort_by(|a, b| a.0.cmp(&b.0));
        let expected =
            [(key("feed", ""), look(1)), (key("search", "a"), look(4)), (key("search", "b"), look(1))];
        assert_eq!(looks, expected);
        control.remove_looks(&[&key("search", "whatever"), &key("search", "a")]).await.unwrap();
        assert_eq!(control.looks().await.unwrap().len(), 2);
    }
}
