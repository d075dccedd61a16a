//! Sending events: `POST /v1/events`.
//!
//! Everything is checked here, on many threads; order, duplicates and durability are the ledger's. The answer is
//! given only after the sync, and says of every event what became of it.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use axum::{
    body::Body,
    extract::OriginalUri,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use indelible_access::Principal;
use indelible_control::{Directory, Permission, Reach, Tenant, check_tenant_name};
use indelible_event::{Code, Event, Limits, Problem, TimeSource, Timestamp};
use indelible_ingest::{
    BodyLimits, Item, Mapping, Media, media_for_mapping, parse_item, parse_mapped, parse_media, split, text,
    unpack,
};
use indelible_ledger::{
    AppendError, AppendRequest, NewEvent, OnConflict, Outcome, Receipt, Replay, ReplayKey,
};
use indelible_verify::{ChainId, Envelope, People, Protocol};
use metrics::counter;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::first_use::make_tenants;
use crate::{
    Receipts,
    app::App,
    body::{PERMIT_BYTES, Received, receive},
    error::{ApiError, ItemError, ProblemDetails, chain},
    extract::{Caller, Params, Ready},
    people::{Room, recognise},
};

/// What became of a request's events.
#[derive(Serialize, ToSchema)]
pub(crate) struct Answer {
    /// Events stored now.
    accepted: usize,
    /// Events that were stored before, with the same id and bytes.
    duplicates: usize,
    /// What is wrong with the events that were not stored.
    rejected: Vec<ItemError>,
    /// What is noteworthy about stored ones.
    warnings: Vec<ItemError>,
    /// Where each stored event (or duplicate) is; left out with `events=false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<Place>>,
    /// A signed checkpoint that covers them, for keys that may hold receipts.
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint: Option<String>,
}

/// Where an event is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Place {
    /// 0-based ordinal in the request.
    index: usize,
    /// 1-based line, for NDJSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    /// Its id.
    id: String,
    /// Its tenant.
    tenant: String,
    /// Its position in the tenant's chain.
    tenant_seq: u64,
}

/// The part of an answer that the ledger does not know; kept beside the frame so that a repeated request gets the
/// first answer again.
#[derive(Serialize, Deserialize)]
struct Note {
    rejected: Vec<ItemError>,
    warnings: Vec<ItemError>,
    sent: Vec<Sent>,
    events_wanted: bool,
    /// Whether the request uses one id for different events.
    contradicts_itself: bool,
}

/// An event that went to the ledger.
#[derive(Serialize, Deserialize)]
struct Sent {
    index: usize,
    line: Option<u64>,
    tenant: String,
}

/// How the events are to be taken.
struct Mode {
    media: Media,
    /// What the body is packed with, as the request says.
    encoding: Option<String>,
    mapping: Option<Arc<Mapping>>,
    /// Whose events they are where they name no tenant; with a mapping, whatever they name.
    tenant: Option<String>,
    atomic: bool,
    on_conflict: OnConflict,
    events_wanted: bool,
}

