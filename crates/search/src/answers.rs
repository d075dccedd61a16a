//! What is asked beside pages and counts: figures, a histogram, the values of a field.
//!
//! All of it is exact, of visible events only, and of terms as the index has them: without case, long ones shortened.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Hit;
use crate::field::{Field, fold_case, ip_term};

/// Figures over all events that match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events.
    pub total: u64,
    /// Distinct users: actors, and targets that are somebody.
    pub users: u64,
    /// Distinct tenants that actors and targets name as their own.
    pub domains: u64,
    /// Distinct tenants that the events belong to.
    pub tenants: u64,
    /// When the first happened, in microseconds since 1970-01-01T00:00:00Z.
    pub first: Option<i64>,
    /// When the last happened, the same way.
    pub last: Option<i64>,
    /// Events by value of `action_type`, `object_category`, `outcome` and `severity`, most first, then by value.
    pub by: BTreeMap<&'static str, Vec<(String, u64)>>,
}

/// Events by time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Events in each bucket; one bucket fewer than there are edges.
    pub buckets: Vec<u64>,
    /// Of each value its events in each bucket, the value with most events first, then by value. An event with several
    /// values counts for each. At most [`Histogram::SERIES_MAX`] values.
    pub series: Vec<(String, Vec<u64>)>,
    /// The same, added up over the values beyond those.
    pub others: Vec<u64>,
    /// Events without a value, in each bucket.
    pub without: Vec<u64>,
}

impl Histogram {
    /// Most values that are told one by one.
    pub const SERIES_MAX: usize = 200;
}

/// The values that a field has in the events that match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    /// Those with most events first, then by value.
    pub values: Vec<Value>,
    /// How many there are in all that begin as asked for.
    pub distinct: u64,
    /// Events that lack the field.
    pub missing: u64,
}

/// A value and the events that have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// As the index has it: without case. An address is written as people do.
    pub term: String,
    /// Its events.
    pub count: u64,
    /// The newest of them; there the value can be read as it was sent.
    pub newest: Hit,
}

/// A field whose values can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FacetField(pub(crate) Dimension);

/// What matches can be told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Dimension {
    Field(Field),
    /// The number of the tenant that an event belongs to, as text.
    Tenant,
}

/// Every field that can be asked for, by its parameter's name, in the order of the alphabet.
const FACETS: [(&str, Dimension); 22] = [
    ("action", Dimension::Field(Field::Action)),
    ("action_type", Dimension::Field(Field::ActionType)),
    ("actor", Dimension::Field(Field::Actor)),
    ("actor_tenant", Dimension::Field(Field::ActorTenant)),
    ("affected", Dimension::Field(Field::Affected)),
    ("affected_tenant", Dimension::Field(Field::AffectedTenant)),
    ("application", Dimension::Field(Field::Application)),
    ("channel", Dimension::Field(Field::Channel)),
    ("component", Dimension::Field(Field::Component)),
    ("data_source", Dimension::Field(Field::DataSource)),
    ("field_changed", Dimension::Field(Field::Changed)),
    ("group", Dimension::Field(Field::Group)),
    ("host", Dimension::Field(Field::Host)),
    ("ip", Dimension::Field(Field::Ip)),
    ("node", Dimension::Field(Field::Node)),
    ("object", Dimension::Field(Field::Object)),
    ("object_category", Dimension::Field(Field::ObjectCategory)),
    ("outcome", Dimension::Field(Field::Outcome)),
    ("reason", Dimension::Field(Field::Reason)),
    ("role", Dimension::Field(Field::Role)),
    ("severity", Dimension::Field(Field::Severity)),
    ("tenant", Dimension::Tenant),
];

impl FacetField {
    /// The names that [`FacetField::parse`] knows.
    pub const NAMES: [&'static str; FACETS.len()] = {
        let mut names = [""; FACETS.len()];
        let mut at = 0;
        while at < FACETS.len() {
            names[at] = FACETS[at].0;
            at += 1;
        }
        names
    };

    /// The field of this name.
    pub fn parse(name: &str) -> Option<FacetField> {
        FACETS.iter().find(|(known, _)| *known == name).map(|(_, dimension)| FacetField(*dimension))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        FACETS.iter().find(|(_, dimension)| *dimension == self.0).map_or("", |(name, _)| name)
    }
}

impl Dimension {
    /// Whether values come in the order in which they are shown.
    pub(crate) fn is_ordered(self) -> bool {
        !matches!(self, Dimension::Field(Field::Ip) | Dimension::Tenant)
    }

    /// A term as answers show it.
    pub(crate) fn shown(self, term: &str) -> Cow<'_, str> {
        match self {
            Dimension::Field(Field::Ip) => {
                ip_of_term(term).map_or(Cow::Borrowed(term), |ip| Cow::Owned(ip.to_string()))
            }
            _ => Cow::Borrowed(term),
        }
    }

    /// The term of what answers show.
    pub(crate) fn kept(self, shown: &str) -> Cow<'_, str> {
        match (self, shown.parse()) {
            (Dimension::Field(Field::Ip), Ok(ip)) => Cow::Owned(ip_term(ip)),
            _ => Cow::Borrowed(shown),
        }
    }

    /// The beginning of a value as it is compared.
    pub(crate) fn folded(self, prefix: &str) -> Cow<'_, str> {
        match self {
            Dimension::Field(_) => fold_case(prefix),
            Dimension::Tenant => Cow::Borrowed(prefix),
        }
    }
}

/// The address of a term of [`Field::Ip`].
fn ip_of_term(term: &str) -> Option<IpAddr> {
    let (family, digits) = term.split_at_checked(1)?;
    match family {
        "4" => Some(Ipv4Addr::from(u32::from_str_radix(digits, 16).ok()?).into()),
        "6" => Some(Ipv6Addr::from(u128::from_str_radix(digits, 16).ok()?).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known_and_leads_back() {
        assert!(FacetField::NAMES.is_sorted());
        for name in FacetField::NAMES {
            assert_eq!(FacetField::parse(name).map(FacetField::name), Some(name));
        }
        let ip = FacetField::parse("ip").unwrap().0;
        for address in ["10.0.0.1", "::", "2001:db8::1", "255.255.255.255"] {
            let term = ip_term(address.parse().unwrap());
            assert_eq!((ip.shown(&term).as_ref(), ip.kept(address).as_ref()), (address, term.as_str()));
        }
        for name in ["", "q", "id", "Action", "word", "session_id"] {
            assert_eq!(FacetField::parse(name), None, "{name}");
        }
    }
}
