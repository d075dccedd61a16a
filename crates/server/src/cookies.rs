//! The session's cookie, and what tells a request of the page from one that another site made.

use axum::http::{HeaderMap, HeaderValue, Method, header};
use indelible_event::Code;
use indelible_identity::SessionToken;

use crate::error::ApiError;

/// Name of the cookie where the connection is not secure: browsers take the other names over TLS only.
const PLAIN: &str = "indelible_session";
/// Name over TLS; browsers let no subdomain set or replace it.
const SECURE: &str = "__Host-indelible_session";
/// The header that shows that a change comes from the page.
pub(crate) const CSRF_HEADER: &str = "x-csrf-token";

/// The session's token, if the request has one.
pub(crate) fn session_token(headers: &HeaderMap) -> Option<SessionToken> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let own = pairs.filter(|(name, _)| [PLAIN, SECURE].contains(name));
    // Of two cookies the one that only TLS can have set counts.
    let (_, token) = own.max_by_key(|(name, _)| *name == SECURE)?;
    SessionToken::parse(token)
}

/// The header that gives the cookie to the browser; with `None` the browser forgets it.
pub(crate) fn set_cookie(token: Option<&SessionToken>, secure: bool, max_age_seconds: u64) -> HeaderValue {
    let (name, flag) = if secure { (SECURE, "; Secure") } else { (PLAIN, "") };
    let (value, age) = token.map_or(("", 0), |token| (token.expose(), max_age_seconds));
    let cookie = format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{flag}");
    let mut cookie =
        HeaderValue::from_str(&cookie).expect("names, hex digits and numbers are valid in a header");
    cookie.set_sensitive(true);
    cookie
}

/// Refuses a change that bears a session but not the token of its page.
pub(crate) fn check_csrf(method: &Method, headers: &HeaderMap, token: &SessionToken) -> Result<(), ApiError> {
    if method.is_safe() {
        return Ok(());
    }
    refuse_other_sites(headers)?;
    let given = headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
    if given.is_some_and(|given| token.csrf().matches(given)) {
        Ok(())
    } else {
        let message = "send the session's csrf token (GET /v1/session) as X-CSRF-Token";
        Err(ApiError::new(Code::Forbidden, message))
    }
}

/// Refuses what a browser says that another site made.
pub(crate) fn refuse_other_sites(headers: &HeaderMap) -> Result<(), ApiError> {
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    match site {
        None | Some("same-origin" | "none") => Ok(()),
        Some(_) => Err(ApiError::new(Code::Forbidden, "the request comes from another site")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, String)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect::<HeaderMap>()
    }

    #[test]
    fn the_cookie_comes_back_and_of_two_the_secure_one_counts() {
        let (one, two) = (SessionToken::generate().unwrap(), SessionToken::generate().unwrap());
        let read = |cookie: String| {
            session_token(&headers(&[("cookie", cookie)])).map(|token| token.expose().to_owned())
        };
        assert_eq!(read(format!("a=b; {PLAIN}={}", one.expose())).as_deref(), Some(one.expose()));
        let both = format!("{SECURE}={}; {PLAIN}={}", two.expose(), one.expose());
        assert_eq!(read(both).as_deref(), Some(two.expose()));
        assert_eq!(read(format!("{PLAIN}=x; b")), None);
        let set = set_cookie(Some(&one), true, 60);
        let set = set.to_str().unwrap();
        for part in ["__Host-", "; Path=/;", "HttpOnly", "SameSite=Lax", "; Secure", "Max-Age=60"] {
            assert!(set.contains(part), "{set}");
        }
        assert!(
            set_cookie(None, false, 60).to_str().unwrap().contains("indelible_session=; Path=/; Max-Age=0")
        );
    }

    #[test]
    fn a_change_needs_the_token_of_the_page_and_comes_from_no_other_site() {
        let token = SessionToken::generate().unwrap();
        let own = || ("x-csrf-token", token.csrf().expose().to_owned());
        let site = |site: &str| ("sec-fetch-site", site.to_owned());
        let check = |method: Method, pairs: &[(&'static str, String)]| {
            check_csrf(&method, &headers(pairs), &token).is_ok()
        };
        assert!(check(Method::GET, &[site("cross-site")]));
        assert!(check(Method::POST, &[own()]) && check(Method::DELETE, &[own(), site("same-origin")]));
        assert!(!check(Method::POST, &[]) && !check(Method::PATCH, &[("x-csrf-token", "x".into())]));
        assert!(
            !check(Method::PUT, &[own(), site("cross-site")])
                && !check(Method::PUT, &[own(), site("same-site")])
        );
    }
}
