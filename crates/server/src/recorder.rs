//! The trail of the trail: what people and programs do to the trail and its settings, as ordinary events in it.
//!
//! Looking at a tenant's events is recorded in that tenant's chain; settings, accounts and whatever concerns none or
//! several tenants, in the installation's own. An event is durable before the answer that it is about is given.

use std::net::IpAddr;

pub(crate) use indelible_access::{INSTALLATION, INSTALLATION_NUMBER};
use indelible_access::{LOOKING, Principal, PrincipalId};
use indelible_control::{Directory, TenantNumber, User};
use indelible_event::{Event, Limits, TimeSource, Timestamp, parse};
use indelible_ledger::{AppendRequest, NewEvent, OnConflict, Receipt};
use indelible_verify::{ChainId, Envelope, Protocol};
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
#[derive(Clone, Debug)]
pub(crate) struct OwnEvent {
    touches: Touched,
    /// The tenant of the user who did it.
    home: Option<TenantNumber>,
    body: Map<String, Value>,
}

/// Whose data an event of our own is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Touched {
    /// Nobody's so far.
    Nothing,
    /// One tenant's.
    One(TenantNumber),
    /// Several tenants', or the installation's own.
    Installation,
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
        Self { body, ..Self::empty() }
    }

    fn empty() -> Self {
        Self { touches: Touched::Nothing, home: None, body: Map::new() }
    }

    /// That data of this tenant is touched; `None`: the installation's own. An event that touches one tenant belongs to
    /// its chain; one that touches several, or none, to the installation's own.
    pub(crate) fn touching(mut self, tenant: Option<TenantNumber>) -> Self {
        self.touches = match (self.touches, tenant) {
            (Touched::Nothing, Some(tenant)) => Touched::One(tenant),
            (Touched::One(known), Some(tenant)) if known == tenant => Touched::One(known),
            _ => Touched::Installation,
        };
        self
    }

    /// The same for several.
    pub(crate) fn touching_all(self, tenants: impl IntoIterator<Item = TenantNumber>) -> Self {
        tenants.into_iter().fold(self, |event, tenant| event.touching(Some(tenant)))
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
        self.touching(user.tenant).with("actor", person(user, directory))
    }

    /// A name that somebody gave and that is nobody's here.
    pub(crate) fn by_unknown(self, username: &str) -> Self {
        let username: String = username.chars().take(NAME_MAX).collect();
        self.with("actor", json!({"type": "user", "username": username}))
    }

    /// Who looks, and from where, as the members of an event that is written later.
    pub(crate) fn who(principal: &Principal, origin: &Origin, directory: &Directory) -> Self {
        let told = Self::empty().by(principal, origin, directory);
        match principal.id {
            PrincipalId::User { session, .. } => told.in_session(session),
            PrincipalId::AdminKey | PrincipalId::Key(_) => told,
        }
    }

    /// From where, of somebody who is nobody here.
    pub(crate) fn whence(origin: &Origin) -> Self {
        Self::empty().from(origin)
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

    /// The tenant whose chain it belongs to.
    pub(crate) fn tenant(&self) -> TenantNumber {
        match self.touches {
            Touched::One(tenant) => tenant,
            Touched::Nothing | Touched::Installation => INSTALLATION_NUMBER,
        }
    }

    /// The bytes that are stored.
    ///
    /// Whoever reads a tenant's events learns who from elsewhere touched its data, and from where, but not to which
    /// tenant, groups and roles they belong: that would tell of the tree above.
    pub(crate) fn to_json(&self) -> String {
        let mut body = self.body.clone();
        let from_elsewhere = self.tenant() != INSTALLATION_NUMBER && self.home != Some(self.tenant());
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
        self.record_as(Uuid::now_v7(), event.tenant(), event.to_json()).await.map(|_| ())
    }

    /// The same under an id that was chosen before: a second time it is there already.
    pub(crate) async fn record_as(
        &self,
        id: Uuid,
        tenant: TenantNumber,
        body: String,
    ) -> Result<Receipt, ApiError> {
        // A tenant that is not audited may be deleted and its name given away: nothing is recorded under it.
        let directory = self.control.directory();
        let audited = directory.tenant(tenant).filter(|tenant| tenant.auditing);
        self.record_in(id, audited.map_or(INSTALLATION_NUMBER, |tenant| tenant.number), body).await
    }

    /// The same in the chain of this tenant, whether it is audited or not; 0: the installation's own.
    pub(crate) async fn record_in(
        &self,
        id: Uuid,
        tenant: TenantNumber,
        body: String,
    ) -> Result<Receipt, ApiError> {
        let directory = self.control.directory();
        let (chain, name) = match directory.tenant(tenant) {
            Some(tenant) => (ChainId(tenant.chain_id), tenant.name.clone()),
            None => (self.installation_chain()?, INSTALLATION.to_owned()),
        };
        let parsed = parse(&body, &Limits::default(), self.now());
        let parsed =
            parsed.map_err(|_| ApiError::internal("an event of the server's own can't be understood"))?;
        let people =
            recognise(&*directory, tenant, &with_certain_people(parsed.event), &mut Room::of_request());
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
        Ok(self.writer.append(request).await?)
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

/// An event of our own as far as it says who somebody is: a name that was only typed, or asked about, makes no event
/// somebody's own.
fn with_certain_people(mut event: Event) -> Event {
    event.actor = event.actor.filter(|actor| actor.id.is_some());
    if event.action_code.as_deref().is_some_and(|code| code.starts_with(LOOKING)) {
        event.targets.clear();
    }
    event
}

/// A time as own events have it.
pub(crate) fn shown(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| at.to_rfc3339().into())
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let parsed = indelible_event::parse(&event.to_json(), &limits, Timestamp::from_micros(1)).unwrap();
        assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
        assert_eq!((parsed.event.targets.len(), parsed.event.changes.len()), (2, 1));
        assert_eq!(parsed.event.client.user_agent.unwrap().len(), USER_AGENT_MAX);
    }
}
