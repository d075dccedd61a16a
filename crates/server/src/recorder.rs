//! The trail of the trail: what people and programs do to the trail and its settings, as ordinary events in it.
//!
//! What touches one tenant's data is recorded in that tenant's chain, whatever touches several or none in the
//! installation's own. An event is durable before the answer that it is about is given.

use std::{collections::BTreeSet, net::IpAddr};

pub(crate) use indelible_access::{INSTALLATION, INSTALLATION_NUMBER};
use indelible_access::{LOOKING, Principal, PrincipalId};
use indelible_control::{Directory, Reach, TenantNumber, User};
use indelible_event::{Event, Limits, TimeSource, Timestamp, parse};
use indelible_ledger::{AppendRequest, NewEvent, OnConflict, Outcome};
use indelible_verify::{ChainId, Envelope, People, Person, Place, Protocol, UserId};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    app::App,
    error::ApiError,
    people::{Room, recognise},
};

/// Where a request came from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// The client's address.
    pub(crate) ip: Option<IpAddr>,
    /// The client, as it names itself.
    pub(crate) user_agent: Option<String>,
    /// The request's id.
    pub(crate) request: Option<String>,
    /// Whether cookies are for encrypted connections only.
    pub(crate) secure: bool,
}

/// An event of our own on its way into the trail.
///
/// Whoever puts it together says whose data it touches; the chain that tells of it follows from that.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnEvent {
    touched: BTreeSet<TenantNumber>,
    /// Whether it touches what is the installation's own.
    touches_installation: bool,
    /// Whether it is what begins a tenant's auditing.
    begins_auditing: bool,
    /// The tenant of the user who did it.
    home: Option<TenantNumber>,
    body: Map<String, Value>,
}

impl OwnEvent {
    /// `action` is what people read; `code` what programs compare, such as `session.begin`; `kind` the action type.
    pub(crate) fn new(action: &str, code: &str, kind: &str) -> Self {
        let mut body = Map::new();
        body.insert("action".into(), action.into());
        body.insert("action_code".into(), code.into());
        body.insert("action_type".into(), kind.into());
        body.insert("source".into(), json!({"application": "indelible"}));
        body.insert("outcome".into(), json!({"result": "success"}));
        Self { body, ..Self::default() }
    }

    /// Data of this tenant is touched.
    pub(crate) fn touching(mut self, tenant: TenantNumber) -> Self {
        self.touched.insert(tenant);
        self
    }

    /// What is the installation's own is touched.
    pub(crate) fn touching_installation(self) -> Self {
        Self { touches_installation: true, ..self }
    }

    /// What belongs to this tenant is touched; of `None`, to the installation itself.
    pub(crate) fn touching_of(self, owner: Option<TenantNumber>) -> Self {
        match owner {
            Some(tenant) => self.touching(tenant),
            None => self.touching_installation(),
        }
    }

    /// It tells that the auditing of the tenant that it touches begins: that one counts as audited.
    pub(crate) fn beginning_auditing(self) -> Self {
        Self { begins_auditing: true, ..self }
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.body.insert(name.into(), value);
        self
    }

    /// Who did it, and from where.
    pub(crate) fn by(mut self, principal: &Principal, origin: &Origin, directory: &Directory) -> Self {
        self.home = match principal.id {
            PrincipalId::User { user, .. } => directory.user(user).and_then(|user| user.tenant),
            PrincipalId::AdminKey | PrincipalId::Key(_) => None,
        };
        self.with("actor", actor(principal, directory)).from(origin)
    }

    /// From where, where nobody is signed in.
    pub(crate) fn from(mut self, origin: &Origin) -> Self {
        let mut client = Map::new();
        if let Some(ip) = origin.ip {
            client.insert("ip".into(), ip.to_string().into());
        }
        if let Some(agent) = &origin.user_agent {
            client.insert("user_agent".into(), agent.chars().take(USER_AGENT_MAX).collect::<String>().into());
        }
        if !client.is_empty() {
            self.body.insert("client".into(), client.into());
        }
        if let Some(request) = &origin.request {
            self.body.insert("request_id".into(), request.clone().into());
        }
        self
    }

