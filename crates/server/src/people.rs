//! Who in an event is a user of the installation: asked when the event is received, recorded in its envelope.
//!
//! Rules, for people: `docs/events.md`. A user who is recognised by mistake would be shown an event about somebody else,
//! so only what is unambiguous counts: one user for all names together, in a place that a person may stand in. What the
//! event itself says of groups and roles is left alone.

use indelible_control::{Directory, Reach, User};
use indelible_event::{Actor, ActorType, Event, Target};
use indelible_verify::{Names, People, Person, Place, UserId};
use uuid::Uuid;

use crate::recorder::INSTALLATION_NUMBER;

/// The users of the installation as one moment knows them.
pub(crate) trait Users {
    /// Whether there is none: then events are not gone through.
    fn is_empty(&self) -> bool;

    /// Who is called so, compared as the filters `actor` and `affected` compare: whole and without case.
    ///
    /// Whom it may be is the implementation's to limit: what is recorded can be read by everybody who may read the
    /// tenant's events, and asked for by everybody who may send some.
    fn called(&self, name: &str, context: Context<'_>) -> Called;

    /// All groups that the user is in.
    fn groups(&self, user: UserId) -> Names;

    /// All roles that the user has.
    fn roles(&self, user: UserId) -> Names;
}

/// In what event a name stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Context<'e> {
    /// The number of the tenant that the event belongs to.
    pub(crate) tenant: u64,
    /// The tenant that the event names as the actor's or target's own, as sent: then only users of that one are meant.
    pub(crate) own: Option<&'e str>,
}

/// Whom a name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Called {
    /// No user.
    Nobody,
    /// This user and no other.
    One(UserId),
    /// More than one user.
    Several,
}

/// Whom an event of a tenant can mean: people of that tenant and of those below it. People above it stay unknown to
/// whoever reads its events; an event of the installation itself can mean everybody.
impl Users for Directory {
    fn is_empty(&self) -> bool {
        self.users().len() == 0
    }

    fn called(&self, name: &str, context: Context<'_>) -> Called {
        let by_id = Uuid::try_parse(name).ok().and_then(|id| self.user(id));
        let by_name = self.user_named(name);
        let meant = by_id.into_iter().chain(by_name).chain(self.users_with_email(name));
        let mut one = None;
        for user in meant.filter(|user| may_be(self, user, context)) {
            match one {
                Some(known) if known != user.id => return Called::Several,
                _ => one = Some(user.id),
            }
        }
        one.map_or(Called::Nobody, |id| Called::One(UserId(id.into_bytes())))
    }

    fn groups(&self, user: UserId) -> Names {
        self.user(Uuid::from_bytes(user.0))
            .map_or_else(Names::default, |user| known(user.groups.iter().cloned()))
    }

    fn roles(&self, user: UserId) -> Names {
        let user = self.user(Uuid::from_bytes(user.0));
        let roles = user.into_iter().flat_map(|user| &user.grants).filter_map(|grant| self.role(grant.role));
        known(roles.map(|role| role.name.clone()))
    }
}

/// Names as an envelope has them; names of groups and roles are far shorter than it allows.
fn known(names: impl Iterator<Item = String>) -> Names {
    Names::new(names).unwrap_or_default()
}

fn may_be(directory: &Directory, user: &User, context: Context<'_>) -> bool {
    let own = |name: &str| {
        user.tenant.is_some() && directory.tenant_named(name).map(|own| own.number) == user.tenant
    };
    let within = |tenant| directory.is_within(tenant, &Reach::Tenants(vec![context.tenant]));
    (context.tenant == INSTALLATION_NUMBER || user.tenant.is_some_and(within)) && context.own.is_none_or(own)
}

/// Types of targets that are people, without case. Fewer than are counted as users in figures: an account or an agent
/// may be a thing whose number is somebody's name.
const PERSON_TYPES: [&str; 3] = ["user", "subscriber", "person"];

