//! C2SP tile paths: `tile/<L>/<N>[.p/<W>]` and `tile/entries/<N>[.p/<W>]`.
//!
//! Spec: <https://c2sp.org/tlog-tiles>. Invariant: each tile has exactly one path, so a path can be a cache key
//! and a file name. Left out: that a level above 7 cannot exist in a tree of 64-bit size; the spec allows it.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;
use crate::text::parse_decimal;
use crate::tile::{TILE_WIDTH, level_len};

/// The address of a tile of hashes or of a bundle of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TilePath {
    level: Option<u8>,
    index: u64,
    width: u16,
}

/// The highest level that the spec lets a path name.
const LEVEL_MAX: u8 = 63;

impl TilePath {
    /// Returns the path of tile `index` of `level` with `width` hashes, 256 for a full one.
    ///
    /// # Errors
    /// [`Error::MalformedTilePath`] for a level above 63 or a width outside 1 to 256.
    pub fn hashes(level: u8, index: u64, width: u16) -> Result<Self, Error> {
        Self { level: Some(level), index, width }.checked()
    }

    /// Returns the path of entry bundle `index` with `width` entries, 256 for a full one.
    ///
    /// # Errors
    /// [`Error::MalformedTilePath`] for a width outside 1 to 256.
    pub fn entries(index: u64, width: u16) -> Result<Self, Error> {
        Self { level: None, index, width }.checked()
    }

    fn checked(self) -> Result<Self, Error> {
        let level = self.level.is_none_or(|level| level <= LEVEL_MAX);
        let width = (1..=TILE_WIDTH).contains(&usize::from(self.width));
        if level && width { Ok(self) } else { Err(Error::MalformedTilePath) }
    }

    /// Returns the stored level, or `None` for a bundle of entries.
    pub fn level(&self) -> Option<u8> {
        self.level
    }

    /// Returns the tile's number in its level.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Returns how many hashes or entries the tile holds, 1 to 256.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Returns whether the tile is full; only such a one never grows.
    pub fn is_full(&self) -> bool {
        usize::from(self.width) == TILE_WIDTH
    }

    /// Returns the number of the tile's first hash in its level.
    pub fn start(&self) -> Option<u64> {
        self.index.checked_mul(TILE_WIDTH as u64)
    }

    /// Returns whether a tree of `size` leaves has everything that this tile holds.
    pub fn is_in(&self, size: u64) -> bool {
        let end = self.start().and_then(|start| start.checked_add(u64::from(self.width)));
        end.is_some_and(|end| end <= level_len(self.level.unwrap_or(0), size))
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            Some(level) => write!(f, "tile/{level}")?,
            None => write!(f, "tile/entries")?,
        }
        // 64 bits have at most 20 digits, which are seven groups of three.
        let mut groups = [0; 7];
        let mut rest = self.index;
        let mut first = groups.len();
        loop {
            first -= 1;
            groups[first] = rest % 1000;
            rest /= 1000;
            if rest == 0 {
                break;
            }
        }
        for (at, group) in groups.iter().enumerate().skip(first) {
            let mark = if at + 1 == groups.len() { "" } else { "x" };
            write!(f, "/{mark}{group:03}")?;
        }
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

impl FromStr for TilePath {
    type Err = Error;

    /// Reads a path without a leading slash.
    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).ok_or(Error::MalformedTilePath)
    }
}

