//! The file that is imported: its beginning, which tells the format, and its records.

use std::{
    fs::File,
    io::{self, Cursor, Read},
    path::Path,
};

use indelible_ingest::{Mapping, Records, RecordsOptions};
use indicatif::{ProgressBar, ProgressStyle};

use crate::exit::Exit;

/// Bytes of a file that are looked at to tell its format.
const HEAD_BYTES: u64 = 1 << 20;

/// A file's records from the first on, and its size where that is a measure.
pub(super) type Input = (Records<Box<dyn Read>>, Option<u64>);

/// A file that is open.
pub(super) struct Source {
    reader: Box<dyn Read>,
    size: Option<u64>,
}

impl Source {
    /// Opens a file, or standard input for `-`.
    ///
    /// # Errors
    /// The file can't be read.
    pub(super) fn open(file: &Path) -> Result<Self, Exit> {
        if file == Path::new("-") {
            return Ok(Self { reader: Box::new(io::stdin().lock()), size: None });
        }
        let unreadable = |error| Exit::unknown(format!("can't read {}: {error}", file.display()));
        let opened = File::open(file).map_err(unreadable)?;
        let size = opened.metadata().map_err(unreadable)?.len();
        // The reader counts unpacked bytes, so a packed file's size is no measure.
        let packed = file.extension().is_some_and(|extension| extension == "gz" || extension == "zst");
        Ok(Self { reader: Box::new(opened), size: (!packed).then_some(size) })
    }

    /// The beginning of the file, and whether that is all of it. It is still to be read afterwards.
    ///
    /// # Errors
    /// The file can't be read.
    pub(super) fn head(&mut self) -> Result<(Vec<u8>, bool), Exit> {
        let mut head = Vec::new();
        let unreadable = |error| Exit::unknown(format!("can't read the file: {error}"));
        self.reader.by_ref().take(HEAD_BYTES).read_to_end(&mut head).map_err(unreadable)?;
        let rest = std::mem::replace(&mut self.reader, Box::new(io::empty()));
        self.reader = Box::new(Cursor::new(head.clone()).chain(rest));
        let whole = (head.len() as u64) < HEAD_BYTES;
        Ok((head, whole))
    }

    /// The records, as the mapping says that they are laid out. They are read from the start also where an import goes on:
    /// what was passed over is checked to be what was sent.
    ///
    /// # Errors
    /// The file can't be read.
    pub(super) fn records(self, mapping: Option<&Mapping>) -> Result<Input, Exit> {
        let options = RecordsOptions {
            wrappers: mapping.map_or_else(|| vec!["Records".into()], |mapping| mapping.wrappers().to_vec()),
            form: mapping.map_or_else(|| RecordsOptions::default().form, Mapping::form),
            ..RecordsOptions::default()
        };
        let records = Records::open(self.reader, options)
            .map_err(|error| Exit::unknown(format!("can't read the file: {error}")))?;
        Ok((records, self.size))
    }
}

/// How far it is, for people who look.
pub(super) fn bar(size: Option<u64>) -> ProgressBar {
    use std::io::IsTerminal;
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = "{msg} {wide_bar} {bytes}/{total_bytes} eta {eta}";
    match size {
        Some(size) => ProgressBar::new(size)
            .with_style(ProgressStyle::with_template(template).expect("the template is valid")),
        None => ProgressBar::new_spinner(),
    }
}