    /// The user who did it to their own account, where there is no session yet.
    pub(crate) fn by_user(mut self, user: &User, directory: &Directory) -> Self {
        self.home = user.tenant;
        self.touching_of(user.tenant).with("actor", person(user, directory))
    }

    /// A name that somebody gave and that is nobody's here.
    pub(crate) fn by_unknown(self, username: &str) -> Self {
        let username: String = username.chars().take(NAME_MAX).collect();
        self.with("actor", json!({"type": "user", "username": username}))
    }

    /// Who looks, and from where, as the members of an event that is written later.
    pub(crate) fn who(principal: &Principal, origin: &Origin, directory: &Directory) -> Self {
        let told = Self::default().by(principal, origin, directory);
        match principal.id {
            PrincipalId::User { session: Some(session), .. } => told.in_session(session),
            _ => told,
        }
    }

    /// From where, of somebody who is nobody here.
    pub(crate) fn whence(origin: &Origin) -> Self {
        Self::default().from(origin)
    }

    /// That it was refused: `result` is failure or denied, `reason` a short text for programs.
    pub(crate) fn refused(self, result: &str, reason: &str) -> Self {
        self.with("outcome", json!({"result": result, "reason": reason}))
    }

    /// What it was done to; the first one is the primary.
    pub(crate) fn to(mut self, kind: &str, id: &str, name: &str) -> Self {
        let target = json!({"type": kind, "id": id, "name": name});
        match self.body.get_mut("targets") {
            Some(Value::Array(targets)) => targets.push(target),
            _ => {
                self.body.insert("targets".into(), json!([target]));
            }
        }
        self
    }

    /// A named value.
    pub(crate) fn parameter(mut self, name: &str, value: impl Into<Value>) -> Self {
        if let Value::Object(parameters) =
            self.body.entry("parameters").or_insert_with(|| Value::Object(Map::new()))
        {
            parameters.insert(name.into(), value.into());
        }
        self
    }

    /// What a field was and is; nothing where that is the same.
    pub(crate) fn changed(mut self, field: &str, old: impl Into<Value>, new: impl Into<Value>) -> Self {
        let (old, new) = (old.into(), new.into());
        if old != new {
            let change = json!({"field": field, "old": old, "new": new});
            match self.body.get_mut("changes") {
                Some(Value::Array(changes)) => changes.push(change),
                _ => {
                    self.body.insert("changes".into(), json!([change]));
                }
            }
        }
        self
    }

    /// Whether it tells of a change.
    pub(crate) fn has_changes(&self) -> bool {
        self.body.contains_key("changes")
    }

    /// The session that it happened in.
    pub(crate) fn in_session(self, session: Uuid) -> Self {
        self.with("session_id", session.to_string().into())
    }

    /// The number of the tenant whose chain tells of it; 0: the installation's own does. A tenant's does where everything
    /// that is touched is its own, or that of tenants below it, and it is audited: one that is not may be deleted and its
    /// name given away, so nothing is recorded under it.
    pub(crate) fn chain(&self, directory: &Directory) -> TenantNumber {
        let is_below = |tenant, above: &TenantNumber| {
            *above != tenant && directory.is_within(tenant, &Reach::Tenants(vec![*above]))
        };
        let is_top = |tenant: &&TenantNumber| !self.touched.iter().any(|above| is_below(**tenant, above));
        let mut top = self.touched.iter().filter(is_top);
        match (self.touches_installation, top.next(), top.next()) {
            (false, Some(tenant), None) => {
                let audited = directory.tenant(*tenant).is_some_and(|tenant| tenant.auditing);
                if audited || self.begins_auditing { *tenant } else { INSTALLATION_NUMBER }
            }
            _ => INSTALLATION_NUMBER,
        }
    }

    /// The bytes that are stored in this tenant's chain; 0: in the installation's own.
    ///
    /// Whoever reads a tenant's events learns who from elsewhere touched its data, and from where, but not to which
    /// tenant, groups and roles they belong: that would tell of the tree above.
    pub(crate) fn to_json(&self, chain: TenantNumber) -> String {
        let mut body = self.body.clone();
        let from_elsewhere = chain != INSTALLATION_NUMBER && self.home != Some(chain);
        if from_elsewhere && let Some(Value::Object(actor)) = body.get_mut("actor") {
            actor.retain(|name, _| !OF_ANOTHER_PLACE.contains(&name.as_str()));
        }
        Value::Object(body).to_string()
    }
}

