//! The alphabet of a split's file: variable-length numbers, and packed arrays of numbers with one width.
//!
//! A packed array of `n` numbers is the least of them as a varint, one byte with the width `w` (0 to 64), and
//! `n * w` bits, rounded up to bytes: number `i` is the least plus bits `i * w .. (i + 1) * w`, where bit 0 is the lowest
//! bit of the first byte. `n` is not stored, it follows from what comes before.
//! Invariant: reading never panics, whatever the bytes; what does not fit gives `None`.

/// Appends a number, seven bits to a byte, lowest first; the highest bit of a byte says that another follows.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a packed array.
pub(super) fn put_packed<T: Copy + Into<u64>>(out: &mut Vec<u8>, values: &[T]) {
    put_packed_wide(out, values, 0);
}

/// Appends a packed array whose width is at least `width_min`.
///
/// A reader that has the number of values from bytes it does not trust needs each value to take up space.
pub(super) fn put_packed_wide<T: Copy + Into<u64>>(out: &mut Vec<u8>, values: &[T], width_min: u32) {
    let (mut min, mut max) = (u64::MAX, 0);
    for &value in values {
        let value = value.into();
        min = min.min(value);
        max = max.max(value);
    }
    let min = if values.is_empty() { 0 } else { min };
    let width = (64 - (max - min.min(max)).leading_zeros()).max(width_min);
    put_varint(out, min);
    out.push(width as u8);
    let (mut word, mut used) = (0_u64, 0_u32);
    for &value in values {
        let value = value.into() - min;
        if width == 0 {
            break;
        }
        word |= value << used;
        used += width;
        if used >= 64 {
            out.extend_from_slice(&word.to_le_bytes());
            used -= 64;
            word = if used == 0 { 0 } else { value >> (width - used) };
        }
    }
    out.extend_from_slice(&word.to_le_bytes()[..used.div_ceil(8) as usize]);
}

/// A packed array within a run of bytes that is kept elsewhere.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Packed {
    pub(super) min: u64,
    pub(super) width: u32,
    pub(super) len: usize,
    /// Where its bits begin.
    start: usize,
}

impl Packed {
    /// The number at `at`, which is below `len`, in the bytes that the array was read from.
    ///
    /// Sums that overflow wrap: in damaged bytes any number is as wrong as another.
    #[inline]
    pub(super) fn get(&self, bytes: &[u8], at: usize) -> u64 {
        if self.width == 0 {
            return self.min;
        }
        let bit = at * self.width as usize;
        let rest = bytes.get(self.start + bit / 8..).unwrap_or_default();
        if self.width <= 56
            && let Some(eight) = rest.first_chunk()
        {
            return self.min.wrapping_add(u64::from_le_bytes(*eight) >> (bit % 8) & self.mask());
        }
        let mut sixteen = [0; 16];
        let some = rest.len().min(16);
        sixteen[..some].copy_from_slice(&rest[..some]);
        self.min.wrapping_add((u128::from_le_bytes(sixteen) >> (bit % 8)) as u64 & self.mask())
    }

    fn mask(&self) -> u64 {
        u64::MAX >> (64 - self.width)
    }

    /// Calls `each` with the numbers of a range, which lies below `len`, in order.
    #[inline]
    pub(super) fn for_each(&self, bytes: &[u8], range: std::ops::Range<usize>, mut each: impl FnMut(u64)) {
        if self.width == 0 {
            range.for_each(|_| each(self.min));
            return;
        }
        let (mut at, end) = (range.start, range.end);
        if self.width <= 56 {
            let (width, mask) = (self.width as usize, self.mask());
            let mut bit = at * width;
            while at < end {
                let from = self.start + bit / 8;
                let Some(eight) = bytes.get(from..from + 8) else { break };
                let Ok(eight) = eight.try_into() else { break };
                each(self.min.wrapping_add(u64::from_le_bytes(eight) >> (bit % 8) & mask));
                bit += width;
                at += 1;
            }
        }
        while at < end {
            each(self.get(bytes, at));
            at += 1;
        }
    }

    /// Appends all numbers to `out`; those beyond 32 bits, which damage makes, are cut to it.
    pub(super) fn unpack(&self, bytes: &[u8], out: &mut Vec<u32>) {
        self.unpack_as(bytes, out, |value| value as u32);
    }

