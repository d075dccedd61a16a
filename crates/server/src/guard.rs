//! Headers that keep browsers from doing more with an answer than it is for, on every answer there is.
//!
//! An answer that says something of its own (a page's policy, a file that may be cached) keeps it.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

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
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    // Said in clear it would be worth nothing, RFC 6797 section 7.2.
    if secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
    }
    response
}
