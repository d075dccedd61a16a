//! Says of most fingerprints that are not in a run that they are not: a Bloom filter in blocks of a cache line.
//!
//! Ten bits for each fingerprint, six of them looked at, all in one block of 512: about one in a hundred that is not
//! there passes. Fingerprints are uniform already, so their own bits choose. Part of the run's format.

use super::Fingerprint;

const BITS_EACH: u64 = 10;
const PROBES: u32 = 6;
const WORDS: usize = 8;

/// The filter of one run.
pub(super) struct Filter(Vec<[u64; WORDS]>);

impl Filter {
    /// Bytes of a block in the file.
    pub(super) const BLOCK_BYTES: usize = WORDS * 8;

    /// An empty filter for about `count` fingerprints.
    pub(super) fn for_count(count: u64) -> Self {
        let blocks = (count * BITS_EACH).div_ceil(512).max(1);
        Self(vec![[0; WORDS]; usize::try_from(blocks).expect("a filter fits memory")])
    }

    /// The filter with these blocks.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let word = |bytes: &[u8; 8]| u64::from_be_bytes(*bytes);
        let block = |bytes: &[u8; WORDS * 8]| std::array::from_fn(|at| word(&bytes.as_chunks::<8>().0[at]));
        Self(bytes.as_chunks::<{ WORDS * 8 }>().0.iter().map(block).collect())
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.0.as_flattened().iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    pub(super) fn blocks(&self) -> u64 {
        self.0.len() as u64
    }

    pub(super) fn add(&mut self, key: &Fingerprint) {
        if let Some((block, bits)) = place(key, self.0.len()) {
            probes(bits).for_each(|bit| self.0[block][bit / 64] |= 1 << (bit % 64));
        }
    }

    /// Whether the fingerprint may be there; `false` is certain.
    pub(super) fn may_have(&self, key: &Fingerprint) -> bool {
        place(key, self.0.len()).is_some_and(|(block, bits)| {
            probes(bits).all(|bit| self.0[block][bit / 64] >> (bit % 64) & 1 == 1)
        })
    }
}

/// The block of a fingerprint, by its last 4 bytes, and the bits that choose within it. The first bytes, which order
/// the run, have no part in the block, so that neighbours spread.
fn place(key: &Fingerprint, blocks: usize) -> Option<(usize, u64)> {
    let bits = u64::from_be_bytes(*key.first_chunk()?);
    let block = (u64::from(u32::from_be_bytes(*key.last_chunk()?)) * blocks as u64) >> 32;
    (blocks > 0).then_some((usize::try_from(block).ok()?, bits))
}

fn probes(bits: u64) -> impl Iterator<Item = usize> {
    (0..PROBES).map(move |probe| (bits >> (9 * probe)) as usize % 512)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn key(number: u32) -> Fingerprint {
        *Sha256::digest(number.to_be_bytes()).first_chunk().unwrap()
    }

    #[test]
    fn has_what_was_added_and_little_else() {
        let mut filter = Filter::for_count(10_000);
        (0..10_000).for_each(|number| filter.add(&key(number)));
        let again = Filter::from_bytes(&filter.to_bytes());
        assert!((0..10_000).all(|number| filter.may_have(&key(number)) && again.may_have(&key(number))));
        let passed = (10_000..110_000).filter(|number| filter.may_have(&key(*number))).count();
        assert!(passed < 3_000, "{passed} of 100,000");
        assert!(!Filter::from_bytes(&[]).may_have(&key(1)));
    }
}
