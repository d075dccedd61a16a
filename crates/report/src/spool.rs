//! Rows on their way into a table, on disk: what columns there are is known when the last one is in.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, Write},
    path::Path,
};

/// A row: the cells of the fixed columns, then those of some of the others with their place among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) fixed: Vec<String>,
    pub(crate) others: Vec<(u32, String)>,
}

/// Takes rows.
pub(crate) struct Spool {
    file: BufWriter<File>,
    rows: u64,
}

impl Spool {
    /// An empty one, in a file without a name in this folder.
    pub(crate) fn create(dir: &Path) -> io::Result<Self> {
        Ok(Self { file: BufWriter::with_capacity(BUFFER, tempfile::tempfile_in(dir)?), rows: 0 })
    }

    /// Begins a row of so many fixed columns; their cells follow, then the others.
    pub(crate) fn begin(&mut self, fixed: usize) -> io::Result<()> {
        self.rows += 1;
        self.number(fixed)
    }

    pub(crate) fn cell(&mut self, cell: &str) -> io::Result<()> {
        self.number(cell.len())?;
        self.file.write_all(cell.as_bytes())
    }

    /// Ends the row.
    pub(crate) fn others<T: AsRef<str>>(&mut self, others: &[(u32, T)]) -> io::Result<()> {
        self.number(others.len())?;
        for (place, cell) in others {
            self.file.write_all(&place.to_le_bytes())?;
            self.cell(cell.as_ref())?;
        }
        Ok(())
    }

    fn number(&mut self, number: usize) -> io::Result<()> {
        let number = u32::try_from(number).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        self.file.write_all(&number.to_le_bytes())
    }

    /// The rows, from the first one on. Whoever goes through them is asked now and then whether to go on, and meets an
    /// error of the kind `Interrupted` where not.
    pub(crate) fn into_rows(self, goes_on: &mut dyn FnMut() -> bool) -> io::Result<Rows<'_>> {
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        let (rows, file) = (self.rows, BufReader::with_capacity(BUFFER, file));
        Ok(Rows { file, rows, left: rows, goes_on })
    }
}

const BUFFER: usize = 1 << 18;

/// Rows that are given back before it is asked again whether to go on. One of 2,000 cells may be some MiB.
const ROWS_BETWEEN: u64 = 256;

/// Gives rows back in the order in which they came.
pub(crate) struct Rows<'a> {
    file: BufReader<File>,
    rows: u64,
    left: u64,
    goes_on: &'a mut dyn FnMut() -> bool,
}

impl Rows<'_> {
    /// Goes back before the first one.
    pub(crate) fn rewind(&mut self) -> io::Result<()> {
        self.left = self.rows;
        self.file.rewind()
    }

    /// The next row, into `row`; whether there was one.
    pub(crate) fn next_into(&mut self, row: &mut Row) -> io::Result<bool> {
        if self.left == 0 {
            return Ok(false);
        }
        if self.left.is_multiple_of(ROWS_BETWEEN) && !(self.goes_on)() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.left -= 1;
        let fixed = self.number()?;
        row.fixed.resize_with(fixed, String::new);
        for cell in &mut row.fixed {
            text_into(&mut self.file, cell)?;
        }
        let others = self.number()?;
        row.others.resize_with(others, Default::default);
        for (place, cell) in &mut row.others {
            let mut bytes = [0; 4];
            self.file.read_exact(&mut bytes)?;
            *place = u32::from_le_bytes(bytes);
            text_into(&mut self.file, cell)?;
        }
        Ok(true)
    }

    fn number(&mut self) -> io::Result<usize> {
        number(&mut self.file)
    }
}

fn number(file: &mut impl Read) -> io::Result<usize> {
    let mut bytes = [0; 4];
    file.read_exact(&mut bytes)?;
    usize::try_from(u32::from_le_bytes(bytes)).map_err(io::Error::other)
}

fn text_into(file: &mut impl Read, text: &mut String) -> io::Result<()> {
    let length = number(file)?;
    let mut bytes = std::mem::take(text).into_bytes();
    bytes.resize(length, 0);
    file.read_exact(&mut bytes)?;
    *text = String::from_utf8(bytes).map_err(io::Error::other)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn gives_back_what_it_took(rows in prop::collection::vec(
            (prop::collection::vec(any::<String>(), 0..4), prop::collection::vec((any::<u32>(), any::<String>()), 0..4)),
            0..20,
        )) {
            let dir = tempfile::tempdir().unwrap();
            let mut spool = Spool::create(dir.path()).unwrap();
            let rows: Vec<_> = rows.into_iter().map(|(fixed, others)| Row { fixed, others }).collect();
            for row in &rows {
                spool.begin(row.fixed.len()).unwrap();
                row.fixed.iter().try_for_each(|cell| spool.cell(cell)).unwrap();
                spool.others(&row.others).unwrap();
            }
            let mut goes_on = || true;
            let (mut given, mut found, mut row) = (spool.into_rows(&mut goes_on).unwrap(), Vec::new(), Row::default());
            while given.next_into(&mut row).unwrap() {
                found.push(row.clone());
            }
            prop_assert_eq!(found, rows);
            prop_assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "it has no name");
        }
    }
}