/// Bytes of groups and roles that one event gets, and all events of a request: an event of a few bytes must not grow
/// without bounds by the groups of those whom it names, nor a request beyond what the ledger takes at once.
const EVENT_BYTES_MAX: usize = 64 << 10;
const REQUEST_BYTES_MAX: usize = 64 << 20;

/// Room for the groups and roles of one request; what does not fit is left out.
pub(crate) struct Room(usize);

impl Room {
    pub(crate) fn of_request() -> Self {
        Self(REQUEST_BYTES_MAX)
    }
}

/// The users in an event of the tenant with this number, with their groups and roles where the event names none.
pub(crate) fn recognise(users: &impl Users, tenant: u64, event: &Event, room: &mut Room) -> People {
    if users.is_empty() {
        return People::default();
    }
    let actors = [(Place::ACTOR, &event.actor), (Place::ON_BEHALF_OF, &event.on_behalf_of)];
    let actors = actors.into_iter().filter_map(|(place, actor)| Somebody::actor(place, actor.as_ref()?));
    // More targets than an envelope has places for end at the last of them.
    let targets = event.targets.iter().enumerate();
    let targets = targets.filter_map(|(index, target)| Somebody::target(Place::target(index)?, target));
    let found = actors.chain(targets).filter_map(|somebody| {
        let user = somebody.user(users, tenant)?;
        Some((Person { place: somebody.place, user, groups: None, roles: None }, somebody))
    });
    let found: Vec<(Person, Somebody<'_>)> = found.collect();
    let at_first = room.0.min(EVENT_BYTES_MAX);
    let mut left = at_first;
    let people = found.into_iter().map(|(mut person, somebody)| {
        let mut fit = |wanted: bool, names: &dyn Fn(UserId) -> Names| {
            let names = wanted.then(|| names(person.user))?;
            left = left.checked_sub(names.encoded_len())?;
            Some(names)
        };
        let groups = fit(somebody.groups.is_empty(), &|user| users.groups(user));
        let roles = fit(somebody.roles.is_empty(), &|user| users.roles(user));
        (person.groups, person.roles) = (groups, roles);
        person
    });
    // Places differ, and there are no more than an envelope counts; else nobody is better than no event.
    let people = People::new(people.collect()).unwrap_or_default();
    room.0 -= at_first - left;
    people
}

/// Somebody who may be a user.
struct Somebody<'e> {
    place: Place,
    id: Option<&'e str>,
    username: Option<&'e str>,
    aliases: &'e [String],
    own: Option<&'e str>,
    groups: &'e [String],
    roles: &'e [String],
}

impl<'e> Somebody<'e> {
    /// `None` for an actor that is no person.
    fn actor(place: Place, actor: &'e Actor) -> Option<Self> {
        matches!(actor.kind, None | Some(ActorType::User)).then(|| Self {
            place,
            id: actor.id.as_deref(),
            username: actor.username.as_deref(),
            aliases: &actor.aliases,
            own: actor.tenant.as_deref(),
            groups: &actor.groups,
            roles: &actor.roles,
        })
    }

    /// `None` for a target that is no person. Its `name` is for people to read and identifies nobody.
    fn target(place: Place, target: &'e Target) -> Option<Self> {
        let kind = target.kind.as_deref();
        let is_person =
            kind.is_none_or(|kind| PERSON_TYPES.iter().any(|known| kind.eq_ignore_ascii_case(known)));
        is_person.then(|| Self {
            place,
            id: target.id.as_deref(),
            username: target.username.as_deref(),
            aliases: &target.aliases,
            own: target.tenant.as_deref(),
            groups: &target.groups,
            roles: &target.roles,
        })
    }

