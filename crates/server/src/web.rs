//! The page: files embedded at build time, a strict content security policy, any path prefix.

use std::{borrow::Cow, sync::Arc};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{Html, IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use indelible_event::Code;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use crate::{app::Gate, error::ApiError};

#[derive(RustEmbed)]
#[folder = "$OUT_DIR/web"]
struct Files;

/// The start page with its policy, ready to be sent.
pub(crate) struct Web {
    index: String,
    policy: HeaderValue,
}

impl Web {
    /// Prepares the start page for `path_prefix`: the built page believes that it lives at `/`.
    pub(crate) fn new(path_prefix: &str) -> Self {
        let index = Files::get("index.html").map(|file| String::from_utf8_lossy(&file.data).into_owned());
        let index = index.unwrap_or_else(|| PLACEHOLDER.to_owned());
        let index = if path_prefix.is_empty() { index } else { rebase(&index, path_prefix) };
        let hashes: String = inline_scripts(&index)
            .map(|script| format!(" 'sha256-{}'", STANDARD.encode(Sha256::digest(script.as_bytes()))))
            .collect();
        let policy = format!(
            "default-src 'none'; script-src 'self'{hashes}; style-src 'self'; img-src 'self' data:; font-src 'self'; \
             connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        );
        let policy =
            HeaderValue::from_str(&policy).expect("base64 and the fixed words are valid in a header");
        Self { index, policy }
    }
}

const PLACEHOLDER: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Indelible</title>\
    <h1>Indelible is running</h1><p>This build has no page in it: it was made without Node.js. \
    The API is at <a href=\"openapi.json\">openapi.json</a>.</p></html>";

/// Puts the prefix before the page's own absolute addresses.
fn rebase(index: &str, path_prefix: &str) -> String {
    index
        .replace("href=\"/", &format!("href=\"{path_prefix}/"))
        .replace("src=\"/", &format!("src=\"{path_prefix}/"))
        .replace("import(\"/", &format!("import(\"{path_prefix}/"))
        .replace("base: \"\"", &format!("base: \"{path_prefix}\""))
}

/// The texts of scripts that stand in the page itself.
fn inline_scripts(html: &str) -> impl Iterator<Item = &str> {
    html.split("<script").skip(1).filter_map(|rest| {
        let (attributes, rest) = rest.split_once('>')?;
        let (script, _) = rest.split_once("</script>")?;
        (!attributes.contains("src=") && !script.is_empty()).then_some(script)
    })
}

/// A file of the page, or the start page for every address that the page itself understands.
pub(crate) async fn asset(State(gate): State<Arc<Gate>>, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("v1/") || path == "v1" {
        return ApiError::new(Code::NotFound, "no such address").into_response();
    }
    if let Some(file) = Files::get(path).filter(|_| path != "index.html") {
        return file_response(path, file.data, &headers, file.metadata.sha256_hash());
    }
    // A missing script must not be answered with a page.
    if path.starts_with("_app/") || path.rsplit('/').next().is_some_and(|name| name.contains('.')) {
        let events = path.strip_prefix("events/").is_some();
        if !events {
            return StatusCode::NOT_FOUND.into_response();
        }
    }
    let mut response = Html(gate.web.index.clone()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, gate.web.policy.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn file_response(path: &str, data: Cow<'static, [u8]>, headers: &HeaderMap, hash: [u8; 32]) -> Response {
    let tag = format!("\"{}\"", hex::encode(&hash[..16]));
    let cache =
        if path.starts_with("_app/immutable/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|given| given.as_bytes() == tag.as_bytes());
    let mut response =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { data.into_owned().into_response() };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// The page that the `type` of every error points to.
pub(crate) async fn error_page(State(_): State<Arc<Gate>>) -> Response {
    let rows: String = Code::ALL
        .iter()
        .map(|code| {
            let name = code.as_str();
            format!("<tr id=\"{name}\"><td><code>{name}</code></td><td>{}</td></tr>", code.status())
        })
        .collect();
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Errors - Indelible</title><h1>Error codes</h1>\
         <table><thead><tr><th>code</th><th>status</th></tr></thead><tbody>{rows}</tbody></table></html>"
    );
    let mut response = Html(page).into_response();
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_inline_scripts_and_leaves_loaded_ones_out() {
        let html =
            "<script src=\"/a.js\"></script><script>one()</script><script type=\"module\">two()</script>";
        assert_eq!(inline_scripts(html).collect::<Vec<_>>(), ["one()", "two()"]);
    }

    #[test]
    fn puts_the_prefix_before_absolute_addresses_only() {
        let html =
            r#"<link href="/_app/a.css"><a href="x"><script>import("/_app/s.js"); f({base: ""})</script>"#;
        let expected = r#"<link href="/p/_app/a.css"><a href="x"><script>import("/p/_app/s.js"); f({base: "/p"})</script>"#;
        assert_eq!(rebase(html, "/p"), expected);
    }
}
