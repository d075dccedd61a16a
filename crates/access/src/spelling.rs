//! From a term of the index, which has no case, back to how an event spells it.

use indelible_search::{FacetField, fold_keyword};

use crate::EventView;

/// Whether terms of the field read as they were sent: ids of the catalogue, enumerations, addresses.
pub(crate) fn is_spelt_as_it_is(field: FacetField) -> bool {
    matches!(field.name(), "action_type" | "ip" | "object_category" | "outcome" | "severity")
}

/// Whether terms of the field are numbers of tenants.
pub(crate) fn is_tenant(field: FacetField) -> bool {
    field.name() == "tenant"
}

/// How the event spells a term that the index has for it.
pub(crate) fn spelling(field: FacetField, term: &str, view: &EventView) -> Option<String> {
    let spelt = values_of(field.name(), view).into_iter().find(|value| fold_keyword(value) == term);
    spelt.map(str::to_owned)
}

/// The event's values in a field, with the first target's canonical type behind the types as sent.
fn values_of<'e>(field: &str, view: &'e EventView) -> Vec<&'e str> {
    let event = &view.event;
    let one = |value: &'e Option<String>| value.as_deref().into_iter().collect::<Vec<_>>();
    let targets = &event.targets;
    match field {
        "action" => vec![&event.action],
        "actor" => event.actor.as_ref().map_or_else(Vec::new, |actor| {
            let own = [&actor.username, &actor.id].into_iter().flatten().chain(&actor.aliases);
            own.map(String::as_str).collect()
        }),
        "actor_tenant" => event.actor.as_ref().map_or_else(Vec::new, |actor| one(&actor.tenant)),
        "affected" => {
            let names = targets.iter().flat_map(|target| {
                let own = [&target.username, &target.id, &target.name].into_iter().flatten();
                own.chain(&target.aliases)
            });
            names.map(String::as_str).collect()
        }
        "affected_tenant" => targets.iter().flat_map(|target| one(&target.tenant)).collect(),
        "object" => {
            let kinds = targets.iter().filter_map(|target| target.kind.as_deref());
            kinds.chain(view.added.object_type.as_deref()).collect()
        }
        "group" | "role" => {
            let actor = event.actor.iter().map(|actor| (&actor.groups, &actor.roles));
            let members = actor.chain(targets.iter().map(|target| (&target.groups, &target.roles)));
            let lists = members.map(|(groups, roles)| if field == "group" { groups } else { roles });
            let known = view.added.recognised.iter().map(|known| (&known.groups, &known.roles));
            let known =
                known.filter_map(|(groups, roles)| if field == "group" { groups } else { roles }.as_ref());
            lists.chain(known).flatten().map(String::as_str).collect()
        }
        "field_changed" => event.changes.iter().map(|change| change.field.as_str()).collect(),
        "application" => one(&event.source.application),
        "component" => one(&event.source.component),
        "node" => one(&event.source.node),
        "data_source" => one(&event.source.data_source),
        "channel" => one(&event.client.channel),
        "host" => one(&event.client.host),
        "reason" => one(&event.outcome.reason),
        _ => Vec::new(),
    }
}
