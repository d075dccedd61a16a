//! Figures about the events that match: totals, histograms, the values of a field.

use axum::response::Response;
use indelible_access::{Cut, HistogramView, Interval, ScopedReader, ValuesView};
use indelible_event::{Code, Timestamp};
use indelible_search::{FacetField, Stats};
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use super::ask::{About, Asked, limit};
use crate::{
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, PathPart, Ready},
    queries::Kind,
};

/// Values a request unless asked otherwise.
const VALUES_DEFAULT: usize = 20;
/// Values a request at most.
const VALUES_MAX: usize = 1_000;

/// A value and how many events have it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ValueCount {
    /// The value, as the newest event that has it spells it.
    value: String,
    /// Exactly so many events that match have it.
    count: u64,
}

/// Totals, most first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Totals {
    outcome: Vec<ValueCount>,
    severity: Vec<ValueCount>,
    action_type: Vec<ValueCount>,
    object_category: Vec<ValueCount>,
}

/// Totals over all events that match.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatsAnswer {
    /// Events.
    total: u64,
    /// Distinct users: actors, and targets that are persons.
    users: u64,
    /// Distinct tenants that actors and targets name as their own.
    domains: u64,
    /// Distinct tenants that the events belong to.
    tenants: u64,
    /// When the first of them happened.
    first: Option<String>,
    /// When the last of them happened.
    last: Option<String>,
    by: Totals,
    #[serde(flatten)]
    about: About,
}

/// Totals over all events that match; all exact.
#[utoipa::path(
    get, path = "/v1/stats", operation_id = "get_stats", tag = "figures",
    params(
        ("as_of" = Option<String>, Query, description = "the as_of of another answer: as of the same moment"),
        ("explain" = Option<bool>, Query, description = "also how the question is understood, and what it cost"),
    ),
    responses(
        (status = 200, body = StatsAnswer),
        (status = 400, body = ProblemDetails),
        (status = 401, body = ProblemDetails),
        (status = 403, body = ProblemDetails),
        (status = 503, body = ProblemDetails),
    )
)]
pub(crate) async fn stats(
    Ready(app): Ready,
    caller: Caller,
    mut params: Params,
) -> Result<Response, ApiError> {
    let reader = app.trail.reader(&caller.principal)?;
    let asked = Asked::read(&mut params)?;
    params.finish()?;
    asked.answer(&app, &caller, Kind::Stats, reader, ScopedReader::stats, stats_answer).await
}

fn stats_answer(mut stats: Stats, about: About) -> StatsAnswer {
    let mut counts = |name: &str| value_counts(stats.by.remove(name).unwrap_or_default());
    StatsAnswer {
        by: Totals {
            outcome: counts("outcome"),
            severity: counts("severity"),
            action_type: counts("action_type"),
            object_category: counts("object_category"),
        },
        total: stats.total,
        users: stats.users,
        domains: stats.domains,
        tenants: stats.tenants,
        first: stats.first.map(rfc3339),
        last: stats.last.map(rfc3339),
        about,
    }
}

fn value_counts(values: Vec<(String, u64)>) -> Vec<ValueCount> {
    values.into_iter().map(|(value, count)| ValueCount { value, count }).collect()
}

/// A stretch of time and its events.
#[derive(Serialize, ToSchema)]
pub(crate) struct Bucket {
    /// Included.
    start: String,
    /// Excluded.
    end: String,
    /// The start in the zone asked for, with its offset.
    local: String,
    /// Exactly so many events that match.
    count: u64,
}

/// A value's share of each bucket.
#[derive(Serialize, ToSchema)]
pub(crate) struct Series {
    /// The value.
    value: String,
    /// Its events in all.
    total: u64,
    /// Its events in each bucket.
    counts: Vec<u64>,
}

/// Events by time.
#[derive(Serialize, ToSchema)]
pub(crate) struct HistogramAnswer {
    /// Length of the buckets.
    interval: String,
    /// Zone of the calendar.
    tz: String,
    /// Events in all.
    total: u64,
    /// Without gaps, empty ones included.
    buckets: Vec<Bucket>,
    /// With `by`: the values with most events.
    #[serde(skip_serializing_if = "Option::is_none")]
    series: Option<Vec<Series>>,
    /// With `by`: all other values together, in each bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    others: Option<Vec<u64>>,
    /// With `by`: events without the field, in each bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    without: Option<Vec<u64>>,
    #[serde(flatten)]
    about: About,
}

