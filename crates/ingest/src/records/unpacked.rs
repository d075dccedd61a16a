//! A file as it was before it was packed.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

/// A reader that undoes gzip or zstd if the first bytes say so.
pub(super) struct Unpacked<R: Read> {
    inner: Inner<Input<R>>,
    /// An error that was met early and is told in its place.
    failed: Option<io::Error>,
}

type Input<R> = BufReader<io::Chain<Cursor<Vec<u8>>, R>>;

enum Inner<R: BufRead> {
    Plain(R),
    Gzip(Box<MultiGzDecoder<R>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, R>>),
}

impl<R: Read> Unpacked<R> {
    pub(super) fn new(mut reader: R) -> io::Result<Self> {
        let mut magic = Vec::with_capacity(4);
        reader.by_ref().take(4).read_to_end(&mut magic)?;
        let inner = match magic.as_slice() {
            [0x1f, 0x8b, ..] => Inner::Gzip(Box::new(MultiGzDecoder::new(input(magic, reader)))),
            [0x28, 0xb5, 0x2f, 0xfd] => {
                Inner::Zstd(Box::new(zstd::stream::read::Decoder::with_buffer(input(magic, reader))?))
            }
            _ => Inner::Plain(input(magic, reader)),
        };
        Ok(Self { inner, failed: None })
    }

    /// Makes the next read fail with `error`.
    pub(super) fn fail_next(&mut self, error: io::Error) {
        self.failed = Some(error);
    }
}

fn input<R: Read>(magic: Vec<u8>, reader: R) -> Input<R> {
    BufReader::with_capacity(64 << 10, Cursor::new(magic).chain(reader))
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        match &mut self.inner {
            Inner::Plain(reader) => reader.read(out),
            Inner::Gzip(reader) => reader.read(out),
            Inner::Zstd(reader) => reader.read(out),
        }
    }
}
