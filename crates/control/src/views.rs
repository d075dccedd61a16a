//! Saved views and short links: queries of the page's address under a name, or under a short one that says nothing.
//!
//! What a query means, and who may see a view, is not this crate's business. A view is no matter of the ledger: it shows
//! nothing by itself, and no entry brings one back. What is shared with a role or a tenant that is gone is shared with
//! nobody.

use indelible_event::Timestamp;
use sqlx::{Row as _, sqlite::SqliteRow};
use uuid::Uuid;

use crate::{
    Control, ControlError, Owner, TenantNumber,
    store::{from_sql, to_sql},
};

/// A query under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Immutable.
    pub id: Uuid,
    /// Its name in addresses; immutable.
    pub slug: String,
    /// Whose it is.
    pub owner: Owner,
    /// Unique among its owner's, without regard to case.
    pub name: String,
    /// The query of the page's address, without "?".
    pub query: String,
    /// The columns of the table; `None`: the reader's own.
    pub columns: Option<Vec<String>>,
    /// Who else sees it.
    pub shared_with: Sharing,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

/// With whom something is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Its owner alone.
    Nobody,
    /// Everybody who may read events.
    Everybody,
    /// Whoever has this role.
    Role(Uuid),
    /// The people of this tenant and of those below it, and whoever reads its events.
    Tenant(TenantNumber),
}

/// Views of one owner: more than a list for people can have.
const VIEWS_MAX: i64 = 1_000;
/// Short links of one owner: at 16 KiB each, 160 MB that one key could fill.
const LINKS_MAX: i64 = 10_000;
/// Characters of a slug: 71 random bits, which nobody guesses.
const SLUG_LEN: usize = 12;
const SLUG_SIGNS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl Sharing {
    /// As the columns of a row have it; `None` where they do not read back.
    pub(crate) fn from_row(row: &SqliteRow) -> Result<Option<Self>, ControlError> {
        let role: Option<&[u8]> = row.try_get("shared_role")?;
        let role = role.map(Uuid::from_slice).transpose();
        let tenant = row.try_get::<Option<i64>, _>("shared_tenant")?.map(from_sql).transpose()?;
        Ok(match (row.try_get("shared")?, role, tenant) {
            ("nobody", Ok(None), None) => Some(Self::Nobody),
            ("everybody", Ok(None), None) => Some(Self::Everybody),
            ("role", Ok(Some(role)), None) => Some(Self::Role(role)),
            ("tenant", Ok(None), Some(tenant)) => Some(Self::Tenant(tenant)),
            _ => None,
        })
    }

    pub(crate) fn columns(self) -> (&'static str, Option<Uuid>, Option<TenantNumber>) {
        match self {
            Self::Nobody => ("nobody", None, None),
            Self::Everybody => ("everybody", None, None),
            Self::Role(role) => ("role", Some(role), None),
            Self::Tenant(tenant) => ("tenant", None, Some(tenant)),
        }
    }
}

/// A fresh name for addresses.
///
/// # Errors
/// The operating system gave no randomness.
pub fn new_slug() -> Result<String, ControlError> {
    let mut slug = String::with_capacity(SLUG_LEN);
    while slug.len() < SLUG_LEN {
        let mut random = [0u8; 2 * SLUG_LEN];
        getrandom::fill(&mut random).map_err(ControlError::Randomness)?;
        // Of the 256 values only whole rounds of the signs, so that each is as likely as any other.
        let whole = 256 / SLUG_SIGNS.len() * SLUG_SIGNS.len();
        let signs = random.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < whole);
        let missing = SLUG_LEN - slug.len();
        slug.extend(signs.map(|byte| char::from(SLUG_SIGNS[byte % SLUG_SIGNS.len()])).take(missing));
    }
    Ok(slug)
}

impl Control {
    /// The views of an owner, and all that anybody shares.
    ///
    /// # Errors
    /// The database's.
    pub async fn views(&self, owner: Owner) -> Result<Vec<View>, ControlError> {
        let rows = sqlx::query("SELECT * FROM views WHERE owner = ? OR shared != 'nobody'")
            .bind(owner.to_text())
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(view_from).collect()
    }

    /// The view with this id, or with this slug.
    ///
    /// # Errors
    /// The database's.
    pub async fn view(&self, id_or_slug: &str) -> Result<Option<View>, ControlError> {
        let row = match Uuid::try_parse(id_or_slug) {
            Ok(id) => sqlx::query("SELECT * FROM views WHERE id = ?").bind(id.into_bytes().to_vec()),
            Err(_) => sqlx::query("SELECT * FROM views WHERE slug = ?").bind(id_or_slug.to_owned()),
        };
        row.fetch_optional(self.pool()).await?.as_ref().map(view_from).transpose()
    }