/// Stores events: one, an array, NDJSON or CloudEvents. An acknowledgement means: on disk and in the tree.
#[utoipa::path(
    post, path = "/v1/events", operation_id = "send_events", tag = "events",
    request_body(
        description = "One event or an array; one event a line; one CloudEvent or a batch of them. With mapping= a vendor's records. gzip and zstd are taken.",
        content(
            (Object = "application/json"),
            (String = "application/x-ndjson"),
            (Object = "application/cloudevents+json"),
            (Vec<Object> = "application/cloudevents-batch+json"),
        )
    ),
    params(
        ("events" = Option<bool>, Query, description = "false leaves the list of places out"),
        ("on_conflict" = Option<String>, Query, description = "store (default) or reject an id that was used with other bytes"),
        ("atomic" = Option<bool>, Query, description = "true: all or none"),
        ("tenant" = Option<String>, Query, description = "tenant of events that name none; with mapping, of all"),
        ("mapping" = Option<String>, Query, description = "name of an importer's mapping, or name@version: the body holds a vendor's records"),
        ("Idempotency-Key" = Option<String>, Header, description = "the same key and body within 24 h give the first answer again"),
        ("Content-Encoding" = Option<String>, Header, description = "identity, gzip or zstd"),
    ),
    responses(
        (status = 201, body = Answer, description = "all stored"),
        (status = 207, body = Answer, description = "some stored, or one request used an id for different events"),
        (status = 400, body = ProblemDetails, description = "none stored; the first error's code"),
        (status = 401, body = ProblemDetails),
        (status = 403, body = ProblemDetails, description = "forbidden, tenant_forbidden, auditing_off"),
        (status = 409, body = ProblemDetails, description = "id_conflict, idempotency_conflict"),
        (status = 413, body = ProblemDetails, description = "event_too_large, batch_too_large"),
        (status = 415, body = ProblemDetails, description = "unsupported_media_type, unsupported_encoding"),
        (status = 503, body = ProblemDetails, description = "not stored, try again after Retry-After"),
    )
)]
pub(crate) async fn send(
    Ready(app): Ready,
    caller: Caller,
    OriginalUri(uri): OriginalUri,
    mut params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    caller.needs_key_to_send()?;
    let mode = read_mode(&app, &mut params, &headers)?;
    params.finish()?;
    let idempotency_key = one_header(&headers, "idempotency-key")?.map(str::to_owned);
    let received = receive(&app.body_budget, &headers, body, app.config.request_bytes_max).await?;
    // The body may have taken minutes: a key that was revoked meanwhile stores nothing.
    caller.still_valid(&app)?;
    let replay = idempotency_key
        .map(|key| {
            replay_key(&caller.principal, key, &headers, uri.query().unwrap_or_default(), &received.bytes)
        })
        .transpose()?;
    if let Some(key) = &replay
        && let Some(first) = app.writer.replayed(key).map_err(|error| ApiError::internal(chain(&error)))?
    {
        return match first {
            Replay::Other => Err(AppendError::ReplayConflict.into()),
            Replay::Same(receipt) => {
                let note = receipt.replayed.as_deref().unwrap_or_default();
                answer_again(&app, &caller.principal, note, &receipt)
            }
        };
    }
    let mode = Arc::new(mode);
    let mut prepared = prepare_in_turn(&app, &caller, &mode, received).await?;
    if prepared.lacks_tenants_only() {
        make_tenants(&app, &caller, prepared.new_tenants).await?;
        drop(prepared.events);
        prepared.received.shrink();
        prepared = prepare_in_turn(&app, &caller, &mode, prepared.received).await?;
    }
    count("rejected", prepared.rejected_events);
    if prepared.events.is_empty() || (prepared.atomic && prepared.rejected_events > 0) {
        return Err(refusal(prepared.note.rejected));
    }
    let request = AppendRequest {
        events: prepared.events,
        atomic: prepared.atomic,
        on_conflict: prepared.on_conflict,
        replay,
        note: serde_json::to_vec(&prepared.note).map_err(|error| ApiError::internal(error.to_string()))?,
    };
    let receipt = app.writer.append(request).await?;
    drop(prepared.received);
    match &receipt.replayed {
        Some(note) => answer_again(&app, &caller.principal, note, &receipt),
        None => answer(&app, &caller.principal, prepared.note, &receipt),
    }
}

async fn prepare_in_turn(
    app: &Arc<App>,
    caller: &Caller,
    mode: &Arc<Mode>,
    received: Received,
) -> Result<Prepared, ApiError> {
    // What is packed may become a thousand times larger, so its size says nothing about the work.
    if received.bytes.len() <= INLINE_BYTES_MAX && mode.encoding.is_none() {
        return prepare(app, &caller.principal, mode, received);
    }
    let _slot = app.prepare_slots.acquire().await.map_err(|error| ApiError::internal(error.to_string()))?;
    let (app, principal, mode) = (app.clone(), caller.principal.clone(), mode.clone());
    super::blocking(move || prepare(&app, &principal, &mode, received)).await
}

