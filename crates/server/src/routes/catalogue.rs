//! The catalogue of action and object types, and the rules that put events into it.

use axum::{
    Json,
    body::Body,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use indelible_control::{Permission, StoredRules};
use indelible_event::{Code, RuleSet};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::uncancelled;
use crate::{
    body::receive,
    error::{ApiError, ItemError, ProblemDetails},
    extract::{Caller, Params, Ready},
    recorder::OwnEvent,
};

/// A type of action.
#[derive(Serialize, ToSchema)]
pub(crate) struct ActionType {
    /// What `action_type` filters take.
    id: String,
    /// What people see.
    label: String,
    /// The badge's colour.
    colour: String,
}

/// A type of object.
#[derive(Serialize, ToSchema)]
pub(crate) struct ObjectType {
    /// What `object` filters take.
    id: String,
    /// What people see.
    label: String,
    /// What `object_category` filters take.
    category: String,
    /// Other names that mean this type.
    aliases: Vec<String>,
    /// The badge's colour.
    colour: String,
}

/// The action types.
#[utoipa::path(get, path = "/v1/actions", operation_id = "list_actions", tag = "catalogue", responses((status = 200, body = [ActionType])))]
pub(crate) async fn actions(
    Ready(app): Ready,
    _: Caller,
    params: Params,
) -> Result<Json<Vec<ActionType>>, ApiError> {
    params.finish()?;
    let rules = app.rules.current();
    let types = rules.action_types().iter().map(|kind| ActionType {
        id: kind.id.to_string(),
        label: kind.label.to_string(),
        colour: kind.colour.to_string(),
    });
    Ok(Json(types.collect()))
}

/// The object types.
#[utoipa::path(get, path = "/v1/objects", operation_id = "list_objects", tag = "catalogue", responses((status = 200, body = [ObjectType])))]
pub(crate) async fn objects(
    Ready(app): Ready,
    _: Caller,
    params: Params,
) -> Result<Json<Vec<ObjectType>>, ApiError> {
    params.finish()?;
    let rules = app.rules.current();
    let types = rules.object_types().iter().map(|kind| ObjectType {
        id: kind.id.to_string(),
        label: kind.label.to_string(),
        category: kind.category.to_string(),
        aliases: kind.aliases.iter().map(ToString::to_string).collect(),
        colour: kind.colour.to_string(),
    });
    Ok(Json(types.collect()))
}

/// The rules in force, as JSON to edit and put back.
#[utoipa::path(
    get, path = "/v1/rules", operation_id = "get_rules", tag = "catalogue",
    responses((status = 200, body = Object), (status = 403, body = ProblemDetails))
)]
pub(crate) async fn rules(Ready(app): Ready, caller: Caller, params: Params) -> Result<Response, ApiError> {
    params.finish()?;
    caller.needs_everywhere(Permission::SettingsManage)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], app.rules.current().to_json()).into_response())
}

/// What was stored.
#[derive(Serialize, ToSchema)]
pub(crate) struct RulesStored {
    /// The version that applies to what is received from now on.
    version: u32,
}

/// Largest rule set in bytes: the built-in one has a few ten thousand.
const RULES_BYTES_MAX: usize = 1 << 20;

/// Replaces the rules for what is received from now on. `version` must be one above the version in force, so that two
/// administrators can't overwrite each other unseen.
#[utoipa::path(
    put, path = "/v1/rules", operation_id = "put_rules", tag = "catalogue", request_body = Object,
    responses((status = 200, body = RulesStored), (status = 400, body = ProblemDetails), (status = 409, body = ProblemDetails))
)]
pub(crate) async fn change_rules(
    Ready(app): Ready,
    caller: Caller,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<RulesStored>, ApiError> {
    params.finish()?;
    caller.needs_everywhere(Permission::SettingsManage)?;
    let body = receive(&app.body_budget, &headers, body, RULES_BYTES_MAX).await?;
    let text = std::str::from_utf8(&body.bytes).map_err(|error| {
        ApiError::new(Code::InvalidUtf8, format!("byte {} is not UTF-8", error.valid_up_to()))
    })?;
    let rules = RuleSet::from_json(text).map_err(|error| {
        let problems = error.problems.iter().map(|problem| ItemError::of(problem, None, None)).collect();
        let first = error.problems.first().map_or(Code::InvalidEvent, |problem| problem.code);
        ApiError::items(first, "the rules are not valid; nothing was changed", problems)
    })?;
    let wanted = app.rules.current().version() + 1;
    if rules.version() != wanted {
        return Err(ApiError::field(
            Code::IdConflict,
            "/version",
            format!("the next version is {wanted}; read the rules again, they may have been changed"),
        ));
    }
    let stored = StoredRules { version: rules.version(), body: text.to_owned(), built_in: false };
    let version = rules.version();
    uncancelled(async move {
        // Of two writers that got this far together the second is told that the version is taken.
        let _turn = caller.turn(&app).await?;
        let before = app.rules.current();
        if before.version() + 1 != version {
            let message = "somebody else changed the rules meanwhile; read them again";
            return Err(ApiError::field(Code::IdConflict, "/version", message));
        }
        let told = OwnEvent::new("Change rules", "rules.change", "update")
            .to("rules", &version.to_string(), "rules")
            .by(&caller.principal, &caller.origin, &app.control.directory())
            .changed("version", before.version(), version)
            .changed("sha256", sha256(&before.to_json()), sha256(&stored.body));
        app.record(&told).await?;
        app.control.insert_rule_set(&stored, app.now()).await?;
        app.rules.add(rules);
        Ok(())
    })
    .await?;
    tracing::info!(version, "rules changed");
    Ok(Json(RulesStored { version }))
}

/// What stands for a long text in an event; the text itself is kept with its version.
pub(super) fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}
