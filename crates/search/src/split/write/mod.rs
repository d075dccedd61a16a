//! Writing splits: each from its first byte to its last, with little in memory at a time.

mod build;
mod columns;
mod lists;
mod merge;
mod sink;
mod sort;
mod terms;

pub(crate) use build::build;
pub(crate) use merge::{Input, merge};

/// A finished split's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// Its documents.
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    pub(crate) crc32: u32,
}
