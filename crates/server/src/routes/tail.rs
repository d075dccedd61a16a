//! The tail: events that match as they become searchable, as Server-Sent Events.
//!
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html>. Nothing is made before the client takes it, so a
//! stream holds one batch in memory. A client that is too slow to keep up is told exactly how many events it missed and
//! between which cursors; the same address with `after` and `before` gives them. Reach and key are looked at anew for
//! every batch, and every second while nothing comes.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use indelible_access::{FollowBatch, FollowPosition, FollowTime, ReadError, ScopedReader, Skipped};
use indelible_event::{Code, Timestamp};
use metrics::counter;
use serde_json::json;
use tokio::{sync::watch, time::Instant};

use super::ask::filters;
use crate::{
    app::App,
    error::{ApiError, ProblemDetails},
    extract::{Caller, Params, Ready},
    looking::{LookKind, only_looks},
    queries::{Kind, note},
    streams::StreamPlace,
};

/// Events that are read at once.
const BATCH: usize = 100;
/// What clients wait before they connect again, in milliseconds.
const RETRY_MILLIS: u64 = 1_000;

/// Follows events that match, as Server-Sent Events: each event's data is the event, its id the cursor behind it.
#[utoipa::path(
    get, path = "/v1/tail", operation_id = "follow_events", tag = "events",
    params(
        ("after" = Option<String>, Query, description = "cursor to begin behind, or the as_of of another answer; absent: now"),
        ("before" = Option<String>, Query, description = "cursor to end at: the stream ends there"),
        ("Last-Event-ID" = Option<String>, Header, description = "as after, and before it"),
    ),
    responses(
        (status = 200, content_type = "text/event-stream", description = "unnamed events; `dropped` {count, after, before}: passed over, since the client is too slow; `end` {reason}: complete, stopping, unauthorized, forbidden, unavailable"),
        (status = 400, body = ProblemDetails),
        (status = 401, body = ProblemDetails),
        (status = 403, body = ProblemDetails),
        (status = 429, body = ProblemDetails, description = "too many streams"),
    )
)]
pub(crate) async fn tail(
    Ready(app): Ready,
    caller: Caller,
    headers: HeaderMap,
    mut params: Params,
) -> Result<Response, ApiError> {
    let reader = app.trail.reader(&caller.principal)?;
    let after = params.one("after")?;
    let before = params.one("before")?;
    let filters = filters(&mut params)?;
    params.finish()?;
    let started = app.now();
    // Wrong filters are refused now, with a status.
    reader.check_follow(&filters, started)?;
    let last = match headers.get("last-event-id") {
        None => None,
        Some(id) => Some(id.to_str().map_err(|_| {
            ApiError::field(Code::InvalidCursor, "Last-Event-ID", "Last-Event-ID is no cursor of this stream")
        })?),
    };
    let now = reader.follow_from_now();
    let from = match (last.filter(|id| !id.is_empty()), &after) {
        (Some(id), _) => reader.follow_from(&filters, id, "Last-Event-ID")?,
        (None, Some(cursor)) => reader.follow_from(&filters, cursor, "after")?,
        (None, None) => now,
    };
    let until = before.map(|cursor| reader.follow_from(&filters, &cursor, "before")).transpose()?;
    let stream = Tail {
        place: Some(app.streams.enter(&caller.principal)?),
        caller,
        filters,
        started,
        position: from,
        until,
        live_from: now,
        kept_up: Instant::now(),
        heartbeat_at: Instant::now(),
        searchable: app.trail.searchable(),
        stop: app.stopped.clone(),
        app,
    };
    let chunks = futures_util::stream::unfold(stream, |mut stream| async move {
        let chunk = stream.next().await?;
        Some((Ok::<_, std::convert::Infallible>(chunk), stream))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // nginx would keep events back.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(chunks)).into_response())
}

/// One client's stream.
struct Tail {
    app: Arc<App>,
    /// `None` once the stream has ended.
    place: Option<StreamPlace>,
    caller: Caller,
    filters: Vec<(String, String)>,
    /// Relative ranges count from here.
    started: Timestamp,
    position: FollowPosition,
    until: Option<FollowPosition>,
    /// What lies before was there when the client came, and is never passed over.
    live_from: FollowPosition,
    /// When nothing was waiting for the client last.
    kept_up: Instant,
    /// When to say that the stream is alive; at once, at first, with the cursor to come back with.
    heartbeat_at: Instant,
    searchable: watch::Receiver<u64>,
    stop: watch::Receiver<bool>,
}

/// Why a stream ends.
type Ends = &'static str;

impl Tail {
    /// What to send next; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        self.place.as_ref()?;
        match self.look().await {
            Ok(chunk) => {
                self.heartbeat_at = Instant::now() + Duration::from_secs(self.app.config.heartbeat_seconds);
                Some(chunk)
            }
            Err(reason) => {
                self.place = None;
                Some(Bytes::from(named("end", &json!({ "reason": reason }))))
            }
        }
    }

    /// Waits for the next thing to send, or says why there will be none.
    async fn look(&mut self) -> Result<Bytes, Ends> {
        loop {
            if *self.stop.borrow() {
                return Err("stopping");
            }
            let reader = self.reader()?;
            if Instant::now() >= self.heartbeat_at {
                return self.heartbeat(&reader);
            }
            // Before looking, so that what comes meanwhile ends the wait.
            self.searchable.borrow_and_update();
            if self.until.is_none() && !reader.may_go_on(self.position) {
                self.wait().await;
                continue;
            }
            let live = self.until.is_none() && self.position >= self.live_from;
            if !live {
                self.kept_up = Instant::now();
            } else if self.kept_up.elapsed() >= Duration::from_secs(self.app.config.tail_patience_seconds)
                && let Some(dropped) = self.drop_waiting(&reader).await?
            {
                return Ok(dropped);
            }
            let batch = self.batch(&reader).await?;
            self.position = batch.position;
            if !batch.more {
                self.kept_up = Instant::now();
            }
            if !batch.events.is_empty() {
                if !only_looks(batch.events.iter().map(|followed| &followed.event)) {
                    self.note_look(&reader).await?;
                }
                return Ok(render(&batch));
            }
            if self.until.is_some_and(|until| self.position >= until) {
                return Err("complete");
            }
            if !batch.more {
                self.wait().await;
            }
        }
    }

    /// Until something may be there. What comes then was not waiting for the client.
    async fn wait(&mut self) {
        self.app.streams.wait(&mut self.searchable, &mut self.stop, self.heartbeat_at).await;
        self.kept_up = Instant::now();
    }

    /// The caller's reader with what its key may do now.
    fn reader(&self) -> Result<ScopedReader, Ends> {
        let principal = self.app.auth.renew(&self.caller.principal, self.app.now()).ok_or("unauthorized")?;
        self.app.trail.reader(&principal).map_err(|_| "forbidden")
    }

    fn time(&self) -> FollowTime {
        FollowTime { started: self.started, now: self.app.now() }
    }

    async fn batch(&self, reader: &ScopedReader) -> Result<FollowBatch, Ends> {
        let (reader, filters) = (reader.clone(), self.filters.clone());
        let (at, from, until) = (self.time(), self.position, self.until);
        let batch: FollowBatch =
            self.run(move |budget| reader.follow(&filters, at, from, until, BATCH, budget)).await?;
        note(Kind::Tail, &batch.cost);
        Ok(batch)
    }

    /// Records that the caller sees something, before it is sent.
    async fn note_look(&self, reader: &ScopedReader) -> Result<(), Ends> {
        let looked = self.app.look(&self.caller, reader, LookKind::Tail, &self.filters).await;
        looked.map_err(|_| "unavailable")
    }

    /// Passes over what waits, if it is more than may wait.
    async fn drop_waiting(&mut self, reader: &ScopedReader) -> Result<Option<Bytes>, Ends> {
        let (reading, filters) = (reader.clone(), self.filters.clone());
        let (at, from) = (self.time(), self.position);
        let skipped: Skipped = self.run(move |budget| reading.skip(&filters, at, from, budget)).await?;
        note(Kind::Tail, &skipped.cost);
        self.kept_up = Instant::now();
        if skipped.count <= self.app.config.tail_queue_events as u64 {
            return Ok(None);
        }
        self.note_look(reader).await?;
        counter!("indelible_tail_dropped_total").increment(skipped.count);
        self.position = skipped.position;
        let Skipped { count, after, before, .. } = skipped;
        let event = named("dropped", &json!({ "count": count, "after": after, "before": before }));
        Ok(Some(Bytes::from(format!("id: {before}\n{event}"))))
    }

    async fn run<T, F>(&self, work: F) -> Result<T, Ends>
    where
        T: Send + 'static,
        F: FnOnce(&indelible_search::Budget) -> Result<T, ReadError> + Send + 'static,
    {
        match self.app.queries.run(Kind::Tail, &self.filters, work).await {
            Ok(done) => Ok(done.answer),
            Err(error) => {
                if let Some(cause) = &error.private {
                    tracing::error!(cause, "a stream ended");
                }
                Err("unavailable")
            }
        }
    }

    /// A comment, and the cursor to come back with: an event without data only sets the client's last id.
    fn heartbeat(&self, reader: &ScopedReader) -> Result<Bytes, Ends> {
        let cursor = reader.follow_cursor(&self.filters, self.position).map_err(|_| "unavailable")?;
        let now = self.app.now().to_rfc3339();
        Ok(Bytes::from(format!(": {now}\nretry: {RETRY_MILLIS}\nid: {cursor}\n\n")))
    }
}

fn named(name: &str, data: &serde_json::Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

fn render(batch: &FollowBatch) -> Bytes {
    let mut text = String::new();
    for followed in &batch.events {
        // An event is one line of JSON.
        write!(text, "id: {}\ndata: {}\n\n", followed.cursor, followed.event.to_json())
            .expect("writing to a String cannot fail");
    }
    Bytes::from(text)
}
