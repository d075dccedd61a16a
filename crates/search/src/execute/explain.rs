//! What runs for a query, in words and figures, for people who wonder why it is slow or finds nothing.
//!
//! All that is said of single parts of the index counts events of every tenant, so it stands under `parts` alone.

use serde_json::{Value, json};

use crate::budget::{Budget, Meter};
use crate::error::SearchError;
use crate::filter::print::{json_of, text_of};
use crate::marks::Mark;
use crate::query::{Expr, Reach, TenantSet, TimeRange};
use crate::split::Split;
use crate::tail::Block;
use crate::view::View;
use crate::zone::{Bounds, ZONE_DOCS, ZoneSet};

use super::Moment;
use super::node::Node;
use super::split_leaf::{Buffers, SplitLeaf, SplitNode, SplitZone};
use super::split_plan;

/// What is said of a condition that holds on no event.
const NO_EVENT: &str = "no event has it";

/// Explains a plan within bounds.
pub(crate) fn explain(
    view: &View,
    plan: &Expr,
    reach: &Reach,
    moment: Moment<'_>,
    bounds: Bounds,
    budget: &Budget,
) -> Value {
    let mut plan = plan.clone();
    if let Some(tenants) = reach.whole_tenants() {
        narrow(&mut plan, tenants);
    }
    let mut all = vec![plan.clone()];
    all.extend((bounds.time != TimeRange::ALWAYS).then_some(Expr::Time(bounds.time)));
    all.extend((bounds.received != TimeRange::ALWAYS).then_some(Expr::Received(bounds.received)));
    let whole = Expr::and(all);
    let mut meter = Meter::new(budget);
    let mut parts: Vec<Value> = Vec::new();
    for split in &view.splits {
        let events = visible(split, moment).map_or_else(|error| error.to_string().into(), Value::from);
        let mut part = json!({
            "split": split.meta.name, "first": split.meta.first, "end": split.meta.end, "events": events,
            "zones": split.zones.len(),
        });
        part["runs"] = if plan == Expr::None {
            "nothing can match".into()
        } else if split.meta.first >= bounds.as_of || !bounds.meets(&split.span) {
            "passed over: outside of the times asked for".into()
        } else {
            let explained = meter.check().and_then(|()| explain_split(split, &plan, moment, &mut meter));
            explained.unwrap_or_else(|error| error.to_string().into())
        };
        parts.push(part);
    }
    let hidden = moment.marks.of(Mark::Hidden);
    let events_of = |block: &Block| match hidden.is_empty() {
        true => block.places.len(),
        false => block.places.iter().filter(|place| !hidden.contains(place.index)).count(),
    };
    let events: usize = view.blocks.iter().map(|block| events_of(&block.read())).sum();
    parts.push(json!({
        "tail_blocks": view.blocks.len(), "events": events,
        "runs": "compared event by event with the terms of each block",
    }));
    json!({
        "matches": text_of(&whole),
        "conditions": json_of(&whole),
        "order": "newest first by (time, leaf index): zones of 1,024 events by their own latest time",
        "parts": parts,
    })
}

/// Leaves only tenants within the reach in the plan, which means the same for whoever has that reach; of others, names in
/// a query were never resolved.
fn narrow(plan: &mut Expr, reach: &TenantSet) {
    match plan {
        Expr::Tenants(set) => {
            *set = TenantSet::new(set.as_slice().iter().copied().filter(|tenant| reach.contains(*tenant)));
        }
        Expr::And(parts) | Expr::Or(parts) => parts.iter_mut().for_each(|part| narrow(part, reach)),
        Expr::Not(inner) => narrow(inner, reach),
        _ => {}
    }
}

/// The events of a split that are not hidden.
fn visible(split: &Split, moment: Moment<'_>) -> Result<u64, SearchError> {
    Ok(split.meta.events - split.docs_of(moment.marks.of(Mark::Hidden))?.len())
}

