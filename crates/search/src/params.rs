//! Query parameters to a [`Query`]: the filters of `GET /v1/events`.
//!
//! Nearly every parameter is short for a condition of the filter language on the attribute of the same name; several
//! `filter`s must all hold.
//! The same parameter several times means any of the values; `!` before a value means that it must not be there, and
//! an event that lacks the field passes. Bounds of time are given once: two of them may mean the wider or the narrower
//! range. Anything else combines with "and". A value that can't be understood is a problem with the parameter's name in
//! `field`: a misspelt filter must never widen a result.

use indelible_event::{Code, Problem, Timestamp, nearest_name};
use jiff::tz::TimeZone;

use crate::filter::attribute::{Attribute, Named};
use crate::filter::condition;
use crate::filter::operator::{Operator, Value};
use crate::filter::{AnyName, Catalogue, Context, parse};
use crate::instant::{parse_instant, parse_zone};
use crate::query::{Expr, Query, TimeRange};
use crate::text::parse_text;

/// The filter parameters that [`Query::from_params`] reads.
pub const KNOWN_PARAMETERS: [&str; 37] = [
    "action",
    "action_type",
    "actor",
    "actor_tenant",
    "affected",
    "affected_tenant",
    "anomalous",
    "application",
    "channel",
    "component",
    "data_source",
    "erased",
    "field_changed",
    "filter",
    "group",
    "held",
    "host",
    "id",
    "involves_tenant",
    "ip",
    "node",
    "object",
    "object_category",
    "outcome",
    "q",
    "reason",
    "received_since",
    "received_until",
    "request_id",
    "role",
    "session_id",
    "severity",
    "since",
    "tenant",
    "trace_id",
    "until",
    "user",
];

/// Values taken for one parameter; more is a mistake, or an attempt to make a query expensive.
const VALUES_MAX: usize = 1_000;

/// The one of the `known` parameters that is nearest to `name`, if one is near enough to be what was meant.
pub fn nearest_parameter<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    nearest_name(name, known.iter().copied())
}

impl Query {
    /// As [`Query::from_params_with`], with every name of an action type or object category taken as it is.
    ///
    /// # Errors
    /// One `invalid_filter` for each value that can't be understood, `field` being the parameter's name.
    pub fn from_params(params: &[(String, String)], now: Timestamp) -> Result<Query, Vec<Problem>> {
        Self::from_params_with(params, now, &AnyName)
    }

    /// Reads the filters among `params`; other parameters (`limit`, `after` ...) are the caller's and are passed over,
    /// but `tz`, an IANA zone, says in which calendar a duration's days and months are counted (UTC if absent).
    ///
    /// Names of action types, object categories and object types, in parameters and in `filter` alike, mean what the
    /// `catalogue` says. Names of tenants wait for [`Query::resolve_tenants`] and [`Query::widen_tenant_names`].
    ///
    /// # Errors
    /// One `invalid_filter` for each value that can't be understood, `field` being the parameter's name; that of a
    /// `filter` begins with the position of the mistake.
    pub fn from_params_with(
        params: &[(String, String)],
        now: Timestamp,
        catalogue: &dyn Catalogue,
    ) -> Result<Query, Vec<Problem>> {
        let mut reader = Reader { params, problems: Vec::new() };
        let query = reader.query(now, catalogue);
        if reader.problems.is_empty() { Ok(query) } else { Err(reader.problems) }
    }
}

/// The times that the parameters `since` and `until` ask about, whatever other conditions narrow the question to.
#[derive(Clone, Debug)]
pub struct AskedTimes {
    /// Included; in microseconds.
    pub since: Option<i64>,
    /// Excluded.
    pub until: Option<i64>,
    /// The zone that calendar units are counted in.
    pub zone: TimeZone,
}

impl AskedTimes {
    /// Reads `since`, `until` and `tz` among `params`.
    ///
    /// # Errors
    /// As [`Query::from_params_with`], for these three.
    pub fn from_params(params: &[(String, String)], now: Timestamp) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader { params, problems: Vec::new() };
        let zone = reader.zone();
        let context = Context { now, zone: &zone, catalogue: &AnyName };
        let since = reader.instant("since", &context);
        let until = reader.instant("until", &context);
        if reader.problems.is_empty() { Ok(Self { since, until, zone }) } else { Err(reader.problems) }
    }
}

