//! The schema of a split, and how a document becomes Tantivy's.
//!
//! Keywords are raw, without frequencies or norms; words have positions; nothing is stored, since the event is read
//! from the ledger. Part of the index format: a change here is a new [`FORMAT`](crate::manifest::FORMAT).

use tantivy::schema::{
    Field as Id, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::store::Compressor;
use tantivy::tokenizer::{RawTokenizer, Token, TokenStream, Tokenizer, TokenizerManager};
use tantivy::{IndexSettings, TantivyDocument};

use crate::doc::Place;
use crate::field::Field;

/// Separates the words of a document on their way into Tantivy; two in a row make a gap.
const SEPARATOR: char = '\u{1f}';

/// The fields of a split.
#[derive(Clone, Debug)]
pub(crate) struct SplitSchema {
    pub(crate) schema: Schema,
    pub(crate) keywords: [Id; Field::ALL.len()],
    pub(crate) tenant: Id,
    pub(crate) time: Id,
    pub(crate) received: Id,
    pub(crate) index: Id,
    pub(crate) users: Id,
    pub(crate) domains: Id,
}

impl SplitSchema {
    pub(crate) fn new() -> Self {
        let mut builder = Schema::builder();
        let indexing = |tokenizer, option| {
            let indexing = TextFieldIndexing::default().set_tokenizer(tokenizer).set_fieldnorms(false);
            TextOptions::default().set_indexing_options(indexing.set_index_option(option))
        };
        let keywords = Field::ALL.map(|field| {
            let options = match field {
                Field::Word => indexing("words", IndexRecordOption::WithFreqsAndPositions),
                _ => indexing("raw", IndexRecordOption::Basic),
            };
            builder.add_text_field(field.name(), options)
        });
        let fast = || NumericOptions::default().set_fast();
        let tenant = builder.add_u64_field("tenant", fast().set_indexed());
        let time = builder.add_i64_field("time", fast());
        let received = builder.add_i64_field("received", fast());
        let index = builder.add_u64_field("index", fast());
        let users = builder.add_u64_field("users", fast());
        let domains = builder.add_u64_field("domains", fast());
        Self { schema: builder.build(), keywords, tenant, time, received, index, users, domains }
    }

    /// The index's id of a field.
    pub(crate) fn id(&self, field: Field) -> Id {
        self.keywords[field as usize]
    }

    /// Builds Tantivy's document from the parts of ours.
    pub(crate) fn document<'d>(
        &self,
        place: &Place,
        keywords: impl Iterator<Item = (Field, &'d str)>,
        words: impl Iterator<Item = Option<&'d str>>,
        users: &[u64],
        domains: &[u64],
    ) -> TantivyDocument {
        let mut document = TantivyDocument::default();
        for (field, term) in keywords {
            document.add_text(self.id(field), term);
        }
        let mut text = String::new();
        for word in words {
            text.push_str(word.unwrap_or(""));
            text.push(SEPARATOR);
        }
        if !text.is_empty() {
            document.add_text(self.id(Field::Word), &text);
        }
        document.add_u64(self.tenant, place.tenant);
        document.add_i64(self.time, place.time);
        document.add_i64(self.received, place.received);
        document.add_u64(self.index, place.index);
        users.iter().for_each(|&user| document.add_u64(self.users, user));
        domains.iter().for_each(|&domain| document.add_u64(self.domains, domain));
        document
    }
}

/// The tokenizers that the schema names.
pub(crate) fn tokenizers() -> TokenizerManager {
    let manager = TokenizerManager::new();
    manager.register("raw", RawTokenizer::default());
    // Tantivy wants one by this name for every indexed field, numbers too, and never asks it anything.
    manager.register("default", RawTokenizer::default());
    manager.register("words", Separated::default());
    manager
}

/// Nothing is stored, so nothing needs compression or a thread for it.
pub(crate) fn settings() -> IndexSettings {
    IndexSettings {
        docstore_compression: Compressor::None,
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    }
}

/// Cuts a document's words, which are folded already, at the separator; a gap takes a position without a word.
#[derive(Clone, Default)]
struct Separated {
    token: Token,
}

struct SeparatedStream<'a> {
    rest: std::str::Split<'a, char>,
    token: &'a mut Token,
}

impl Tokenizer for Separated {
    type TokenStream<'a> = SeparatedStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> SeparatedStream<'a> {
        self.token.reset();
        SeparatedStream { rest: text.split(SEPARATOR), token: &mut self.token }
    }
}

impl TokenStream for SeparatedStream<'_> {
    fn advance(&mut self) -> bool {
        for word in self.rest.by_ref() {
            // Wraps from the reset value to 0 at the first word.
            self.token.position = self.token.position.wrapping_add(1);
            if !word.is_empty() {
                self.token.text.clear();
                self.token.text.push_str(word);
                return true;
            }
        }
        false
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