fn parse(text: &str) -> Option<TilePath> {
    let (level, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let level = match level {
        "entries" => None,
        number => Some(parse_decimal(number).filter(|level| *level <= LEVEL_MAX.into())? as u8),
    };
    let (number, width) = match rest.split_once(".p/") {
        Some((number, width)) => {
            (number, parse_decimal(width).filter(|width| (1..=255).contains(width))? as u16)
        }
        None => (rest, TILE_WIDTH as u16),
    };
    Some(TilePath { level, index: parse_index(number)?, width })
}

fn parse_index(text: &str) -> Option<u64> {
    // A leading group of zeros would be a second spelling of the same number.
    if text.starts_with("x000") {
        return None;
    }
    let mut groups = text.split('/').rev();
    let mut index = parse_group(groups.next()?)?;
    let mut scale = 1u64;
    for group in groups {
        scale = scale.checked_mul(1000)?;
        index = parse_group(group.strip_prefix('x')?)?.checked_mul(scale)?.checked_add(index)?;
    }
    Some(index)
}

fn parse_group(text: &str) -> Option<u64> {
    let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spells_paths_as_the_spec_does() {
        for (text, tile) in [
            ("tile/0/000", TilePath::hashes(0, 0, 256)),
            ("tile/0/x001/x234/067", TilePath::hashes(0, 1_234_067, 256)),
            ("tile/1/x001/000.p/17", TilePath::hashes(1, 1000, 17)),
            ("tile/63/999.p/255", TilePath::hashes(63, 999, 255)),
            ("tile/entries/x018/x446/x744/x073/x709/x551/615.p/1", TilePath::entries(u64::MAX, 1)),
        ] {
            let tile = tile.unwrap();
            assert_eq!(tile.to_string(), text);
            assert_eq!(text.parse(), Ok(tile));
        }
    }

    #[test]
    fn refuses_every_other_spelling() {
        for bad in [
            "",
            "tile",
            "tile/0",
            "tile/0/",
            "/tile/0/000",
            "tile/00/000",
            "tile/64/000",
            "tile/-1/000",
            "tile/data/000",
            "tile/8/0/000",
            "tile/0/0",
            "tile/0/0000",
            "tile/0/+01",
            "tile/0/x000",
            "tile/0/x000/001",
            "tile/0/x000/x001/001",
            "tile/0/001/001",
            "tile/0/x001/x001",
            "tile/0/x01/001",
            "tile/0/X001/001",
            "tile/0/x001//001",
            "tile/0/x001/001/",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
            "tile/0/x001/x018/x446/x744/x073/x709/x551/615",
            "tile/0/000.p",
            "tile/0/000.p/",
            "tile/0/000.p/0",
            "tile/0/000.p/01",
            "tile/0/000.p/256",
            "tile/0/000.p/1/",
            "tile/0/000.p/1.p/1",
            "tile/0/x001.p/1/001",
            "tile/0/000?",
            "tile/0/\u{661}00",
        ] {
            assert_eq!(bad.parse::<TilePath>(), Err(Error::MalformedTilePath), "{bad:?}");
        }
        assert!(TilePath::hashes(64, 0, 1).is_err());
        assert!(TilePath::hashes(0, 0, 0).is_err());
        assert!(TilePath::entries(0, 257).is_err());
    }

    #[test]
    fn knows_what_a_tree_holds() {
        // The spec's own example: 70,000 leaves.
        for (text, held) in [
            ("tile/0/272", true),
            ("tile/0/273", false),
            ("tile/0/273.p/112", true),
            ("tile/0/273.p/113", false),
            ("tile/entries/273.p/112", true),
            ("tile/1/000", true),
            ("tile/1/001.p/17", true),
            ("tile/1/001.p/18", false),
            ("tile/2/000.p/1", true),
            ("tile/3/000.p/1", false),
            ("tile/63/000.p/1", false),
            ("tile/0/x018/x446/x744/x073/x709/x551/615", false),
        ] {
            assert_eq!(text.parse::<TilePath>().unwrap().is_in(70_000), held, "{text}");
        }
    }

    proptest! {
        #[test]
        fn reading_undoes_writing(level in prop::option::of(0u8..64), index: u64, width in 1u16..=256) {
            let tile = TilePath { level, index, width };
            prop_assert_eq!(tile.to_string().parse(), Ok(tile));
        }

        #[test]
        fn whatever_is_read_is_written_the_same(text in "tile/(entries|[0-9]{1,2})/(x[0-9]{3}/){0,3}[0-9]{2,4}(\\.p/[0-9]{1,3})?|\\PC*") {
            if let Ok(tile) = text.parse::<TilePath>() {
                prop_assert_eq!(tile.to_string(), text);
            }
        }
    }
}
