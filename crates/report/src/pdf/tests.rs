use proptest::prelude::*;

use super::{
    face::Face,
    legible::{legible, wrapped},
};
use crate::document::{Document, Head, Heading, Kind, LineSpool, Shape};

/// A document with a column for each heading.
fn document(headings: &[&str], rows: &[Vec<String>]) -> Document<'static> {
    let mut lines = LineSpool::create(&std::env::temp_dir()).unwrap();
    rows.iter().for_each(|row| lines.add(Kind::Row, row).unwrap());
    let heading = |text: &&str| Heading { text: (*text).to_owned(), shape: Shape::Text };
    Document {
        head: Head { title: "T".into(), ..Head::default() },
        notices: vec![],
        chart: None,
        headings: headings.iter().map(heading).collect(),
        lines: lines.into_lines(Box::leak(Box::new(|| true))).unwrap(),
        notes: vec![],
        omits_empty: false,
    }
}

/// Writes it, and checks what a reader relies on: every object is where the table of objects says.
fn pages(document: &mut Document<'_>) -> (usize, u64) {
    let (pdf, cut) = super::write(document, Vec::new()).unwrap();
    let find = |what: &[u8], from: usize| {
        pdf[from..].windows(what.len()).position(|part| part == what).map(|at| from + at)
    };
    let tail = String::from_utf8_lossy(&pdf[pdf.len() - 40..]).into_owned();
    let start = tail.split("startxref\n").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
    let table = String::from_utf8(pdf[start..].to_vec()).unwrap();
    let places: Vec<usize> = table
        .lines()
        .skip(3)
        .take_while(|line| line.ends_with(" n"))
        .map(|line| line.split(' ').next().unwrap().parse().unwrap())
        .collect();
    assert!(places.len() > 10);
    for (id, place) in (1..).zip(&places) {
        let begin = format!("{id} 0 obj");
        assert!(pdf[*place..].starts_with(begin.as_bytes()), "object {id} is not at {place}");
    }
    let mut count = 0;
    let mut from = 0;
    while let Some(at) = find(b"/Type /Page\n", from) {
        count += 1;
        from = at + 1;
    }
    (count, cut)
}

#[test]
fn rows_go_on_on_the_next_page_however_high_one_is() {
    let row = |text: &str| vec![text.to_owned(), "x".to_owned()];
    assert_eq!(pages(&mut document(&["A", "B"], &[])), (1, 0));
    assert_eq!(pages(&mut document(&["A", "B"], &vec![row("a"); 100])).0, 4);
    let high = row(&"line\n".repeat(500));
    assert_eq!(pages(&mut document(&["A", "B"], &[row("a"), high, row("b")])).0, 11);
}

#[test]
fn hostile_texts_and_sizes_make_a_document_all_the_same() {
    let texts = [
        "x".repeat(1 << 20),
        "\u{0}\u{1b}\u{202e}\u{feff}".repeat(500),
        ") Tj ET endstream endobj\n5 0 obj << /S /JavaScript >>".into(),
        "🂡漢字\u{e000}\u{10ffff}".repeat(100),
        "e\u{301}".into(),
        "\r\n\r\r\n\n".into(),
    ];
    let (_, cut) = pages(&mut document(&["A", "=B()\u{202e}"], &[texts[..2].to_vec(), texts[2..4].to_vec()]));
    assert_eq!(cut, 1);
    let many: Vec<String> = (0..300).map(|n| format!("column {n}")).collect();
    let names: Vec<_> = many.iter().map(String::as_str).collect();
    pages(&mut document(&names, &[many.clone(), many.clone()]));
    pages(&mut document(&[], &[vec![], vec![]]));
    let mut long = document(&["A"], &[texts[4..5].to_vec(), texts[5..].to_vec()]);
    long.head.title = "t".repeat(10_000);
    long.head.lines = vec![("l".repeat(5000), "v\n".repeat(5000)); 3];
    long.head.footer = "f".repeat(10_000);
    long.notices = vec!["n".repeat(2_000)];
    pages(&mut long);
}

#[test]
fn what_would_be_invisible_becomes_visible() {
    let mut face = Face::regular();
    for (text, shown, missing) in [
        ("plain", "plain", 0),
        ("a\r\nb\rc\u{2028}d", "a\nb\nc\nd", 0),
        ("a\tb", "a b", 0),
        ("a\u{202e}b\u{0}", "a‹U+202E›b‹U+0000›", 0),
        ("zero\u{200b}width", "zero‹U+200B›width", 0),
        ("漢", "\u{fffd}", 1),
        ("e\u{301} Ж ℵ", "é Ж ℵ", 0),
    ] {
        let (text, lacking, is_cut) = legible(text, &mut face);
        assert_eq!((text.as_ref(), lacking, is_cut), (shown, missing, false));
    }
    assert!(face.has('\u{fffd}') && face.has('‹') && Face::bold().has('\u{fffd}'));
}

proptest! {
    #[test]
    fn lines_hold_the_whole_text_and_fit(text in "[a-z /.-]{0,80}|\\PC{0,40}", width in 8.0_f32..200.0) {
        let mut face = Face::regular();
        let (text, _, _) = legible(&text, &mut face);
        let lines = wrapped(&text, &mut face, 7.5, width);
        let ink = |text: &str| text.chars().filter(|character| !character.is_whitespace()).collect::<String>();
        prop_assert_eq!(ink(&lines.concat()), ink(&text));
        for line in &lines {
            prop_assert!(line.chars().count() <= 1 || face.width(line, 7.5) <= width + 0.1, "{}", line);
        }
    }
}
