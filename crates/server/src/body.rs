//! Receiving a request body within its limits and within the memory that all bodies share.
//!
//! Memory is taken as bytes arrive, never for what a header announces, and every body has a deadline; so neither an
//! idle connection nor a slow one keeps others out.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode},
};
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
    memory: Arc<Semaphore>,
}

/// Memory for bodies that arrive at one time, and how fast they must.
pub(crate) struct Budget {
    memory: Arc<Semaphore>,
    pace: Pace,
}

/// How slow a sender may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Time for a body to arrive, beside what its size allows.
    pub(crate) time_min: Duration,
    /// Bytes a second that a sender must reach on average.
    pub(crate) rate_min: usize,
}

/// Bytes that one permit of a budget stands for.
pub(crate) const PERMIT_BYTES: usize = 1024;

impl Budget {
    /// For bodies of `bytes` together.
    pub(crate) fn new(bytes: usize, pace: Pace) -> Self {
        Self { memory: Arc::new(Semaphore::new(bytes / PERMIT_BYTES)), pace }
    }
}

impl Received {
    /// Takes a further share of the memory, such as for what the body unpacks to.
    ///
    /// # Errors
    /// `unavailable` when all bodies together take too much.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), ApiError> {
        self.share.merge(take(&self.memory, bytes)?);
        Ok(())
    }

    /// Gives back what it took beyond the body itself.
    pub(crate) fn shrink(&mut self) {
        let more = self.share.num_permits().saturating_sub(self.bytes.len().div_ceil(PERMIT_BYTES));
        drop(self.share.split(more));
    }
}

fn take(memory: &Arc<Semaphore>, bytes: usize) -> Result<OwnedSemaphorePermit, ApiError> {
    let permits = u32::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX);
    memory.clone().try_acquire_many_owned(permits).map_err(|error| match error {
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
/// together take too much memory; `invalid_encoding` when the client stopped midway, or (with status 408) is too slow.
pub(crate) async fn receive(
    budget: &Budget,
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
    let Budget { memory, pace } = budget;
    let mut share = take(memory, PERMIT_BYTES)?;
    let mut bytes = BytesMut::new();
    let mut chunks = body.into_data_stream();
    loop {
        let earned = Duration::from_secs((bytes.len() / pace.rate_min) as u64);
        let chunk = timeout_at(started + pace.time_min + earned, chunks.next()).await.map_err(|_| {
            ApiError::new(Code::InvalidEncoding, "the request body arrives too slowly; nothing was stored")
                .with_status(StatusCode::REQUEST_TIMEOUT)
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
            share.merge(take(memory, len - held)?);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Received { bytes: bytes.freeze(), share, memory: memory.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(budget: &Budget, body: Body, bytes_max: usize) -> Result<Received, Code> {
        receive(budget, &HeaderMap::new(), body, bytes_max).await.map_err(|error| error.code)
    }

    fn four(time_min: Duration) -> Budget {
        Budget::new(4 * PERMIT_BYTES, Pace { time_min, rate_min: 100_000 })
    }

    fn never() -> Body {
        Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>())
    }

    #[tokio::test]
    async fn a_body_that_does_not_arrive_holds_little_and_ends_at_its_deadline() {
        let budget = Arc::new(four(Duration::from_secs(60)));
        let free = || budget.memory.available_permits();
        let waiting = tokio::spawn({
            let budget = budget.clone();
            async move { read(&budget, never(), 1 << 20).await.err() }
        });
        tokio::task::yield_now().await;
        assert_eq!(free(), 3, "a silent sender holds one permit");
        waiting.abort();
        assert!(waiting.await.is_err());
        assert_eq!(free(), 4);
        let impatient = four(Duration::ZERO);
        assert_eq!(read(&impatient, never(), 1 << 20).await.err(), Some(Code::InvalidEncoding));
        assert_eq!(impatient.memory.available_permits(), 4);
    }

    #[tokio::test]
    async fn takes_memory_as_it_arrives_and_gives_it_back() {
        let budget = four(Duration::from_secs(60));
        let free = || budget.memory.available_permits();
        let mut small =
            read(&budget, Body::from(vec![0; 2 * PERMIT_BYTES]), 1 << 20).await.unwrap_or_else(|_| panic!());
        assert_eq!(free(), 2);
        assert_eq!(
            read(&budget, Body::from(vec![0; 3 * PERMIT_BYTES]), 1 << 20).await.err(),
            Some(Code::Unavailable)
        );
        assert_eq!(small.grow(3 * PERMIT_BYTES).err().map(|error| error.code), Some(Code::Unavailable));
        assert!(small.grow(PERMIT_BYTES).is_ok());
        drop(small);
        assert_eq!(free(), 4);
        assert_eq!(read(&budget, Body::from(vec![0; 11]), 10).await.err(), Some(Code::BatchTooLarge));
    }
}
