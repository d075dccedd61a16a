//! The text form of `q`: words, `"phrases"`, `prefix*` and `-not`, all of which must hold.
//!
//! Every term is split by the same rules as the text that it is looked for in; a term of several words
//! (`web.example.com`) means these words one after the other. An e-mail address, UUID or IP address is looked for as
//! one token. A quote that is not closed reaches to the end, since a search box sends what is typed so far.

use crate::field::Field;
use crate::query::Expr;
use crate::words::{whole_of, word_list};

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

struct TextTerm<'a> {
    text: &'a str,
    negated: bool,
    quoted: bool,
}

/// Cuts at white space outside quotes.
fn split(text: &str) -> Vec<TextTerm<'_>> {
    let mut terms = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let unsigned = rest.strip_prefix('-');
        let (negated, body) = (unsigned.is_some(), unsigned.unwrap_or(rest));
        let (text, quoted, after) = match body.strip_prefix(['"', '\u{201c}', '\u{201d}']) {
            Some(inner) => match inner.split_once(['"', '\u{201c}', '\u{201d}']) {
                Some((phrase, after)) => (phrase, true, after),
                None => (inner, true, ""),
            },
            None => match body.find(char::is_whitespace) {
                Some(end) => (&body[..end], false, &body[end..]),
                None => (body, false, ""),
            },
        };
        terms.push(TextTerm { text, negated, quoted });
        rest = after.trim_start();
    }
    terms
}

fn compile(term: &TextTerm<'_>) -> Option<Expr> {
    if !term.quoted {
        if let Some(beginning) = term.text.strip_suffix('*') {
            let mut words = word_list(beginning);
            // `web.*`: what follows the last word is another word, so that one is whole.
            if beginning.ends_with(|c: char| !c.is_alphanumeric()) {
                return sequence(words);
            }
            let last = words.pop()?;
            return Some(if words.is_empty() { Expr::Prefix(last) } else { Expr::PhrasePrefix(words, last) });
        }
        if let Some(token) = whole_of(term.text) {
            return Some(Expr::Term(Field::Whole, token));
        }
    }
    let words = sequence(word_list(term.text))?;
    // Within a phrase, an address is looked for as its words in their place, and must be there as a whole too.
    let mut parts = vec![words];
    crate::words::wholes(term.text, |_, token| parts.push(Expr::Term(Field::Whole, token)));
    Some(Expr::and(parts))
}

fn sequence(mut words: Vec<String>) -> Option<Expr> {
    match words.len() {
        0 => None,
        1 => words.pop().map(|word| Expr::Term(Field::Word, word)),
        _ => Some(Expr::Phrase(words)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(word: &str) -> Expr {
        Expr::Term(Field::Word, word.into())
    }

    fn phrase(words: &str) -> Expr {
        Expr::Phrase(words.split(' ').map(str::to_owned).collect())
    }

    fn not(expr: Expr) -> Expr {
        Expr::Not(Box::new(expr))
    }

    #[test]
    fn compiles_words_phrases_prefixes_and_negations() {
        let whole = |token: &str| Expr::Term(Field::Whole, token.into());
        for (text, expected) in [
            ("Login", word("login")),
            ("  Émile   login ", Expr::And(vec![word("emile"), word("login")])),
            ("\"Play Recording\"", phrase("play recording")),
            ("\"one\"", word("one")),
            ("\"play rec", phrase("play rec")),
            ("log*", Expr::Prefix("log".into())),
            ("web.exa*", Expr::PhrasePrefix(vec!["web".into()], "exa".into())),
            ("web.*", word("web")),
            ("10.0.*", phrase("10 0")),
            ("web.example.com", phrase("web example com")),
            ("-failed", not(word("failed"))),
            ("-\"not found\"", not(phrase("not found"))),
            ("-pre*", not(Expr::Prefix("pre".into()))),
            ("ada@Company.com", whole("ada@company.com")),
            ("-2001:DB8::1", not(whole("2001:db8::1"))),
            ("\"by ada@x.org\"", Expr::And(vec![phrase("by ada x org"), whole("ada@x.org")])),
            ("user:ada@x.org", Expr::And(vec![phrase("user ada x org"), whole("ada@x.org")])),
            ("a & b", Expr::And(vec![word("a"), word("b")])),
            ("日本", phrase("日 本")),
        ] {
            assert_eq!(parse_text(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn refuses_text_without_a_word() {
        for text in ["", "  ", "*", "-", "\"\"", "!!! --", "-*"] {
            assert!(parse_text(text).is_err(), "{text}");
        }
    }
}