/// What an actor from elsewhere is told without.
const OF_ANOTHER_PLACE: [&str; 3] = ["tenant", "groups", "roles"];
/// Characters of a user agent that are kept.
const USER_AGENT_MAX: usize = 512;
/// Characters of a name that nobody has.
const NAME_MAX: usize = 256;

fn actor(principal: &Principal, directory: &Directory) -> Value {
    match principal.id {
        PrincipalId::AdminKey => {
            json!({"type": "api_key", "id": "administrator-key", "username": principal.name})
        }
        PrincipalId::Key(id) => {
            json!({"type": "api_key", "id": Uuid::from_bytes(id).to_string(), "username": principal.name})
        }
        PrincipalId::User { user, .. } => directory
            .user(user)
            .map_or_else(|| json!({"type": "user", "id": user.to_string()}), |user| person(user, directory)),
    }
}

fn person(user: &User, directory: &Directory) -> Value {
    let roles: Vec<_> = user
        .grants
        .iter()
        .filter_map(|grant| directory.role(grant.role))
        .map(|role| role.name.clone())
        .collect();
    let tenant = user.tenant.and_then(|tenant| directory.tenant(tenant)).map(|tenant| tenant.name.clone());
    json!({
        "type": "user", "id": user.id.to_string(), "username": user.username, "first_name": user.first_name,
        "last_name": user.last_name, "tenant": tenant, "groups": user.groups, "roles": roles,
    })
}

impl App {
    /// Puts an event of our own into the trail; it is durable when this returns.
    ///
    /// # Errors
    /// The ledger's: what can't be recorded must not happen.
    pub(crate) async fn record(&self, event: &OwnEvent) -> Result<(), ApiError> {
        let chain = event.chain(&self.control.directory());
        self.record_in(Uuid::now_v7(), chain, event.to_json(chain)).await
    }

    /// The same under an id that was chosen before, in this tenant's chain; 0: the installation's own. A second time it is
    /// there already. Nobody can guess the id: whoever sent an event of that id before would keep ours out.
    pub(crate) async fn record_in(
        &self,
        id: Uuid,
        tenant: TenantNumber,
        body: String,
    ) -> Result<(), ApiError> {
        let directory = self.control.directory();
        let (chain, name) = match directory.tenant(tenant) {
            Some(tenant) => (ChainId(tenant.chain_id), tenant.name.clone()),
            None => (self.installation_chain()?, INSTALLATION.to_owned()),
        };
        let tenant = directory.tenant(tenant).map_or(INSTALLATION_NUMBER, |tenant| tenant.number);
        let parsed = parse(&body, &Limits::default(), self.now());
        let parsed =
            parsed.map_err(|_| ApiError::internal("an event of the server's own can't be understood"))?;
        let certain = with_certain_people(parsed.event);
        let people = recognise(&*directory, tenant, &certain, &mut Room::of_request());
        let people = with_actor(people, &certain, &directory);
        let event = NewEvent {
            chain,
            envelope: Envelope {
                event_time_us: 0,
                time_source: TimeSource::Received,
                protocol: Protocol::SERVER,
                rule_version: self.rules.current().version(),
                mapping_version: 0,
                tenant_number: tenant,
                key_id: [0; 16],
                event_id: id.to_string(),
                tenant_name: name,
                media_type: "application/json".into(),
                mapping_name: String::new(),
                people,
            },
            id_given: true,
            body: body.into_bytes(),
        };
        let request = AppendRequest {
            events: vec![event],
            atomic: true,
            on_conflict: OnConflict::Reject,
            replay: None,
            note: Vec::new(),
        };
        let receipt = self.writer.append(request).await?;
        match receipt.outcomes.first() {
            Some(Outcome::Skipped) | None => {
                Err(ApiError::internal("an event of the server's own was not stored"))
            }
            // Nobody else can know the id: it was told before, perhaps with another count.
            Some(_) => Ok(()),
        }
    }

