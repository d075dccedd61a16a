//! The words of texts.

use indelible_event::{Actor, Derived, Event};
use serde_json::value::RawValue;

use super::{Writer, append, append_lower};
use crate::doc::{Doc, Span};
use crate::field::{Field, read_address};
use crate::json::{scalars, texts};
use crate::phone::Phone;
use crate::wholes::{Kind, is_generated_id};
use crate::words::{Sink, analyse, parts};

/// Compound words whose parts an event has; names of actions repeat, and their parts need not.
const COMPOUNDS_MAX: usize = 64;

impl Writer {
    pub(super) fn text_of(&mut self, id: &str, event: &Event, derived: &Derived) {
        self.id(id);
        self.text(&event.action);
        self.texts([&event.action_code, &event.outcome.reason, &event.outcome.code]);
        match &derived.details {
            Some(details) => self.text(details),
            None => self.texts([&event.details]),
        }
        let source = &event.source;
        self.texts([&source.application, &source.component, &source.node, &source.data_source]);
        for actor in [&event.actor, &event.on_behalf_of].into_iter().flatten() {
            self.actor_text(actor);
        }
        for target in &event.targets {
            self.texts([&target.kind, &target.id, &target.username, &target.name, &target.tenant]);
            target.aliases.iter().chain(&target.groups).chain(&target.roles).for_each(|text| self.text(text));
            self.members_text(&target.extra);
        }
        for related in &event.related {
            self.texts([&related.kind, &related.id]);
            self.members_text(&related.extra);
        }
        // Addresses are found in their field; what else stands in a chain is text.
        event.client.chain.iter().filter(|hop| read_address(hop).is_none()).for_each(|hop| self.text(hop));
        self.texts([&event.client.host, &event.client.user_agent, &event.client.channel]);
        for id in [&event.session_id, &event.request_id, &event.trace_id].into_iter().flatten() {
            if !is_generated_id(id) {
                self.text(id);
            }
        }
        self.members_text(&event.parameters);
        for change in &event.changes {
            self.text(&change.field);
            self.members_text(&change.extra);
            for value in [&change.old, &change.new].into_iter().flatten() {
                scalars(value.get(), |text| self.text(text));
            }
        }
        if let Some(data) = &event.data {
            scalars(data.get(), |text| self.text(text));
        }
        self.members_text(&event.extra);
        self.members_text(&source.extra);
        self.members_text(&event.client.extra);
        self.members_text(&event.outcome.extra);
    }

    /// The id's words; a generated one is only of use whole, and its own field has it unless there are capitals in it.
    fn id(&mut self, id: &str) {
        let capitals = id.bytes().any(|b| b.is_ascii_uppercase());
        if !is_generated_id(id) || capitals {
            self.text(id);
        }
    }

    /// Parameters, and fields that the API does not know: names and values, those within them too.
    fn members_text(&mut self, members: &[(String, Box<RawValue>)]) {
        for (name, value) in members {
            self.text(name);
            texts(value.get(), |text, _| self.text(text));
        }
    }

    fn actor_text(&mut self, actor: &Actor) {
        self.texts([&actor.id, &actor.username, &actor.tenant]);
        // The two names follow each other without a gap, so that a full name is a phrase.
        match (&actor.first_name, &actor.last_name) {
            (Some(first), Some(last)) => self.text(&format!("{first} {last}")),
            (first, last) => self.texts([first, last]),
        }
        actor.aliases.iter().chain(&actor.groups).chain(&actor.roles).for_each(|text| self.text(text));
        self.members_text(&actor.extra);
    }

    fn texts<const N: usize>(&mut self, texts: [&Option<String>; N]) {
        texts.into_iter().flatten().for_each(|text| self.text(text));
    }

    /// Adds the words of one value and a gap, then the parts of its compound words, each with a gap.
    fn text(&mut self, text: &str) {
        analyse(text, self);
        self.gap();
        while let Some(&compound) = self.compounds.get(self.fresh) {
            self.fresh += 1;
            let Doc { arena, words, .. } = &mut self.doc;
            // The parts are pieces of characters that are there already, once they have no capitals.
            let lower = append_lower_copy(arena, compound);
            let mut at = lower.start;
            parts(compound.of(arena), |part| {
                words.push(Span { start: at, end: at + part.len() as u32 });
                at += part.len() as u32;
            });
            words.push(Span::GAP);
        }
    }
}

/// Appends a piece again, without capitals.
fn append_lower_copy(arena: &mut String, piece: Span) -> Span {
    let start = arena.len();
    arena.extend_from_within(piece.start as usize..piece.end as usize);
    arena[start..].make_ascii_lowercase();
    Span { start: start as u32, end: arena.len() as u32 }
}

impl Sink for Writer {
    fn word(&mut self, word: &str) {
        let span = append(&mut self.doc.arena, word);
        self.doc.words.push(span);
    }

    fn capitals(&mut self, word: &str) {
        let span = append_lower(&mut self.doc.arena, word);
        self.doc.words.push(span);
    }

    fn opaque(&mut self, _: Kind, token: &str) {
        self.term(Field::Whole, token);
        self.gap();
    }

    fn token(&mut self, _: Kind, token: &str, _: usize) {
        self.term(Field::Whole, token);
    }

    fn phone(&mut self, phone: &Phone, _: usize) {
        phone.tokens().iter().for_each(|token| self.term(Field::Whole, token));
    }

    fn compound(&mut self, word: &str) {
        let arena = &mut self.doc.arena;
        let known = self.compounds.iter().any(|span| span.of(arena) == word);
        if !known && self.compounds.len() < COMPOUNDS_MAX {
            let span = append(arena, word);
            self.compounds.push(span);
        }
    }
}
