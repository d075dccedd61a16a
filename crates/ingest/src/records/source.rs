//! A file's bytes with their places, and the part of a record that was read so far.
//!
//! Finds the ends of JSON values without judging what is in them: brackets and quotes are enough for that. Nothing
//! recurses; what is kept of one value is bounded.

use std::io::{self, BufRead, ErrorKind};

use serde_json::value::RawValue;

use super::RecordsError;

/// Bytes that were taken from the file.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) bytes: Vec<u8>,
    pub(super) line: u64,
    pub(super) start: u64,
    pub(super) end: u64,
    /// Over the limit; `bytes` are not all.
    pub(super) too_large: bool,
}

pub(super) struct Source<R> {
    reader: R,
    /// Bytes consumed.
    pub(super) offset: u64,
    /// 1-based line of the next byte.
    pub(super) line: u64,
    taking: Option<Taken>,
    taking_max: usize,
}

/// The longest name that may be a wrapper's.
const NAME_BYTES_MAX: usize = 128;

impl<R: BufRead> Source<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, offset: 0, line: 1, taking: None, taking_max: 0 }
    }

    pub(super) fn peek(&mut self) -> Result<Option<u8>, RecordsError> {
        Ok(self.buffer()?.first().copied())
    }

    fn buffer(&mut self) -> io::Result<&[u8]> {
        loop {
            match self.reader.fill_buf() {
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.reader.fill_buf()
    }

    /// Takes the byte that was peeked at.
    pub(super) fn bump(&mut self) -> Result<(), RecordsError> {
        self.advance(1)
    }

    /// Consumes `count` bytes of the buffer.
    fn advance(&mut self, count: usize) -> Result<(), RecordsError> {
        let buffer = self.reader.fill_buf()?;
        let bytes = &buffer[..count.min(buffer.len())];
        self.offset += bytes.len() as u64;
        self.line += memchr::memchr_iter(b'\n', bytes).count() as u64;
        if let Some(taken) = &mut self.taking {
            taken.too_large |= taken.bytes.len() + bytes.len() > self.taking_max;
            if !taken.too_large {
                taken.bytes.extend_from_slice(bytes);
            }
        }
        let count = bytes.len();
        self.reader.consume(count);
        Ok(())
    }

    /// Begins to keep what is read, up to `max` bytes.
    pub(super) fn begin_taking(&mut self, max: usize) {
        let (line, start) = (self.line, self.offset);
        self.taking = Some(Taken { bytes: Vec::new(), line, start, end: start, too_large: false });
        self.taking_max = max;
    }

    /// Line and offset of what is being taken.
    pub(super) fn taking_from(&self) -> Option<(u64, u64)> {
        self.taking.as_ref().map(|taken| (taken.line, taken.start))
    }

    pub(super) fn drop_taking(&mut self) {
        self.taking = None;
    }

    /// What was read since [`Source::begin_taking`].
    pub(super) fn end_taking(&mut self) -> Taken {
        let (line, end) = (self.line, self.offset);
        let nothing = Taken { bytes: Vec::new(), line, start: end, end, too_large: false };
        let taken = self.taking.take().unwrap_or(nothing);
        Taken { end, ..taken }
    }

    pub(super) fn skip_bom(&mut self) -> Result<(), RecordsError> {
        if self.buffer()?.starts_with("\u{feff}".as_bytes()) {
            self.advance(3)?;
        }
        Ok(())
    }

    pub(super) fn skip_space(&mut self) -> Result<(), RecordsError> {
        loop {
            let buffer = self.buffer()?;
            let count = buffer.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
            if count == 0 {
                return Ok(());
            }
            self.advance(count)?;
        }
    }

    /// The rest of the line without its LF, or nothing at the end of the file.
    pub(super) fn take_line(&mut self, max: usize) -> Result<Option<Taken>, RecordsError> {
        if self.peek()?.is_none() {
            return Ok(None);
        }
        // One more for a CR that is no part of the record.
        self.begin_taking(max.saturating_add(1));
        loop {
            let buffer = self.buffer()?;
            let found = memchr::memchr(b'\n', buffer);
            let count = found.unwrap_or(buffer.len());
            let at_end = buffer.is_empty();
            self.advance(count)?;
            if found.is_some() || at_end {
                let mut taken = self.end_taking();
                if found.is_some() {
                    self.advance(1)?;
                }
                let without_cr = taken.bytes.len() - usize::from(taken.bytes.last() == Some(&b'\r'));
                taken.too_large |= without_cr > max;
                return Ok(Some(taken));
            }
        }
    }

    /// Reads a string at its opening quote; returns what is between its quotes, cut where it is long.
    pub(super) fn take_string(&mut self) -> Result<Vec<u8>, RecordsError> {
        if self.peek()? != Some(b'"') {
            return Err(self.expected("a name in quotes"));
        }
        self.bump()?;
        let mut name = Vec::new();
        let mut escaped = false;
        while let Some(byte) = self.peek()? {
            self.bump()?;
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => return Ok(name),
                _ => {}
            }
            if name.len() < NAME_BYTES_MAX {
                name.push(byte);
            }
        }
        Err(RecordsError::Cut)
    }

    /// Reads one value, from its first byte to its last.
    pub(super) fn skip_value(&mut self) -> Result<(), RecordsError> {
        let Some(first) = self.peek()? else { return Err(RecordsError::Cut) };
        if matches!(first, b',' | b':' | b']' | b'}') {
            return Err(self.expected("a JSON value"));
        }
        let nested = matches!(first, b'{' | b'[' | b'"');
        let mut scan = Scan::default();
        loop {
            let buffer = self.buffer()?;
            if buffer.is_empty() {
                return if nested { Err(RecordsError::Cut) } else { Ok(()) };
            }
            let end = if nested { scan.end(buffer) } else { scalar_end(buffer) };
            let count = end.unwrap_or(buffer.len());
            self.advance(count)?;
            if end.is_some() {
                return Ok(());
            }
        }
    }

    pub(super) fn expected(&self, expected: &'static str) -> RecordsError {
        RecordsError::Malformed { expected, at: self.offset }
    }

    /// Whether records stand on lines of their own, as far as the first bytes tell.
    pub(super) fn looks_like_lines(&mut self, wrappers: &[String]) -> Result<bool, RecordsError> {
        self.skip_space()?;
        let buffer = self.buffer()?;
        if buffer.first() != Some(&b'{') {
            // Broken from the start: let each line speak for itself, unless it is a list.
            return Ok(!buffer.is_empty() && buffer.first() != Some(&b'['));
        }
        let mut lines =
            buffer.split(|byte| *byte == b'\n').filter(|line| !line.iter().all(u8::is_ascii_whitespace));
        let (first, second) = (lines.next().unwrap_or(&[]), lines.next());
        Ok(match object(first) {
            Some(object) => !wrappers.iter().any(|wrapper| object.get(wrapper).is_some_and(is_list)),
            // The first line is no object by itself: broken, or the beginning of one that is laid out over lines.
            None => second.is_some_and(|second| object(second).is_some()),
        })
    }
}

type Object<'l> = std::collections::BTreeMap<String, &'l RawValue>;

fn object(line: &[u8]) -> Option<Object<'_>> {
    serde_json::from_slice(line).ok()
}

fn is_list(value: &&RawValue) -> bool {
    value.get().starts_with('[')
}

/// How far into nested brackets and strings a scan is.
#[derive(Default)]
struct Scan {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Scan {
    /// The place after the value's last byte, if it is in `bytes`.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
            } else {
                match byte {
                    b'"' => self.in_string = true,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                    _ => {}
                }
            }
            if self.depth == 0 && !self.in_string {
                return Some(at + 1);
            }
        }
        None
    }
}

fn scalar_end(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r'))
}
