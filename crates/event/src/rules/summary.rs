//! The summary: who did what to what, from where, with what outcome, in one plain English sentence.
//!
//! Says only what the event says: no actor makes a passive sentence, no outcome makes none, "System" stands for actors
//! of type system only. Values are cut when long and freed of line breaks and control characters, because the
//! sentence is shown in one line everywhere; the details keep them verbatim.

use std::fmt::Write;

use super::catalogue::{ActionType, Catalogue, Words};
use super::pattern::{Name, squash};
use crate::model::{Actor, ActorType, Client, Event, Outcome, OutcomeResult, Target};

/// Most characters of one value in the sentence.
const VALUE_CHARS_MAX: usize = 120;

/// What a name may say beyond verb and target without being worth repeating.
const FILLERS: [&str; 4] = ["a", "an", "the", "new"];

pub(super) fn summary(
    event: &Event,
    action: &Name,
    action_type: &ActionType,
    catalogue: &Catalogue,
) -> String {
    let object = event.targets.first().and_then(|target| object(target, catalogue, event.actor.as_ref()));
    let more = event.targets.len().saturating_sub(1);
    let object = object.map(|object| match more {
        0 => object,
        more => {
            let text = format!("{} and {more} more", object.phrase.text);
            Object { phrase: Phrase { text, ..object.phrase }, ..object }
        }
    });
    let other = catalogue.action_type(super::OTHER).map(|other| &other.words);
    let words = match (&object, other) {
        // "deleted" alone says less than the action's own name.
        (None, Some(other)) if !action_type.words.alone => other,
        _ => &action_type.words,
    };
    let mut out = String::with_capacity(160);
    match &event.actor {
        Some(actor) => active(&mut out, &beginning(who(actor)), event, words, object.as_ref()),
        None => passive(&mut out, event, words, object.as_ref()),
    }
    if let Some(tenant) = tenant(event) {
        // "logged in in" would be: "logged in to" already says where.
        let to = object.is_none() && out.ends_with(" in");
        let of = object.is_none() && out.ends_with(" out");
        out.push_str(if to {
            " to "
        } else if of {
            " of "
        } else {
            " in "
        });
        out.push_str(&plain(tenant));
    }
    if let Some(principal) = &event.on_behalf_of {
        let _ = write!(out, " on behalf of {}", who(principal).text);
    }
    push_address(&mut out, &event.client);
    if let Some(occurrences) = event.occurrences.as_ref().filter(|occurrences| occurrences.count > 1) {
        let _ = write!(out, ", {} times", occurrences.count);
    }
    if !words.past.contains("{action}") && !says_it(action, action_type, &event.targets, catalogue) {
        let _ = write!(out, " ({})", plain(&event.action));
    }
    push_outcome(&mut out, &event.outcome);
    out
}

/// `admin successfully deleted subscriber user100`, `admin tried to delete ...`.
fn active(out: &mut String, who: &str, event: &Event, words: &Words, object: Option<&Object>) {
    let verb = match event.outcome.result {
        Some(OutcomeResult::Success) => format!("successfully {}", words.past),
        Some(OutcomeResult::Failure | OutcomeResult::Denied | OutcomeResult::Challenge) => {
            format!("tried to {}", words.base)
        }
        Some(OutcomeResult::Unknown) | None => words.past.clone(),
    };
    let _ = write!(out, "{who} {}", named(&verb, event));
    if let Some(object) = object {
        push_object(out, words, object);
    }
}

/// `subscriber user100 was deleted`, `an attempt was made to delete ...`, `"X" was performed on ...`.
fn passive(out: &mut String, event: &Event, words: &Words, object: Option<&Object>) {
    let failed = matches!(
        event.outcome.result,
        Some(OutcomeResult::Failure | OutcomeResult::Denied | OutcomeResult::Challenge)
    );
    let successfully =
        if event.outcome.result == Some(OutcomeResult::Success) { "successfully " } else { "" };
    match object {
        Some(object) if words.preposition.is_empty() && !words.past.contains("{action}") => {
            if failed {
                let _ = write!(out, "An attempt was made to {} {}", words.base, object.phrase.text);
            } else {
                let _ = write!(out, "{} was {successfully}{}", beginning(object.phrase.clone()), words.past);
            }
        }
        object => {
            let name = plain(&event.action);
            let was = if failed { "was attempted" } else { "was performed" };
            let _ = match successfully {
                "" => write!(out, "\"{name}\" {was}"),
                _ => write!(out, "\"{name}\" was successfully performed"),
            };
            if let Some(object) = object {
                let _ = write!(out, " on {}", object.phrase.text);
            }
        }
    }
}

