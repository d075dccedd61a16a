//! What a filter can ask about: every attribute, its type, and what it means.
//!
//! The table in docs/search.md is this one, as a test checks. Attributes whose paths hold names of the sender's are
//! recognised by their form: `parameters.<name>`, `changes.<field>.old`, `changes.<field>.new`.

use indelible_event::nearest_name;

use crate::derive::PATH_MAX;
use crate::field::Field;
use crate::marks::Mark;
use crate::path::{CHANGES, PARAMETERS, Path};

/// How the values of an attribute are kept and compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// The event's id, byte for byte.
    Id,
    /// Text in a field of its own, which an event with one of these paths has; with none, every event.
    Keyword(Field, &'static [Path]),
    /// Text under its path.
    Value(Path),
    /// One of some names, in a field or under a path.
    Choice(Field, &'static [&'static str]),
    ActorType(Path),
    ActionType,
    Object,
    ObjectCategory,
    Severity,
    Number(Path),
    /// A time under its path, in microseconds.
    Instant(Path),
    Time,
    Received,
    /// The client's address or one of its chain.
    Ip,
    ClientIp,
    /// Addresses under their path.
    Address(Path),
    /// The tenant that the event belongs to, or one above it.
    Tenant,
    /// Own tenants of actor or targets, or one above them.
    Below(&'static [Field]),
    /// Any of these attributes.
    Either(&'static [&'static str]),
    Mark(Mark),
    /// All text of the event.
    Text,
    Word,
    Phrase,
    Whole,
    /// Known only to be there.
    Exists(Path),
}

/// An attribute by its name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Attribute {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// For people: what it is.
    pub(crate) about: &'static str,
}

/// An attribute that a filter names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Named {
    Fixed(&'static Attribute),
    /// A parameter: its whole path, folded.
    Parameter(String),
    /// The old or new value of a changed field: the whole path, folded.
    Change(String),
}

pub(crate) const OUTCOMES: &[&str] = &["success", "failure", "denied", "challenge", "unknown"];
pub(crate) const ACTOR_TYPES: &[&str] = &["user", "service", "role", "api_key", "system", "anonymous"];
pub(crate) const SEVERITIES: &[&str] = &["critical", "high", "medium", "low"];

const fn row(name: &'static str, kind: Kind, about: &'static str) -> Attribute {
    Attribute { name, kind, about }
}

const ACTOR: Kind = Kind::Keyword(Field::Actor, &[Path::ActorId, Path::ActorUsername, Path::ActorAliases]);
const AFFECTED: Kind = Kind::Keyword(
    Field::Affected,
    &[Path::TargetsId, Path::TargetsUsername, Path::TargetsName, Path::TargetsAliases],
);
const ACTOR_TENANT: Kind = Kind::Keyword(Field::ActorTenant, &[Path::ActorTenant]);
const APPLICATION: Kind = Kind::Keyword(Field::Application, &[Path::SourceApplication]);
const COMPONENT: Kind = Kind::Keyword(Field::Component, &[Path::SourceComponent]);
const NODE: Kind = Kind::Keyword(Field::Node, &[Path::SourceNode]);
const DATA_SOURCE: Kind = Kind::Keyword(Field::DataSource, &[Path::SourceDataSource]);
const HOST: Kind = Kind::Keyword(Field::Host, &[Path::ClientHost]);
const CHANNEL: Kind = Kind::Keyword(Field::Channel, &[Path::ClientChannel]);
const CHANGED: Kind = Kind::Keyword(Field::Changed, &[Path::Changes]);
const OUTCOME: Kind = Kind::Choice(Field::Outcome, OUTCOMES);
const REASON: Kind = Kind::Keyword(Field::Reason, &[Path::OutcomeReason]);

