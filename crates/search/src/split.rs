//! A split: an immutable piece of the index on disk, one Tantivy segment.
//!
//! It covers the leaf indices `first..end`; its documents are the events among them, in ledger order. Invariant: a
//! split that was opened has full columns and ascending leaf indices, so a document number orders like an index.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use tantivy::columnar::{Cardinality, Column};
use tantivy::directory::MmapDirectory;
use tantivy::{DocSet, Index, SegmentReader, SingleSegmentIndexWriter, TERMINATED};

use crate::doc::Place;
use crate::error::SearchError;
use crate::manifest::{SplitMeta, splits_dir};
use crate::schema::{SplitSchema, settings, tokenizers};
use crate::split_plan::SplitPlan;
use crate::tail::Block;
use crate::zone::{ZONE_DOCS, Zone};

/// An open split.
pub(crate) struct Split {
    pub(crate) meta: SplitMeta,
    pub(crate) schema: Arc<SplitSchema>,
    pub(crate) reader: SegmentReader,
    pub(crate) zones: Vec<Zone>,
    /// The zones by their latest time, latest first.
    pub(crate) latest_first: Vec<u32>,
    /// The zones by their earliest time, earliest first.
    pub(crate) earliest_first: Vec<u32>,
    /// The zone of all its events.
    pub(crate) span: Zone,
    /// Tenant numbers with their numbers of events, ascending.
    pub(crate) tenants: Vec<(u64, u32)>,
    pub(crate) index: Index,
    time: Column<i64>,
    received: Column<i64>,
    leaf: Column<u64>,
    tenant: Column<u64>,
    dir: PathBuf,
    /// Set when it was replaced: its files go when the last reader lets go of it.
    replaced: AtomicBool,
}

impl Drop for Split {
    fn drop(&mut self) {
        if self.replaced.load(Ordering::Acquire) {
            // What can't be removed now is removed at the next start: the manifest no longer names it.
            if let Err(error) = std::fs::remove_dir_all(&self.dir) {
                tracing::debug!(%error, split = self.meta.name, "old split not removed yet");
            }
        }
    }
}

impl Split {
    /// Opens the split of `meta` under `root`.
    ///
    /// # Errors
    /// When files are missing or their contents contradict the manifest.
    pub(crate) fn open(
        root: &Path,
        meta: SplitMeta,
        schema: &Arc<SplitSchema>,
    ) -> Result<Split, SearchError> {
        let dir = splits_dir(root).join(&meta.name);
        let damaged = |what: &'static str| SearchError::Damaged { split: meta.name.clone(), what };
        let mut index = Index::open_in_dir(&dir)?;
        index.set_tokenizers(tokenizers());
        if index.schema() != schema.schema {
            return Err(damaged("its schema is not this version's"));
        }
        let segments = index.searchable_segments()?;
        let [segment] = segments.as_slice() else { return Err(damaged("it has not exactly one segment")) };
        let reader = SegmentReader::open(segment)?;
        if u64::from(reader.max_doc()) != meta.events {
            return Err(damaged("it has another number of events than the manifest says"));
        }
        let fast = reader.fast_fields();
        let (time, received) = (fast.i64("time")?, fast.i64("received")?);
        let (leaf, tenant) = (fast.u64("index")?, fast.u64("tenant")?);
        let full = [
            time.get_cardinality(),
            received.get_cardinality(),
            leaf.get_cardinality(),
            tenant.get_cardinality(),
        ];
        if full.iter().any(|cardinality| *cardinality != Cardinality::Full) {
            return Err(damaged("a column has not one value for each event"));
        }
        let zones = zones(&time, &received, reader.max_doc());
        let mut span = Zone::EMPTY;
        for zone in &zones {
            span.add(zone.time_min, zone.received_min);
            span.add(zone.time_max, zone.received_max);
        }
        let mut latest_first: Vec<u32> = (0..zones.len() as u32).collect();
        let mut earliest_first = latest_first.clone();
        latest_first.sort_by_key(|&zone| std::cmp::Reverse(zones[zone as usize].time_max));
        earliest_first.sort_by_key(|&zone| zones[zone as usize].time_min);
        let tenants = tenants(&reader, schema)?;
        Ok(Split {
            schema: Arc::clone(schema),
            zones,
            latest_first,
            earliest_first,
            span,
            tenants,
            time,
            received,
            leaf,
            tenant,
            reader,
            index,
            dir,
            meta,
            replaced: AtomicBool::new(false),
        })
    }

    /// The number of its documents.
    pub(crate) fn docs(&self) -> u32 {
        self.reader.max_doc()
    }

    pub(crate) fn time(&self, doc: u32) -> i64 {
        self.time.values.get_val(doc)
    }

    pub(crate) fn leaf(&self, doc: u32) -> u64 {
        self.leaf.values.get_val(doc)
    }

    pub(crate) fn tenant(&self, doc: u32) -> u64 {
        self.tenant.values.get_val(doc)
    }