/// Events by time, in calendar units of a zone; all exact.
#[utoipa::path(
    get, path = "/v1/histogram", operation_id = "get_histogram", tag = "figures",
    params(
        ("interval" = Option<String>, Query, description = "auto (default), or PT1M to P1Y: PT1M PT5M PT15M PT1H PT6H P1D P1W P1M P3M P1Y and the like"),
        ("by" = Option<String>, Query, description = "a field whose values are told apart, such as outcome or action_type"),
        ("as_of" = Option<String>, Query, description = "the as_of of another answer: as of the same moment"),
        ("explain" = Option<bool>, Query, description = "also how the question is understood, and what it cost"),
    ),
    responses(
        (status = 200, body = HistogramAnswer),
        (status = 400, body = ProblemDetails, description = "also where the range has more than 1000 buckets"),
        (status = 401, body = ProblemDetails),
        (status = 403, body = ProblemDetails),
        (status = 503, body = ProblemDetails),
    )
)]
pub(crate) async fn histogram(
    Ready(app): Ready,
    caller: Caller,
    mut params: Params,
) -> Result<Response, ApiError> {
    let reader = app.trail.reader(&caller.principal)?;
    let interval = match params.one("interval")?.as_deref() {
        None | Some("auto") => None,
        Some(text) => Some(Interval::parse(text).ok_or_else(|| {
            let message = "interval is auto, minutes or hours that divide a day, 1 to 28 days, 1 to 4 weeks, or months that divide \
                           a year: PT1M, PT5M, PT15M, PT1H, PT6H, P1D, P1W, P1M, P3M, P1Y";
            ApiError::field(Code::InvalidFilter, "interval", message)
        })?),
    };
    let by = params.one("by")?.map(|name| facet("by", &name)).transpose()?;
    let asked = Asked::read(&mut params)?.telling("by", by.map_or("", FacetField::name));
    params.finish()?;
    let named = asked.question.filters.iter().find(|(name, _)| name == "tz").map(|(_, zone)| zone.as_str());
    let tz = named.unwrap_or("UTC").to_owned();
    let zone = TimeZone::get(&tz).map_err(|_| {
        ApiError::field(Code::InvalidFilter, "tz", "expected an IANA time zone such as Europe/Rome")
    })?;
    let cut = Cut { interval, by, zone: zone.clone() };
    let find = move |reader: &ScopedReader, question: &_, now, budget: &_| {
        reader.histogram(question, &cut, now, budget)
    };
    let show = |view, about| histogram_answer(view, tz, &zone, by.is_some(), about);
    asked.answer(&app, &caller, Kind::Histogram, reader, find, show).await
}

fn histogram_answer(
    view: HistogramView,
    tz: String,
    zone: &TimeZone,
    by: bool,
    about: About,
) -> HistogramAnswer {
    let local = |at: i64| {
        let at = jiff::Timestamp::from_microsecond(at).unwrap_or_default().to_zoned(zone.clone());
        at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    };
    let buckets = view.edges.windows(2).zip(&view.buckets).map(|(edges, count)| Bucket {
        start: rfc3339(edges[0]),
        end: rfc3339(edges[1]),
        local: local(edges[0]),
        count: *count,
    });
    let buckets: Vec<_> = buckets.collect();
    let series =
        view.series.into_iter().map(|(value, counts)| Series { value, total: counts.iter().sum(), counts });
    // Where a field has few values there are no others; a chart wants as many numbers as there are buckets all the same.
    let whole = |mut counts: Vec<u64>| {
        counts.resize(buckets.len(), 0);
        counts
    };
    HistogramAnswer {
        interval: view.interval.to_string(),
        tz,
        total: view.buckets.iter().sum(),
        series: by.then(|| series.collect()),
        others: by.then(|| whole(view.others)),
        without: by.then(|| whole(view.without)),
        buckets,
        about,
    }
}

/// The values of a field.
#[derive(Serialize, ToSchema)]
pub(crate) struct ValuesAnswer {
    /// The field.
    field: &'static str,
    /// Those that most events have, first.
    values: Vec<ValueCount>,
    /// How many values begin as asked for, in all.
    distinct: u64,
    /// Events that match and lack the field.
    missing: u64,
    #[serde(flatten)]
    about: About,
}

/// The values of a field in the events that match, with exact counts: for facets, and to complete what is typed.
#[utoipa::path(
    get, path = "/v1/values/{field}", operation_id = "list_values", tag = "figures",
    params(
        ("field" = String, Path, description = "such as action, actor, actor_tenant, affected, affected_tenant, application, ip, object, outcome, role"),
        ("prefix" = Option<String>, Query, description = "only values that begin so, without case"),
        ("limit" = Option<usize>, Query, description = "1 to 1000, default 20"),
        ("as_of" = Option<String>, Query, description = "the as_of of another answer: as of the same moment"),
        ("explain" = Option<bool>, Query, description = "also how the question is understood, and what it cost"),
    ),
    responses(
        (status = 200, body = ValuesAnswer),
        (status = 400, body = ProblemDetails, description = "also for a field that has no list of values; the answer names those that have"),
        (status = 401, body = ProblemDetails),
        (status = 403, body = ProblemDetails),
        (status = 503, body = ProblemDetails),
    )
)]
pub(crate) async fn values(
    Ready(app): Ready,
    caller: Caller,
    PathPart(name): PathPart,
    mut params: Params,
) -> Result<Response, ApiError> {
    let reader = app.trail.reader(&caller.principal)?;
    let field = facet("field", &name)?;
    let prefix = params.one("prefix")?.unwrap_or_default();
    let limit = limit(&mut params, VALUES_DEFAULT, VALUES_MAX)?;
    let asked = Asked::read(&mut params)?.telling("field", field.name()).telling("prefix", &prefix);
    params.finish()?;
    let find = move |reader: &ScopedReader, question: &_, now, budget: &_| {
        reader.values(question, field, &prefix, limit, now, budget)
    };
    let show = |view: ValuesView, about| ValuesAnswer {
        field: field.name(),
        values: value_counts(view.values),
        distinct: view.distinct,
        missing: view.missing,
        about,
    };
    asked.answer(&app, &caller, Kind::Values, reader, find, show).await
}

/// The field of this name, or a refusal that lists those that there are.
fn facet(parameter: &str, name: &str) -> Result<FacetField, ApiError> {
    FacetField::parse(name).ok_or_else(|| {
        let known = FacetField::NAMES.join(", ");
        ApiError::field(Code::InvalidFilter, parameter, format!("{parameter} is one of {known}"))
    })
}

fn rfc3339(micros: i64) -> String {
    Timestamp::from_micros(micros).to_rfc3339()
}