/// Every attribute with a name of its own, sorted by it.
pub(crate) const ATTRIBUTES: &[Attribute] = &[
    row("action", Kind::Keyword(Field::Action, &[]), "the source's own name of the action"),
    row("action_code", Kind::Value(Path::ActionCode), "the source's own code of it"),
    row("action_type", Kind::ActionType, "the normalised type: an id or label of the catalogue"),
    row("actor", ACTOR, "the actor's id, username or an alias"),
    row("actor.aliases", Kind::Value(Path::ActorAliases), "the actor's aliases"),
    row("actor.first_name", Kind::Value(Path::ActorFirstName), "the actor's first name"),
    row("actor.groups", Kind::Value(Path::ActorGroups), "the actor's groups"),
    row("actor.id", Kind::Value(Path::ActorId), "the actor's id"),
    row("actor.last_name", Kind::Value(Path::ActorLastName), "the actor's last name"),
    row("actor.roles", Kind::Value(Path::ActorRoles), "the actor's roles"),
    row("actor.tenant", ACTOR_TENANT, "the actor's own tenant, as sent"),
    row("actor.tenant.below", Kind::Below(&[Field::ActorTenant]), "the same, or a tenant above it"),
    row("actor.type", Kind::ActorType(Path::ActorType), "what the actor is"),
    row("actor.username", Kind::Value(Path::ActorUsername), "the actor's username"),
    row("actor_tenant", ACTOR_TENANT, "as `actor.tenant`"),
    row("affected", AFFECTED, "the id, username, an alias or the name of any target"),
    row("affected_tenant", Kind::Below(&[Field::AffectedTenant]), "as `targets.tenant.below`"),
    row("anomalous", Kind::Mark(Mark::Anomalous), "marked as out of the ordinary"),
    row("application", APPLICATION, "as `source.application`"),
    row("changes", Kind::Exists(Path::Changes), "changes of fields"),
    row("changes.field", CHANGED, "the names of changed fields"),
    row("changes.new", Kind::Value(Path::ChangesNew), "new values, of any field"),
    row("changes.old", Kind::Value(Path::ChangesOld), "old values, of any field"),
    row("channel", CHANNEL, "as `client.channel`"),
    row("client.chain", Kind::Address(Path::ClientChain), "the addresses on the way"),
    row(
        "client.chained_ip",
        Kind::Address(Path::ClientChained),
        "the client's address, only where there is a chain",
    ),
    row("client.channel", CHANNEL, "the channel"),
    row("client.host", HOST, "the host name"),
    row("client.ip", Kind::ClientIp, "the client's own address"),
    row("client.port", Kind::Number(Path::ClientPort), "the port"),
    row("client.user_agent", Kind::Value(Path::ClientUserAgent), "the user agent"),
    row("client.zone", Kind::Value(Path::ClientZone), "the IPv6 zone of the address"),
    row("component", COMPONENT, "as `source.component`"),
    row("data", Kind::Exists(Path::Data), "the original message"),
    row("data_source", DATA_SOURCE, "as `source.data_source`"),
    row("details", Kind::Exists(Path::Details), "the details line, sent or made"),
    row("erased", Kind::Mark(Mark::Erased), "contents were erased"),
    row("field_changed", CHANGED, "as `changes.field`"),
    row(
        "group",
        Kind::Keyword(Field::Group, &[Path::ActorGroups, Path::TargetsGroups]),
        "a group of the actor or of any target",
    ),
    row("held", Kind::Mark(Mark::Held), "kept by a legal hold"),
    row("host", HOST, "as `client.host`"),
    row("id", Kind::Id, "the event's id, byte for byte"),
    row(
        "involves_tenant",
        Kind::Below(&[Field::ActorTenant, Field::AffectedTenant]),
        "`actor.tenant.below` or `targets.tenant.below`",
    ),
    row("ip", Kind::Ip, "the client's address or one of its chain"),
    row("node", NODE, "as `source.node`"),
    row(
        "object",
        Kind::Object,
        "as `targets.type`, where an id, label or alias of the catalogue stands for all of them",
    ),
    row(
        "object_category",
        Kind::ObjectCategory,
        "the category of the first target's type: an id or label of the catalogue",
    ),
    row("occurrences.count", Kind::Number(Path::OccurrencesCount), "how often, of aggregated events"),
    row("occurrences.first", Kind::Instant(Path::OccurrencesFirst), "the first time"),
    row("occurrences.last", Kind::Instant(Path::OccurrencesLast), "the last time"),
    row("on_behalf_of.aliases", Kind::Value(Path::BehalfAliases), "aliases of whom it was done for"),
    row("on_behalf_of.first_name", Kind::Value(Path::BehalfFirstName), "the first name"),
    row("on_behalf_of.groups", Kind::Value(Path::BehalfGroups), "the groups"),
    row("on_behalf_of.id", Kind::Value(Path::BehalfId), "the id"),
    row("on_behalf_of.last_name", Kind::Value(Path::BehalfLastName), "the last name"),
    row("on_behalf_of.roles", Kind::Value(Path::BehalfRoles), "the roles"),
    row("on_behalf_of.tenant", Kind::Value(Path::BehalfTenant), "the own tenant, as sent"),
    row("on_behalf_of.type", Kind::ActorType(Path::BehalfType), "as `actor.type`"),
    row("on_behalf_of.username", Kind::Value(Path::BehalfUsername), "the username"),
    row("outcome", OUTCOME, "as `outcome.result`"),
    row("outcome.code", Kind::Value(Path::OutcomeCode), "the source's own code"),
    row("outcome.reason", REASON, "the source's own reason"),
    row("outcome.result", OUTCOME, "how it ended"),
    row("parameters", Kind::Exists(Path::Parameters), "named values"),
    row(
        "phrase",
        Kind::Phrase,
        "words of the index that follow each other, folded, with a blank between them",
    ),
    row("q", Kind::Text, "as `text`"),
    row("reason", REASON, "as `outcome.reason`"),
    row("received_at", Kind::Received, "when it was received"),
    row("related.id", Kind::Value(Path::RelatedId), "ids of related records"),
    row("related.type", Kind::Value(Path::RelatedType), "types of related records"),
    row("request_id", Kind::Keyword(Field::RequestId, &[Path::RequestId]), "the request's id"),
    row(
        "role",
        Kind::Keyword(Field::Role, &[Path::ActorRoles, Path::TargetsRoles]),
        "a role of the actor or of any target",
    ),
    row("session_id", Kind::Keyword(Field::SessionId, &[Path::SessionId]), "the session's id"),
    row("severity", Kind::Severity, "by name or number; 1 is critical, so `le 2` is high and above"),
    row("severity.name", Kind::Severity, "as `severity`"),
    row("severity.number", Kind::Severity, "as `severity`"),
    row("source.application", APPLICATION, "the application"),
    row("source.component", COMPONENT, "the component"),
    row("source.data_source", DATA_SOURCE, "the data source"),
    row("source.node", NODE, "the node"),
    row("source.version", Kind::Value(Path::SourceVersion), "the version"),
    row("targets", Kind::Exists(Path::Targets), "what it was done to"),
    row("targets.aliases", Kind::Value(Path::TargetsAliases), "aliases of any target"),
    row("targets.groups", Kind::Value(Path::TargetsGroups), "groups of any target"),
    row("targets.id", Kind::Value(Path::TargetsId), "the id of any target"),
    row("targets.name", Kind::Value(Path::TargetsName), "the name of any target"),
    row("targets.roles", Kind::Value(Path::TargetsRoles), "roles of any target"),
    row(
        "targets.tenant",
        Kind::Keyword(Field::AffectedTenant, &[Path::TargetsTenant]),
        "the own tenant of any target, as sent",
    ),
    row("targets.tenant.below", Kind::Below(&[Field::AffectedTenant]), "the same, or a tenant above it"),
    row(
        "targets.type",
        Kind::Keyword(Field::Object, &[Path::TargetsType]),
        "the type of any target as sent; of the first also the catalogue's id",
    ),
    row("targets.username", Kind::Value(Path::TargetsUsername), "the username of any target"),
    row("tenant", Kind::Tenant, "the tenant that the event belongs to, or one above it"),
    row("text", Kind::Text, "all that `q` looks in"),
    row("time", Kind::Time, "when it happened"),
    row("trace_id", Kind::Keyword(Field::TraceId, &[Path::TraceId]), "the trace's id"),
    row("user", Kind::Either(&["actor", "affected"]), "`actor` or `affected`"),
    row(
        "whole",
        Kind::Whole,
        "an e-mail, IP or MAC address, UUID or phone number in the text, as the index has it",
    ),
    row("word", Kind::Word, "one word of the text, as the index has it"),
];

