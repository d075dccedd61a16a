//! People of an event whom the server recognised at receipt: the part of an envelope that version 2 adds.
//!
//! Format: `docs/protocol/envelope.md`. Says where in the event somebody stands, which user of the installation that
//! was, and the groups and roles that this user had then. Invariant: people ascend by place, names ascend by their
//! bytes, and neither repeats, so that one list of people has one encoding.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::envelope::Reader;
use crate::error::Error;

/// The UUID of a user of the installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(pub [u8; 16]);

/// The usual form: 32 lower-case hex digits with four dashes.
impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// Where in an event somebody stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place(u16);

impl Place {
    /// Who did it.
    pub const ACTOR: Self = Self(0);
    /// For whom it was done.
    pub const ON_BEHALF_OF: Self = Self(1);

    const TARGETS: u16 = 2;

    /// The target with this number, counted from 0; `None` beyond the 65,534 that an envelope has numbers for.
    pub fn target(index: usize) -> Option<Self> {
        u16::try_from(index).ok()?.checked_add(Self::TARGETS).map(Self)
    }

    /// The target's number, counted from 0; `None` for who did it and for whom.
    pub fn target_index(self) -> Option<usize> {
        self.0.checked_sub(Self::TARGETS).map(usize::from)
    }
}

/// The JSON pointer into the event: `/actor`, `/on_behalf_of`, `/targets/0`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.target_index(), *self) {
            (Some(index), _) => write!(f, "/targets/{index}"),
            (None, Self::ACTOR) => f.write_str("/actor"),
            (None, _) => f.write_str("/on_behalf_of"),
        }
    }
}

/// Names of groups or roles: not empty, ascending by their bytes, none twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Names(Vec<String>);

impl Names {
    /// These names in their order, without repeats and empty ones.
    ///
    /// # Errors
    /// [`Error::EnvelopeStringTooLong`], or [`Error::EnvelopeTooMany`] for more than 65,535.
    pub fn new(names: impl IntoIterator<Item = String>) -> Result<Self, Error> {
        let names: BTreeSet<String> = names.into_iter().filter(|name| !name.is_empty()).collect();
        if let Some(name) = names.iter().find(|name| u16::try_from(name.len()).is_err()) {
            return Err(Error::EnvelopeStringTooLong { field: "name", len: name.len() });
        }
        count(names.len(), "names")?;
        Ok(Self(names.into_iter().collect()))
    }

    /// Bytes that they take in an envelope.
    pub fn encoded_len(&self) -> usize {
        2 + self.iter().map(|name| 2 + name.len()).sum::<usize>()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_count(out, self.len());
        for name in &**self {
            put_count(out, name.len());
            out.extend(name.as_bytes());
        }
    }

    fn decode(rest: &mut Reader<'_>, field: &'static str) -> Result<Self, Error> {
        let count = u16::from_be_bytes(rest.take(field)?);
        let mut names: Vec<String> = Vec::new();
        for _ in 0..count {
            let name = rest.take_string(field)?;
            // No name is below the empty one, so that one is refused too.
            if name.as_str() <= names.last().map_or("", String::as_str) {
                return Err(Error::EnvelopeOrder { field });
            }
            names.push(name);
        }
        Ok(Self(names))
    }
}

impl Deref for Names {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

/// Somebody in an event who is a user of the installation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Person {
    /// Where in the event.
    pub place: Place,
    /// Which user.
    pub user: UserId,
    /// All groups of the user at receipt; `None` where they were not recorded, since the event names some there.
    pub groups: Option<Names>,
    /// All roles of the user at receipt, the same way.
    pub roles: Option<Names>,
}

const GROUPS: u8 = 1;
const ROLES: u8 = 2;

impl Person {
    /// Bytes that it takes in an envelope.
    pub fn encoded_len(&self) -> usize {
        2 + 16 + 1 + [&self.groups, &self.roles].into_iter().flatten().map(Names::encoded_len).sum::<usize>()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.place.0.to_be_bytes());
        out.extend(self.user.0);
        let recorded = |names: &Option<Names>, bit| if names.is_some() { bit } else { 0 };
        out.push(recorded(&self.groups, GROUPS) | recorded(&self.roles, ROLES));
        for names in [&self.groups, &self.roles].into_iter().flatten() {
            names.encode(out);
        }
    }

    fn decode(rest: &mut Reader<'_>) -> Result<Self, Error> {
        let place = Place(u16::from_be_bytes(rest.take("place")?));
        let user = UserId(rest.take("user")?);
        let [recorded] = rest.take("recorded")?;
        if recorded & !(GROUPS | ROLES) != 0 {
            return Err(Error::EnvelopeRecorded { got: recorded });
        }
        let mut names = |bit, field| (recorded & bit != 0).then(|| Names::decode(rest, field)).transpose();
        Ok(Self { place, user, groups: names(GROUPS, "groups")?, roles: names(ROLES, "roles")? })
    }
}