/// Bodies up to this size are checked on the thread that serves the connection: about 0.3 ms.
const INLINE_BYTES_MAX: usize = 128 << 10;

fn read_mode(app: &App, params: &mut Params, headers: &HeaderMap) -> Result<Mode, ApiError> {
    let atomic = params.flag("atomic", false)?;
    let events_wanted = params.flag("events", true)?;
    let on_conflict = match params.one("on_conflict")?.as_deref() {
        None | Some("store") => OnConflict::Store,
        Some("reject") => OnConflict::Reject,
        Some(_) => {
            return Err(ApiError::field(
                Code::InvalidFilter,
                "on_conflict",
                "on_conflict is store or reject",
            ));
        }
    };
    let mapping = match params.one("mapping")? {
        None => None,
        Some(name) => Some(app.decoder.mappings.get(&name).ok_or_else(|| {
            ApiError::field(Code::InvalidFilter, "mapping", "no mapping of that name is installed")
        })?),
    };
    let tenant = params.one("tenant")?;
    let media = parse_media(one_header(headers, header::CONTENT_TYPE.as_str())?)?;
    if mapping.is_some() {
        media_for_mapping(media)?;
    }
    let encoding = one_header(headers, header::CONTENT_ENCODING.as_str())?.map(str::to_owned);
    Ok(Mode { media, encoding, mapping, tenant, atomic, on_conflict, events_wanted })
}

/// A header that may be given once, as text.
fn one_header<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(ApiError::new(Code::InvalidFilter, format!("the header {name} is given twice")));
    }
    first
        .map(|value| {
            value
                .to_str()
                .map_err(|_| ApiError::new(Code::InvalidFilter, format!("the header {name} is not ASCII")))
        })
        .transpose()
}

/// Characters of an `Idempotency-Key`.
const IDEMPOTENCY_KEY_MAX: usize = 255;

/// The key belongs to one API key; the digest covers all that decides the answer.
fn replay_key(
    principal: &Principal,
    key: String,
    headers: &HeaderMap,
    query: &str,
    body: &[u8],
) -> Result<ReplayKey, ApiError> {
    if key.is_empty() || key.len() > IDEMPOTENCY_KEY_MAX {
        return Err(ApiError::field(
            Code::InvalidId,
            "Idempotency-Key",
            "an Idempotency-Key has 1 to 255 characters",
        ));
    }
    let mut digest = Sha256::new();
    for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING] {
        let value = headers.get(name).map_or(&b""[..], HeaderValue::as_bytes);
        digest.update((value.len() as u64).to_be_bytes());
        digest.update(value);
    }
    digest.update((query.len() as u64).to_be_bytes());
    digest.update(query.as_bytes());
    digest.update(body);
    Ok(ReplayKey { owner: principal.id.bytes(), key, digest: digest.finalize().into() })
}

/// A request whose events are checked.
struct Prepared {
    events: Vec<NewEvent>,
    note: Note,
    rejected_events: u64,
    /// Tenants that events name, that are not there, and that the sender may make by that.
    new_tenants: BTreeSet<String>,
    /// Rejected events that lack nothing but one of those.
    lacking_tenant: u64,
    atomic: bool,
    on_conflict: OnConflict,
    /// Keeps its share of the memory until the ledger has answered.
    received: Received,
}

impl Prepared {
    /// Whether tenants are to be made: one stays for ever, so an event that is refused makes none, nor does one beside it
    /// that goes with it.
    fn lacks_tenants_only(&self) -> bool {
        !self.new_tenants.is_empty() && (!self.atomic || self.rejected_events == self.lacking_tenant)
    }
}

