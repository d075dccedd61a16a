//! What frames a split's file: header, directory, trailer. The bytes are described in `docs/search.md`.
//!
//! The header comes first and says what the file is. Columns, lists and dictionary blocks follow in the order in which
//! they were made. The directory says where they are; the trailer says where the directory is. So a split is written
//! from beginning to end, once. Everything in the directory is held in memory while the split is open.

use super::bytes::{Cursor, put_packed, put_varint};
use super::file::Extent;
use super::index::{Dictionary, TermIndex};
use crate::field::Field;
use crate::zone::{ZONE_DOCS, Zone};

/// The first and the last eight bytes of the file.
pub(super) const MAGIC: [u8; 8] = *b"INDSPLIT";

/// The version of the file's layout; raised together with the index's format.
pub(super) const VERSION: u32 = 2;

/// Magic, version, four zero bytes, log id.
pub(super) const HEADER_LEN: usize = 32;

/// Start and length of the directory, its CRC-32, four zero bytes, magic.
pub(super) const TRAILER_LEN: usize = 32;

/// Stands behind the fields for the tenant that an event belongs to: its terms are tenant numbers, 8 bytes each, the
/// highest first.
pub(super) const TENANT: usize = Field::ALL.len();

/// Dictionaries of a split: those of the fields, and that of tenants.
pub(super) const DICTIONARIES: usize = TENANT + 1;

/// The name of a dictionary in the file.
pub(super) fn dictionary_name(number: usize) -> &'static str {
    Field::ALL.get(number).map_or("tenant", |field| field.name())
}

/// Whether a dictionary has a column with the ordinals of each document's terms.
///
/// Left out is what nearly every event has another value of, and what is not asked for by value.
pub(super) fn has_facet(number: usize) -> bool {
    !matches!(
        Field::ALL.get(number),
        Some(
            Field::Id
                | Field::SessionId
                | Field::RequestId
                | Field::TraceId
                | Field::IpZone
                | Field::Whole
                | Field::Word
                | Field::Attribute
                | Field::Present
                | Field::Person
        )
    )
}

/// Whether a dictionary's lists come with positions.
pub(super) fn has_positions(number: usize) -> bool {
    number == Field::Word as usize
}

/// The number of zones of a split.
pub(super) fn zone_count(docs: u32) -> usize {
    (docs as usize).div_ceil(ZONE_DOCS)
}

/// An instant as an unsigned number of the same order.
pub(super) fn biased(at: i64) -> u64 {
    at as u64 ^ 1 << 63
}

/// The reverse of [`biased`].
pub(super) fn unbiased(number: u64) -> i64 {
    (number ^ 1 << 63) as i64
}

/// The header of a split of this log.
pub(super) fn header(log: &[u8; 16]) -> [u8; HEADER_LEN] {
    let mut bytes = [0; HEADER_LEN];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[16..].copy_from_slice(log);
    bytes
}

/// The trailer for a directory that begins at `start`.
pub(super) fn trailer(start: u64, directory: &[u8]) -> [u8; TRAILER_LEN] {
    let mut bytes = [0; TRAILER_LEN];
    bytes[..8].copy_from_slice(&start.to_le_bytes());
    bytes[8..16].copy_from_slice(&(directory.len() as u64).to_le_bytes());
    bytes[16..20].copy_from_slice(&crc32fast::hash(directory).to_le_bytes());
    bytes[24..].copy_from_slice(&MAGIC);
    bytes
}

/// Where the directory is and what its CRC-32 is, if these bytes are a trailer.
pub(super) fn read_trailer(bytes: &[u8]) -> Option<(Extent, u32)> {
    let mut eight = bytes.chunks_exact(8).map(|chunk| <[u8; 8]>::try_from(chunk).unwrap_or_default());
    let (start, len, crc, magic) = (eight.next()?, eight.next()?, eight.next()?, eight.next()?);
    let extent =
        Extent { start: u64::from_le_bytes(start), len: usize::try_from(u64::from_le_bytes(len)).ok()? };
    // The upper half is zero.
    let crc = u32::try_from(u64::from_le_bytes(crc)).ok()?;
    (magic == MAGIC).then_some((extent, crc))
}