    pub(crate) fn place(&self, doc: u32) -> Place {
        Place {
            index: self.leaf(doc),
            time: self.time(doc),
            received: self.received.values.get_val(doc),
            tenant: self.tenant(doc),
        }
    }

    /// The number of documents whose leaf index is below `as_of`; they come first.
    pub(crate) fn docs_before(&self, as_of: u64) -> u32 {
        if as_of >= self.meta.end {
            return self.docs();
        }
        let (mut low, mut high) = (0, self.docs());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.leaf(middle) < as_of { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Calls `each` with the matching documents of `ranges`, which are ascending and apart.
    ///
    /// # Errors
    /// Tantivy's, when the files can't be read.
    pub(crate) fn scan(
        &self,
        plan: &SplitPlan<'_>,
        ranges: impl Iterator<Item = std::ops::Range<u32>>,
        mut each: impl FnMut(u32),
    ) -> Result<(), SearchError> {
        let wanted = |doc: u32| plan.tenants.is_none_or(|set| set.contains(self.tenant(doc)));
        let Some(weight) = &plan.weight else {
            ranges.for_each(|range| range.filter(|&doc| wanted(doc)).for_each(&mut each));
            return Ok(());
        };
        let mut scorer = weight.scorer(&self.reader, 1.0)?;
        let mut doc = scorer.doc();
        for range in ranges {
            if doc == TERMINATED {
                break;
            }
            if doc < range.start {
                doc = scorer.seek(range.start);
            }
            while doc < range.end {
                if wanted(doc) {
                    each(doc);
                }
                doc = scorer.advance();
            }
        }
        Ok(())
    }

    /// Lets its files be removed once nobody reads them any more.
    pub(crate) fn retire(&self) {
        self.replaced.store(true, Ordering::Release);
    }
}

fn zones(time: &Column<i64>, received: &Column<i64>, docs: u32) -> Vec<Zone> {
    let mut zones = Vec::with_capacity(docs as usize / ZONE_DOCS + 1);
    let (mut times, mut receipts) = ([0; ZONE_DOCS], [0; ZONE_DOCS]);
    for start in (0..docs as usize).step_by(ZONE_DOCS) {
        let length = ZONE_DOCS.min(docs as usize - start);
        time.values.get_range(start as u64, &mut times[..length]);
        received.values.get_range(start as u64, &mut receipts[..length]);
        let mut zone = Zone::EMPTY;
        times[..length]
            .iter()
            .zip(&receipts[..length])
            .for_each(|(&time, &received)| zone.add(time, received));
        zones.push(zone);
    }
    zones
}

fn tenants(reader: &SegmentReader, schema: &SplitSchema) -> Result<Vec<(u64, u32)>, SearchError> {
    let inverted = reader.inverted_index(schema.tenant)?;
    let mut stream = inverted.terms().stream().map_err(tantivy::TantivyError::from)?;
    let mut tenants = Vec::new();
    while let Some((key, info)) = stream.next() {
        if let Ok(bytes) = key.try_into() {
            tenants.push((u64::from_be_bytes(bytes), info.doc_freq));
        }
    }
    Ok(tenants)
}

/// Writes the events of `blocks`, which follow each other, as one segment into the empty directory `dir`.
///
/// # Errors
/// Tantivy's, when it can't write.
pub(crate) fn build(
    dir: &Path,
    blocks: &[Arc<RwLock<Block>>],
    schema: &SplitSchema,
) -> Result<u64, SearchError> {
    let builder =
        Index::builder().schema(schema.schema.clone()).settings(settings()).tokenizers(tokenizers());
    let directory = MmapDirectory::open(dir).map_err(tantivy::TantivyError::from)?;
    let expected: usize = blocks.iter().map(|block| block.read().places.len()).sum();
    // The budget only sizes the first hash table: about 2 KiB for each event expected.
    let budget = (expected * 2_048).clamp(16 << 20, 256 << 20);
    let mut writer: SingleSegmentIndexWriter = builder.single_segment_index_writer(directory, budget)?;
    let mut events = 0;
    for block in blocks {
        let block = block.read();
        for doc in 0..block.places.len() {
            writer.add_document(schema.document(
                &block.places[doc],
                block.keywords(doc),
                block.words(doc),
                block.users(doc),
                block.domains(doc),
            ))?;
            events += 1;
        }
    }
    writer.finalize()?;
    Ok(events)
}

/// Merges splits that follow each other into one segment in the empty directory `dir`.
///
/// # Errors
/// Tantivy's, when it can't read or write.
pub(crate) fn merge(dir: &Path, splits: &[Arc<Split>]) -> Result<u64, SearchError> {
    let indices: Vec<Index> = splits.iter().map(|split| split.index.clone()).collect();
    let directory = MmapDirectory::open(dir).map_err(tantivy::TantivyError::from)?;
    // Segments are stacked in the order given, so documents stay in ledger order.
    tantivy::indexer::merge_indices(&indices, directory)?;
    Ok(splits.iter().map(|split| split.meta.events).sum())
}