    /// The one user whom its id, username and aliases mean, as far as they mean any.
    fn user(&self, users: &impl Users, tenant: u64) -> Option<UserId> {
        let names = [self.id, self.username].into_iter().flatten();
        let names = names.chain(self.aliases.iter().map(String::as_str)).filter(|name| !name.is_empty());
        let mut one = None;
        for name in names {
            match users.called(name, Context { tenant, own: self.own }) {
                Called::Nobody => {}
                Called::One(user) if one.is_none_or(|other| other == user) => one = Some(user),
                Called::One(_) | Called::Several => return None,
            }
        }
        one
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use indelible_event::{Limits, Timestamp, parse};

    use super::*;

    /// Ada and Bo in tenant 1, named `acme`; Cy in tenant 2, named `south`.
    struct Three {
        group: String,
    }

    const ADA: UserId = UserId([1; 16]);
    const BO: UserId = UserId([2; 16]);
    const CY: UserId = UserId([3; 16]);

    impl Users for Three {
        fn is_empty(&self) -> bool {
            false
        }

        fn called(&self, name: &str, context: Context<'_>) -> Called {
            let found: BTreeSet<UserId> = [
                (ADA, 1, ["ada", "1041", "shared"]),
                (BO, 1, ["bo", "1042", "shared"]),
                (CY, 2, ["cy", "1041", "cy"]),
            ]
            .into_iter()
            .filter(|(_, tenant, names)| {
                let own = HashMap::from([("acme", 1), ("south", 2)]);
                let meant = context.own.map_or(Some(context.tenant), |own_name| own.get(own_name).copied());
                meant == Some(*tenant) && names.contains(&name.to_lowercase().as_str())
            })
            .map(|(user, ..)| user)
            .collect();
            match found.into_iter().collect::<Vec<_>>().as_slice() {
                [] => Called::Nobody,
                [one] => Called::One(*one),
                _ => Called::Several,
            }
        }

        fn groups(&self, _: UserId) -> Names {
            Names::new([self.group.clone()]).unwrap()
        }

        fn roles(&self, user: UserId) -> Names {
            Names::new((user == ADA).then(|| "Tech".to_owned())).unwrap()
        }
    }

    fn event(json: &str) -> Event {
        parse(json, &Limits::default(), Timestamp::from_micros(0)).unwrap().event
    }

    fn of(group: &str, event: &Event) -> People {
        recognise(&Three { group: group.into() }, 1, event, &mut Room::of_request())
    }

    /// Place and first digit of each user's number.
    fn found(json: &str) -> Vec<(String, u8)> {
        let people = of("Support", &event(json));
        people.iter().map(|person| (person.place.to_string(), person.user.0[0])).collect()
    }

    #[test]
    fn only_one_user_for_all_names_counts() {
        for (actor, user) in [
            (r#"{"id":"1041"}"#, Some(1)),
            (r#"{"username":"ADA"}"#, Some(1)),
            (r#"{"aliases":["nobody","Bo"]}"#, Some(2)),
            (r#"{"type":"user","id":"1041","username":"ada","aliases":["x"]}"#, Some(1)),
            (r#"{"id":"1041","username":"bo"}"#, None),
            (r#"{"id":"1041","aliases":["1042"]}"#, None),
            (r#"{"username":"shared"}"#, None),
            (r#"{"id":"1041","username":"shared"}"#, None),
            (r#"{"id":"1041","tenant":"acme"}"#, Some(1)),
            (r#"{"id":"1041","tenant":"south"}"#, Some(3)),
            (r#"{"id":"1041","tenant":"elsewhere.example"}"#, None),
            (r#"{"id":"ada "}"#, None),
            (r#"{"first_name":"ada"}"#, None),
            (r#"{"type":"service","id":"1041"}"#, None),
            (r#"{"type":"role","id":"ada"}"#, None),
            (r#"{"type":"api_key","id":"ada"}"#, None),
            (r#"{"type":"system","id":"ada"}"#, None),
            (r#"{"type":"anonymous","id":"ada"}"#, None),
        ] {
            for place in ["actor", "on_behalf_of"] {
                let expected: Vec<_> = user.map(|user| (format!("/{place}"), user)).into_iter().collect();
                assert_eq!(found(&format!(r#"{{"action":"a","{place}":{actor}}}"#)), expected, "{actor}");
            }
        }
    }

    #[test]
    fn targets_that_are_no_people_are_left_alone() {
        for (target, user) in [
            (r#"{"id":"ada"}"#, Some(1)),
            (r#"{"type":"","id":"ada"}"#, Some(1)),
            (r#"{"type":"User","id":"ada"}"#, Some(1)),
            (r#"{"type":"SUBSCRIBER","username":"bo"}"#, Some(2)),
            (r#"{"type":"person","aliases":["bo"],"name":"Ada"}"#, Some(2)),
            (r#"{"type":"user","name":"ada"}"#, None),
            (r#"{"type":"document","id":"ada"}"#, None),
            (r#"{"type":"account","id":"1041"}"#, None),
            (r#"{"type":"agent","id":"1041"}"#, None),
            (r#"{"type":"mailbox","username":"ada"}"#, None),
            (r#"{"type":"users","id":"ada"}"#, None),
        ] {
            let expected: Vec<_> = user.map(|user| ("/targets/1".to_owned(), user)).into_iter().collect();
            let json = format!(r#"{{"action":"a","targets":[{{"type":"call","id":"ada"}},{target}]}}"#);
            assert_eq!(found(&json), expected, "{target}");
        }
    }

    #[test]
    fn groups_and_roles_are_recorded_where_the_event_names_none() {
        let json = r#"{"action":"a","actor":{"id":"ada"},"on_behalf_of":{"id":"bo","groups":["x"]},
            "targets":[{"id":"bo","roles":["y"]},{"id":"ada","groups":["x"],"roles":["y"]}]}"#;
        let people = of("Support", &event(json));
        let shown: Vec<_> = people
            .iter()
            .map(|person| (person.place.to_string(), person.groups.as_deref(), person.roles.as_deref()))
            .collect();
        let (support, tech) = (Some(&["Support".to_owned()][..]), Some(&["Tech".to_owned()][..]));
        let expected = [
            ("/actor", support, tech),
            ("/on_behalf_of", None, Some(&[][..])),
            ("/targets/0", support, None),
            ("/targets/1", None, None),
        ];
        assert_eq!(shown, expected.map(|(place, groups, roles)| (place.to_owned(), groups, roles)));
        assert_eq!(
            recognise(&Directory::default(), 1, &event(json), &mut Room::of_request()),
            People::default()
        );
    }

    #[test]
    fn people_stay_and_memberships_go_where_there_is_no_room() {
        let targets = vec![r#"{"id":"bo"}"#; 200].join(",");
        let event = event(&format!(r#"{{"action":"a","targets":[{targets}]}}"#));
        let users = Three { group: "g".repeat(1_000) };
        let mut room = Room::of_request();
        let mut recorded = || {
            let people = recognise(&users, 1, &event, &mut room);
            assert_eq!(people.len(), 200);
            let with = people.iter().filter(|person| person.groups.is_some());
            (with.count(), people.iter().filter(|person| person.roles.is_some()).count())
        };
        // 1,004 bytes of groups and 2 of roles each; some more roles fit where groups no longer do.
        let expected = (65, 65 + 73);
        for number in 0..1_024 {
            assert_eq!(recorded(), expected, "{number}");
        }
        assert_eq!(recorded(), (0, 0), "the request has had its share");
    }

    #[test]
    fn whoever_is_recognised_is_called_so_and_nobody_else_is() {
        let meant = [("ada", &[1][..]), ("1041", &[1]), ("bo", &[2]), ("shared", &[1, 2]), ("x", &[])];
        let lists = (0..5_usize.pow(4)).map(|number| [1, 5, 25, 125].map(|place| meant[number / place % 5]));
        for names in lists {
            let aliases = names.map(|(name, _)| name.to_owned()).to_vec();
            let event = Event { actor: Some(Actor { aliases, ..Actor::default() }), ..Event::default() };
            let people = of("", &event);
            let found: BTreeSet<u8> = people.iter().map(|person| person.user.0[0]).collect();
            let mut expected: BTreeSet<u8> = names.iter().flat_map(|(_, users)| *users).copied().collect();
            if expected.len() > 1 {
                expected.clear();
            }
            assert_eq!(found, expected, "{names:?}");
        }
    }
}
