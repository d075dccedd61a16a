//! What all questions about events have in common: filters in, and what an answer says about itself.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use indelible_access::{Question, ReadError, ScopedReader, Standing};
use indelible_event::{Code, Timestamp};
use indelible_search::{Budget, Cost, KNOWN_PARAMETERS};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    app::App,
    error::ApiError,
    extract::{Caller, Params},
    looking::LookKind,
    queries::{Done, Kind, note},
};

/// What an answer says about itself.
#[derive(Serialize, ToSchema)]
pub(crate) struct About {
    /// The moment that the answer is about: give it back as `as_of` to ask other questions about the same moment.
    as_of: String,
    /// Everything received up to then is considered.
    complete_through: String,
    /// Present while the index is being built from the ledger: the answer does not have everything yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    rebuilding: bool,
    /// How the question is understood; with `explain=true` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    explain: Option<Value>,
    /// What the answer cost; with `explain=true` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    cost: Option<Value>,
}

impl About {
    pub(crate) fn new(standing: &Standing, explain: Option<Value>, reader: &ScopedReader) -> Self {
        Self {
            as_of: standing.as_of.clone(),
            complete_through: standing.complete_through.to_rfc3339(),
            rebuilding: standing.rebuilding,
            cost: explain.is_some().then(|| reader.cost_shown(&standing.cost)),
            explain,
        }
    }
}

/// Takes the filters out of the parameters, `tz` with them.
pub(crate) fn filters(params: &mut Params) -> Result<Vec<(String, String)>, ApiError> {
    let mut filters = params.all_of(&KNOWN_PARAMETERS);
    filters.extend(params.one("tz")?.map(|zone| ("tz".to_owned(), zone)));
    Ok(filters)
}

/// A question about figures, and whether its plan is wanted.
pub(crate) struct Asked {
    pub(crate) question: Question,
    pub(crate) explain: bool,
    /// What the record of it says beside the filters, such as whose values are asked for.
    pub(crate) told: Vec<(String, String)>,
}

impl Asked {
    /// Takes a question out of the parameters.
    pub(crate) fn read(params: &mut Params) -> Result<Self, ApiError> {
        let filters = filters(params)?;
        let question = Question { filters, as_of: params.one("as_of")? };
        Ok(Self { question, explain: params.flag("explain", false)?, told: Vec::new() })
    }

    /// The same with something more for its record.
    pub(crate) fn telling(mut self, name: &str, value: &str) -> Self {
        if !value.is_empty() {
            self.told.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Answers it when its turn comes: what `find` found as `show` shows it, with what all answers say of themselves.
    pub(crate) async fn answer<T: Send + 'static, B: Serialize>(
        self,
        app: &App,
        caller: &Caller,
        kind: Kind,
        reader: ScopedReader,
        find: impl FnOnce(&ScopedReader, &Question, Timestamp, &Budget) -> Result<(T, Standing), ReadError>
        + Send
        + 'static,
        show: impl FnOnce(T, About) -> B,
    ) -> Result<Response, ApiError> {
        let Self { question, explain, told } = self;
        let (now, filters, reading) = (app.now(), question.filters.clone(), reader.clone());
        let work = move |budget: &_| {
            let (found, standing) = find(&reading, &question, now, budget)?;
            let explain = plan(&reading, explain, &question.filters, &standing, now, budget)?;
            Ok((found, standing, explain))
        };
        let Done { answer: (found, standing, explain), waited } =
            app.queries.run(kind, &filters, work).await?;
        let told = [filters, told].concat();
        app.look(caller, &reader, LookKind::Figures, &told).await?;
        let body = show(found, About::new(&standing, explain, &reader));
        respond(kind, &reader, &Done { answer: (), waited }, &standing, &body)
    }
}

/// The plan of what was answered, where it is wanted: as of the answer's moment, and within what is left of its budget.
pub(crate) fn plan(
    reader: &ScopedReader,
    wanted: bool,
    filters: &[(String, String)],
    standing: &Standing,
    now: Timestamp,
    budget: &Budget,
) -> Result<Option<Value>, ReadError> {
    wanted.then(|| reader.explain(filters, &standing.as_of, now, budget)).transpose()
}

/// A number from 1 to `max`.
pub(crate) fn limit(params: &mut Params, default: usize, max: usize) -> Result<usize, ApiError> {
    match params.one("limit")? {
        None => Ok(default),
        Some(text) => text.parse().ok().filter(|limit| (1..=max).contains(limit)).ok_or_else(|| {
            ApiError::field(Code::InvalidFilter, "limit", format!("limit is a number from 1 to {max}"))
        }),
    }
}

/// A JSON answer with what it cost in `Server-Timing`, and the cost in the metrics.
pub(crate) fn respond<T>(
    kind: Kind,
    reader: &ScopedReader,
    done: &Done<T>,
    standing: &Standing,
    body: &impl Serialize,
) -> Result<Response, ApiError> {
    let body = serde_json::to_string(body).map_err(|error| ApiError::internal(error.to_string()))?;
    let response = ([(header::CONTENT_TYPE, "application/json")], body).into_response();
    Ok(timed(kind, reader, done, &standing.cost, response))
}

/// An answer with what it cost in `Server-Timing`, and the cost in the metrics.
pub(crate) fn timed<T>(
    kind: Kind,
    reader: &ScopedReader,
    done: &Done<T>,
    cost: &Cost,
    mut response: Response,
) -> Response {
    note(kind, cost);
    timing(response.headers_mut(), reader, done, cost);
    response
}

fn timing<T>(headers: &mut HeaderMap, reader: &ScopedReader, done: &Done<T>, cost: &Cost) {
    let shown = reader.cost_shown(cost);
    let figures = shown.as_object().into_iter().flatten().filter(|(name, _)| *name != "elapsed_ms");
    let figures: Vec<_> = figures.map(|(name, value)| format!("{name}={value}")).collect();
    let text = format!(
        "queue;dur={:.3}, search;dur={:.3};desc=\"{}\"",
        done.waited.as_secs_f64() * 1e3,
        cost.elapsed.as_secs_f64() * 1e3,
        figures.join(" "),
    );
    if let Ok(text) = HeaderValue::try_from(text) {
        headers.insert(HeaderName::from_static("server-timing"), text);
    }
}
