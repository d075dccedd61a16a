//! All routes, and the OpenAPI document made from them.

mod analysis;
pub(crate) mod ask;
mod auditing;
mod catalogue;
mod events;
mod exports;
mod feed;
pub(crate) mod files;
mod first_use;
mod health;
pub(crate) mod input;
mod keys;
mod log;
mod mail;
mod mappings;
mod profile;
mod providers;
mod report_runs;
pub(crate) mod reports;
mod roles;
mod schedules;
mod send;
mod session;
mod sign_in;
mod tail;
mod tenants;
pub(crate) mod users;
mod views;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::Uri,
    middleware,
    response::IntoResponse,
    routing::get,
};
use indelible_event::Code;
use indelible_search::KNOWN_PARAMETERS;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer,
        predicate::{DefaultPredicate, Predicate},
    },
};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        ObjectBuilder, RefOr, Type,
        path::{ParameterBuilder, ParameterIn},
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::Gate, error::ApiError, metrics, web};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Indelible",
        description = "Audit trail: send events, find them, prove them. Times are RFC 3339 in UTC with microseconds; \
                       errors are RFC 9457 problem details with a `code`."
    ),
    modifiers(&BearerKey),
    security(("key" = []))
)]
struct Document;

struct BearerKey;

impl Modify for BearerKey {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("key", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

fn api() -> OpenApiRouter<Arc<Gate>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(events::list, send::send))
        .routes(routes!(events::one))
        .routes(routes!(events::original))
        .routes(routes!(events::proof))
        .routes(routes!(feed::feed))
        .routes(routes!(tail::tail))
        .routes(routes!(analysis::stats))
        .routes(routes!(analysis::histogram))
        .routes(routes!(analysis::values))
        .routes(routes!(session::session))
        .routes(routes!(sign_in::sign_in))
        .routes(routes!(sign_in::sign_out))
        .routes(routes!(sign_in::set_up_state, sign_in::set_up))
        .routes(routes!(sign_in::choose_password))
        .routes(routes!(mail::reset))
        .routes(routes!(mail::settings))
        .routes(routes!(mail::test))
        .routes(routes!(providers::buttons))
        .routes(routes!(providers::begin))
        .routes(routes!(providers::callback))
        .routes(routes!(providers::list))
        .routes(routes!(providers::put, providers::delete))
        .routes(routes!(profile::profile, profile::change))
        .routes(routes!(profile::change_password))
        .routes(routes!(
            profile::offer_second_factor,
            profile::take_second_factor,
            profile::remove_second_factor
        ))
        .routes(routes!(profile::sessions))
        .routes(routes!(profile::end_session))
        .routes(routes!(auditing::auditing, auditing::switch))
        .routes(routes!(roles::list, roles::create))
        .routes(routes!(roles::change, roles::delete))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::one, users::change))
        .routes(routes!(users::link))
        .routes(routes!(users::remove_second_factor))
        .routes(routes!(users::sessions, users::end_sessions))
        .routes(routes!(views::list, views::create))
        .routes(routes!(views::one, views::change, views::delete))
        .routes(routes!(views::set_default, views::unset_default))
        .routes(routes!(views::make_link))
        .routes(routes!(views::link))
        .routes(routes!(tenants::list, tenants::create))
        .routes(routes!(tenants::one, tenants::change, tenants::delete))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::revoke))
        .routes(routes!(keys::rotate))
        .routes(routes!(catalogue::actions))
        .routes(routes!(catalogue::objects))
        .routes(routes!(catalogue::rules, catalogue::change_rules))
        .routes(routes!(mappings::list))
        .routes(routes!(mappings::one, mappings::put))
        .routes(routes!(exports::list, exports::create))
        .routes(routes!(exports::columns))
        .routes(routes!(exports::one, exports::delete))
        .routes(routes!(exports::cancel))
        .routes(routes!(exports::download))
        .routes(routes!(exports::manifest))
        .routes(routes!(exports::link))
        .routes(routes!(exports::by_link))
        .routes(routes!(reports::kinds))
        .routes(routes!(reports::list, reports::create))
        .routes(routes!(reports::preview_report))
        .routes(routes!(reports::one, reports::change, reports::delete))
        .routes(routes!(report_runs::list, report_runs::create))
        .routes(routes!(report_runs::one, report_runs::delete))
        .routes(routes!(report_runs::cancel))
        .routes(routes!(report_runs::download))
        .routes(routes!(report_runs::manifest))
        .routes(routes!(report_runs::link))
        .routes(routes!(schedules::list, schedules::create))
        .routes(routes!(schedules::preview))
        .routes(routes!(schedules::one, schedules::change, schedules::delete))
        .routes(routes!(schedules::run))
        .routes(routes!(log::ledger))
        .routes(routes!(log::consistency))
        .routes(routes!(log::checkpoint))
        .routes(routes!(log::tile))
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
}

