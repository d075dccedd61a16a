//! Whose something is that goes on without its owner: jobs, saved views, reports, schedules.

use uuid::Uuid;

use crate::{Directory, KeyId};

/// Whose something is. It goes on with what its owner may do at that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// Whoever has the administrator's key from the environment.
    AdminKey,
    /// An API key and those that replace it by rotation: the first of them, see [`Owner::of_key`].
    Key(KeyId),
    /// A user.
    User(Uuid),
}

impl Owner {
    /// The owner of what a key makes: the first of those that it replaces, one after the other.
    pub fn of_key(id: KeyId, directory: &Directory) -> Self {
        let before = |id: &KeyId| directory.key(id).and_then(|key| key.replaces);
        // A key replaces an older one, so there are fewer than all of them.
        let first = std::iter::successors(Some(id), before).take(directory.keys().len()).last();
        Self::Key(first.unwrap_or(id))
    }

    /// As it is stored: `admin`, `key:<uuid>` or `user:<uuid>`.
    pub fn to_text(self) -> String {
        match self {
            Self::AdminKey => "admin".to_owned(),
            Self::Key(id) => format!("key:{}", Uuid::from_bytes(id)),
            Self::User(id) => format!("user:{id}"),
        }
    }

    /// Reads what [`Self::to_text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None => (text == "admin").then_some(Self::AdminKey),
            Some(("key", id)) => Some(Self::Key(Uuid::parse_str(id).ok()?.into_bytes())),
            Some(("user", id)) => Some(Self::User(Uuid::parse_str(id).ok()?)),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ApiKey, NewKey, Reach,
        testing::{Database, at, made, new_key},
    };

    #[test]
    fn owners_are_read_as_they_are_written() {
        let id = Uuid::from_u128(7);
        for owner in [Owner::AdminKey, Owner::Key(id.into_bytes()), Owner::User(id)] {
            assert_eq!(Owner::parse(&owner.to_text()), Some(owner));
        }
        for text in ["", "Admin", "key", "key:", "user:x", "nobody:00000000-0000-0000-0000-000000000007"] {
            assert_eq!(Owner::parse(text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn a_key_and_those_it_replaces_are_one_owner() {
        let mut base = Database::new().await;
        let mut keys: Vec<KeyId> = Vec::new();
        for _ in 0..3 {
            let new = NewKey { replaces: keys.last().copied(), ..new_key(Reach::Everything, None) };
            keys.push(base.key(new).await.0.id);
        }
        let alone = ApiKey::make(new_key(Reach::Everything, None), at(8)).unwrap().0;
        base.make(made(&alone)).await.unwrap();
        let directory = base.now();
        for key in &keys {
            assert_eq!(Owner::of_key(*key, &directory), Owner::Key(keys[0]));
        }
        assert_eq!(Owner::of_key(alone.id, &directory), Owner::Key(alone.id));
        assert_eq!(Owner::of_key([9; 16], &directory), Owner::Key([9; 16]), "one that is not there");
    }
}