    /// Whether a view could be stored as it is, new or changed.
    ///
    /// # Errors
    /// `NameTaken` where its owner has another one of this name, `TooMany` where there is no room for a new one, or the
    /// database's.
    pub async fn check_view(&self, view: &View) -> Result<(), ControlError> {
        let owner = view.owner.to_text();
        let named = sqlx::query("SELECT 1 FROM views WHERE owner = ? AND name_folded = ? AND id != ?")
            .bind(&owner)
            .bind(view.name.to_lowercase())
            .bind(view.id.as_bytes().as_slice())
            .fetch_optional(self.pool())
            .await?;
        if named.is_some() {
            return Err(ControlError::NameTaken);
        }
        let others = sqlx::query("SELECT count(*) AS others FROM views WHERE owner = ? AND id != ?")
            .bind(&owner)
            .bind(view.id.as_bytes().as_slice())
            .fetch_one(self.pool())
            .await?;
        if others.try_get::<i64, _>("others")? >= VIEWS_MAX {
            return Err(ControlError::TooMany { what: "views", max: VIEWS_MAX });
        }
        Ok(())
    }

    /// Stores a view, new or changed; on disk when this returns.
    ///
    /// # Errors
    /// As [`Self::check_view`].
    pub async fn put_view(&self, view: &View) -> Result<(), ControlError> {
        let _turn = self.turn().await;
        self.check_view(view).await?;
        let columns = view.columns.as_ref().map(serde_json::to_string).transpose();
        let columns = columns.map_err(|_| ControlError::Corrupt { what: "columns" })?;
        let (shared, role, tenant) = view.shared_with.columns();
        sqlx::query(
            "INSERT INTO views (id, slug, owner, name, name_folded, query, columns, shared, shared_role, shared_tenant,
             created_at, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, name_folded = excluded.name_folded,
             query = excluded.query, columns = excluded.columns, shared = excluded.shared,
             shared_role = excluded.shared_role, shared_tenant = excluded.shared_tenant,
             changed_at = excluded.changed_at",
        )
        .bind(view.id.as_bytes().as_slice())
        .bind(&view.slug)
        .bind(view.owner.to_text())
        .bind(&view.name)
        .bind(view.name.to_lowercase())
        .bind(&view.query)
        .bind(columns)
        .bind(shared)
        .bind(role.map(|role| role.into_bytes().to_vec()))
        .bind(tenant.map(to_sql))
        .bind(view.created_at.as_micros())
        .bind(view.changed_at.as_micros())
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Removes a view; it is nobody's default any more.
    ///
    /// # Errors
    /// The database's.
    pub async fn remove_view(&self, id: Uuid) -> Result<(), ControlError> {
        let _turn = self.turn().await;
        sqlx::query("DELETE FROM views WHERE id = ?")
            .bind(id.as_bytes().as_slice())
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// The view that somebody's page opens with.
    ///
    /// # Errors
    /// The database's.
    pub async fn default_view(&self, owner: Owner) -> Result<Option<Uuid>, ControlError> {
        let row = sqlx::query("SELECT view FROM default_views WHERE owner = ?")
            .bind(owner.to_text())
            .fetch_optional(self.pool())
            .await?;
        let id = |row: SqliteRow| {
            Uuid::from_slice(row.try_get("view")?).map_err(|_| ControlError::Corrupt { what: "default view" })
        };
        row.map(id).transpose()
    }

    /// Lets somebody's page open with a view.
    ///
    /// # Errors
    /// The database's, also where there is no such view.
    pub async fn set_default_view(&self, owner: Owner, view: Uuid) -> Result<(), ControlError> {
        sqlx::query(
            "INSERT INTO default_views (owner, view) VALUES (?, ?)
             ON CONFLICT (owner) DO UPDATE SET view = excluded.view",
        )
        .bind(owner.to_text())
        .bind(view.as_bytes().as_slice())
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Lets somebody's page no longer open with this view, if it does.
    ///
    /// # Errors
    /// The database's.
    pub async fn unset_default_view(&self, owner: Owner, view: Uuid) -> Result<(), ControlError> {
        sqlx::query("DELETE FROM default_views WHERE owner = ? AND view = ?")
            .bind(owner.to_text())
            .bind(view.as_bytes().as_slice())
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// The slug of an owner's short link to this query: the one that there is, else `new`.
    ///
    /// # Errors
    /// `TooMany`, or the database's.
    pub async fn short_link(
        &self,
        owner: Owner,
        query: &str,
        new: String,
        now: Timestamp,
    ) -> Result<String, ControlError> {
        let _turn = self.turn().await;
        let known = sqlx::query("SELECT slug FROM short_links WHERE owner = ? AND query = ?")
            .bind(owner.to_text())
            .bind(query)
            .fetch_optional(self.pool())
            .await?;
        if let Some(row) = known {
            return Ok(row.try_get("slug")?);
        }
        let count = sqlx::query("SELECT count(*) AS links FROM short_links WHERE owner = ?")
            .bind(owner.to_text())
            .fetch_one(self.pool())
            .await?;
        if count.try_get::<i64, _>("links")? >= LINKS_MAX {
            return Err(ControlError::TooMany { what: "short links", max: LINKS_MAX });
        }
        sqlx::query("INSERT INTO short_links (slug, owner, query, created_at) VALUES (?, ?, ?, ?)")
            .bind(&new)
            .bind(owner.to_text())
            .bind(query)
            .bind(now.as_micros())
            .execute(self.pool())
            .await?;
        Ok(new)
    }

    /// The query behind a short link.
    ///
    /// # Errors
    /// The database's.
    pub async fn linked_query(&self, slug: &str) -> Result<Option<String>, ControlError> {
        let row = sqlx::query("SELECT query FROM short_links WHERE slug = ?")
            .bind(slug)
            .fetch_optional(self.pool())
            .await?;
        Ok(row.map(|row| row.try_get("query")).transpose()?)
    }
}

fn view_from(row: &SqliteRow) -> Result<View, ControlError> {
    let corrupt = || ControlError::Corrupt { what: "view" };
    let id = |column| Uuid::from_slice(row.try_get(column)?).map_err(|_| corrupt());
    let owner = Owner::parse(row.try_get("owner")?).ok_or_else(corrupt)?;
    let shared_with = Sharing::from_row(row)?.ok_or_else(corrupt)?;
    let columns: Option<String> = row.try_get("columns")?;
    let columns = columns.map(|columns| serde_json::from_str(&columns)).transpose();
    let time = |column| Ok::<_, ControlError>(Timestamp::from_micros(row.try_get(column)?));
    Ok(View {
        id: id("id")?,
        slug: row.try_get("slug")?,
        owner,
        name: row.try_get("name")?,
        query: row.try_get("query")?,
        columns: columns.map_err(|_| corrupt())?,
        shared_with,
        created_at: time("created_at")?,
        changed_at: time("changed_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Change, Role, RoleReach,
        testing::{Database, at, permissions, tenant},
    };

    const ADA: Owner = Owner::User(Uuid::from_u128(1));
    const KEY: Owner = Owner::Key([1; 16]);

    fn view(number: u128, owner: Owner, name: &str, shared_with: Sharing) -> View {
        View {
            id: Uuid::from_u128(number),
            slug: format!("slug{number}"),
            owner,
            name: name.into(),
            query: "action_type=delete&since=-24h".into(),
            columns: Some(vec!["time".into(), "actor".into()]).filter(|_| number.is_multiple_of(2)),
            shared_with,
            created_at: at(5),
            changed_at: at(6),
        }
    }

    async fn names(base: &Database, owner: Owner) -> Vec<String> {
        let views = base.control.views(owner).await.unwrap();
        let mut names: Vec<_> = views.into_iter().map(|view| view.name).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn an_owner_has_its_own_and_what_others_share_and_all_of_it_survives() {
        let base = Database::new().await;
        let all = [
            view(1, ADA, "mine", Sharing::Nobody),
            // The same bytes are another owner where they are a key's.
            view(2, KEY, "Mine", Sharing::Nobody),
            view(3, KEY, "all", Sharing::Everybody),
            view(4, KEY, "role", Sharing::Role(Role::ADMINISTRATOR)),
            view(5, KEY, "tenant", Sharing::Tenant(7)),
        ];
        for view in &all {
            base.control.put_view(view).await.unwrap();
        }
        let base = base.reopened().await;
        assert_eq!(names(&base, ADA).await, ["all", "mine", "role", "tenant"]);
        assert_eq!(names(&base, KEY).await, ["Mine", "all", "role", "tenant"]);
        for view in &all {
            for name in [view.id.to_string(), view.slug.clone()] {
                assert_eq!(base.control.view(&name).await.unwrap().as_ref(), Some(view), "{name}");
            }
        }
        assert_eq!(base.control.view("slug").await.unwrap(), None);
        assert_eq!(base.control.view(&Uuid::from_u128(9).to_string()).await.unwrap(), None);
    }

    #[tokio::test]
    async fn names_are_unique_among_those_of_one_owner() {
        let base = Database::new().await;
        base.control.put_view(&view(1, ADA, "Logins", Sharing::Nobody)).await.unwrap();
        let taken = base.control.put_view(&view(2, ADA, "LOGINS", Sharing::Nobody)).await;
        assert!(matches!(taken, Err(ControlError::NameTaken)), "{taken:?}");
        base.control.put_view(&view(2, KEY, "LOGINS", Sharing::Nobody)).await.unwrap();
        let changed = View { changed_at: at(9), ..view(1, ADA, "logins", Sharing::Everybody) };
        base.control.put_view(&changed).await.unwrap();
        assert_eq!(base.control.view("slug1").await.unwrap(), Some(changed));
    }

    #[tokio::test]
    async fn an_owner_has_so_many_views_and_no_more() {
        let base = Database::new().await;
        let mut rows = base.control.pool().begin().await.unwrap();
        for number in 0..VIEWS_MAX {
            sqlx::query(
                "INSERT INTO views (id, slug, owner, name, name_folded, query, shared, created_at, changed_at)
                 VALUES (?, ?, ?, ?, ?, '', 'nobody', 1, 1)",
            )
            .bind(Uuid::from_u128(1_000_000 + u128::from(number.unsigned_abs())).into_bytes().to_vec())
            .bind(number.to_string())
            .bind(ADA.to_text())
            .bind(number.to_string())
            .bind(number.to_string())
            .execute(&mut *rows)
            .await
            .unwrap();
        }
        rows.commit().await.unwrap();
        let more = view(1, ADA, "one more", Sharing::Nobody);
        let refused = base.control.put_view(&more).await;
        assert!(matches!(refused, Err(ControlError::TooMany { max: VIEWS_MAX, .. })), "{refused:?}");
        let last = View { name: "other".into(), ..base.control.view("7").await.unwrap().unwrap() };
        base.control.put_view(&last).await.unwrap();
        base.control.put_view(&View { owner: KEY, ..more }).await.unwrap();
    }

    #[tokio::test]
    async fn a_default_is_everybodys_own_and_goes_with_its_view() {
        let base = Database::new().await;
        for number in [1, 2] {
            base.control.put_view(&view(number, ADA, &number.to_string(), Sharing::Everybody)).await.unwrap();
        }
        let [one, two] = [1, 2].map(Uuid::from_u128);
        let default = async |owner| base.control.default_view(owner).await.unwrap();
        assert_eq!(default(ADA).await, None);
        for view in [one, two] {
            base.control.set_default_view(ADA, view).await.unwrap();
        }
        base.control.set_default_view(KEY, one).await.unwrap();
        assert_eq!((default(ADA).await, default(KEY).await), (Some(two), Some(one)));
        base.control.unset_default_view(ADA, one).await.unwrap();
        assert_eq!(default(ADA).await, Some(two), "another one is the default");
        base.control.unset_default_view(ADA, two).await.unwrap();
        base.control.remove_view(one).await.unwrap();
        assert_eq!((default(ADA).await, default(KEY).await), (None, None));
        assert!(base.control.set_default_view(ADA, one).await.is_err());
    }

    #[tokio::test]
    async fn what_is_shared_with_something_that_is_gone_is_shared_with_nobody() {
        let mut base = Database::new().await;
        base.insert([tenant(1, "acme", None)]).await;
        let id = Uuid::from_u128(70);
        let (name, reach) = ("Helpers".to_owned(), RoleReach::Tenant);
        let role = Role { id, name, permissions: permissions(&[]), reach, range: None };
        base.make(Change::RoleSet { role }).await.unwrap();
        base.control.put_view(&view(1, ADA, "role", Sharing::Role(id))).await.unwrap();
        base.control.put_view(&view(2, ADA, "tenant", Sharing::Tenant(1))).await.unwrap();
        base.make(Change::RoleRemoved { role: id }).await.unwrap();
        base.make(Change::TenantRemoved { tenant: 1 }).await.unwrap();
        for view in base.control.views(ADA).await.unwrap() {
            assert_eq!(view.shared_with, Sharing::Nobody, "{}", view.name);
        }
    }

    #[tokio::test]
    async fn the_same_query_of_the_same_owner_has_one_short_link() {
        let base = Database::new().await;
        let link = async |owner, query: &str| {
            let new = new_slug().unwrap();
            base.control.short_link(owner, query, new, at(1)).await.unwrap()
        };
        let first = link(ADA, "q=a").await;
        assert_eq!(link(ADA, "q=a").await, first);
        let others = [link(ADA, "q=b").await, link(KEY, "q=a").await];
        assert!(!others.contains(&first) && others[0] != others[1]);
        assert!(first.len() >= 10 && first.bytes().all(|sign| sign.is_ascii_alphanumeric()), "{first}");
        assert_eq!(base.control.linked_query(&first).await.unwrap().as_deref(), Some("q=a"));
        assert_eq!(base.control.linked_query("nothing").await.unwrap(), None);
    }
}
