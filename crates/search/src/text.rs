//! The text form of `q`: words, `"phrases"`, `prefix*` and `-not`, all of which must hold.
//!
//! Every term is taken apart by the same function as the text that it is looked for in; a term of several words
//! (`web.example.com`) means these words one after the other. What is one thing, an address, UUID or phone number, is
//! looked for in all the forms in which events can have it. A quote that is not closed reaches to the end, since a
//! search box sends what is typed so far.

use crate::field::{Field, ip_term};
use crate::phone::{self, Phone, Wanted};
use crate::predicate::Predicate;
use crate::prefix::beginnings;
use crate::query::Expr;
use crate::wholes::{Kind, is_generated_id, pairs};
use crate::words::{Sink, analyse, parts};

/// The fields of ids that are words only where they are not generated.
pub(crate) const ID_FIELDS: [Field; 4] = [Field::Id, Field::SessionId, Field::RequestId, Field::TraceId];

/// Compiles the value of `q`.
///
/// # Errors
/// Words for people, when nothing in it can be looked for.
pub(crate) fn parse_text(text: &str) -> Result<Expr, String> {
    let mut parts = Vec::new();
    for term in split(text) {
        if let Some(expr) = compile(&term) {
            parts.push(if term.negated { Expr::Not(Box::new(expr)) } else { expr });
        }
    }
    if parts.is_empty() {
        return Err("there is no word in it to look for".to_owned());
    }
    Ok(Expr::and(parts))
}

/// Compiles text that is meant as a whole, as between quotes; `None` if there is no word in it.
pub(crate) fn phrase(text: &str) -> Option<Expr> {
    compile(&TextTerm { text, negated: false, form: Form::Quoted })
}

/// Compiles the beginning of a text; `None` if there is no word in it.
pub(crate) fn beginning(text: &str) -> Option<Expr> {
    let words = Items::of(text);
    let ended = text.ends_with(|c: char| !c.is_alphanumeric());
    let mut either: Vec<Expr> = sequence(words.items, !ended).into_iter().collect();
    either.extend(beginnings(text));
    (!either.is_empty()).then(|| Expr::or(either))
}

struct TextTerm<'a> {
    text: &'a str,
    negated: bool,
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Quoted,
    /// A phone number with blanks in it.
    Spaced,
}

/// Cuts at white space outside quotes and phone numbers.
fn split(text: &str) -> Vec<TextTerm<'_>> {
    let mut terms = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let unsigned = rest.strip_prefix('-');
        let (negated, body) = (unsigned.is_some(), unsigned.unwrap_or(rest));
        let end = body.find(char::is_whitespace).unwrap_or(body.len());
        let (text, form, after) = match body.strip_prefix(['"', '\u{201c}', '\u{201d}']) {
            Some(inner) => match inner.split_once(['"', '\u{201c}', '\u{201d}']) {
                Some((phrase, after)) => (phrase, Form::Quoted, after),
                None => (inner, Form::Quoted, ""),
            },
            None => match phone::read(body.as_bytes(), 0) {
                Some((_, spaced)) if spaced > end => (&body[..spaced], Form::Spaced, &body[spaced..]),
                _ => (&body[..end], Form::Plain, &body[end..]),
            },
        };
        terms.push(TextTerm { text, negated, form });
        rest = after.trim_start();
    }
    terms
}

fn compile(term: &TextTerm<'_>) -> Option<Expr> {
    if term.form == Form::Plain
        && let Some(text) = term.text.strip_suffix('*')
    {
        return beginning(text);
    }
    let Items { items, tokens, phones } = Items::of(term.text);
    let inner = term.text.trim_matches(|c: char| !c.is_alphanumeric());
    if let [(token, len)] = tokens.as_slice()
        && *len >= inner.len()
    {
        return Some(Expr::Term(Field::Whole, token.clone()));
    }
    let whole_phone = phones.iter().find(|(_, len)| *len >= inner.len());
    let words = match items.as_slice() {
        [item] if whole_phone.is_none() => return Some(alone(item)),
        [item] => Some(alone(item)),
        // Perhaps just numbers with blanks between them.
        _ if term.form == Form::Spaced => {
            Some(Expr::and(items.into_iter().filter_map(|item| sequence(vec![item], false)).collect()))
        }
        _ => sequence(items, false),
    };
    let Some((phone, _)) = whole_phone else {
        // Within a phrase, an e-mail address is looked for as its words in their place, and must be there as a whole too.
        let wholes = tokens.into_iter().map(|(token, _)| Expr::Term(Field::Whole, token));
        return words.map(|words| Expr::and(std::iter::once(words).chain(wholes).collect()));
    };
    Some(Expr::or(words.into_iter().chain(forms(phone.wanted())).collect()))
}