/// The people of one event: ascending by place, one to a place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct People(Vec<Person>);

impl People {
    /// These people in the order of their places.
    ///
    /// # Errors
    /// [`Error::EnvelopeOrder`] where two stand in one place; [`Error::EnvelopeTooMany`] for more than 65,535.
    pub fn new(mut people: Vec<Person>) -> Result<Self, Error> {
        people.sort_by_key(|person| person.place);
        if people.windows(2).any(|pair| pair[0].place == pair[1].place) {
            return Err(Error::EnvelopeOrder { field: "people" });
        }
        count(people.len(), "people")?;
        Ok(Self(people))
    }

    /// Who did it and to whom it was done; left out is for whom it was done.
    pub fn involved(&self) -> impl Iterator<Item = &Person> {
        self.iter().filter(|person| person.place != Place::ON_BEHALF_OF)
    }

    /// Bytes that they take in an envelope: none where there is nobody.
    pub fn encoded_len(&self) -> usize {
        if self.is_empty() { 0 } else { 2 + self.iter().map(Person::encoded_len).sum::<usize>() }
    }

    /// Roughly the memory that they take beside the list itself, in bytes.
    pub fn memory(&self) -> usize {
        let name = |name: &String| size_of::<String>() + name.len();
        let names = |names: &Names| names.0.iter().map(name).sum::<usize>();
        let lists = self.iter().flat_map(|person| [&person.groups, &person.roles]).flatten();
        self.len() * size_of::<Person>() + lists.map(names).sum::<usize>()
    }

    /// Appends them, of whom there is at least one.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_count(out, self.len());
        self.iter().for_each(|person| person.encode(out));
    }

    pub(crate) fn decode(rest: &mut Reader<'_>) -> Result<Self, Error> {
        let count = u16::from_be_bytes(rest.take("people")?);
        if count == 0 {
            return Err(Error::EnvelopeNobody);
        }
        let mut people: Vec<Person> = Vec::new();
        for _ in 0..count {
            let person = Person::decode(rest)?;
            if people.last().is_some_and(|last| last.place >= person.place) {
                return Err(Error::EnvelopeOrder { field: "people" });
            }
            people.push(person);
        }
        Ok(Self(people))
    }
}

impl Deref for People {
    type Target = [Person];

    fn deref(&self) -> &[Person] {
        &self.0
    }
}

/// # Errors
/// [`Error::EnvelopeTooMany`] for what two bytes can't count.
fn count(count: usize, field: &'static str) -> Result<(), Error> {
    u16::try_from(count).map(drop).map_err(|_| Error::EnvelopeTooMany { field, count })
}