impl Attribute {
    /// The attribute of this name, which is compared without case.
    pub(crate) fn of(name: &str) -> Option<&'static Attribute> {
        let name = name.to_ascii_lowercase();
        let at = ATTRIBUTES.binary_search_by(|attribute| attribute.name.cmp(&name)).ok()?;
        Some(&ATTRIBUTES[at])
    }
}

impl Named {
    /// The attribute at a path whose steps are folded.
    ///
    /// # Errors
    /// Words for people: what it may have been meant to be.
    pub(crate) fn of(steps: &[String]) -> Result<Named, String> {
        let path = steps.join(".");
        if path.len() > PATH_MAX + PARAMETERS.len() {
            return Err(format!("no attribute has a path of more than {PATH_MAX} bytes"));
        }
        if let Some(attribute) = Attribute::of(&path) {
            return Ok(Named::Fixed(attribute));
        }
        if path.starts_with(PARAMETERS) {
            return Ok(Named::Parameter(path));
        }
        if steps.len() > 2 && path.starts_with(CHANGES) && (path.ends_with(".old") || path.ends_with(".new"))
        {
            return Ok(Named::Change(path));
        }
        if steps.first().is_some_and(|first| first == "data") {
            return Err(
                "members of data are no attributes; their values are found by text co \"...\"".to_owned()
            );
        }
        let names = || ATTRIBUTES.iter().map(|attribute| attribute.name);
        let ending = |name: &&str| name.rsplit_once('.').is_some_and(|(_, last)| last == path);
        Err(match names().find(ending).or_else(|| nearest_name(&path, names())) {
            Some(near) => format!("there is no such attribute; did you mean {near}?"),
            None => "there is no such attribute; docs/search.md lists them".to_owned(),
        })
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Named::Fixed(attribute) => attribute.name,
            Named::Parameter(path) | Named::Change(path) => path,
        }
    }
}

