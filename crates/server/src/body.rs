//! Receiving a request body within its limits and within the memory that all bodies share.

use std::sync::Arc;

use axum::{body::Body, http::HeaderMap};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use indelible_event::Code;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;

/// A received body, and its share of the memory for bodies until it is dropped.
pub(crate) struct Received {
    pub(crate) bytes: Bytes,
    pub(crate) _share: OwnedSemaphorePermit,
}

/// Reads a body of at most `bytes_max`.
///
/// # Errors
/// `batch_too_large`, from `Content-Length` before anything is read where it tells; `unavailable` when all bodies
/// together take too much memory; `invalid_encoding` when the client stopped midway.
pub(crate) async fn receive(
    budget: &Arc<Semaphore>,
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
) -> Result<Received, ApiError> {
    let too_large = || ApiError::new(Code::BatchTooLarge, format!("a request may have at most {bytes_max} bytes"));
    let announced = headers
        .get(axum::http::header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<usize>().ok());
    if announced.is_some_and(|length| length > bytes_max) {
        return Err(too_large());
    }
    // A body of unknown length may become the largest allowed.
    let kibibytes = u32::try_from(announced.unwrap_or(bytes_max) / 1024 + 1).unwrap_or(u32::MAX);
    let share = budget
        .clone()
        .try_acquire_many_owned(kibibytes)
        .map_err(|_| ApiError::unavailable("too many large requests at one time; nothing was stored", 1))?;
    let mut bytes = BytesMut::with_capacity(announced.unwrap_or(8 << 10));
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::new(Code::InvalidEncoding, "the request body ended early"))?;
        if bytes.len() + chunk.len() > bytes_max {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Received { bytes: bytes.freeze(), _share: share })
}