    /// Appends what `to` makes of all numbers to `out`. The way for whole zones: about a nanosecond a number.
    pub(super) fn unpack_as<T>(&self, bytes: &[u8], out: &mut Vec<T>, to: impl Fn(u64) -> T) {
        if self.width == 0 {
            out.extend((0..self.len).map(|_| to(self.min)));
            return;
        }
        // So many have eight bytes from their first one on.
        let whole = match bytes.len().checked_sub(self.start + 8) {
            Some(room) if self.width <= 56 => (room * 8 / self.width as usize + 1).min(self.len),
            _ => 0,
        };
        let (width, mask, body) = (self.width as usize, self.mask(), &bytes[self.start..]);
        out.extend((0..whole).map(|at| {
            let bit = at * width;
            let word = body[bit / 8..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
            to(self.min.wrapping_add(word >> (bit % 8) & mask))
        }));
        out.extend((whole..self.len).map(|at| to(self.get(bytes, at))));
    }

    /// The sum of all numbers, or `None` if it is beyond 2^32.
    pub(super) fn sum(&self, bytes: &[u8]) -> Option<usize> {
        let mut sum = 0_u64;
        if self.width == 0 {
            sum = self.min.checked_mul(self.len as u64)?;
        } else {
            self.for_each(bytes, 0..self.len, |value| sum = sum.saturating_add(value));
        }
        u32::try_from(sum).ok().map(|sum| sum as usize)
    }
}

/// Reads one thing after the other from a run of bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Cursor<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'b [u8] {
        &self.bytes[self.at..]
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let taken = self.rest().get(..count)?;
        self.at += count;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return None;
            }
            value |= part << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// A varint that is at most `max`.
    pub(super) fn number(&mut self, max: usize) -> Option<usize> {
        usize::try_from(self.varint()?).ok().filter(|value| *value <= max)
    }

    /// A packed array of `len` numbers.
    pub(super) fn packed(&mut self, len: usize) -> Option<Packed> {
        let min = self.varint()?;
        let width = u32::from(self.byte()?);
        let start = self.at;
        if width > 64 {
            return None;
        }
        self.take(len.checked_mul(width as usize)?.div_ceil(8))?;
        Some(Packed { min, width, len, start })
    }

    /// A packed array in which every number takes up space, unless there is none.
    pub(super) fn packed_wide(&mut self, len: usize) -> Option<Packed> {
        self.packed(len).filter(|packed| packed.width > 0 || len == 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unpacked(bytes: &[u8], len: usize) -> Option<Vec<u64>> {
        let mut cursor = Cursor::new(bytes);
        let packed = cursor.packed(len)?;
        let mut list = Vec::new();
        packed.for_each(bytes, 0..len, |value| list.push(value));
        let mut whole = Vec::new();
        packed.unpack_as(bytes, &mut whole, |value| value);
        assert_eq!(list, whole);
        assert!((0..len).all(|at| packed.get(bytes, at) == list[at]));
        cursor.is_at_end().then_some(list)
    }

    #[test]
    fn every_width_comes_back() {
        for width in 0..=64_u32 {
            for len in [0, 1, 2, 7, 8, 63, 64, 65, 300] {
                let top = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
                let values: Vec<u64> = (0..len)
                    .map(|at| if at % 3 == 0 { top } else { top & (at * 0x9E37_79B9_7F4A) })
                    .collect();
                let mut bytes = vec![7; 3];
                put_packed(&mut bytes, &values);
                assert_eq!(unpacked(&bytes[3..], len as usize), Some(values), "{width} {len}");
            }
        }
    }

    #[test]
    fn like_values_cost_nothing_unless_they_must() {
        let mut bytes = Vec::new();
        put_packed(&mut bytes, &[900_u32; 1_000]);
        assert_eq!(bytes.len(), 3);
        bytes.clear();
        put_packed_wide(&mut bytes, &[900_u32; 1_000], 1);
        assert_eq!(bytes.len(), 3 + 125);
        assert!(Cursor::new(&bytes).packed_wide(1_000).is_some());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..40), len in 0_usize..70) {
            let mut cursor = Cursor::new(&bytes);
            if let Some(packed) = cursor.packed(len) {
                packed.for_each(&bytes, 0..len, |_| {});
                packed.sum(&bytes);
                packed.unpack(&bytes, &mut Vec::new());
            }
            while cursor.varint().is_some() {}
        }

        #[test]
        fn varints_come_back(value: u64) {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            prop_assert_eq!(Cursor::new(&bytes).varint(), Some(value));
        }
    }
}
