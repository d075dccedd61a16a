//! The log itself, as C2SP tlog-tiles: checkpoint, tiles, consistency. Hashes need `audit.verify`; entries also need
//! reach over everything, because they show every chain's activity.

use axum::{
    Json,
    http::header,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use indelible_event::Code;
use indelible_merkle::TilePath;
use serde::Serialize;
use utoipa::ToSchema;

use super::blocking;
use crate::{
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, PathPart, Ready},
};

/// The log.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ledger {
    /// Origin line of its checkpoints.
    origin: String,
    /// Verifier key, to be noted down by whoever wants to check later.
    vkey: String,
    /// Leaves in the tree.
    size: u64,
    /// Root hash, base64.
    root: String,
    /// The signed checkpoint.
    checkpoint: String,
}

/// Origin, key, size and root.
#[utoipa::path(get, path = "/v1/ledger", operation_id = "get_ledger", tag = "proofs", responses((status = 200, body = Ledger), (status = 403, body = ProblemDetails)))]
pub(crate) async fn ledger(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
) -> Result<Json<Ledger>, ApiError> {
    params.finish()?;
    blocking(move || {
        let log = app.trail.log(&caller.principal)?;
        let checkpoint = log.checkpoint()?;
        Ok(Json(Ledger {
            origin: log.origin().to_owned(),
            vkey: log.vkey().to_owned(),
            size: checkpoint.size,
            root: STANDARD.encode(checkpoint.root),
            checkpoint: checkpoint.note.clone(),
        }))
    })
    .await
}

/// A consistency proof between two sizes.
#[derive(Serialize, ToSchema)]
pub(crate) struct Consistency {
    /// The older size.
    from: u64,
    /// The newer size.
    to: u64,
    /// Hashes of the RFC 6962 consistency proof, base64.
    hashes: Vec<String>,
}

/// Proves that the tree of `from` leaves is a prefix of the tree of `to` leaves.
#[utoipa::path(
    get, path = "/v1/ledger/consistency", operation_id = "prove_consistency", tag = "proofs",
    params(("from" = u64, Query), ("to" = Option<u64>, Query, description = "default: the size now")),
    responses((status = 200, body = Consistency), (status = 400, body = ProblemDetails))
)]
pub(crate) async fn consistency(
    Ready(app): Ready,
    caller: Caller,
    mut params: Params,
) -> Result<Json<Consistency>, ApiError> {
    let size = app.trail.log(&caller.principal)?.size();
    let mut number = |name: &'static str, default: Option<u64>| match params.one(name)? {
        Some(text) => text.parse().ok().filter(|number| *number <= size).ok_or_else(|| {
            ApiError::field(Code::InvalidFilter, name, format!("{name} is a size of the tree, 0 to {size}"))
        }),
        None => default.ok_or_else(|| {
            ApiError::field(Code::InvalidFilter, name, format!("{name} is needed, a size of the tree"))
        }),
    };
    let from = number("from", None)?;
    let to = number("to", Some(size))?;
    params.finish()?;
    if from > to {
        return Err(ApiError::field(Code::InvalidFilter, "from", "from is at most to"));
    }
    let hashes = blocking(move || {
        let log = app.trail.log(&caller.principal)?;
        Ok(log.consistency(from, to)?)
    })
    .await?;
    Ok(Json(Consistency { from, to, hashes: hashes.iter().map(|hash| STANDARD.encode(hash)).collect() }))
}

/// The newest signed checkpoint.
#[utoipa::path(get, path = "/checkpoint", operation_id = "get_checkpoint", tag = "proofs", responses((status = 200, description = "C2SP signed note"), (status = 403, body = ProblemDetails)))]
pub(crate) async fn checkpoint(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
) -> Result<Response, ApiError> {
    params.finish()?;
    let checkpoint = blocking(move || Ok(app.trail.log(&caller.principal)?.checkpoint()?)).await?;
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, checkpoint.note.clone()).into_response())
}

/// A tile of hashes, or of entries, by its C2SP path.
#[utoipa::path(
    get, path = "/tile/{*path}", operation_id = "get_tile", tag = "proofs",
    params(("path" = String, Path, description = "such as 0/x001/234 or entries/000.p/17")),
    responses((status = 200, description = "the tile's bytes"), (status = 404, body = ProblemDetails))
)]
pub(crate) async fn tile(
    Ready(app): Ready,
    caller: Caller,
    PathPart(path): PathPart,
) -> Result<Response, ApiError> {
    let not_found = || ApiError::new(Code::NotFound, "no such tile");
    let tile: TilePath = format!("tile/{path}").parse().map_err(|_| not_found())?;
    let bytes = blocking(move || {
        let log = app.trail.log(&caller.principal)?;
        log.tile(&tile)?.ok_or_else(not_found)
    })
    .await?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}