/// Where the zones of a column are, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Column {
    /// Where each zone's part begins in the file, and after the last where that one ends.
    pub(super) bounds: Vec<u64>,
}

impl Column {
    pub(super) fn zone(&self, zone: u32) -> Option<Extent> {
        let (start, end) = (*self.bounds.get(zone as usize)?, *self.bounds.get(zone as usize + 1)?);
        Some(Extent { start, len: usize::try_from(end - start).ok()? })
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.bounds.first().copied().unwrap_or(0));
        let lens: Vec<u64> = self.bounds.windows(2).map(|pair| pair[1] - pair[0]).collect();
        put_packed(out, &lens);
    }

    fn read(cursor: &mut Cursor<'_>, bytes: &[u8], zones: usize) -> Option<Column> {
        let mut at = cursor.varint()?;
        let lens = cursor.packed(zones)?;
        let mut bounds = Vec::with_capacity(zones + 1);
        bounds.push(at);
        for zone in 0..zones {
            at = at.checked_add(lens.get(bytes, zone))?;
            bounds.push(at);
        }
        Some(Column { bounds })
    }
}

/// A column of hashes: for each document places in a table of the distinct ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HashColumn {
    /// Hashes in the table, which are ascending, 8 bytes each, the lowest first, and a CRC-32 after them.
    pub(super) count: u32,
    /// Where the table begins.
    pub(super) table: u64,
    pub(super) column: Column,
}

impl HashColumn {
    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, u64::from(self.count));
        put_varint(out, self.table);
        self.column.put(out);
    }

    fn read(cursor: &mut Cursor<'_>, bytes: &[u8], zones: usize) -> Option<HashColumn> {
        Some(HashColumn {
            count: u32::try_from(cursor.varint()?).ok()?,
            table: cursor.varint()?,
            column: Column::read(cursor, bytes, zones)?,
        })
    }
}

/// Everything about a split that is held in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Directory {
    pub(super) docs: u32,
    pub(super) zones: Vec<Zone>,
    /// The leaf index of each zone's first document.
    pub(super) first_leaves: Vec<u64>,
    pub(super) times: Column,
    pub(super) received: Column,
    pub(super) leaves: Column,
    pub(super) users: HashColumn,
    pub(super) domains: HashColumn,
    /// By number: the fields', then the tenants'.
    pub(super) dictionaries: Vec<Dictionary>,
}