/// Appends a number that was checked when the list or name was made.
fn put_count(out: &mut Vec<u8>, count: usize) {
    let count = u16::try_from(count).expect("lists and names are bounded when they are made");
    out.extend(count.to_be_bytes());
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(list: &str) -> Option<Names> {
        Some(Names::new(list.split_terminator(' ').map(str::to_owned)).unwrap())
    }

    fn person(place: Place, user: u8, groups: Option<Names>, roles: Option<Names>) -> Person {
        Person { place, user: UserId([user; 16]), groups, roles }
    }

    /// Somebody in each kind of place, given out of order.
    pub(crate) fn people() -> People {
        let target = Place::target(1).unwrap();
        People::new(vec![
            person(target, 10, None, None),
            person(Place::ACTOR, 10, names("Support"), names("Tech Admin")),
            person(Place::ON_BEHALF_OF, 11, names(""), None),
        ])
        .unwrap()
    }

    pub(crate) fn any_people() -> impl Strategy<Value = People> {
        let names = || prop::option::of(prop::collection::vec("\\PC{0,12}", 0..4));
        let someone = (0..6_u16, any::<[u8; 16]>(), names(), names());
        prop::collection::vec(someone, 0..5).prop_map(|list| {
            let mut people: Vec<Person> = Vec::new();
            for (place, user, groups, roles) in list {
                if people.iter().all(|person| person.place != Place(place)) {
                    let names = |names: Option<Vec<String>>| names.map(|names| Names::new(names).unwrap());
                    people.push(Person {
                        place: Place(place),
                        user: UserId(user),
                        groups: names(groups),
                        roles: names(roles),
                    });
                }
            }
            People::new(people).unwrap()
        })
    }

    /// The bytes, changed, as people.
    fn bent(change: impl FnOnce(&mut Vec<u8>)) -> Result<People, Error> {
        let mut bytes = Vec::new();
        people().encode(&mut bytes);
        change(&mut bytes);
        People::decode(&mut Reader(&bytes))
    }

    #[test]
    fn refuses_what_has_another_order_or_form() {
        // The first person begins at 2, its record at 20, its groups at 21, its roles at 32.
        let order = |field| Err(Error::EnvelopeOrder { field });
        assert_eq!(bent(|_| ()), Ok(people()));
        assert_eq!(bent(|bytes| bytes[1] = 0), Err(Error::EnvelopeNobody));
        assert_eq!(bent(|bytes| bytes[3] = 1), order("people"), "a place twice");
        assert_eq!(bent(|bytes| bytes[3] = 9), order("people"), "a place after a later one");
        assert_eq!(bent(|bytes| bytes[20] = 4), Err(Error::EnvelopeRecorded { got: 4 }));
        assert_eq!(bent(|bytes| bytes[20] = 0xff), Err(Error::EnvelopeRecorded { got: 0xff }));
        assert_eq!(bent(|bytes| bytes[36] = b'z'), order("roles"), "a role after a later one");
        assert_eq!(bent(|bytes| bytes[25] = 0xff), Err(Error::EnvelopeUtf8 { field: "groups" }));
        let empty = |bytes: &mut Vec<u8>| drop(bytes.splice(21..32, [0, 1, 0, 0]));
        assert_eq!(bent(empty), order("groups"), "an empty name");
        let twice = |bytes: &mut Vec<u8>| drop(bytes.splice(21..32, *b"\0\x02\0\x01a\0\x01a"));
        assert_eq!(bent(twice), order("groups"), "a name twice");
    }

    #[test]
    fn one_place_has_one_person_and_lists_have_ends() {
        let twice = vec![person(Place::ACTOR, 1, None, None), person(Place::ACTOR, 2, None, None)];
        assert_eq!(People::new(twice), Err(Error::EnvelopeOrder { field: "people" }));
        let everywhere = |count: usize| {
            let people = (0..=u16::MAX).take(count).map(|place| person(Place(place), 1, None, None));
            People::new(people.collect()).map(|people| people.len())
        };
        assert_eq!(everywhere(65_535), Ok(65_535));
        assert_eq!(everywhere(65_536), Err(Error::EnvelopeTooMany { field: "people", count: 65_536 }));
        let many = |count: u32| Names::new((0..count).map(|number| number.to_string()));
        assert_eq!(many(65_535).map(|names| names.len()), Ok(65_535));
        assert_eq!(many(65_536), Err(Error::EnvelopeTooMany { field: "names", count: 65_536 }));
        assert!(Names::new(["x".repeat(65_535)]).is_ok());
        let long = Err(Error::EnvelopeStringTooLong { field: "name", len: 65_536 });
        assert_eq!(Names::new(["x".repeat(65_536)]), long);
        let given = ["b", "", "a", "b"].map(str::to_owned);
        assert_eq!(*Names::new(given).unwrap(), ["a", "b"]);
    }

    #[test]
    fn places_are_pointers() {
        for (place, pointer, target) in [
            (Some(Place::ACTOR), "/actor", None),
            (Some(Place::ON_BEHALF_OF), "/on_behalf_of", None),
            (Place::target(0), "/targets/0", Some(0)),
            (Place::target(65_533), "/targets/65533", Some(65_533)),
        ] {
            let place = place.unwrap();
            assert_eq!((place.to_string().as_str(), place.target_index()), (pointer, target));
        }
        assert_eq!([Place::target(65_534), Place::target(1 << 40)], [None, None]);
    }

    #[test]
    fn a_user_is_written_as_a_uuid() {
        let user = UserId([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        assert_eq!(user.to_string(), "00010203-0405-0607-0809-0a0b0c0d0eff");
    }

    #[test]
    fn their_memory_is_that_of_the_list_and_of_each_name() {
        let names: usize =
            ["Support", "Admin", "Tech"].iter().map(|name| size_of::<String>() + name.len()).sum();
        assert_eq!(people().memory(), 3 * size_of::<Person>() + names);
        assert_eq!(People::default().memory(), 0);
    }

    #[test]
    fn the_one_for_whom_it_was_done_is_not_involved() {
        let involved: Vec<String> = people().involved().map(|person| person.place.to_string()).collect();
        assert_eq!(involved, ["/actor", "/targets/1"]);
    }

    proptest! {
        #[test]
        fn their_length_is_told_before(people in any_people()) {
            let mut bytes = Vec::new();
            if !people.is_empty() {
                people.encode(&mut bytes);
            }
            prop_assert_eq!(bytes.len(), people.encoded_len());
        }
    }
}
