//! A font that goes into a document: as many of its glyphs as the document's text needs.
//!
//! Format: ISO 32000-1, 9.7 "Composite fonts". Text is drawn character by character in the order in which it is stored:
//! nothing is shaped and nothing runs from right to left, so that no character can rearrange what stands around it.

use std::collections::{BTreeMap, HashMap};

use pdf_writer::{Chunk, Filter, Finish, Name, Rect, Ref, Str, types::*};
use subsetter::GlyphRemapper;

/// What stands where the font has no glyph.
pub(super) const MISSING: char = '\u{fffd}';

/// A font in a document.
pub(super) struct Face {
    /// Its name in the document's resources.
    pub(super) name: &'static str,
    title: &'static str,
    data: &'static [u8],
    face: ttf_parser::Face<'static>,
    /// Those of ASCII, which most texts are of.
    ascii: [Glyph; 128],
    glyphs: HashMap<char, Glyph>,
    /// The glyphs that the document uses, in the order in which they came.
    used: GlyphRemapper,
    /// What each of them stands for, and how wide it is, by its place among them.
    meanings: BTreeMap<u16, (char, f32)>,
}

#[derive(Clone, Copy)]
struct Glyph {
    id: u16,
    /// In thousandths of the size.
    width: f32,
}

impl Face {
    pub(super) fn regular() -> Self {
        let data = include_bytes!("../../fonts/DejaVuSansCondensed.ttf");
        Self::new("R", "DejaVuSansCondensed", data)
    }

    pub(super) fn bold() -> Self {
        let data = include_bytes!("../../fonts/DejaVuSansCondensed-Bold.ttf");
        Self::new("B", "DejaVuSansCondensed-Bold", data)
    }

    fn new(name: &'static str, title: &'static str, data: &'static [u8]) -> Self {
        let face = ttf_parser::Face::parse(data, 0).expect("the font was built in, and tests read it");
        let ascii = std::array::from_fn(|code| glyph(&face, u8::try_from(code).unwrap_or_default().into()));
        let (glyphs, used) = (HashMap::new(), GlyphRemapper::new());
        Self { name, title, data, face, ascii, glyphs, used, meanings: BTreeMap::new() }
    }

    pub(super) fn has(&mut self, character: char) -> bool {
        self.glyph(character).id != 0
    }

    fn glyph(&mut self, character: char) -> Glyph {
        match self.ascii.get(u32::from(character) as usize) {
            Some(glyph) => *glyph,
            None => *self.glyphs.entry(character).or_insert_with(|| glyph(&self.face, character)),
        }
    }

    /// How wide a character is at this size, in points.
    pub(super) fn width_of(&mut self, character: char, size: f32) -> f32 {
        self.glyph(character).width * size / 1000.0
    }

    /// How wide a text is at this size, in points.
    pub(super) fn width(&mut self, text: &str, size: f32) -> f32 {
        text.chars().map(|character| self.width_of(character, size)).sum()
    }

    /// The text as the document's content writes it.
    pub(super) fn encode(&mut self, text: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(text.len() * 2);
        for character in text.chars() {
            let glyph = self.glyph(character);
            let place = self.used.remap(glyph.id);
            self.meanings.entry(place).or_insert((character, glyph.width));
            bytes.extend_from_slice(&place.to_be_bytes());
        }
        bytes
    }

    /// The objects of the font, the first of them under `id`.
    pub(super) fn objects(&self, id: Ref, next: &mut impl FnMut() -> Ref) -> Vec<(Ref, Chunk)> {
        let [cid, descriptor, meanings, data] = [(); 4].map(|()| next());
        // Six letters before the name of a font tell that it is a part of it.
        let title = format!("INDELI+{}", self.title);
        let system = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };
        let mut objects = Vec::new();
        let mut object = |id, write: &dyn Fn(&mut Chunk)| {
            let mut chunk = Chunk::new();
            write(&mut chunk);
            objects.push((id, chunk));
        };
        object(id, &|chunk| {
            let mut font = chunk.type0_font(id);
            font.base_font(Name(title.as_bytes())).encoding_predefined(Name(b"Identity-H"));
            font.descendant_font(cid).to_unicode(meanings);
        });
        object(cid, &|chunk| {
            let mut font = chunk.cid_font(cid);
            font.subtype(CidFontType::Type2).base_font(Name(title.as_bytes())).system_info(system);
            font.font_descriptor(descriptor).default_width(0.0);
            font.cid_to_gid_map_predefined(Name(b"Identity"));
            let widths = self.meanings.values().map(|(_, width)| *width);
            // The first one of the subset is the glyph of what is missing, which no text uses.
            font.widths().consecutive(1, widths).finish();
        });
        object(descriptor, &|chunk| {
            let units = f32::from(self.face.units_per_em()) / 1000.0;
            let of_font = |number: i16| f32::from(number) / units;
            let bounds = self.face.global_bounding_box();
            let bbox = [bounds.x_min, bounds.y_min, bounds.x_max, bounds.y_max].map(of_font);
            let mut font = chunk.font_descriptor(descriptor);
            font.name(Name(title.as_bytes())).flags(FontFlags::SYMBOLIC);
            font.bbox(Rect::new(bbox[0], bbox[1], bbox[2], bbox[3])).italic_angle(0.0);
            font.ascent(of_font(self.face.ascender())).descent(of_font(self.face.descender()));
            font.cap_height(of_font(self.face.capital_height().unwrap_or_default())).stem_v(80.0);
            font.font_file2(data);
        });
        object(meanings, &|chunk| {
            let mut cmap = UnicodeCmap::new(Name(b"Custom"), system);
            for (place, (character, _)) in &self.meanings {
                cmap.pair(*place, *character);
            }
            let cmap = super::file::deflated(&cmap.finish());
            chunk.stream(meanings, &cmap).filter(Filter::FlateDecode);
        });
        object(data, &|chunk| {
            // A subset can only fail to be made of a font that is broken, and this one is built in.
            let part = subsetter::subset(self.data, 0, &self.used).unwrap_or_else(|_| self.data.to_vec());
            chunk.stream(data, &super::file::deflated(&part)).filter(Filter::FlateDecode);
        });
        objects
    }
}

fn glyph(face: &ttf_parser::Face<'_>, character: char) -> Glyph {
    let id = face.glyph_index(character).unwrap_or_default();
    let units = f32::from(face.units_per_em());
    Glyph { id: id.0, width: f32::from(face.glyph_hor_advance(id).unwrap_or_default()) * 1000.0 / units }
}