fn push_object(out: &mut String, words: &Words, object: &Object) {
    out.push(' ');
    if words.preposition == "to" && object.is_person {
        out.push_str("as ");
    } else if !words.preposition.is_empty() {
        out.push_str(&words.preposition);
        out.push(' ');
    }
    out.push_str(&object.phrase.text);
}

fn named(verb: &str, event: &Event) -> String {
    verb.replace("{action}", &plain(&event.action))
}

/// Somebody or something, as the sentence names it.
#[derive(Clone)]
struct Phrase {
    text: String,
    /// Whether its first word is a common one, not a name; such words get a capital at the sentence's beginning.
    common: bool,
}

fn beginning(phrase: Phrase) -> String {
    let mut chars = phrase.text.chars();
    match chars.next() {
        Some(first) if phrase.common => first.to_uppercase().chain(chars).collect(),
        _ => phrase.text,
    }
}

/// `admin (Ada Li, company.com)`, `System`, `API key ci`.
fn who(actor: &Actor) -> Phrase {
    let full_name = actor.full_name();
    let names = [actor.username.as_ref(), full_name.as_ref(), actor.id.as_ref(), actor.aliases.first()];
    let name = names.into_iter().flatten().next();
    let mut beside: Vec<String> = Vec::new();
    if let Some(second) = full_name.as_ref().or(actor.aliases.first())
        && name != Some(second)
    {
        beside.push(plain(second));
    }
    if let Some(tenant) = &actor.tenant
        && !names.iter().flatten().any(|name| name.ends_with(tenant.as_str()))
        && !actor.aliases.iter().any(|alias| alias.ends_with(tenant.as_str()))
    {
        beside.push(plain(tenant));
    }
    let name = name.map(|name| plain(name));
    let common = name.is_none() || !matches!(actor.kind, None | Some(ActorType::User));
    let mut text = match (actor.kind, name) {
        (Some(ActorType::System), name) => {
            beside.splice(0..0, name.filter(|name| squash(name) != "system"));
            "System".to_owned()
        }
        (Some(ActorType::Anonymous), name) => {
            beside.splice(0..0, name);
            "an anonymous user".to_owned()
        }
        (Some(ActorType::Service), Some(name)) => format!("service {name}"),
        (Some(ActorType::Role), Some(name)) => format!("role {name}"),
        (Some(ActorType::ApiKey), Some(name)) => format!("API key {name}"),
        (_, Some(name)) => name,
        (Some(ActorType::Service), None) => "a service".to_owned(),
        (Some(ActorType::Role), None) => "a role".to_owned(),
        (Some(ActorType::ApiKey), None) => "an API key".to_owned(),
        (Some(ActorType::User), None) => "a user".to_owned(),
        (None, None) => "someone".to_owned(),
    };
    if !beside.is_empty() {
        let _ = write!(text, " ({})", beside.join(", "));
    }
    Phrase { text, common }
}

/// What the sentence says of a target.
struct Object {
    phrase: Phrase,
    /// Whether one can log in *as* it.
    is_person: bool,
}