/// Addresses that take the filters.
const FILTERED: [&str; 5] = ["/v1/events", "/v1/tail", "/v1/stats", "/v1/histogram", "/v1/values/{field}"];

/// What there is to say of a filter beside its name; `docs/search.md` says what each one matches.
fn filter_words(name: &str) -> Option<&'static str> {
    Some(match name {
        "since" => "included; RFC 3339 or a duration back from now such as PT24H, P7D",
        "until" => "excluded; as since",
        "received_since" => "as since, of the time of receipt",
        "received_until" => "as until, of the time of receipt",
        "tz" => "IANA zone of calendar units; default UTC",
        "q" => "words, \"phrases\", prefix*, -not",
        "filter" => "text form: eq ne gt ge lt le co sw ew pr in cidr, and or not ( ), dotted paths",
        "tenant" => "the tenant and everything below it; repeated: or; ! before the value: not",
        "ip" => "address or CIDR; repeated: or; ! before the value: not",
        "user" => "actor or target: id, username or alias; repeated: or; ! before the value: not",
        _ => return None,
    })
}

/// The routes and their document, with every filter from the list that requests are read by.
fn document() -> (Router<Arc<Gate>>, utoipa::openapi::OpenApi) {
    let (api, mut document) = api().split_for_parts();
    for path in FILTERED {
        let operation = document.paths.paths.get_mut(path).and_then(|path| path.get.as_mut());
        let operation = operation.expect("the route is in the list above");
        let parameters = operation.parameters.get_or_insert_default();
        for name in KNOWN_PARAMETERS.into_iter().chain(["tz"]) {
            let text = ObjectBuilder::new().schema_type(Type::String);
            let words = filter_words(name).unwrap_or("repeated: or; ! before the value: not");
            let parameter = ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Query)
                .description(Some(words))
                .schema(Some(text));
            parameters.push(RefOr::T(parameter.build()));
        }
    }
    (api, document)
}

/// The OpenAPI 3.1 document as JSON.
pub fn openapi() -> String {
    document().1.to_pretty_json().expect("the document holds only strings, numbers and lists")
}

/// The whole site: API, metrics, page.
pub(crate) fn router(gate: Arc<Gate>) -> Router {
    let (api, document) = document();
    let document = document.to_json().expect("the document holds only strings, numbers and lists");
    let json = [(axum::http::header::CONTENT_TYPE, "application/json")];
    api.route("/openapi.json", get(move || async move { (json, document) }))
        .route("/docs/errors", get(web::error_page))
        .fallback(get(web::asset).fallback(wrong_method))
        .method_not_allowed_fallback(wrong_method)
        // The body's own limits are settings, applied where it is read.
        .layer(DefaultBodyLimit::disable())
        .layer(CompressionLayer::new().gzip(true).compress_when(DefaultPredicate::new().and(NoFile)))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(gate.clone(), metrics::track))
        .with_state(gate)
}

/// Serves the site below `prefix` too, whether a proxy in front strips the prefix or not.
pub(crate) fn below(prefix: &str, site: Router) -> Router {
    if prefix.is_empty() {
        return site;
    }
    let prefix: Arc<str> = prefix.into();
    // A layer of `site` itself would run after the route is chosen.
    Router::new().fallback_service(site).layer(middleware::map_request(move |mut request: Request| {
        if let Some(uri) = without_prefix(request.uri(), &prefix) {
            *request.uri_mut() = uri;
        }
        async { request }
    }))
}

