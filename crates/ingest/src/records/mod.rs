//! A file of audit records as a stream of records.
//!
//! Taken: one record a line, a JSON array, an object that wraps one (`{"Records": [...]}`), objects one after the
//! other however they are laid out, each also packed with gzip or zstd (told by its first bytes); for mappings of
//! text, lines. Memory holds one record, whatever the file's size. A record that can't be taken (not UTF-8, too
//! large) is an error of its own and the stream goes on; what comes after broken JSON goes on at the next line
//! where records stand on lines, and ends the stream where they don't.
//!
//! Invariant: each record is the file's own bytes from its first to its last, and `end` grows: reading again from
//! the start and skipping records up to a known `end` gives the rest and nothing twice.

mod source;
mod unpacked;

use std::io::{self, BufReader, Cursor, Read};

use indelible_event::Limits;

use crate::Form;
use source::{Source, Taken};
use unpacked::Unpacked;

/// What is looked at to tell the form of a file.
const LOOKAHEAD: usize = 1 << 20;

/// How to read a file.
#[derive(Clone, Debug)]
pub struct RecordsOptions {
    /// Members of an object that may hold the records, such as `Records`.
    pub wrappers: Vec<String>,
    /// What the file holds.
    pub form: Form,
    /// Bytes of one record, inclusive; a larger one is an error of its own.
    pub record_bytes_max: usize,
    /// Records that end at or before this offset are passed over: where an earlier run stopped.
    pub resume_at: u64,
}

impl Default for RecordsOptions {
    /// JSON without wrappers, records of up to 1 MiB, from the start.
    fn default() -> Self {
        Self { wrappers: Vec::new(), form: Form::Json, record_bytes_max: 1 << 20, resume_at: 0 }
    }
}

/// One record and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// 0-based, counted from the start of the file.
    pub index: u64,
    /// 1-based line on which it begins.
    pub line: u64,
    /// Offset of its first byte in the unpacked file.
    pub start: u64,
    /// Offset after its last byte.
    pub end: u64,
    /// Its bytes.
    pub json: String,
}

/// Why one record, or the rest of the file, can't be had.
#[derive(Debug, thiserror::Error)]
#[error("record {index} at line {line}, byte {start}: {kind}")]
pub struct RecordError {
    /// 0-based index that the record would have had.
    pub index: u64,
    /// 1-based line on which it begins.
    pub line: u64,
    /// Offset of its first byte in the unpacked file.
    pub start: u64,
    /// What is wrong.
    #[source]
    pub kind: RecordsError,
}

/// What can be wrong with a file of records.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// The file can't be read, or is not what its packing says. The stream ends.
    #[error("cannot read: {0}")]
    Read(#[from] io::Error),
    /// Text that is not UTF-8.
    #[error("byte {at} of it is not valid UTF-8")]
    NotUtf8 {
        /// Offset within the record.
        at: usize,
    },
    /// A record above the limit.
    #[error("it is over {max} bytes")]
    TooLarge {
        /// The limit.
        max: usize,
    },
    /// JSON that is not well formed between records. The stream ends.
    #[error("expected {expected} at byte {at}")]
    Malformed {
        /// What should have been there.
        expected: &'static str,
        /// Offset in the unpacked file.
        at: u64,
    },
    /// The file ends within a record, or within the list of records. The stream ends.
    #[error("the file ends too early")]
    Cut,
}

/// The records of a file, in order.
pub struct Records<R: Read> {
    source: Source<Input<R>>,
    options: RecordsOptions,
    state: State,
    index: u64,
}

type Input<R> = BufReader<io::Chain<Cursor<Vec<u8>>, Unpacked<R>>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    /// One record a line.
    Lines,
    /// Values one after the other.
    Values,
    /// Within a list of records; the flag is true before its first.
    List {
        first: bool,
        wrapped: bool,
    },
    End,
}