/// The forms of a phone number: as it is formatted, and as plain digits.
fn forms(wanted: Wanted) -> impl Iterator<Item = Expr> {
    let tokens = wanted.tokens.into_iter().map(|token| Expr::Term(Field::Whole, token));
    tokens.chain(wanted.words.into_iter().map(|word| Expr::Term(Field::Word, word)))
}

/// A piece of a text.
enum Item {
    Word(String),
    /// A word of capitals and small letters, and its parts.
    Compound(String, Vec<String>),
    Opaque(Kind, String),
}

#[derive(Default)]
struct Items {
    items: Vec<Item>,
    /// E-mail addresses, and the bytes that they take up.
    tokens: Vec<(String, usize)>,
    phones: Vec<(Phone, usize)>,
}

impl Items {
    fn of(text: &str) -> Items {
        let mut items = Items::default();
        analyse(text, &mut items);
        items
    }
}

impl Sink for Items {
    fn word(&mut self, word: &str) {
        self.items.push(Item::Word(word.to_owned()));
    }

    fn opaque(&mut self, kind: Kind, token: &str) {
        self.items.push(Item::Opaque(kind, token.to_owned()));
    }

    fn token(&mut self, _: Kind, token: &str, len: usize) {
        self.tokens.push((token.to_owned(), len));
    }

    fn phone(&mut self, phone: &Phone, len: usize) {
        self.phones.push((phone.clone(), len));
    }

    fn compound(&mut self, word: &str) {
        let mut list = Vec::new();
        parts(word, |part| list.push(part.to_ascii_lowercase()));
        if let Some(Item::Word(whole)) = self.items.pop() {
            self.items.push(Item::Compound(whole, list));
        }
    }
}

/// One thing by itself, in all the forms that events can have it in.
fn alone(item: &Item) -> Expr {
    match item {
        Item::Word(word) => one_word(word),
        Item::Compound(word, parts) => {
            Expr::Or(vec![Expr::Term(Field::Word, word.clone()), Expr::Phrase(parts.clone())])
        }
        Item::Opaque(kind, token) => opaque(*kind, token),
    }
}

fn one_word(word: &str) -> Expr {
    let mut either = vec![Expr::Term(Field::Word, word.to_owned())];
    let hex = word.bytes().all(|b| b.is_ascii_hexdigit());
    if is_generated_id(word) {
        either.extend(ids(word));
    }
    match word.len() {
        8 if hex => either.extend(ids_beginning(&format!("{word}-"))),
        12 if hex => either.push(Expr::Term(Field::Whole, pairs(word))),
        32 if hex => {
            let uuid = [&word[..8], &word[8..12], &word[12..16], &word[16..20], &word[20..]].join("-");
            either.push(Expr::Term(Field::Whole, uuid.clone()));
            either.extend(ids(&uuid));
        }
        _ => {}
    }
    either.extend(forms(phone::wanted_by_digits(word)));
    Expr::or(either)
}

fn opaque(kind: Kind, token: &str) -> Expr {
    let mut either = vec![Expr::Term(Field::Whole, token.to_owned())];
    match kind {
        Kind::Uuid => {
            let bare = token.replace('-', "");
            either.extend(ids(token));
            either.push(Expr::Term(Field::Word, bare.clone()));
            either.extend(ids(&bare));
        }
        Kind::Ip => either.extend(token.parse().ok().map(|ip| Expr::Term(Field::Ip, ip_term(ip)))),
        Kind::Mac => {
            let pairs: Vec<String> = token.split(':').map(str::to_owned).collect();
            either.extend([Expr::Term(Field::Word, pairs.concat()), Expr::Phrase(pairs)]);
        }
        Kind::Email => {}
    }
    Expr::or(either)
}

/// The id of an event, session, request or trace.
fn ids(id: &str) -> impl Iterator<Item = Expr> {
    ID_FIELDS.into_iter().map(move |field| Expr::Term(field, id.to_owned()))
}

/// A UUID in text, or an id, that begins so.
pub(crate) fn ids_beginning(beginning: &str) -> impl Iterator<Item = Expr> {
    let fields = [Field::Whole].into_iter().chain(ID_FIELDS);
    fields.map(move |field| Expr::Matching(field, beginning.to_owned(), Predicate::Any))
}

/// These things one after the other, the last word of which may go on if it is `open`.
///
/// No phrase reaches over a token: it is asked for beside the words before and after it.
fn sequence(items: Vec<Item>, open: bool) -> Option<Expr> {
    let mut all = Vec::new();
    let mut words = Vec::new();
    for item in items {
        match item {
            Item::Word(word) | Item::Compound(word, _) => words.push(word),
            Item::Opaque(kind, token) => {
                all.extend(follow(std::mem::take(&mut words)));
                all.push(opaque(kind, &token));
            }
        }
    }
    match words.pop() {
        Some(last) if open && words.is_empty() => all.push(Expr::Prefix(last)),
        Some(last) if open => all.push(Expr::PhrasePrefix(words, last)),
        last => {
            words.extend(last);
            all.extend(follow(words));
        }
    }
    (!all.is_empty()).then(|| Expr::and(all))
}

