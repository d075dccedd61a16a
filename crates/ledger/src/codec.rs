//! Reading fixed-width big-endian fields out of bytes that may be too short.

/// The bytes ended before the field did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Short;

/// Takes fields from the front of a slice.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn bytes(&mut self, n: usize) -> Result<&'a [u8], Short> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or(Short)?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Short> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(Short)?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Short> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Short> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Short> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// Bytes behind a `u32` length.
    pub(crate) fn long(&mut self) -> Result<&'a [u8], Short> {
        let n = self.u32()? as usize;
        self.bytes(n)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Appends a `u32` length and the bytes.
pub(crate) fn put_long(out: &mut Vec<u8>, bytes: &[u8]) {
    let len = u32::try_from(bytes.len()).expect("callers bound lengths far below 4 GiB");
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// CRC-32 (ISO-HDLC) over `seed` and then each of `parts`.
pub(crate) fn crc_of(seed: &[u8], parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(seed);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

/// Takes the bytes in front of a closing CRC, or `None` where it does not match.
pub(crate) fn checked(bytes: &[u8]) -> Option<&[u8]> {
    let (head, crc) = bytes.split_last_chunk::<4>()?;
    (crc32fast::hash(head) == u32::from_be_bytes(*crc)).then_some(head)
}
