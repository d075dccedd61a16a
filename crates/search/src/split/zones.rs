//! The columns of an open split, a zone at a time.

use std::cell::RefCell;

use roaring::{RoaringBitmap, RoaringTreemap};

use super::columns::{read_leaves, read_lists, read_times};
use super::file::Extent;
use super::format::{Column, HashColumn, TENANT, has_facet};
use super::lateness::Lateness;
use super::lists::checked;
use super::open::Split;
use crate::error::SearchError;
use crate::field::Field;
use crate::lists::Lists;
use crate::zone::ZONE_DOCS;

thread_local! {
    /// The bytes of a zone of a column, while it is being read.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// For each document of a zone places in a dictionary or table.
pub(crate) type Facet = Lists<u32>;

impl Split {
    /// The number of documents whose leaf index is below `as_of`; they come first.
    ///
    /// # Errors
    /// As [`Split::find`].
    pub(crate) fn docs_before(&self, as_of: u64) -> Result<u32, SearchError> {
        if as_of >= self.meta.end {
            return Ok(self.docs());
        }
        let begun = self.directory.first_leaves.partition_point(|first| *first < as_of) as u32;
        let Some(zone) = begun.checked_sub(1) else { return Ok(0) };
        let mut leaves = Vec::new();
        self.leaves(zone, &mut leaves)?;
        Ok(zone * ZONE_DOCS as u32 + leaves.partition_point(|leaf| *leaf < as_of) as u32)
    }

    /// The documents whose leaf indices are among these.
    ///
    /// # Errors
    /// As [`Split::find`].
    pub(crate) fn docs_of(&self, wanted: &RoaringTreemap) -> Result<RoaringBitmap, SearchError> {
        let (mut docs, mut leaves) = (RoaringBitmap::new(), Vec::new());
        if wanted.range_cardinality(self.meta.first..self.meta.end) == 0 {
            return Ok(docs);
        }
        let firsts = &self.directory.first_leaves;
        for (zone, first) in (0..).zip(firsts) {
            let end = firsts.get(zone as usize + 1).copied().unwrap_or(self.meta.end);
            if wanted.range_cardinality(*first..end.max(*first)) > 0 {
                self.leaves(zone, &mut leaves)?;
                let here = (zone * ZONE_DOCS as u32..).zip(&leaves);
                docs.extend(here.filter(|(_, leaf)| wanted.contains(**leaf)).map(|(doc, _)| doc));
            }
        }
        Ok(docs)
    }

    /// When the events of a zone happened, one item a document. The buffer is cleared first, here and below.
    ///
    /// # Errors
    /// As [`Split::find`].
    pub(crate) fn times(&self, zone: u32, out: &mut Vec<i64>) -> Result<(), SearchError> {
        self.instants(&self.directory.times, zone, out)
    }

    /// When the events of a zone were received.
    ///
    /// # Errors
    /// As [`Split::find`].
    pub(crate) fn received(&self, zone: u32, out: &mut Vec<i64>) -> Result<(), SearchError> {
        self.instants(&self.directory.received, zone, out)
    }

    /// How late its events came, worked out at the first call; `look` is called at every zone and may end that.
    ///
    /// # Errors
    /// As [`Split::find`], or that of `look`.
    pub(crate) fn lateness(
        &self,
        mut look: impl FnMut() -> Result<(), SearchError>,
    ) -> Result<&Lateness, SearchError> {
        if let Some(known) = self.lateness.get() {
            return Ok(known);
        }
        let made = Lateness::new(&self.zones, |zone, times| {
            look()?;
            self.times(zone, times)
        })?;
        // Another question may have worked it out meanwhile, to the same end.
        Ok(self.lateness.get_or_init(|| made))
    }

    /// How late its events came, if a question needed to know that before.
    pub(crate) fn known_lateness(&self) -> Option<&Lateness> {
        self.lateness.get()
    }

    fn instants(&self, column: &Column, zone: u32, out: &mut Vec<i64>) -> Result<(), SearchError> {
        out.clear();
        self.column(column, zone, |bytes, docs| read_times(bytes, docs, out))
    }

    /// The leaf indices of a zone's events, ascending.
    ///
    /// # Errors
    /// As [`Split::find`].
    pub(crate) fn leaves(&self, zone: u32, out: &mut Vec<u64>) -> Result<(), SearchError> {
        out.clear();
        self.column(&self.directory.leaves, zone, |bytes, docs| read_leaves(bytes, docs, out))
    }

    /// The tenants of a zone's events, as places in `self.tenants`.
    ///
    /// # Errors
    /// As [`Split::find`].
    pub(crate) fn tenant_ordinals(&self, zone: u32, out: &mut Vec<u32>) -> Result<(), SearchError> {
        let mut lists = Lists { ends: Vec::new(), items: std::mem::take(out) };
        self.dictionary_facet(TENANT, zone, &mut lists)?;
        if !lists.is_single() {
            return Err(self.file.damaged("not every event has one tenant"));
        }
        *out = lists.items;
        Ok(())
    }

    /// Whether [`Split::facet`] tells something about this field.
    pub(crate) fn has_facet(field: Field) -> bool {
        has_facet(field as usize)
    }

    /// For each document of a zone the ordinals of its terms in the field, ascending.
    ///
    /// # Errors
    /// As [`Split::find`].
    ///
    /// # Panics
    /// If the field has no facet.
    pub(crate) fn facet(&self, field: Field, zone: u32, out: &mut Facet) -> Result<(), SearchError> {
        assert!(Self::has_facet(field), "{field:?} has no facet");
        self.dictionary_facet(field as usize, zone, out)
    }

    pub(super) fn dictionary_facet(
        &self,
        number: usize,
        zone: u32,
        out: &mut Facet,
    ) -> Result<(), SearchError> {
        out.clear();
        let dictionary = &self.directory.dictionaries[number];
        match &dictionary.facet {
            Some(column) => {
                self.column(column, zone, |bytes, docs| read_lists(bytes, docs, dictionary.terms, out))
            }
            None => {
                out.ends.resize(self.zone_docs(zone) as usize, 0);
                Ok(())
            }
        }
    }

    /// For each document of a zone its users in the document's order, as places in [`Split::user_hashes`].
    ///
    /// # Errors
    /// As [`Split::find`].
    pub(crate) fn users(&self, zone: u32, out: &mut Facet) -> Result<(), SearchError> {
        self.hash_lists(&self.directory.users, zone, out)
    }

    /// The number of distinct users, without reading them.
    pub(crate) fn user_count(&self) -> u32 {
        self.directory.users.count
    }

    /// The hashes of all users, ascending; up to 8 bytes an event, read anew at each call.
    ///
    /// # Errors
    /// As [`Split::find`].
    pub(crate) fn user_hashes(&self) -> Result<Vec<u64>, SearchError> {
        self.hashes(&self.directory.users)
    }

    /// For each document of a zone the tenants that it names, as places in [`Split::domain_hashes`].
    ///
    /// # Errors
    /// As [`Split::find`].
    pub(crate) fn domains(&self, zone: u32, out: &mut Facet) -> Result<(), SearchError> {
        self.hash_lists(&self.directory.domains, zone, out)
    }

    /// The number of distinct tenants named, without reading them.
    pub(crate) fn domain_count(&self) -> u32 {
        self.directory.domains.count
    }

    /// The hashes of all tenants named, ascending.
    ///
    /// # Errors
    /// As [`Split::find`].
    pub(crate) fn domain_hashes(&self) -> Result<Vec<u64>, SearchError> {
        self.hashes(&self.directory.domains)
    }

    fn hash_lists(&self, column: &HashColumn, zone: u32, out: &mut Facet) -> Result<(), SearchError> {
        out.clear();
        self.column(&column.column, zone, |bytes, docs| read_lists(bytes, docs, column.count, out))
    }

    fn hashes(&self, column: &HashColumn) -> Result<Vec<u64>, SearchError> {
        let len = column.count as usize * 8;
        let bytes = checked(&self.file, Extent { start: column.table, len: len + 4 })?;
        let eight = |chunk: &[u8]| u64::from_le_bytes(chunk.try_into().unwrap_or_default());
        Ok(bytes.chunks_exact(8).map(eight).collect())
    }

    fn column(
        &self,
        column: &Column,
        zone: u32,
        read: impl FnOnce(&[u8], usize) -> Option<()>,
    ) -> Result<(), SearchError> {
        let extent = column.zone(zone).ok_or_else(|| self.file.damaged("a column is too short"))?;
        SCRATCH.with_borrow_mut(|bytes| {
            self.file.read_into(extent, bytes)?;
            read(bytes, self.zone_docs(zone) as usize)
                .ok_or_else(|| self.file.damaged("a column contradicts itself"))
        })
    }
}