impl Directory {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, u64::from(self.docs));
        for of in [
            |zone: &Zone| zone.time_min,
            |zone: &Zone| zone.time_max,
            |zone: &Zone| zone.received_min,
            |zone: &Zone| zone.received_max,
        ] {
            let values: Vec<u64> = self.zones.iter().map(|zone| biased(of(zone))).collect();
            put_packed(&mut out, &values);
        }
        put_packed(&mut out, &self.first_leaves);
        for column in [&self.times, &self.received, &self.leaves] {
            column.put(&mut out);
        }
        for column in [&self.users, &self.domains] {
            column.put(&mut out);
        }
        let present = || self.dictionaries.iter().enumerate().filter(|(_, dictionary)| dictionary.terms > 0);
        put_varint(&mut out, present().count() as u64);
        for (number, dictionary) in present() {
            let name = dictionary_name(number);
            put_varint(&mut out, name.len() as u64);
            out.extend_from_slice(name.as_bytes());
            put_varint(&mut out, u64::from(dictionary.terms));
            dictionary.index.put(&mut out);
            out.push(u8::from(dictionary.facet.is_some()));
            if let Some(facet) = &dictionary.facet {
                facet.put(&mut out);
            }
        }
        out
    }

    /// Reads a directory; `None` if it contradicts itself or does not have `docs` documents.
    pub(super) fn read(bytes: &[u8], docs: u32) -> Option<Directory> {
        let cursor = &mut Cursor::new(bytes);
        if cursor.varint()? != u64::from(docs) {
            return None;
        }
        let count = zone_count(docs);
        let mut spans = Vec::with_capacity(4);
        for _ in 0..4 {
            spans.push(cursor.packed(count)?);
        }
        let at = |of: usize, zone| unbiased(spans[of].get(bytes, zone));
        let zones = (0..count)
            .map(|zone| Zone {
                time_min: at(0, zone),
                time_max: at(1, zone),
                received_min: at(2, zone),
                received_max: at(3, zone),
            })
            .collect();
        let mut first_leaves = Vec::with_capacity(count);
        cursor.packed(count)?.for_each(bytes, 0..count, |leaf| first_leaves.push(leaf));
        let mut column = || Column::read(cursor, bytes, count);
        let (times, received, leaves) = (column()?, column()?, column()?);
        let (users, domains) =
            (HashColumn::read(cursor, bytes, count)?, HashColumn::read(cursor, bytes, count)?);
        let mut dictionaries = vec![Dictionary::default(); DICTIONARIES];
        for _ in 0..cursor.number(bytes.len())? {
            let len = cursor.number(bytes.len())?;
            let name = cursor.take(len)?;
            let terms = u32::try_from(cursor.varint()?).ok()?;
            let index = TermIndex::read(cursor, bytes, terms)?;
            let facet = match cursor.byte()? {
                0 => None,
                1 => Some(Column::read(cursor, bytes, count)?),
                _ => return None,
            };
            // Fields that this version does not know are passed over.
            let known = (0..DICTIONARIES).find(|number| dictionary_name(*number).as_bytes() == name);
            if let Some(number) = known {
                if terms == 0 || has_facet(number) != facet.is_some() {
                    return None;
                }
                dictionaries[number] = Dictionary { terms, index, facet };
            }
        }
        let ordered = first_leaves.is_sorted();
        let read =
            Directory { docs, zones, first_leaves, times, received, leaves, users, domains, dictionaries };
        (cursor.is_at_end() && ordered).then_some(read)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> Directory {
        let mut index = TermIndex::default();
        index.push(Extent { start: 90, len: 40 }, 0, b"");
        index.push(Extent { start: 130, len: 9 }, 7, b"m");
        let column = Column { bounds: vec![32, 40, 47] };
        let zone = Zone { time_min: -5, time_max: i64::MAX, received_min: 3, received_max: 4 };
        let mut dictionaries = vec![Dictionary::default(); DICTIONARIES];
        dictionaries[1] = Dictionary { terms: 9, index: index.clone(), facet: Some(column.clone()) };
        dictionaries[Field::Word as usize] = Dictionary { terms: 8, index, facet: None };
        Directory {
            docs: 1_025,
            zones: vec![zone; 2],
            first_leaves: vec![4, 5_000],
            times: column.clone(),
            received: column.clone(),
            leaves: column.clone(),
            users: HashColumn { count: 3, table: 60, column: column.clone() },
            domains: HashColumn { count: 0, table: 84, column },
            dictionaries,
        }
    }

    #[test]
    fn a_directory_comes_back_for_its_number_of_documents_only() {
        let directory = sample();
        let bytes = directory.to_bytes();
        assert_eq!(Directory::read(&bytes, 1_025), Some(directory));
        assert_eq!(Directory::read(&bytes, 1_026), None);
        for end in 0..bytes.len() {
            assert_eq!(Directory::read(&bytes[..end], 1_025), None, "cut at {end}");
        }
    }

    #[test]
    fn a_trailer_comes_back() {
        let bytes = trailer(77, b"directory");
        let crc = crc32fast::hash(b"directory");
        assert_eq!(read_trailer(&bytes), Some((Extent { start: 77, len: 9 }, crc)));
        assert_eq!(read_trailer(&bytes[..31]), None);
    }

    proptest! {
        #[test]
        fn a_changed_directory_is_read_without_a_panic(at in 0_usize..400, to: u8, docs in 0_u32..3_000) {
            let mut bytes = sample().to_bytes();
            let at = at % bytes.len();
            bytes[at] = to;
            Directory::read(&bytes, docs);
            Directory::read(&bytes, 1_025);
        }
    }
}
