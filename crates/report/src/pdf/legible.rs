//! Text that a page can show: line ends stay, and what would be invisible becomes visible.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use super::face::{Face, MISSING};

/// Characters of a cell. The longest cell takes about two pages of a narrow column.
const CELL_CHARACTERS: usize = 3_000;
/// What a longer one ends with.
const CUT: &str = " [cut: a page holds no more]";

/// The text as the font can show it, how many of its characters it lacks, and whether the text had to be cut.
pub(super) fn legible<'t>(text: &'t str, face: &mut Face) -> (Cow<'t, str>, u64, bool) {
    let (text, is_cut) = match text.char_indices().nth(CELL_CHARACTERS) {
        Some((end, _)) if text.len() > CELL_CHARACTERS => (&text[..end], true),
        _ => (text, false),
    };
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')) {
        let text = if is_cut { Cow::Owned(format!("{text}{CUT}")) } else { Cow::Borrowed(text) };
        return (text, 0, is_cut);
    }
    let (mut shown, mut missing) = (String::with_capacity(text.len()), 0);
    let mut characters = text.nfc().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\n' | '\u{2028}' | '\u{2029}' => shown.push('\n'),
            '\r' if characters.peek() == Some(&'\n') => {}
            '\r' => shown.push('\n'),
            '\t' => shown.push(' '),
            _ if character.is_control() || is_format(character) => {
                shown.push_str(&format!("‹U+{:04X}›", u32::from(character)));
            }
            _ if face.has(character) => shown.push(character),
            _ => {
                shown.push(MISSING);
                missing += 1;
            }
        }
    }
    if is_cut {
        shown.push_str(CUT);
    }
    (shown.into(), missing, is_cut)
}

/// Characters that have no form of their own and change how others are shown: the general category Cf.
fn is_format(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{8e2}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The lines of a text in a column of this width.
pub(super) fn wrapped(text: &str, face: &mut Face, size: f32, width: f32) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        wrap_paragraph(paragraph, face, size, width, &mut lines);
    }
    // Ends of lines at the end of a text are no lines.
    while lines.len() > 1 && lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

fn wrap_paragraph(text: &str, face: &mut Face, size: f32, width: f32, lines: &mut Vec<String>) {
    let (mut start, mut used) = (0, 0.0);
    // Where the line may end: after a space, or inside of what has none.
    let (mut space, mut sign) = (0, 0);
    for (at, character) in text.char_indices() {
        let wide = face.width_of(character, size);
        while used + wide > width && at > start && character != ' ' {
            // A long word begins where it is, a short one goes to the next line as a whole.
            let is_short =
                |face: &mut Face| face.width(&text[space..at], size) < (width * WORD).min(WORD_MAX);
            let end = match (space > start, sign > start) {
                (true, true) if is_short(face) => space,
                (_, true) => sign,
                (true, false) => space,
                (false, false) => at,
            };
            lines.push(text[start..end].trim_end().to_owned());
            start = end;
            used = face.width(&text[start..at], size);
        }
        used += wide;
        match character {
            ' ' => (space, sign) = (at + 1, at + 1),
            '-' | '/' | '.' | ',' | ';' | ':' | '@' | '_' | '=' | '&' | '?' | '|' => sign = at + 1,
            _ => {}
        }
    }
    lines.push(text[start..].trim_end().to_owned());
}

/// Words up to this share of a line stay whole, and in wide lines those up to so many points.
const WORD: f32 = 0.6;
const WORD_MAX: f32 = 90.0;