    /// Records that somebody was refused who has not shown who they are. So many an hour are events of their own; what is
    /// beyond them is counted in one event a window, whoever it was: rolled up by address, somebody with many would still
    /// fill a chain.
    ///
    /// # Errors
    /// As [`Self::record`].
    pub(crate) async fn record_unproven(&self, told: &OwnEvent, what: &str) -> Result<(), ApiError> {
        if self.authentication.tells_singly() {
            return self.record(told).await;
        }
        self.note_refusal(None, &Origin::default(), what).await
    }

    /// The chain of the installation itself.
    pub(crate) fn installation_chain(&self) -> Result<ChainId, ApiError> {
        if let Some(chain) = self.installation.get() {
            return Ok(*chain);
        }
        let chains = self.trail.own_entries().chains();
        let own = chains.iter().find(|chain| chain.tenant_number == INSTALLATION_NUMBER);
        let own = own.ok_or_else(|| ApiError::internal("the installation has no chain"))?;
        Ok(*self.installation.get_or_init(|| own.chain))
    }
}

/// An event of our own as far as it says for certain who somebody is: by a user's id. A name may be somebody else's here,
/// and one that was only typed, or asked about, makes no event somebody's own.
fn with_certain_people(mut event: Event) -> Event {
    event.actor = event.actor.filter(|actor| actor.id.is_some());
    if let Some(actor) = &mut event.actor {
        (actor.username, actor.aliases) = (None, Vec::new());
    }
    for target in &mut event.targets {
        (target.username, target.aliases) = (None, Vec::new());
    }
    if event.action_code.as_deref().is_some_and(|code| code.starts_with(LOOKING)) {
        event.targets.clear();
    }
    event
}

/// With the user who did it, also one from elsewhere: what somebody did is theirs to read. Their groups and roles stay
/// unknown to whoever reads the tenant's events.
fn with_actor(people: People, event: &Event, directory: &Directory) -> People {
    let id = event.actor.as_ref().and_then(|actor| Uuid::try_parse(actor.id.as_deref()?).ok());
    let user = id.and_then(|id| directory.user(id)).map(|user| UserId(user.id.into_bytes()));
    let Some(user) = user.filter(|_| people.iter().all(|person| person.place != Place::ACTOR)) else {
        return people;
    };
    let actor = Person { place: Place::ACTOR, user, groups: None, roles: None };
    let others = people.iter().cloned();
    People::new(std::iter::once(actor).chain(others).collect()).unwrap_or(people)
}

/// A time as own events have it.
pub(crate) fn shown(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| at.to_rfc3339().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_from_elsewhere_is_told_without_what_names_the_tree_above() {
        let actor = json!({"type": "user", "id": "1", "username": "ada", "tenant": "north", "groups": ["g"], "roles": ["r"]});
        let event = |home| OwnEvent { home, ..OwnEvent::new("a", "a", "other").with("actor", actor.clone()) };
        for (home, chain, whole) in
            [(None, 0, true), (Some(7), 0, true), (Some(7), 7, true), (Some(6), 7, false), (None, 7, false)]
        {
            let told: Value = serde_json::from_str(&event(home).to_json(chain)).unwrap();
            assert_eq!(told["actor"].get("tenant").is_some(), whole, "{home:?} {chain}");
            assert_eq!(told["actor"] == actor, whole, "{home:?} {chain}");
            assert_eq!(told["actor"]["username"], "ada");
        }
    }

    #[test]
    fn an_own_event_is_one_that_any_reader_understands() {
        let event = OwnEvent::new("Change tenant", "tenant.change", "update")
            .by_unknown("ada")
            .from(&Origin {
                ip: Some([10, 0, 0, 1].into()),
                user_agent: Some("x".repeat(9_999)),
                ..Origin::default()
            })
            .to("tenant", "1", "acme")
            .to("tenant", "2", "north")
            .parameter("reason", "move")
            .changed("parent", Value::Null, "north")
            .changed("zone", "UTC", "UTC")
            .refused("denied", "not_permitted");
        let limits = indelible_event::Limits::default();
        let parsed = indelible_event::parse(&event.to_json(0), &limits, Timestamp::from_micros(1)).unwrap();
        assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
        assert_eq!((parsed.event.targets.len(), parsed.event.changes.len()), (2, 1));
        assert_eq!(parsed.event.client.user_agent.unwrap().len(), USER_AGENT_MAX);
    }
}
