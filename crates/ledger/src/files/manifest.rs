//! The manifest: what is sealed, and where in the WAL the rest begins.
//!
//! Replaced atomically after everything it names is durable. Layout: `docs/protocol/storage.md`, "Manifest".

use std::path::Path;

use indelible_merkle::Hash;
use indelible_verify::ChainId;

use crate::StoreError;
use crate::chains::{ChainInfo, ChainTable};
use crate::codec::{Fields, Short, checked, put_long};
use crate::disk::{Disk, read_file, replace_file};
use crate::wal::FramePlace;

const MAGIC: [u8; 7] = *b"IDLMAN\0";
/// 1 had no generations of content segments: all were 0.
const VERSION: u8 = 2;

/// One sealed content segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentEntry {
    pub(crate) first: u64,
    /// One past the last index.
    pub(crate) end: u64,
    pub(crate) bytes: u64,
    /// CRC at the end of the file, which covers its block index.
    pub(crate) footer_crc: u32,
    /// How often it was written again because content was removed.
    pub(crate) generation: u32,
}

/// The state at the last seal.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    pub(crate) log_id: [u8; 16],
    pub(crate) origin: String,
    /// The public half of the signing key, as C2SP writes it.
    pub(crate) vkey: String,
    pub(crate) created_us: u64,
    /// Counts manifests of this log.
    pub(crate) generation: u64,
    /// Entries whose content is in content segments and whose hashes and leaf records are in synced files.
    pub(crate) sealed: u64,
    pub(crate) root: Hash,
    pub(crate) received_us: u64,
    /// Where the frames behind the sealed ones begin.
    pub(crate) wal: FramePlace,
    pub(crate) segments: Vec<SegmentEntry>,
    /// Every chain as it was at `sealed`.
    pub(crate) chains: ChainTable,
}

impl Manifest {
    /// Reads the manifest, `None` where the ledger has not been created.
    pub(crate) fn load(disk: &dyn Disk, path: &Path) -> Result<Option<Self>, StoreError> {
        let Some(bytes) = read_file(disk, path)? else { return Ok(None) };
        let damaged = |what: &str| StoreError::corrupt(path, 0, what);
        let head = checked(&bytes).ok_or_else(|| damaged("the manifest does not match its CRC"))?;
        if head.starts_with(&MAGIC) && head.get(MAGIC.len()).is_some_and(|version| *version > VERSION) {
            let found = u32::from(head[MAGIC.len()]);
            return Err(StoreError::Version { file: path.to_owned(), found, known: u32::from(VERSION) });
        }
        let manifest =
            Self::decode(head).ok().flatten().ok_or_else(|| damaged("the manifest has no valid layout"))?;
        let mut at = 0;
        for segment in &manifest.segments {
            if segment.first != at || segment.end <= segment.first {
                return Err(damaged(&format!(
                    "a content segment should begin at {at}, the next is {segment:?}"
                )));
            }
            at = segment.end;
        }
        if at != manifest.sealed {
            return Err(damaged(&format!("{} entries are sealed, segments hold {at}", manifest.sealed)));
        }
        Ok(Some(manifest))
    }

    /// Replaces the stored manifest, durable when this returns.
    pub(crate) fn store(&self, disk: &dyn Disk, path: &Path) -> Result<(), StoreError> {
        replace_file(disk, path, &self.encode())
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.push(VERSION);
        out.extend_from_slice(&self.log_id);
        put_long(&mut out, self.origin.as_bytes());
        put_long(&mut out, self.vkey.as_bytes());
        for field in [self.created_us, self.generation, self.sealed] {
            out.extend_from_slice(&field.to_be_bytes());
        }
        out.extend_from_slice(&self.root);
        out.extend_from_slice(&self.received_us.to_be_bytes());
        out.extend_from_slice(&self.wal.segment_id);
        out.extend_from_slice(&self.wal.offset.to_be_bytes());
        out.extend_from_slice(&self.wal.crc.to_be_bytes());
        out.extend_from_slice(&self.wal.number.to_be_bytes());
        out.extend_from_slice(&count(self.segments.len()));
        for segment in &self.segments {
            for field in [segment.first, segment.end, segment.bytes] {
                out.extend_from_slice(&field.to_be_bytes());
            }
            out.extend_from_slice(&segment.footer_crc.to_be_bytes());
            out.extend_from_slice(&segment.generation.to_be_bytes());
        }
        out.extend_from_slice(&count(self.chains.len()));
        for chain in self.chains.iter() {
            out.extend_from_slice(&chain.chain.0);
            out.extend_from_slice(&chain.tenant_uuid);
            out.extend_from_slice(&chain.tenant_number.to_be_bytes());
            for field in [chain.opened_index, chain.next_seq, chain.head_index] {
                out.extend_from_slice(&field.to_be_bytes());
            }
            out.extend_from_slice(&chain.head);
            out.push(u8::from(chain.closed));
            put_long(&mut out, chain.tenant_name.as_bytes());
        }
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_be_bytes());
        out
    }

    fn decode(head: &[u8]) -> Result<Option<Self>, Short> {
        let mut f = Fields::new(head);
        let (magic, version) = (f.array()?, f.u8()?);
        if magic != MAGIC || !(1..=VERSION).contains(&version) {
            return Ok(None);
        }
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Short);
        let mut manifest = Self {
            log_id: f.array()?,
            origin: text(f.long()?)?,
            vkey: text(f.long()?)?,
            created_us: f.u64()?,
            generation: f.u64()?,
            sealed: f.u64()?,
            root: f.array()?,
            received_us: f.u64()?,
            wal: FramePlace { segment_id: f.array()?, offset: f.u64()?, crc: f.u32()?, number: f.u64()? },
            segments: Vec::new(),
            chains: ChainTable::default(),
        };
        for _ in 0..f.u32()? {
            let (first, end, bytes) = (f.u64()?, f.u64()?, f.u64()?);
            let footer_crc = f.u32()?;
            let generation = if version == 1 { 0 } else { f.u32()? };
            manifest.segments.push(SegmentEntry { first, end, bytes, footer_crc, generation });
        }
        for _ in 0..f.u32()? {
            let (chain, tenant_uuid) = (ChainId(f.array()?), f.array()?);
            let tenant_number = f.u64()?;
            let (opened_index, next_seq, head_index) = (f.u64()?, f.u64()?, f.u64()?);
            let (head, closed) = (f.array()?, f.u8()? != 0);
            let tenant_name = text(f.long()?)?;
            manifest.chains.push(ChainInfo {
                chain,
                tenant_number,
                tenant_name,
                tenant_uuid,
                opened_index,
                next_seq,
                head_index,
                head,
                closed,
            });
        }
        Ok(f.is_empty().then_some(manifest))
    }
}

fn count(n: usize) -> [u8; 4] {
    u32::try_from(n).expect("segments and chains are counted in u32").to_be_bytes()
}
