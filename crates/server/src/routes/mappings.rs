//! Importers' mappings: what is installed, and adding one while the server runs.

use axum::{
    Json,
    body::Body,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use indelible_control::{Permission, StoredMapping};
use indelible_event::{Code, excerpt};
use indelible_ingest::{Form, Mapping, Registry};
use serde::Serialize;
use utoipa::ToSchema;

use super::{catalogue::sha256, uncancelled};
use crate::{
    body::receive,
    error::{ApiError, ItemError, ProblemDetails},
    extract::{Caller, Params, PathPart, Ready},
    mappings::Table,
    recorder::OwnEvent,
};

/// A version of a mapping.
#[derive(Serialize, ToSchema)]
pub(crate) struct MappingItem {
    /// What `mapping=` takes.
    name: String,
    /// What events name beside it.
    version: u32,
    /// The product's name.
    title: String,
    /// A sentence about what it reads.
    about: String,
    /// What files hold: `json` or `text`.
    form: String,
    /// `built_in`, `installed` (a file of the server's) or `uploaded`.
    origin: String,
    /// Whether it is the one that reads what is sent now.
    newest: bool,
}

/// Every mapping.
#[derive(Serialize, ToSchema)]
pub(crate) struct MappingList {
    data: Vec<MappingItem>,
}

impl MappingItem {
    fn of(table: &Table, mapping: &Mapping) -> Self {
        let newest = table.registry.get(mapping.name()).map(|newest| newest.version());
        Self {
            name: mapping.name().to_owned(),
            version: mapping.version(),
            title: mapping.title().to_owned(),
            about: mapping.about().to_owned(),
            form: match mapping.form() {
                Form::Json => "json".to_owned(),
                Form::Text => "text".to_owned(),
            },
            origin: table.origin(mapping).as_str().to_owned(),
            newest: newest == Some(mapping.version()),
        }
    }
}

/// Who sends records may look at how they are read, and so may administrators.
fn needs_sender(caller: &Caller) -> Result<(), ApiError> {
    caller.needs(Permission::SettingsManage).or_else(|_| caller.needs(Permission::EventsSend)).map(|_| ())
}

/// Every mapping of importers, by name and version.
#[utoipa::path(
    get, path = "/v1/mappings", operation_id = "list_mappings", tag = "mappings",
    responses((status = 200, body = MappingList), (status = 403, body = ProblemDetails))
)]
pub(crate) async fn list(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
) -> Result<Json<MappingList>, ApiError> {
    params.finish()?;
    needs_sender(&caller)?;
    let table = app.decoder.mappings.table();
    let data = table.registry.all().map(|mapping| MappingItem::of(&table, mapping)).collect();
    Ok(Json(MappingList { data }))
}

/// The text of a mapping: the newest version, or the one that is asked for.
#[utoipa::path(
    get, path = "/v1/mappings/{name}", operation_id = "get_mapping", tag = "mappings",
    params(("name" = String, Path), ("version" = Option<u32>, Query, description = "which version; without it the newest")),
    responses((status = 200, body = String, content_type = "application/toml"), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn one(
    Ready(app): Ready,
    caller: Caller,
    PathPart(name): PathPart,
    mut params: Params,
) -> Result<Response, ApiError> {
    let version = params.one("version")?;
    params.finish()?;
    needs_sender(&caller)?;
    let version = version
        .map(|text| text.parse::<u32>())
        .transpose()
        .map_err(|_| ApiError::field(Code::InvalidFilter, "version", "version is a whole number from 1"))?;
    let table = app.decoder.mappings.table();
    let found = match version {
        Some(version) => table.registry.get_exact(&name, version),
        None => table.registry.get(&name),
    };
    let mapping = found.ok_or_else(|| ApiError::new(Code::NotFound, "no such mapping is installed"))?;
    Ok(([(header::CONTENT_TYPE, "application/toml")], mapping.text().to_owned()).into_response())
}

/// Largest mapping in bytes: the built-in ones have a few thousand.
const MAPPING_BYTES_MAX: usize = 1 << 20;

/// Adds a version of a mapping. It is on disk when this answers, and never changes: the same text again is 200, another
/// text under the same name and version 409.
#[utoipa::path(
    put, path = "/v1/mappings/{name}", operation_id = "put_mapping", tag = "mappings",
    params(("name" = String, Path)),
    request_body(content = String, content_type = "application/toml"),
    responses(
        (status = 201, body = MappingItem, description = "added"),
        (status = 200, body = MappingItem, description = "known already"),
        (status = 400, body = ProblemDetails), (status = 409, body = ProblemDetails),
    )
)]
pub(crate) async fn put(
    Ready(app): Ready,
    caller: Caller,
    PathPart(name): PathPart,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    params.finish()?;
    caller.needs_everywhere(Permission::SettingsManage)?;
    let body = receive(&app.small_budget, &headers, body, MAPPING_BYTES_MAX).await?;
    caller.still_valid(&app)?;
    let text = std::str::from_utf8(&body.bytes).map_err(|error| {
        ApiError::new(Code::InvalidUtf8, format!("byte {} is not UTF-8", error.valid_up_to()))
    })?;
    let mapping = read(&name, text)?;
    let (stored, now) =
        (StoredMapping { name: name.clone(), version: mapping.version(), body: text.to_owned() }, app.now());
    let (status, item) = uncancelled(async move {
        // One at a time: the second of two writers must see what the first one stored.
        let _turn = caller.turn(&app).await?;
        let known = app.decoder.mappings.table().registry.get_exact(&name, stored.version).cloned();
        let status = match known {
            Some(known) if known.text() == stored.body => StatusCode::OK,
            _ if Registry::builtin().get(&name).is_some() => {
                // It would read what everybody sends under the name, and stand over every version that is to come.
                let message = format!("{name} is built in; choose another name, such as my-{name}");
                return Err(ApiError::field(Code::IdConflict, "name", message));
            }
            Some(_) => {
                let message = format!("{name} {} has another text; raise the version", stored.version);
                return Err(ApiError::field(Code::IdConflict, "version", message));
            }
            None => {
                let told = OwnEvent::new("Upload mapping", "mapping.upload", "create")
                    .to("mapping", &name, &name)
                    .by(&caller.principal, &caller.origin, &app.control.directory())
                    .parameter("version", stored.version)
                    .parameter("sha256", sha256(&stored.body));
                app.record(&told).await?;
                app.control.insert_mapping(&stored, now).await?;
                app.decoder.mappings.add(mapping.clone());
                tracing::info!(mapping = name, version = stored.version, "mapping added");
                StatusCode::CREATED
            }
        };
        Ok((status, MappingItem::of(&app.decoder.mappings.table(), &mapping)))
    })
    .await?;
    Ok((status, Json(item)).into_response())
}

fn read(name: &str, text: &str) -> Result<Mapping, ApiError> {
    let mapping = Mapping::parse(name, text).map_err(|errors| {
        let items = errors.0.into_iter().map(|error| ItemError {
            index: None,
            line: Some(error.line as u64),
            code: Code::InvalidEvent.as_str().into(),
            message: format!("line {}, column {}: {}", error.line, error.column, error.message),
            field: error.field,
        });
        ApiError::items(Code::InvalidEvent, "the mapping is not valid; nothing was changed", items.collect())
    })?;
    if mapping.name() != name {
        let message = format!("the mapping is called {}, the address {}", mapping.name(), excerpt(name));
        return Err(ApiError::field(Code::InvalidEvent, "name", message));
    }
    Ok(mapping)
}