/// The beginning of a packed file, unpacked, at most `bytes_max` of it; and whether that is all, and in order.
pub(crate) fn unpacked_head(packed: &[u8], bytes_max: u64) -> (Vec<u8>, bool) {
    let mut head = Vec::new();
    let unpacked = Unpacked::new(packed).and_then(|unpacked| unpacked.take(bytes_max).read_to_end(&mut head));
    // Where it breaks off, what could be read before is there.
    (head, unpacked.is_ok_and(|bytes| (bytes as u64) < bytes_max))
}

impl<R: Read> Records<R> {
    /// Reads `reader` from its start, unpacking it if its first bytes say so.
    ///
    /// # Errors
    /// What the first reads say.
    pub fn open(reader: R, options: RecordsOptions) -> io::Result<Self> {
        let mut unpacked = Unpacked::new(reader)?;
        // All of it in one buffer, so that the form can be told from it.
        let mut ahead = Vec::new();
        if let Err(error) = unpacked.by_ref().take(LOOKAHEAD as u64).read_to_end(&mut ahead) {
            // What could be read comes first.
            unpacked.fail_next(error);
        }
        let input = BufReader::with_capacity(LOOKAHEAD, Cursor::new(ahead).chain(unpacked));
        Ok(Self { source: Source::new(input), options, state: State::Start, index: 0 })
    }

    /// Bytes of the unpacked file that were read so far.
    pub fn offset(&self) -> u64 {
        self.source.offset
    }

    fn next_record(&mut self) -> Result<Option<Record>, RecordError> {
        loop {
            let (line, start) = (self.source.line, self.source.offset);
            let result = match self.state {
                State::End => return Ok(None),
                State::Start => self.begin(),
                State::Lines => self.next_line(),
                State::Values => self.next_value(),
                State::List { first, wrapped } => self.next_element(first, wrapped),
            };
            match result {
                Ok(Step::Again) => {}
                Ok(Step::Record(taken)) => {
                    let index = self.index;
                    self.index += 1;
                    if taken.end <= self.options.resume_at {
                        continue;
                    }
                    return taken.into_record(index, &self.options).map(Some);
                }
                Ok(Step::End) => {
                    self.state = State::End;
                    return Ok(None);
                }
                Err(kind) => {
                    self.state = State::End;
                    let (line, start) = self.source.taking_from().unwrap_or((line, start));
                    return Err(RecordError { index: self.index, line, start, kind });
                }
            }
        }
    }

    fn begin(&mut self) -> Result<Step, RecordsError> {
        self.source.skip_bom()?;
        let lines =
            self.options.form == Form::Text || self.source.looks_like_lines(&self.options.wrappers)?;
        self.state = if lines { State::Lines } else { State::Values };
        Ok(Step::Again)
    }

    fn next_line(&mut self) -> Result<Step, RecordsError> {
        loop {
            let Some(mut taken) = self.source.take_line(self.options.record_bytes_max)? else {
                return Ok(Step::End);
            };
            if taken.bytes.last() == Some(&b'\r') {
                taken.bytes.pop();
                taken.end -= 1;
            }
            if !taken.too_large && taken.bytes.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            return Ok(Step::Record(taken));
        }
    }

    fn next_value(&mut self) -> Result<Step, RecordsError> {
        self.source.skip_space()?;
        match self.source.peek()? {
            None => Ok(Step::End),
            Some(b'[') => {
                self.source.bump()?;
                self.state = State::List { first: true, wrapped: false };
                Ok(Step::Again)
            }
            Some(b'{') => self.object_or_wrapper(),
            Some(_) => Err(self.source.expected("a JSON object or a list of them")),
        }
    }