/// The address without the prefix, or `None` where it does not begin with it.
fn without_prefix(uri: &Uri, prefix: &str) -> Option<Uri> {
    let rest = uri.path_and_query()?.as_str().strip_prefix(prefix)?;
    let rest = match rest.as_bytes().first() {
        Some(b'/') => rest.to_owned(),
        None | Some(b'?') => format!("/{rest}"),
        Some(_) => return None,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(rest.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// Files are given as they are, so that a download that broke off can be gone on with.
#[derive(Clone, Copy)]
struct NoFile;

impl Predicate for NoFile {
    fn should_compress<B: axum::body::HttpBody>(&self, response: &axum::http::Response<B>) -> bool {
        response.extensions().get::<files::IsFile>().is_none()
    }
}

async fn wrong_method() -> impl IntoResponse {
    ApiError::new(Code::NotFound, "this address does not take that method")
        .with_status(axum::http::StatusCode::METHOD_NOT_ALLOWED)
}

fn panicked(panic: Box<dyn std::any::Any + Send>) -> axum::response::Response {
    let what = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    ApiError::internal(format!("a handler panicked: {what}")).into_response()
}

/// Runs a change to its end even if the client goes away meanwhile: half a change must not depend on a connection.
pub(crate) async fn uncancelled<T, F>(work: F) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, ApiError>> + Send + 'static,
{
    tokio::spawn(work).await.unwrap_or_else(|error| Err(ApiError::internal(error.to_string())))
}

/// Runs what may wait for the disk away from the threads that serve connections.
pub(crate) async fn blocking<T, F>(work: F) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, ApiError> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(ApiError::internal(error.to_string())))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn only_the_whole_prefix_is_taken_away() {
        for (address, expected) in [
            ("/audit/v1/events?q=/audit", Some("/v1/events?q=/audit")),
            ("/audit/", Some("/")),
            ("/audit", Some("/")),
            ("/audit?x=1", Some("/?x=1")),
            ("/audits/v1", None),
            ("/v1/audit", None),
        ] {
            let got = super::without_prefix(&address.parse().unwrap(), "/audit").map(|uri| uri.to_string());
            assert_eq!(got.as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn every_operation_has_an_id_of_its_own() {
        let document: serde_json::Value = serde_json::from_str(&super::openapi()).unwrap();
        let paths = document["paths"].as_object().unwrap().values();
        let operations = paths.flat_map(|path| path.as_object().unwrap().values());
        let mut seen = std::collections::BTreeSet::new();
        for operation in operations {
            let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("no id: {operation}"));
            assert!(seen.insert(id), "{id} stands for two operations");
        }
    }

    #[test]
    fn no_two_types_are_one_schema() {
        // The document would have the last of them for both, without a word.
        let mut directories = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        let mut seen = std::collections::BTreeSet::new();
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                let derived = text.split("#[derive(").skip(1).filter_map(|part| part.split_once(")]"));
                for (_, behind) in derived.filter(|(derived, _)| derived.contains("ToSchema")) {
                    let mut words = behind.split_whitespace();
                    words.find(|word| ["struct", "enum"].contains(word));
                    let name = words.next().unwrap().trim_end_matches(['{', '<', ';']);
                    assert!(
                        seen.insert(name.to_owned()),
                        "{name} is two schemas; rename the one in {}",
                        path.display()
                    );
                }
            }
        }
        assert!(seen.contains("ProblemDetails") && seen.len() > 50, "{seen:?}");
    }

    #[test]
    fn the_committed_openapi_document_is_the_generated_one() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/openapi.json");
        let generated = super::openapi() + "\n";
        if std::env::var_os("INDELIBLE_BLESS").is_some() {
            std::fs::write(&file, &generated).unwrap();
        }
        assert!(
            std::fs::read_to_string(&file).unwrap_or_default() == generated,
            "web/openapi.json is stale; run the tests once with INDELIBLE_BLESS=1"
        );
    }
}
