//! The text form of `filter=`: conditions on attributes with `and`, `or`, `not` and parentheses.
//!
//! Grammar after SCIM, RFC 7644 section 3.4.2.2, with `in (..)` and `cidr` added and value paths (`a[b eq 1]`) left out; what
//! each attribute takes is in [`attribute`]. Compiles to the same expression as the other parameters.

mod address;
pub(crate) mod attribute;
pub(crate) mod condition;
pub(crate) mod operator;
mod parser;
mod people;
pub(crate) mod print;
#[cfg(test)]
mod tests;

use indelible_event::Timestamp;
use jiff::tz::TimeZone;

pub(crate) use parser::parse;
pub use people::people_named;
pub use print::name_tenants;

/// Names of the catalogue, which an installation can edit: what labels mean, and what there is.
pub trait Catalogue {
    /// The id of the action type with this id or label, compared without case; `None` if there is none.
    fn action_type(&self, name: &str) -> Option<String>;

    /// The id of the object category with this id or label.
    fn object_category(&self, name: &str) -> Option<String>;

    /// All names of the object type with this id, label or alias, which events may have sent: the id, the label, the
    /// aliases. Empty for a type that the catalogue does not know: it can be asked for as well, since events may have any.
    fn object_names(&self, name: &str) -> Vec<String> {
        let _ = name;
        Vec::new()
    }
}

/// A catalogue that takes every name as it is.
pub(crate) struct AnyName;

impl Catalogue for AnyName {
    fn action_type(&self, name: &str) -> Option<String> {
        Some(name.to_owned())
    }

    fn object_category(&self, name: &str) -> Option<String> {
        Some(name.to_owned())
    }
}

/// What values are read with.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// What durations are counted back from.
    pub(crate) now: Timestamp,
    /// In whose calendar.
    pub(crate) zone: &'a TimeZone,
    pub(crate) catalogue: &'a dyn Catalogue,
}
