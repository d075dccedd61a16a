//! Paths into an event: where the values stand that have no field of their own, and which of them an event has.
//!
//! Part of the index format: the numbers stand for the paths in terms of [`Field::Present`](crate::field::Field), so
//! new ones are added at the end. Dynamic paths (names of parameters and changed fields) are folded like values.

use std::borrow::Cow;

use crate::field::{PATH_END, fold_case};

macro_rules! paths {
    ($($variant:ident $name:literal,)*) => {
        /// A fixed path.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(crate) enum Path {
            $($variant,)*
        }

        impl Path {
            /// All of them, in the order of their numbers.
            pub(crate) const ALL: &'static [Path] = &[$(Path::$variant,)*];

            /// The path as it is written in a filter.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Path::$variant => $name,)*
                }
            }
        }
    };
}

paths! {
    ActionCode "action_code",
    ActorAliases "actor.aliases",
    ActorFirstName "actor.first_name",
    ActorGroups "actor.groups",
    ActorId "actor.id",
    ActorLastName "actor.last_name",
    ActorRoles "actor.roles",
    ActorTenant "actor.tenant",
    ActorType "actor.type",
    ActorUsername "actor.username",
    Changes "changes",
    ChangesNew "changes.new",
    ChangesOld "changes.old",
    ClientChain "client.chain",
    ClientChained "client.chained_ip",
    ClientChannel "client.channel",
    ClientHost "client.host",
    ClientIp "client.ip",
    ClientPort "client.port",
    ClientUserAgent "client.user_agent",
    ClientZone "client.zone",
    Data "data",
    Details "details",
    ObjectCategory "object_category",
    OccurrencesCount "occurrences.count",
    OccurrencesFirst "occurrences.first",
    OccurrencesLast "occurrences.last",
    BehalfAliases "on_behalf_of.aliases",
    BehalfFirstName "on_behalf_of.first_name",
    BehalfGroups "on_behalf_of.groups",
    BehalfId "on_behalf_of.id",
    BehalfLastName "on_behalf_of.last_name",
    BehalfRoles "on_behalf_of.roles",
    BehalfTenant "on_behalf_of.tenant",
    BehalfType "on_behalf_of.type",
    BehalfUsername "on_behalf_of.username",
    OutcomeCode "outcome.code",
    OutcomeReason "outcome.reason",
    OutcomeResult "outcome.result",
    Parameters "parameters",
    RelatedId "related.id",
    RelatedType "related.type",
    RequestId "request_id",
    SessionId "session_id",
    SourceApplication "source.application",
    SourceComponent "source.component",
    SourceDataSource "source.data_source",
    SourceNode "source.node",
    SourceVersion "source.version",
    TargetsAliases "targets.aliases",
    TargetsGroups "targets.groups",
    TargetsId "targets.id",
    TargetsName "targets.name",
    TargetsRoles "targets.roles",
    TargetsTenant "targets.tenant",
    TargetsType "targets.type",
    TargetsUsername "targets.username",
    Targets "targets",
    TraceId "trace_id",
}

/// Begins the term of [`Field::Present`](crate::field::Field) that names the fixed paths which an event has.
pub(crate) const PROFILE: &str = "=";
/// Begins such a term with names of parameters, each between two [`PATH_END`].
pub(crate) const PARAMETER_NAMES: &str = "p";
/// What comes before the name of a parameter in its path.
pub(crate) const PARAMETERS: &str = "parameters.";
/// What comes before the name of a changed field in the paths of its values.
pub(crate) const CHANGES: &str = "changes.";

impl Path {
    /// Stands for the path in a profile.
    pub(crate) const fn letter(self) -> char {
        // ASCII from `!` on: there are fewer than 94 paths, as a test says.
        (b'!' + self as u8) as char
    }

    /// The path that a letter stands for.
    pub(crate) fn of_letter(letter: char) -> Option<Path> {
        Path::ALL.iter().copied().find(|path| path.letter() == letter)
    }

    const fn bit(self) -> u128 {
        1 << self as u8
    }
}

/// A set of fixed paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Paths(u128);

impl Paths {
    pub(crate) fn add(&mut self, path: Path) {
        self.0 |= path.bit();
    }

    /// Appends the letters of its paths, in order.
    pub(crate) fn write_letters(self, to: &mut String) {
        let mut rest = self.0;
        while rest != 0 {
            to.push(char::from(b'!' + rest.trailing_zeros() as u8));
            rest &= rest - 1;
        }
    }
}

/// A name that a sender chose, as it stands in paths: without case, and without the character that ends a path.
pub(crate) fn fold_name(name: &str) -> Cow<'_, str> {
    match fold_case(name) {
        folded if folded.contains(PATH_END) => Cow::Owned(folded.replace(PATH_END, "\u{241f}")),
        folded => folded,
    }
}

/// The term of a value, folded already, at a path.
pub(crate) fn attribute_term(path: &str, value: &str) -> String {
    format!("{path}{PATH_END}{value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_a_printable_letter_of_its_own() {
        let mut letters = String::new();
        let mut all = Paths::default();
        for &path in Path::ALL {
            assert!(path.letter().is_ascii_graphic() && !letters.contains(path.letter()), "{path:?}");
            assert_eq!(Path::of_letter(path.letter()), Some(path));
            letters.push(path.letter());
            assert_eq!(all.0 & path.bit(), 0);
            all.add(path);
        }
        let mut written = String::new();
        all.write_letters(&mut written);
        assert_eq!(written, letters);
    }
}