    /// An object is a record, unless it has a wrapping member: then its list's elements are.
    fn object_or_wrapper(&mut self) -> Result<Step, RecordsError> {
        let max = self.options.record_bytes_max;
        self.source.begin_taking(max);
        self.source.bump()?;
        let mut first = true;
        loop {
            self.source.skip_space()?;
            match self.source.peek()? {
                Some(b'}') => {
                    self.source.bump()?;
                    self.state = State::Values;
                    return Ok(Step::Record(self.source.end_taking()));
                }
                Some(b',') if !first => {
                    self.source.bump()?;
                    self.source.skip_space()?;
                }
                Some(b'"') if first => {}
                None => return Err(RecordsError::Cut),
                Some(_) => return Err(self.source.expected(if first { "a name" } else { "`,` or `}`" })),
            }
            first = false;
            let name = self.source.take_string()?;
            self.source.skip_space()?;
            if self.source.peek()? != Some(b':') {
                return Err(self.source.expected("`:`"));
            }
            self.source.bump()?;
            self.source.skip_space()?;
            let wraps = self.options.wrappers.iter().any(|wrapper| wrapper.as_bytes() == name);
            if wraps && self.source.peek()? == Some(b'[') {
                self.source.drop_taking();
                self.source.bump()?;
                self.state = State::List { first: true, wrapped: true };
                return Ok(Step::Again);
            }
            self.source.skip_value()?;
        }
    }

    fn next_element(&mut self, first: bool, wrapped: bool) -> Result<Step, RecordsError> {
        self.source.skip_space()?;
        match self.source.peek()? {
            Some(b']') => {
                self.source.bump()?;
                if wrapped {
                    self.rest_of_wrapper()?;
                }
                self.state = State::Values;
                return Ok(Step::Again);
            }
            Some(b',') if !first => {
                self.source.bump()?;
                self.source.skip_space()?;
            }
            Some(_) if first => {}
            None => return Err(RecordsError::Cut),
            Some(_) => return Err(self.source.expected("`,` or `]`")),
        }
        self.source.begin_taking(self.options.record_bytes_max);
        self.source.skip_value()?;
        self.state = State::List { first: false, wrapped };
        Ok(Step::Record(self.source.end_taking()))
    }

    /// What stands after the list in its wrapping object.
    fn rest_of_wrapper(&mut self) -> Result<(), RecordsError> {
        loop {
            self.source.skip_space()?;
            match self.source.peek()? {
                Some(b'}') => {
                    self.source.bump()?;
                    return Ok(());
                }
                Some(b',') => {
                    self.source.bump()?;
                    self.source.skip_space()?;
                    self.source.take_string()?;
                    self.source.skip_space()?;
                    if self.source.peek()? != Some(b':') {
                        return Err(self.source.expected("`:`"));
                    }
                    self.source.bump()?;
                    self.source.skip_space()?;
                    self.source.skip_value()?;
                }
                None => return Err(RecordsError::Cut),
                Some(_) => return Err(self.source.expected("`,` or `}`")),
            }
        }
    }
}

impl<R: Read> Iterator for Records<R> {
    type Item = Result<Record, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_record().transpose()
    }
}

enum Step {
    Again,
    Record(Taken),
    End,
}

impl Taken {
    fn into_record(self, index: u64, options: &RecordsOptions) -> Result<Record, RecordError> {
        let Self { bytes, line, start, end, too_large } = self;
        let error = |kind| RecordError { index, line, start, kind };
        if too_large {
            return Err(error(RecordsError::TooLarge { max: options.record_bytes_max }));
        }
        let text = String::from_utf8(bytes)
            .map_err(|failed| error(RecordsError::NotUtf8 { at: failed.utf8_error().valid_up_to() }))?;
        let json = match options.form {
            Form::Json => text,
            Form::Text if is_object(&text) => text,
            Form::Text => serde_json::json!({ "message": text }).to_string(),
        };
        Ok(Record { index, line, start, end, json })
    }
}

/// Whether a line of a text file is a record already: shippers send `{"message": line}`. One that could not be taken as
/// a record (a key twice, half a surrogate pair) is text like any other.
fn is_object(line: &str) -> bool {
    let depth_max = Limits::default().depth_max;
    line.trim_start().starts_with('{') && indelible_event::parse_json(line, depth_max).is_ok()
}

#[cfg(test)]
mod tests;
