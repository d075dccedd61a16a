//! Who the caller is and what it may do, for pages and tools.

use axum::Json;
use indelible_control::Reach;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, Ready},
};

/// The caller.
#[derive(Serialize, ToSchema)]
pub(crate) struct Session {
    /// The key's name.
    name: String,
    /// The permissions, in the order of the documentation.
    permissions: Vec<&'static str>,
    /// `"everything"`, or the names of the tenants that the key was given.
    #[schema(value_type = Object)]
    reach: SessionReach,
    /// How many tenants that is now, with all below them.
    tenants: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum SessionReach {
    Everything,
    #[serde(untagged)]
    Tenants(Vec<String>),
}

/// Who am I.
#[utoipa::path(
    get, path = "/v1/session", tag = "session",
    responses((status = 200, body = Session), (status = 401, body = ProblemDetails))
)]
pub(crate) async fn session(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
) -> Result<Json<Session>, ApiError> {
    params.finish()?;
    let directory = app.control.directory();
    let (reach, tenants) = match &caller.0.reach {
        Reach::Everything => (SessionReach::Everything, directory.tenants().len()),
        Reach::Tenants(roots) => {
            let names =
                roots.iter().filter_map(|root| directory.tenant(*root)).map(|tenant| tenant.name.clone());
            (SessionReach::Tenants(names.collect()), directory.subtree(roots).len())
        }
    };
    Ok(Json(Session {
        name: caller.0.name.clone(),
        permissions: caller.0.permissions.names(),
        reach,
        tenants,
    }))
}