fn prepare(
    app: &App,
    principal: &Principal,
    mode: &Mode,
    mut received: Received,
) -> Result<Prepared, ApiError> {
    let config = &app.config;
    let body_limits =
        BodyLimits { body_bytes_max: config.request_bytes_max, events_max: config.request_events_max };
    let body = received.bytes.clone();
    let unpacked = unpack(mode.encoding.as_deref(), &body, &body_limits)?;
    // The ledger gets a copy of each event, and what was unpacked stays until then.
    let packed = matches!(unpacked, std::borrow::Cow::Owned(_));
    received.grow(unpacked.len() * if packed { 2 } else { 1 })?;
    let items = split(mode.media, text(&unpacked)?, &body_limits)?;
    let limits = config.event_limits();
    let received_at = app.now();
    let directory = app.control.directory();
    let rule_version = app.rules.current().version();
    let mut prepared = Prepared {
        events: Vec::with_capacity(items.len()),
        note: Note {
            rejected: vec![],
            warnings: vec![],
            sent: vec![],
            events_wanted: mode.events_wanted,
            contradicts_itself: false,
        },
        rejected_events: 0,
        new_tenants: BTreeSet::new(),
        lacking_tenant: 0,
        atomic: mode.atomic,
        on_conflict: mode.on_conflict,
        received,
    };
    // The reach once for the request, not for each of its events.
    let reach = principal.reach(Permission::EventsSend);
    let is_native = mode.mapping.is_none() && matches!(mode.media, Media::Json | Media::Ndjson);
    let makes_tenants = principal.sender.create_tenants && config.tenants_on_first_use && is_native;
    let sending = Sending { principal, reach, directory: &directory, makes_tenants };
    let mut ids: HashMap<(u64, String), &str> = HashMap::new();
    let (mut room, mut people_bytes) = (Room::of_request(), 0);
    for item in &items {
        let index = Some(item.index);
        let checked = check(mode, item, &limits, received_at, &sending);
        match checked {
            Ok((event, warnings, tenant)) => {
                let warnings = warnings.iter().map(|warning| ItemError::of(warning, index, item.line));
                prepared.note.warnings.extend(warnings);
                if let Some(id) = event.id.clone() {
                    let first = ids.entry((tenant.number, id)).or_insert(item.json);
                    prepared.note.contradicts_itself |= *first != item.json;
                }
                let sent = Sent { index: item.index, line: item.line, tenant: tenant.name.clone() };
                prepared.note.sent.push(sent);
                let mut new = new_event(mode, item, &event, tenant, principal, rule_version, received_at);
                new.envelope.people = recognise(&*directory, tenant.number, &event, &mut room);
                // They were not sent, so the memory that the request holds does not cover them.
                people_bytes += new.envelope.people.memory();
                if people_bytes >= PERMIT_BYTES {
                    prepared.received.grow(std::mem::take(&mut people_bytes))?;
                }
                prepared.events.push(new);
            }
            Err(Refused { problems, new_tenant }) => {
                prepared.rejected_events += 1;
                prepared.lacking_tenant += u64::from(new_tenant.is_some());
                prepared.new_tenants.extend(new_tenant);
                let told = if prepared.rejected_events > PROBLEMS_OF_FIRST { 1 } else { PROBLEMS_MAX };
                let problems = problems.iter().take(told);
                prepared
                    .note
                    .rejected
                    .extend(problems.map(|problem| ItemError::of(problem, index, item.line)));
            }
        }
    }
    Ok(prepared)
}

/// Of one event, so many problems are told at one time.
const PROBLEMS_MAX: usize = 8;
/// Of later events only the first problem is told, so that an answer does not become ten times its request.
const PROBLEMS_OF_FIRST: u64 = 50;

/// Who sends, for which tenants.
struct Sending<'s> {
    principal: &'s Principal,
    reach: Reach,
    directory: &'s Directory,
    /// Whether a tenant that is not there may be made by being named.
    makes_tenants: bool,
}

/// What is wrong with an event.
struct Refused {
    problems: Vec<Problem>,
    /// The tenant that it names, where nothing is wrong but that it is not there, and it may be made.
    new_tenant: Option<String>,
}

