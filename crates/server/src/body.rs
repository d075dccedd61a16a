//! Receiving a request body within its limits and within the memory that all bodies share.
//!
//! Memory is taken as bytes arrive, never for what a header announces, and every body has a deadline; so neither an
//! idle connection nor a slow one keeps others out.

use std::{sync::Arc, time::Duration};

use axum::{body::Body, http::HeaderMap};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use indelible_event::Code;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError},
    time::{Instant, timeout_at},
};

use crate::error::ApiError;

/// A received body, and its share of the memory for bodies until it is dropped.
pub(crate) struct Received {
    pub(crate) bytes: Bytes,
    share: OwnedSemaphorePermit,
    budget: Arc<Semaphore>,
}

/// Time for a body to arrive, beside what its size allows.
const TIME_MIN: Duration = Duration::from_secs(30);
/// Bytes a second that a sender must reach on average: a 64 MiB request then has about 11 minutes.
const RATE_MIN: usize = 100_000;
/// Bytes that one permit of a budget stands for.
pub(crate) const PERMIT_BYTES: usize = 1024;

impl Received {
    /// Takes a further share of the memory, such as for what the body unpacks to.
    ///
    /// # Errors
    /// `unavailable` when all bodies together take too much.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), ApiError> {
        self.share.merge(take(&self.budget, bytes)?);
        Ok(())
    }
}

fn take(budget: &Arc<Semaphore>, bytes: usize) -> Result<OwnedSemaphorePermit, ApiError> {
    let permits = u32::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX);
    budget.clone().try_acquire_many_owned(permits).map_err(|error| match error {
        TryAcquireError::NoPermits => {
            ApiError::unavailable("too many large requests at one time; nothing was stored", 1)
        }
        TryAcquireError::Closed => ApiError::unavailable("the server is stopping; nothing was stored", 5),
    })
}

/// Reads a body of at most `bytes_max`.
///
/// # Errors
/// `batch_too_large`, from `Content-Length` before anything is read where it tells; `unavailable` when all bodies
/// together take too much memory; `invalid_encoding` when the client stopped midway or is too slow.
pub(crate) async fn receive(
    budget: &Arc<Semaphore>,
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<Received, ApiError> {
    receive_within(TIME_MIN, budget, headers, body, bytes_max).await
}

async fn receive_within(
    time_min: Duration,
    budget: &Arc<Semaphore>,
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<Received, ApiError> {
    let too_large =
        || ApiError::new(Code::BatchTooLarge, format!("a request may have at most {bytes_max} bytes"));
    let announced = headers
        .get(axum::http::header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<usize>().ok());
    if announced.is_some_and(|length| length > bytes_max) {
        return Err(too_large());
    }
    let started = Instant::now();
    let mut share = take(budget, PERMIT_BYTES)?;
    let mut bytes = BytesMut::new();
    let mut chunks = body.into_data_stream();
    loop {
        let earned = Duration::from_secs((bytes.len() / RATE_MIN) as u64);
        let chunk = timeout_at(started + time_min + earned, chunks.next()).await.map_err(|_| {
            ApiError::new(Code::InvalidEncoding, "the request body arrives too slowly; nothing was stored")
        })?;
        let Some(chunk) = chunk else { break };
        let chunk =
            chunk.map_err(|_| ApiError::new(Code::InvalidEncoding, "the request body ended early"))?;
        let len = bytes.len() + chunk.len();
        if len > bytes_max {
            return Err(too_large());
        }
        let held = share.num_permits() * PERMIT_BYTES;
        if len > held {
            share.merge(take(budget, len - held)?);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Received { bytes: bytes.freeze(), share, budget: budget.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(budget: &Arc<Semaphore>, body: Body, bytes_max: usize) -> Result<Received, Code> {
        receive(budget, &HeaderMap::new(), body, bytes_max).await.map_err(|error| error.code)
    }

    fn never() -> Body {
        Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>())
    }

    #[tokio::test]
    async fn a_body_that_does_not_arrive_holds_little_and_ends_at_its_deadline() {
        let budget = Arc::new(Semaphore::new(4));
        let waiting = tokio::spawn({
            let budget = budget.clone();
            async move { read(&budget, never(), 1 << 20).await.err() }
        });
        tokio::task::yield_now().await;
        assert_eq!(budget.available_permits(), 3, "a silent sender holds one permit");
        waiting.abort();
        assert!(waiting.await.is_err());
        assert_eq!(budget.available_permits(), 4);
        let ended = receive_within(Duration::ZERO, &budget, &HeaderMap::new(), never(), 1 << 20).await;
        assert_eq!(ended.err().map(|error| error.code), Some(Code::InvalidEncoding));
        assert_eq!(budget.available_permits(), 4);
    }

    #[tokio::test]
    async fn takes_memory_as_it_arrives_and_gives_it_back() {
        let budget = Arc::new(Semaphore::new(4));
        let mut small =
            read(&budget, Body::from(vec![0; 2 * PERMIT_BYTES]), 1 << 20).await.unwrap_or_else(|_| panic!());
        assert_eq!(budget.available_permits(), 2);
        assert_eq!(
            read(&budget, Body::from(vec![0; 3 * PERMIT_BYTES]), 1 << 20).await.err(),
            Some(Code::Unavailable)
        );
        assert_eq!(small.grow(3 * PERMIT_BYTES).err().map(|error| error.code), Some(Code::Unavailable));
        assert!(small.grow(PERMIT_BYTES).is_ok());
        drop(small);
        assert_eq!(budget.available_permits(), 4);
        assert_eq!(read(&budget, Body::from(vec![0; 11]), 10).await.err(), Some(Code::BatchTooLarge));
    }
}
