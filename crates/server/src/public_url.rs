//! The address under which people reach the server: the only source of links that leave it.
//!
//! `Host` and its relatives are written by whoever asks; a link made of them in a mail would lead where an attacker
//! wants.

use std::{fmt, str::FromStr};

use axum::http::{Uri, uri::Scheme};

/// An address such as `https://audit.example.com/prefix`, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    path: String,
    https: bool,
}

/// The text is no address that can stand before a path.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address of the form https://HOST or https://HOST:PORT/PATH")]
pub struct NotAnAddress;

impl PublicUrl {
    /// Scheme, host and port, as browsers write it in `Origin`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The path under which the server is reached, empty for none.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether browsers come by TLS.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The address of one of the server's own paths, which begins with a slash.
    pub fn link(&self, path: &str) -> String {
        format!("{self}{path}")
    }
}

impl FromStr for PublicUrl {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        let text = text.trim_end_matches('/');
        let uri: Uri = text.parse().map_err(|_| NotAnAddress)?;
        let https = uri.scheme() == Some(&Scheme::HTTPS);
        let authority = uri.authority().ok_or(NotAnAddress)?;
        let is_good = (https || uri.scheme() == Some(&Scheme::HTTP))
            && !authority.host().is_empty()
            && !authority.as_str().contains('@')
            && uri.query().is_none()
            && !text.contains('#');
        if !is_good {
            return Err(NotAnAddress);
        }
        // Browsers leave the port of the scheme out.
        let port = match (authority.port_u16(), https) {
            (None, _)
                if authority.as_str().contains("]:") || authority.host().len() < authority.as_str().len() =>
            {
                return Err(NotAnAddress);
            }
            (None, _) | (Some(443), true) | (Some(80), false) => String::new(),
            (Some(port), _) => format!(":{port}"),
        };
        let scheme = if https { "https" } else { "http" };
        let origin = format!("{scheme}://{}{port}", authority.host().to_ascii_lowercase());
        Ok(Self { origin, path: uri.path().trim_end_matches('/').to_owned(), https })
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_or_refused() {
        for (text, expected) in [
            ("https://audit.example.com", Some(("https://audit.example.com", ""))),
            ("https://Audit.Example.com:443/", Some(("https://audit.example.com", ""))),
            ("https://audit.example.com:8443/log/", Some(("https://audit.example.com:8443", "/log"))),
            ("http://127.0.0.1:8080", Some(("http://127.0.0.1:8080", ""))),
            ("http://localhost:80", Some(("http://localhost", ""))),
            ("https://[2001:db8::1]:8443", Some(("https://[2001:db8::1]:8443", ""))),
            ("audit.example.com", None),
            ("/audit", None),
            ("ftp://audit.example.com", None),
            ("https://", None),
            ("https://ada@audit.example.com", None),
            ("https://audit.example.com?x=1", None),
            ("https://audit.example.com/#top", None),
            ("https://audit.example.com:port", None),
            ("https://audit.example.com:66000", None),
            ("https://audit example.com", None),
        ] {
            let read = text.parse::<PublicUrl>().ok();
            let parts = read.as_ref().map(|url| (url.origin(), url.path()));
            assert_eq!(parts, expected, "{text}");
        }
        let url: PublicUrl = "https://a.example/log".parse().unwrap();
        assert_eq!(url.link("/set-password#il_1"), "https://a.example/log/set-password#il_1");
    }
}