impl From<Vec<Problem>> for Refused {
    fn from(problems: Vec<Problem>) -> Self {
        Self { problems, new_tenant: None }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        vec![problem].into()
    }
}

/// Parses one event and finds its tenant.
fn check<'s>(
    mode: &Mode,
    item: &Item<'_>,
    limits: &Limits,
    received_at: Timestamp,
    sending: &Sending<'s>,
) -> Result<(Event, Vec<Problem>, &'s Tenant), Refused> {
    let parsed = match &mode.mapping {
        Some(mapping) => parse_mapped(mapping, item, limits, received_at)?.into_parsed(),
        None => parse_item(mode.media, item, limits, received_at)?,
    };
    let tenant = tenant_of(&parsed.event, mode, sending)?;
    Ok((parsed.event, parsed.warnings, tenant))
}

/// The event's own tenant, else the key's default, else, for keys set so, the first target's. A tenant outside the
/// reach is answered like one that does not exist; whether auditing is on is told only after that.
fn tenant_of<'s>(event: &Event, mode: &Mode, sending: &Sending<'s>) -> Result<&'s Tenant, Refused> {
    let Sending { principal, reach, directory, makes_tenants } = sending;
    let from_target = || {
        let wanted = principal.sender.tenant_from_target;
        event.targets.first().filter(|_| wanted).and_then(|target| target.tenant.as_deref())
    };
    let named = match (&mode.mapping, &mode.tenant) {
        (Some(_), Some(tenant)) => Some(tenant),
        (_, tenant) => event.tenant.as_ref().or(tenant.as_ref()),
    };
    let (found, name, field) = match named {
        Some(name) => (directory.tenant_named(name), Some(name.as_str()), "/tenant"),
        None => match principal.sender.default_tenant {
            Some(number) => (directory.tenant(number), None, "/tenant"),
            None => match from_target() {
                Some(name) => (directory.tenant_named(name), Some(name), "/targets/0/tenant"),
                None => {
                    let message = "name the tenant; this key has no default tenant";
                    return Err(Problem::new(Code::MissingField, "/tenant", message).into());
                }
            },
        },
    };
    let is_there = found.is_some();
    let Some(tenant) = found.filter(|tenant| directory.is_within(tenant.number, reach)) else {
        let problem = Problem::new(Code::TenantForbidden, field, "no such tenant within the key's reach");
        let may_be_made = |name: &&str| *makes_tenants && !is_there && check_tenant_name(name).is_ok();
        return Err(Refused {
            problems: vec![problem],
            new_tenant: name.filter(may_be_made).map(str::to_owned),
        });
    };
    if !tenant.auditing {
        let message = "auditing is not switched on for this tenant";
        return Err(Problem::new(Code::AuditingOff, field, message).into());
    }
    Ok(tenant)
}

fn new_event(
    mode: &Mode,
    item: &Item<'_>,
    event: &Event,
    tenant: &Tenant,
    principal: &Principal,
    rule_version: u32,
    received_at: Timestamp,
) -> NewEvent {
    let (protocol, mapping_name, mapping_version) = match &mode.mapping {
        Some(mapping) => (Protocol::IMPORT, mapping.name().to_owned(), mapping.version()),
        None => (Protocol(mode.media.protocol().number()), String::new(), 0),
    };
    let (event_time, time_source) = match &event.time {
        Some(time) => (time.at, TimeSource::Event),
        None => (received_at, TimeSource::Received),
    };
    NewEvent {
        chain: ChainId(tenant.chain_id),
        id_given: event.id.is_some(),
        envelope: Envelope {
            event_time_us: event_time.as_micros(),
            time_source,
            protocol,
            rule_version,
            mapping_version,
            tenant_number: tenant.number,
            key_id: principal.id.bytes(),
            event_id: event.id.clone().unwrap_or_else(|| Uuid::now_v7().to_string()),
            tenant_name: tenant.name.clone(),
            media_type: mode.media.as_str().to_owned(),
            mapping_name,
            people: People::default(),
        },
        body: item.json.as_bytes().to_vec(),
    }
}