struct Reader<'a> {
    params: &'a [(String, String)],
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn query(&mut self, now: Timestamp, catalogue: &dyn Catalogue) -> Query {
        let zone = self.zone();
        let context = Context { now, zone: &zone, catalogue };
        let mut parts = vec![
            Expr::Time(self.range("since", "until", &context)),
            Expr::Received(self.range("received_since", "received_until", &context)),
        ];
        for name in KNOWN_PARAMETERS {
            match name {
                "since" | "until" | "received_since" | "received_until" => {}
                "filter" => parts.extend(self.filters(&context)),
                name => parts.extend(self.conditions(name, &context)),
            }
        }
        Query::new(Expr::And(parts))
    }

    fn zone(&mut self) -> TimeZone {
        match self.values("tz").last().map(|name| parse_zone(name)) {
            None => TimeZone::UTC,
            Some(Ok(zone)) => zone,
            Some(Err(message)) => {
                self.refuse("tz", message);
                TimeZone::UTC
            }
        }
    }

    fn values(&self, name: &str) -> Vec<&'a str> {
        self.params.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str()).collect()
    }

    fn refuse(&mut self, name: &str, message: String) {
        self.problems.push(Problem { code: Code::InvalidFilter, field: name.to_owned(), message });
    }

    /// The values of `filter`, all of which must hold.
    fn filters(&mut self, context: &Context<'_>) -> Vec<Expr> {
        let mut all = Vec::new();
        for text in self.few("filter") {
            match parse(text, context) {
                Ok(expr) => all.push(expr),
                Err(message) => self.refuse("filter", message),
            }
        }
        all
    }

    /// The conditions of one parameter: any of the plain values, none of the negated ones.
    fn conditions(&mut self, name: &'static str, context: &Context<'_>) -> Vec<Expr> {
        let (mut any, mut none) = (Vec::new(), Vec::new());
        for value in self.few(name) {
            let (negated, wanted) = match value.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, value),
            };
            match condition(name, wanted, context) {
                Ok(expr) if negated => none.push(Expr::Not(Box::new(expr))),
                Ok(expr) => any.push(expr),
                Err(message) => self.refuse(name, message),
            }
        }
        if !any.is_empty() {
            none.push(Expr::or(any));
        }
        none
    }

    /// The values of a parameter, unless there are too many.
    fn few(&mut self, name: &'static str) -> Vec<&'a str> {
        let values = self.values(name);
        if values.len() > VALUES_MAX {
            self.refuse(name, format!("at most {VALUES_MAX} values are taken for one parameter"));
            return Vec::new();
        }
        values
    }

    fn range(&mut self, since: &'static str, until: &'static str, context: &Context<'_>) -> TimeRange {
        TimeRange {
            since: self.instant(since, context).unwrap_or(i64::MIN),
            until: self.instant(until, context).unwrap_or(i64::MAX),
        }
    }

    fn instant(&mut self, name: &'static str, context: &Context<'_>) -> Option<i64> {
        let values = self.values(name);
        let [value] = values.as_slice() else {
            if !values.is_empty() {
                self.refuse(name, format!("{name} may be given once only"));
            }
            return None;
        };
        match parse_instant(value, context.now, context.zone) {
            Ok(at) => Some(at.as_micros()),
            Err(message) => {
                self.refuse(name, message);
                None
            }
        }
    }
}

/// What one value of a parameter demands.
fn condition(name: &'static str, value: &str, context: &Context<'_>) -> Result<Expr, String> {
    if value.is_empty() {
        return Err("the value is empty; leave the parameter out to not filter by it".to_owned());
    }
    if name == "q" {
        return parse_text(value);
    }
    let Some(attribute) = Attribute::of(name) else {
        return Err(format!("the parameter {name} is no filter"));
    };
    // Only marks are true or false; `action=true` means a name.
    let value = match name {
        "held" | "erased" | "anomalous" => Value::bare(value),
        _ => Value::Text(value.to_owned()),
    };
    condition::compare(&Named::Fixed(attribute), Operator::Equal, &value, context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_parameters_since_and_until_are_times_that_are_asked_about() {
        let now = Timestamp::from_micros(0);
        let asked = |params: &[(&str, &str)]| {
            let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            let params: Vec<_> = params.iter().map(pair).collect();
            let asked = AskedTimes::from_params(&params, now).ok();
            asked.map(|AskedTimes { since, until, zone }| (since, until, zone.iana_name().map(str::to_owned)))
        };
        let (hour, utc) = (3_600_000_000, Some("UTC".to_owned()));
        for (params, expected) in [
            (&[][..], Some((None, None, utc.clone()))),
            (&[("since", "PT1H")], Some((Some(-hour), None, utc.clone()))),
            (
                &[("since", "PT2H"), ("until", "1970-01-01T00:00:00Z"), ("tz", "Europe/Rome")],
                Some((Some(-2 * hour), Some(0), Some("Europe/Rome".to_owned()))),
            ),
            (
                &[("received_since", "PT1H"), ("filter", "time ge \"1969-01-01T00:00:00Z\"")],
                Some((None, None, utc)),
            ),
            (&[("since", "PT1H"), ("since", "PT2H")], None),
            (&[("since", "yesterday")], None),
            (&[("tz", "Mars/Olympus")], None),
        ] {
            assert_eq!(asked(params), expected, "{params:?}");
        }
    }
}