fn follow(mut words: Vec<String>) -> Option<Expr> {
    match words.len() {
        0 => None,
        1 => words.pop().map(|word| Expr::Term(Field::Word, word)),
        _ => Some(Expr::Phrase(words)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::print::text_of;

    #[test]
    fn compiles_words_phrases_prefixes_and_negations() {
        for (text, expected) in [
            ("Login", r#"word eq "login""#),
            ("  Émile   login ", r#"word eq "emile" and word eq "login""#),
            ("\"Play Recording\"", r#"phrase eq "play recording""#),
            ("\"one\"", r#"word eq "one""#),
            ("\"play rec", r#"phrase eq "play rec""#),
            ("log*", r#"word sw "log""#),
            ("web.exa*", r#"phrase sw "web exa""#),
            ("web.*", r#"word eq "web""#),
            ("web.example.com", r#"phrase eq "web example com""#),
            ("-failed", r#"not word eq "failed""#),
            ("-\"not found\"", r#"not phrase eq "not found""#),
            ("-pre*", r#"not word sw "pre""#),
            ("ada@Company.com", r#"whole eq "ada@company.com""#),
            ("-2001:DB8::1", r#"not (whole eq "2001:db8::1" or ip eq "2001:db8::1")"#),
            ("\"by ada@x.org\"", r#"phrase eq "by ada x org" and whole eq "ada@x.org""#),
            ("user:ada@x.org", r#"phrase eq "user ada x org" and whole eq "ada@x.org""#),
            ("a & b", r#"word eq "a" and word eq "b""#),
            ("日本", r#"phrase eq "日 本""#),
            ("RunInstances", r#"word eq "runinstances" or phrase eq "run instances""#),
            ("ec2:RunInstances", r#"phrase eq "ec2 runinstances""#),
            (
                "\"from 10.0.0.1 port 22\"",
                r#"word eq "from" and (whole eq "10.0.0.1" or ip eq "10.0.0.1") and phrase eq "port 22""#,
            ),
        ] {
            assert_eq!(text_of(&parse_text(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn looks_for_one_thing_in_all_its_forms() {
        for (text, expected) in [
            (
                "+1 (555) 010-9999 x",
                &["whole eq \"+15550109999\"", "word eq \"5550109999\"", "and word eq \"x\""][..],
            ),
            ("\"+1 (555) 010-9999\"", &["phrase eq \"1 555 010 9999\"", "whole eq \"+15550109999\""]),
            (
                "06 12 34 56 78",
                &["word eq \"06\" and word eq \"12\"", "whole eq \"612345678\"", "whole eq \"*612345678\""],
            ),
            ("5550109999", &["word eq \"5550109999\"", "whole eq \"*5550109999\""]),
            ("+442079461111", &["word eq \"00442079461111\"", "whole eq \"2079461111\""]),
            ("442079461111", &["word eq \"00442079461111\"", "whole eq \"+442079461111\""]),
            ("c333d58a", &["whole sw \"c333d58a-\"", "session_id sw \"c333d58a-\""]),
            ("001A2B3C4D5E", &["whole eq \"00:1a:2b:3c:4d:5e\"", "word eq \"001a2b3c4d5e\""]),
            ("00-1a-2b-3c-4d-5e", &["whole eq \"00:1a:2b:3c:4d:5e\"", "word eq \"001a2b3c4d5e\""]),
            (
                "4bf92f3577b34da6a3ce929d0e0e4736",
                &["trace_id eq \"4bf92f3577b34da6a3ce929d0e0e4736\"", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"],
            ),
            (
                "C333D58A-7ba6-4d69-91e4-175816aa5d0b",
                &["whole eq \"c333", "request_id eq \"c333", "word eq \"c333d58a7ba6"],
            ),
            ("10.0.*", &["phrase eq \"10 0\"", "whole sw \"10.0.\"", "ip cidr \"10.0.0.0/16\""]),
        ] {
            let compiled = text_of(&parse_text(text).unwrap());
            for part in expected {
                assert!(compiled.contains(part), "{text}: {compiled}");
            }
        }
    }

    #[test]
    fn refuses_text_without_a_word() {
        for text in ["", "  ", "*", "-", "\"\"", "!!! --", "-*"] {
            assert!(parse_text(text).is_err(), "{text}");
        }
    }
}