fn answer_again(
    app: &App,
    principal: &Principal,
    note: &[u8],
    receipt: &Receipt,
) -> Result<Response, ApiError> {
    let note = serde_json::from_slice(note).map_err(|error| {
        ApiError::internal(format!("the note of a replayed request does not read back: {error}"))
    })?;
    let mut response = answer(app, principal, note, receipt)?;
    response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    Ok(response)
}

fn answer(app: &App, principal: &Principal, note: Note, receipt: &Receipt) -> Result<Response, ApiError> {
    let Note { mut rejected, mut warnings, sent, events_wanted, contradicts_itself } = note;
    let mut answer = Answer {
        accepted: 0,
        duplicates: 0,
        rejected: vec![],
        warnings: vec![],
        events: events_wanted.then(Vec::new),
        checkpoint: None,
    };
    for (sent, outcome) in sent.into_iter().zip(&receipt.outcomes) {
        let about = |code, field: &str, message: &str| {
            let problem = Problem { code, field: field.into(), message: message.into() };
            ItemError::of(&problem, Some(sent.index), sent.line)
        };
        match outcome {
            Outcome::Stored { .. } => answer.accepted += 1,
            Outcome::Duplicate { .. } => answer.duplicates += 1,
            Outcome::Reused(_) => {
                answer.accepted += 1;
                let message = "the id was used with other content before; stored under the id given here";
                warnings.push(about(Code::IdReused, "/id", message));
            }
            Outcome::Conflict { .. } => {
                rejected.push(about(Code::IdConflict, "/id", "the id was used with other content before"));
                continue;
            }
            // An atomic request whose conflict is reported with the event that has it.
            Outcome::Skipped => continue,
        }
        if let Some(place) = outcome.placed() {
            let (id, tenant_seq) = (&place.id, place.tenant_seq);
            if let Some(events) = &mut answer.events {
                let (index, line, tenant) = (sent.index, sent.line, sent.tenant);
                events.push(Place { index, line, id: id.clone(), tenant, tenant_seq });
            }
        }
    }
    if receipt.replayed.is_none() {
        count("accepted", answer.accepted as u64);
        count("duplicate", answer.duplicates as u64);
    }
    if answer.accepted + answer.duplicates == 0 {
        return Err(refusal(rejected));
    }
    // In the order of the request, whoever found what.
    rejected.sort_by_key(|error| error.index);
    warnings.sort_by_key(|error| error.index);
    // One request that uses one id for different events contradicts itself: nothing is lost, but the sender is told
    // by the status that not all is stored as sent.
    let partial = !rejected.is_empty() || contradicts_itself;
    (answer.rejected, answer.warnings) = (rejected, warnings);
    let may_hold_receipts = app.config.receipts == Receipts::All || principal.may(Permission::AuditVerify);
    answer.checkpoint = may_hold_receipts.then(|| receipt.checkpoint.note.clone());
    let status = if partial { StatusCode::MULTI_STATUS } else { StatusCode::CREATED };
    Ok((status, axum::Json(answer)).into_response())
}

/// Nothing was stored: the status and code of the first error, and the errors one by one.
fn refusal(mut rejected: Vec<ItemError>) -> ApiError {
    rejected.sort_by_key(|error| error.index);
    let Some(first) = rejected.first() else {
        return ApiError::internal("a request was refused without a reason");
    };
    let code = first.code.parse().unwrap_or(Code::InvalidEvent);
    let detail = match rejected.len() {
        1 => first.message.clone(),
        errors => format!("nothing was stored; {errors} errors, the first: {}", first.message),
    };
    ApiError::items(code, detail, rejected)
}

fn count(outcome: &'static str, events: u64) {
    counter!("indelible_events_total", "outcome" => outcome).increment(events);
}
