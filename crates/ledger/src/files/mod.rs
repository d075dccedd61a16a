//! The small files: each is whole and checked or refused, and replaced atomically.

mod key;
mod manifest;
mod released;
mod term;

pub(crate) use key::{create_key, load_key};
pub(crate) use manifest::{Manifest, SegmentEntry};
pub(crate) use released::{Released, ReleasedFile};
pub(crate) use term::{create_term, load_term, store_term};
