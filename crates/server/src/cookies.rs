//! The session's cookie, and what tells a request of the page from one that another site made.

use axum::http::{HeaderMap, HeaderValue, Method, header};
use indelible_event::Code;
use indelible_identity::SessionToken;

use crate::error::ApiError;

/// A cookie's names. Over TLS only the one counts that browsers let no other host set or replace; they take it over TLS
/// alone.
pub(crate) struct CookieName {
    pub(crate) plain: &'static str,
    pub(crate) secure: &'static str,
}

impl CookieName {
    pub(crate) const fn of(&self, secure: bool) -> &'static str {
        if secure { self.secure } else { self.plain }
    }

    /// What a request bears under the name that counts.
    pub(crate) fn value<'h>(&self, headers: &'h HeaderMap, secure: bool) -> Option<&'h str> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == self.of(secure)).map(|(_, value)| value)
    }
}

/// The session's.
const SESSION: CookieName = CookieName { plain: "indelible_session", secure: "__Host-indelible_session" };
/// The header that shows that a change comes from the page.
pub(crate) const CSRF_HEADER: &str = "x-csrf-token";

/// The session's token, if the request has one.
pub(crate) fn session_token(headers: &HeaderMap, secure: bool) -> Option<SessionToken> {
    SESSION.value(headers, secure).and_then(SessionToken::parse)
}

/// The header that gives the cookie to the browser; with `None` the browser forgets it.
pub(crate) fn set_cookie(token: Option<&SessionToken>, secure: bool, max_age_seconds: u64) -> HeaderValue {
    let (name, flag) = (SESSION.of(secure), if secure { "; Secure" } else { "" });
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
    fn the_cookie_comes_back_and_over_tls_only_the_one_that_no_other_host_can_set() {
        let (one, two) = (SessionToken::generate().unwrap(), SessionToken::generate().unwrap());
        let read = |cookie: &str, secure| {
            let headers = headers(&[("cookie", cookie.to_owned())]);
            session_token(&headers, secure).map(|token| token.expose().to_owned())
        };
        let (plain, secure) = (SESSION.plain, SESSION.secure);
        let only = format!("a=b; {plain}={}", one.expose());
        let both = format!("{secure}={}; {plain}={}", two.expose(), one.expose());
        for (cookie, over_tls, expected) in [
            (&only, false, Some(&one)),
            (&only, true, None),
            (&both, false, Some(&one)),
            (&both, true, Some(&two)),
            (&format!("{plain}=x; b"), false, None),
        ] {
            assert_eq!(
                read(cookie, over_tls).as_deref(),
                expected.map(|token| token.expose()),
                "{cookie} {over_tls}"
            );
        }
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
