//! What is known of the documents of one zone beside their terms, wherever the zone lies.

use std::borrow::Cow;

use crate::answers::Dimension;
use crate::error::SearchError;
use crate::field::Field;
use crate::split::{Facet, Split};
use crate::tail::Block;
use crate::zone::{ZONE_DOCS, ZoneSet};

/// A zone of a split, or a block of the tail, which is one zone.
#[derive(Clone, Copy)]
pub(super) enum Columns<'p> {
    Split(&'p Split, u32),
    Block(&'p Block),
}

/// Buffers are cleared first; each then holds one item, or one list, for every document.
impl Columns<'_> {
    /// The number of its first document in its part.
    pub(super) fn first_doc(self) -> u32 {
        match self {
            Columns::Split(_, zone) => zone * ZONE_DOCS as u32,
            Columns::Block(_) => 0,
        }
    }

    /// The earliest and the latest time, both included.
    pub(super) fn span(self) -> (i64, i64) {
        let zone = match self {
            Columns::Split(split, zone) => &split.zones[zone as usize],
            Columns::Block(block) => &block.zone,
        };
        (zone.time_min, zone.time_max)
    }

    /// When the events happened.
    pub(super) fn times(self, out: &mut Vec<i64>) -> Result<(), SearchError> {
        match self {
            Columns::Split(split, zone) => split.times(zone, out)?,
            Columns::Block(block) => {
                out.clear();
                out.extend(block.places.iter().map(|place| place.time));
            }
        }
        Ok(())
    }

    /// Their leaf indices.
    pub(super) fn leaves(self, out: &mut Vec<u64>) -> Result<(), SearchError> {
        match self {
            Columns::Split(split, zone) => split.leaves(zone, out)?,
            Columns::Block(block) => {
                out.clear();
                out.extend(block.places.iter().map(|place| place.index));
            }
        }
        Ok(())
    }

    /// The ordinals of their values in a dimension, of the documents in `set` at least: places among the values of a
    /// split; in a block numbers of terms in its dictionary, or for tenants the place of the first document of each.
    pub(super) fn facet(
        self,
        dimension: Dimension,
        set: &ZoneSet,
        out: &mut Facet,
    ) -> Result<(), SearchError> {
        match (self, dimension) {
            (Columns::Split(split, zone), Dimension::Field(field)) => split.facet(field, zone, out)?,
            (Columns::Split(split, zone), Dimension::Tenant) => {
                out.clear();
                split.tenant_ordinals(zone, &mut out.items)?;
                out.ends.extend(1..=out.items.len() as u32);
            }
            (Columns::Block(block), Dimension::Field(field)) => block_facet(block, field, set, out),
            (Columns::Block(block), Dimension::Tenant) => {
                out.clear();
                let tenants = block.places.iter().map(|place| place.tenant);
                let mut met = hashbrown::HashMap::new();
                for (doc, tenant) in tenants.enumerate() {
                    out.items.push(*met.entry(tenant).or_insert(doc as u32));
                    out.close();
                }
            }
        }
        Ok(())
    }
}

fn block_facet(block: &Block, field: Field, set: &ZoneSet, out: &mut Facet) {
    out.clear();
    let (terms, numbers) = (block.dictionary(), block.keyword_numbers());
    set.for_each(|doc| {
        out.ends.resize(doc, out.items.len() as u32);
        // A document's keywords lie in the order of their fields.
        let of_doc = numbers.get(doc);
        let from = of_doc.partition_point(|number| terms.get(*number).0 < field);
        out.items.extend(of_doc[from..].iter().take_while(|number| terms.get(**number).0 == field));
        out.close();
    });
}

/// A part of the index, for what is looked up before or after its zones; and its number, which grows along the ledger.
#[derive(Clone, Copy)]
pub(super) enum Part<'p> {
    Split(&'p Split, usize),
    Block(&'p Block, usize),
}

impl Part<'_> {
    pub(super) fn number(self) -> usize {
        match self {
            Part::Split(_, number) | Part::Block(_, number) => number,
        }
    }

    /// What all ordinals of the dimension are below.
    pub(super) fn ordinals(self, dimension: Dimension) -> u32 {
        match (self, dimension) {
            (Part::Split(split, _), Dimension::Field(field)) => split.field_terms(field),
            (Part::Split(split, _), Dimension::Tenant) => split.tenants.len() as u32,
            (Part::Block(block, _), Dimension::Field(_)) => block.dictionary().len() as u32,
            (Part::Block(block, _), Dimension::Tenant) => block.places.len() as u32,
        }
    }

    /// The ordinal of a value as answers have it, if the part has it.
    pub(super) fn find(self, dimension: Dimension, value: &str) -> Result<Option<u32>, SearchError> {
        Ok(match (self, dimension) {
            (Part::Split(split, _), Dimension::Field(field)) => {
                split.find(field, &dimension.kept(value))?.map(|term| term.ordinal)
            }
            (Part::Block(block, _), Dimension::Field(field)) => {
                block.dictionary().find(field, &dimension.kept(value))
            }
            (part, Dimension::Tenant) => value.parse().ok().and_then(|tenant| part.find_tenant(tenant)),
        })
    }

    fn find_tenant(self, tenant: u64) -> Option<u32> {
        let at = match self {
            Part::Split(split, _) => split.tenants.binary_search_by_key(&tenant, |(number, _)| *number).ok(),
            Part::Block(block, _) => block.places.iter().position(|place| place.tenant == tenant),
        };
        at.map(|at| at as u32)
    }

    /// The number of the tenant with this ordinal.
    pub(super) fn tenant(self, ordinal: u32) -> u64 {
        match self {
            Part::Split(split, _) => split.tenants[ordinal as usize].0,
            Part::Block(block, _) => block.places[ordinal as usize].tenant,
        }
    }

    /// Calls `each` with what comes with every ordinal, and its value as answers have it. The ordinals ascend.
    pub(super) fn texts<T>(
        self,
        dimension: Dimension,
        ordinals: impl IntoIterator<Item = (u32, T)>,
        mut each: impl FnMut(T, Cow<'_, str>) -> Result<(), SearchError>,
    ) -> Result<(), SearchError> {
        match (self, dimension) {
            (Part::Split(split, _), Dimension::Field(field)) => {
                split.term_texts(field, ordinals, |with, term| each(with, dimension.shown(term)))
            }
            (Part::Block(block, _), Dimension::Field(_)) => {
                ordinals.into_iter().try_for_each(|(ordinal, with)| {
                    each(with, dimension.shown(block.dictionary().get(ordinal).1))
                })
            }
            (part, Dimension::Tenant) => ordinals
                .into_iter()
                .try_for_each(|(ordinal, with)| each(with, Cow::Owned(part.tenant(ordinal).to_string()))),
        }
    }
}
