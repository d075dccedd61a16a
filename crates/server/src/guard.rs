//! Headers that keep browsers from doing more with an answer than it is for, on every answer there is; and the word that
//! a connection ends.
//!
//! An answer that says something of its own (a page's policy, a file that may be cached) keeps it.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use hyper::body::{Body as _, Frame, SizeHint};

use crate::client::Client;

/// Nothing here uses a device or a sensor.
const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
                           magnetometer=(), microphone=(), midi=(), payment=(), usb=()";

/// What stands in every answer that does not say otherwise.
const ALWAYS: [(HeaderName, &str); 8] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    // The pages have policies of their own; what is no page needs nothing.
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    // Contents of the trail stay in no cache, neither a browser's nor a proxy's.
    (header::CACHE_CONTROL, "no-store"),
];

/// A year, as the preload lists and ASVS ask for.
const HSTS: &str = "max-age=31536000; includeSubDomains";

/// Adds what is missing.
pub(crate) async fn guard(request: Request, next: Next) -> Response {
    let secure = request.extensions().get::<Client>().is_some_and(|client| client.secure);
    let read = Arc::new(AtomicBool::new(request.body().is_end_stream()));
    let watched = |body| Body::new(Watched { body, read: read.clone() });
    let mut response = next.run(request.map(watched)).await;
    let headers = response.headers_mut();
    // What is left of the body would have to be read before the next request; the connection ends instead, and a client
    // that is not told so sends its next request into it.
    if !read.load(Ordering::Acquire) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    // Said in clear it would be worth nothing, RFC 6797 section 7.2.
    if secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
    }
    response
}

/// A request's body that notes when it was read to its end.
struct Watched {
    body: Body,
    read: Arc<AtomicBool>,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.read.store(true, Ordering::Release);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