#[cfg(test)]
impl Kind {
    /// The name of the type, as in the table of docs/search.md, which is compared with this.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Kind::Id => "id",
            Kind::Keyword(..) | Kind::Value(_) => "text",
            Kind::Choice(..) | Kind::ActorType(_) | Kind::ActionType | Kind::ObjectCategory => "name",
            Kind::Object => "object",
            Kind::Severity => "severity",
            Kind::Number(_) => "number",
            Kind::Instant(_) | Kind::Time | Kind::Received => "time",
            Kind::Ip | Kind::ClientIp | Kind::Address(_) => "address",
            Kind::Tenant | Kind::Below(_) => "tenant",
            Kind::Either(_) => "text",
            Kind::Mark(_) => "mark",
            Kind::Text => "words",
            Kind::Phrase => "phrase",
            Kind::Word | Kind::Whole => "token",
            Kind::Exists(_) => "presence",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::fold_case;

    fn named(path: &str) -> Result<String, String> {
        let steps: Vec<String> = path.split('.').map(|step| fold_case(step).into_owned()).collect();
        Named::of(&steps).map(|named| {
            format!("{} {named:?}", named.name()).split([' ', '(']).take(2).collect::<Vec<_>>().join(" ")
        })
    }

    #[test]
    fn names_are_sorted_and_every_path_is_one() {
        assert!(ATTRIBUTES.is_sorted_by(|a, b| a.name < b.name));
        for path in Path::ALL {
            assert!(Attribute::of(path.name()).is_some(), "{path:?}");
        }
        for parameter in crate::KNOWN_PARAMETERS {
            let other = ["filter", "since", "until", "received_since", "received_until"].contains(&parameter);
            assert!(other || Attribute::of(parameter).is_some(), "{parameter}");
        }
    }

    #[test]
    fn finds_attributes_and_says_what_was_meant() {
        for (path, expected) in [
            ("Actor.ID", Ok("actor.id Fixed")),
            ("parameters", Ok("parameters Fixed")),
            ("parameters.X.y", Ok("parameters.x.y Parameter")),
            ("changes.email.NEW", Ok("changes.email.new Change")),
            ("changes.a.b.old", Ok("changes.a.b.old Change")),
            ("actor.usernme", Err("did you mean actor.username?")),
            ("username", Err("did you mean actor.username?")),
            ("Severty", Err("did you mean severity?")),
            ("changes.email", Err("no such attribute")),
            ("data.x", Err("text co")),
            ("colour_of_the_sky", Err("docs/search.md")),
        ] {
            match (named(path), expected) {
                (Ok(found), Ok(name)) => assert_eq!(found, name, "{path}"),
                (Err(message), Err(part)) => assert!(message.contains(part), "{path}: {message}"),
                (found, _) => panic!("{path}: {found:?}"),
            }
        }
    }
}