/// `subscriber user100`, `a recording`; `None` if nothing is known of it or it is the actor itself.
fn object(target: &Target, catalogue: &Catalogue, actor: Option<&Actor>) -> Option<Object> {
    let known = target.kind.as_deref().and_then(|kind| catalogue.object_type(kind));
    let noun = target.kind.as_deref().map(|kind| match known {
        // The sender's own word stays where it is an alias: a user is not told of as a subscriber.
        Some(known) if [squash(&known.id), squash(&known.label)].contains(&squash(kind)) => {
            known.noun.clone()
        }
        Some(_) if kind.chars().all(|c| c.is_alphabetic() || " _-".contains(c)) => {
            plain(kind).replace('_', " ").to_lowercase()
        }
        _ => plain(kind),
    });
    let names = [&target.name, &target.username, &target.id];
    let name = names.into_iter().flatten().next().or(target.aliases.first());
    let is_person = known.is_some_and(|known| ["subscriber", "admin"].contains(&&*known.id));
    let is_actor = is_person
        && actor.is_some_and(|actor| {
            let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
            same(&actor.id, &target.id)
                || same(&actor.username, &target.username)
                || same(&actor.username, &target.name)
        });
    let common = noun.is_some() || is_actor;
    let text = match (noun, name) {
        _ if is_actor => "their own account".to_owned(),
        (Some(noun), Some(name)) => format!("{noun} {}", plain(name)),
        (None, Some(name)) => plain(name),
        (Some(noun), None) => {
            let vowel = noun.starts_with(|c: char| "aeiouAEIOU".contains(c));
            format!("{} {noun}", if vowel { "an" } else { "a" })
        }
        (None, None) => return None,
    };
    Some(Object { phrase: Phrase { text, common }, is_person })
}

/// The target's tenant, else the event's.
fn tenant(event: &Event) -> Option<&str> {
    let of_target = event.targets.first().and_then(|target| target.tenant.as_deref());
    of_target.or(event.tenant.as_deref()).filter(|tenant| !tenant.trim().is_empty())
}

fn push_address(out: &mut String, client: &Client) {
    match (&client.ip, &client.host) {
        (Some(ip), host) => {
            let _ = write!(out, " from {ip}");
            if let Some(zone) = &client.zone {
                let _ = write!(out, "%{zone}");
            }
            if let Some(host) = host {
                let _ = write!(out, " ({})", plain(host));
            }
        }
        (None, Some(host)) => {
            let _ = write!(out, " from {}", plain(host));
        }
        (None, None) => {}
    }
    if let Some(channel) = &client.channel {
        let _ = write!(out, " via {}", plain(channel));
    }
}

fn push_outcome(out: &mut String, outcome: &Outcome) {
    let said = match outcome.result {
        Some(OutcomeResult::Failure) => "; it failed",
        Some(OutcomeResult::Denied) => "; it was denied",
        Some(OutcomeResult::Challenge) => "; it was challenged",
        Some(OutcomeResult::Unknown) => "; its outcome is unknown",
        Some(OutcomeResult::Success) | None => return,
    };
    out.push_str(said);
    if let Some(reason) = outcome.reason.as_ref().or(outcome.code.as_ref()) {
        let _ = write!(out, ": {}", plain(reason));
    }
}

/// Whether verb and target say all that the action's own name says.
fn says_it(action: &Name, action_type: &ActionType, targets: &[Target], catalogue: &Catalogue) -> bool {
    let kind = targets.first().and_then(|target| target.kind.as_deref());
    let known = kind.and_then(|kind| catalogue.object_type(kind));
    let is_person = known.is_some_and(|known| &*known.id == "subscriber");
    let about_user = is_person || action_type.words.alone;
    let said = |list: &[String], word: &str| list.iter().any(|said| said == word);
    action.words().all(|word| {
        FILLERS.contains(&word)
            || (about_user && word == "user")
            || said(&action_type.words.said, word)
            || known.is_some_and(|known| said(&known.said, word))
            || kind.is_some_and(|kind| Name::new(kind).words().any(|said| said == word))
    })
}

/// `text` for a one-line sentence: blanks for control characters and line breaks, no direction marks, cut if long.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(4 * VALUE_CHARS_MAX));
    for (n, c) in text.trim().chars().enumerate() {
        if n == VALUE_CHARS_MAX {
            out.push('\u{2026}');
            break;
        }
        match c {
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c if c.is_control() || c.is_whitespace() => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            c => out.push(c),
        }
    }
    out.truncate(out.trim_end().len());
    out
}
