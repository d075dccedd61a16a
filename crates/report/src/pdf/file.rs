//! A PDF on its way out: each object goes into the file as soon as it is whole.
//!
//! Format: ISO 32000-1, 7.5 "File structure". Invariant: what stays in memory is a place for each object, not the pages.

use std::io::{self, Write};

use flate2::{Compression, write::ZlibEncoder};
use pdf_writer::{Chunk, Content, Date, Filter, Finish, Name, Rect, Ref, TextStr};

use super::{PAGE, face::Face};
use crate::Head;

/// Takes pages.
pub(super) struct PdfFile<W: Write> {
    out: W,
    at: u64,
    /// Where each object begins, the object 1 first.
    places: Vec<u64>,
    tree: Ref,
    fonts: [Ref; 2],
    /// The number of pages, as a drawing: it stands on every page and is known with the last.
    count: Ref,
    pages: Vec<Ref>,
}

/// The name of the drawing of the number of pages.
pub(super) const COUNT: Name<'static> = Name(b"N");

impl<W: Write> PdfFile<W> {
    pub(super) fn new(mut out: W) -> io::Result<Self> {
        // The comment of bytes beyond ASCII tells programs that this is no text.
        let head = b"%PDF-1.7\n%\x80\x80\x80\x80\n";
        out.write_all(head)?;
        let (places, pages) = (Vec::new(), Vec::new());
        let none = Ref::new(1);
        let mut file =
            Self { out, at: head.len() as u64, places, tree: none, fonts: [none; 2], count: none, pages };
        file.tree = file.next();
        file.fonts = [file.next(), file.next()];
        file.count = file.next();
        Ok(file)
    }

    fn next(&mut self) -> Ref {
        next(&mut self.places)
    }

    fn write(&mut self, id: Ref, object: &Chunk) -> io::Result<()> {
        let place = usize::try_from(id.get() - 1).map_err(io::Error::other)?;
        self.places[place] = self.at;
        self.at += object.len() as u64;
        self.out.write_all(object.as_bytes())
    }

    pub(super) fn add_page(&mut self, content: Content) -> io::Result<()> {
        let (page, stream) = (self.next(), self.next());
        let content = deflated(&content.finish());
        let mut chunk = Chunk::new();
        chunk.stream(stream, &content).filter(Filter::FlateDecode);
        self.write(stream, &chunk)?;
        let mut chunk = Chunk::new();
        chunk.page(page).parent(self.tree).contents(stream);
        self.write(page, &chunk)?;
        self.pages.push(page);
        Ok(())
    }

    /// How many pages there are.
    pub(super) fn pages(&self) -> usize {
        self.pages.len()
    }

    /// Ends the file; `count` draws the number of pages.
    pub(super) fn finish(mut self, head: &Head, faces: [&Face; 2], count: Content) -> io::Result<W> {
        let mut chunk = Chunk::new();
        let drawing = count.finish();
        let mut form = chunk.form_xobject(self.count, &drawing);
        form.bbox(Rect::new(0.0, -10.0, 100.0, 20.0));
        let mut resources = form.resources();
        resources.fonts().pair(Name(faces[0].name.as_bytes()), self.fonts[0]);
        resources.finish();
        form.finish();
        self.write(self.count, &chunk)?;
        for (face, id) in faces.into_iter().zip(self.fonts) {
            for (id, object) in face.objects(id, &mut || next(&mut self.places)) {
                self.write(id, &object)?;
            }
        }
        let mut chunk = Chunk::new();
        let mut tree = chunk.pages(self.tree);
        tree.count(i32::try_from(self.pages.len()).map_err(io::Error::other)?);
        tree.kids(self.pages.iter().copied()).media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1));
        let mut resources = tree.resources();
        let mut fonts = resources.fonts();
        for (face, id) in faces.into_iter().zip(self.fonts) {
            fonts.pair(Name(face.name.as_bytes()), id);
        }
        fonts.finish();
        resources.x_objects().pair(COUNT, self.count);
        resources.finish();
        tree.finish();
        self.write(self.tree, &chunk)?;
        let (catalog, info) = (self.next(), self.next());
        let mut chunk = Chunk::new();
        let mut entries = chunk.indirect(catalog).start::<pdf_writer::writers::Catalog<'_>>();
        entries.pages(self.tree).lang(TextStr("en"));
        entries.viewer_preferences().display_doc_title(true);
        entries.finish();
        self.write(catalog, &chunk)?;
        let mut chunk = Chunk::new();
        let mut entries = chunk.indirect(info).start::<pdf_writer::writers::DocumentInfo<'_>>();
        entries.title(TextStr(&head.title)).producer(TextStr("Indelible")).creator(TextStr("Indelible"));
        if let Some(made_at) = head.made_at {
            entries.creation_date(date(made_at));
        }
        entries.finish();
        self.write(info, &chunk)?;
        self.end(catalog, info)
    }

    fn end(mut self, catalog: Ref, info: Ref) -> io::Result<W> {
        let (size, out) = (self.places.len() + 1, &mut self.out);
        write!(out, "xref\n0 {size}\n0000000000 65535 f\r\n")?;
        for place in &self.places {
            write!(out, "{place:010} 00000 n\r\n")?;
        }
        let (catalog, info, at) = (catalog.get(), info.get(), self.at);
        write!(out, "trailer\n<< /Size {size} /Root {catalog} 0 R /Info {info} 0 R >>\n")?;
        write!(out, "startxref\n{at}\n%%EOF\n")?;
        Ok(self.out)
    }
}

fn next(places: &mut Vec<u64>) -> Ref {
    places.push(0);
    Ref::new(i32::try_from(places.len()).expect("two objects a page, and pages have a limit"))
}

pub(super) fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("a vector takes all bytes")
}

fn date(at: jiff::Timestamp) -> Date {
    let utc = at.to_zoned(jiff::tz::TimeZone::UTC);
    let of_clock = |number: i8| number.unsigned_abs();
    Date::new(utc.year().unsigned_abs())
        .month(of_clock(utc.month()))
        .day(of_clock(utc.day()))
        .hour(of_clock(utc.hour()))
        .minute(of_clock(utc.minute()))
        .second(of_clock(utc.second()))
        .utc_offset_hour(0)
}