/// The most events that a condition can hold on, of those that are not hidden.
fn most(
    split: &Split,
    mut node: SplitNode,
    moment: Moment<'_>,
    meter: &mut Meter<'_>,
) -> Result<u32, SearchError> {
    let mut most = node.most(split.docs());
    let hidden = split.docs_of(moment.marks.of(Mark::Hidden))?;
    let mut buffers = Buffers::default();
    let mut hidden = hidden.iter().peekable();
    while let Some(zone) = hidden.peek().map(|doc| doc / ZONE_DOCS as u32) {
        meter.zone()?;
        let mut set = ZoneSet::EMPTY;
        while let Some(doc) = hidden.next_if(|doc| doc / ZONE_DOCS as u32 == zone) {
            set.insert(doc as usize % ZONE_DOCS);
        }
        node.keep(&mut SplitZone { split, marks: moment.marks, zone, buffers: &mut buffers }, &mut set)?;
        most = most.saturating_sub(set.len());
    }
    Ok(most)
}

fn explain_split(
    split: &Split,
    plan: &Expr,
    moment: Moment<'_>,
    meter: &mut Meter<'_>,
) -> Result<Value, SearchError> {
    let whole = split_plan::plan(split, plan, moment, meter)?;
    let mut steps = steps(split, plan, moment, meter)?;
    if !matches!(whole, Node::Nothing) && !moment.marks.of(Mark::Hidden).is_empty() {
        let hidden = moment.marks.of(Mark::Hidden).range_cardinality(split.meta.first..split.meta.end);
        steps = json!({ "and": [steps, { "not": { "hidden": hidden } }] });
    }
    let zones = match (&whole, whole.zones()) {
        (Node::Nothing, _) => 0,
        (_, Some(some)) => some.len(),
        (_, None) => split.zones.len() as u64,
    };
    let bare = split_plan::bare(split, plan, moment, meter)?;
    let most = most(split, bare, moment, meter)?.min(whole.most(split.docs()));
    Ok(json!({ "zones_at_most": zones, "documents_at_most": most, "plan": steps }))
}

/// The conditions one by one, as this split evaluates them, in this order.
fn steps(
    split: &Split,
    expr: &Expr,
    moment: Moment<'_>,
    meter: &mut Meter<'_>,
) -> Result<Value, SearchError> {
    let list = |parts: &[Expr], meter: &mut Meter<'_>| -> Result<Vec<Value>, SearchError> {
        let mut ordered = Vec::with_capacity(parts.len());
        for part in parts {
            let node = split_plan::bare(split, part, moment, meter)?;
            ordered.push((node.is_costly(), node.most(split.docs()), part));
        }
        ordered.sort_by_key(|(costly, most, _)| (*costly, *most));
        ordered.into_iter().map(|(_, _, part)| steps(split, part, moment, meter)).collect()
    };
    Ok(match expr {
        Expr::And(parts) => json!({ "and": list(parts, meter)? }),
        Expr::Or(parts) => json!({ "or": list(parts, meter)? }),
        Expr::Not(inner) => json!({ "not": steps(split, inner, moment, meter)? }),
        leaf => {
            let node = split_plan::bare(split, leaf, moment, meter)?;
            let by = by(&node);
            let most = most(split, node, moment, meter)?;
            let by = if most == 0 { NO_EVENT } else { by };
            json!({ "condition": text_of(leaf), "documents_at_most": most, "by": by })
        }
    })
}

/// How a condition is evaluated.
fn by(node: &SplitNode) -> &'static str {
    match node {
        Node::All => "every event has it",
        Node::Nothing => NO_EVENT,
        Node::Leaf(leaf) => match leaf {
            SplitLeaf::Term(..) => "the events of one term",
            SplitLeaf::AnyOf { rest: None, .. } => "the events of some terms, united",
            SplitLeaf::AnyOf { .. } => "the events of many terms, those of rare ones gathered first",
            SplitLeaf::Gathered(_) => "events gathered from their terms",
            SplitLeaf::Values { .. } => "each event's values looked up",
            SplitLeaf::Phrase(_) => "the events of all words, then the places of the words",
            SplitLeaf::Tenants { .. } => "each event's tenant looked up",
            SplitLeaf::Time(_) | SplitLeaf::Received(_) => "each event's time looked up",
            SplitLeaf::Marked { .. } => "each event looked up among those marked",
        },
        Node::And(_) | Node::Or(_) | Node::Not(_) => "a combination",
    }
}
