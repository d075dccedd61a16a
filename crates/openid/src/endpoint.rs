//! Where requests may go.
//!
//! A discovery document is written by the provider, so its addresses must not turn this server against its own machine:
//! HTTPS everywhere, and this machine only for a provider that runs on it.

use openidconnect::url::{Host, Url};

/// Whether an address of a provider may be asked. `on_loopback` says whether its issuer is on this machine.
pub(crate) fn may_be_asked(url: &Url, on_loopback: bool) -> bool {
    let has_no_user = url.username().is_empty() && url.password().is_none();
    let is_allowed = match url.scheme() {
        "https" => on_loopback || !is_loopback(url),
        "http" => on_loopback && is_loopback(url),
        _ => false,
    };
    has_no_user && is_allowed && url.host().is_some()
}

/// Whether an address names this machine. Names are taken by what they say, not by what they resolve to.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
        Some(Host::Ipv6(address)) => match address.to_ipv4_mapped() {
            Some(address) => address.is_loopback() || address.is_unspecified(),
            None => address.is_loopback() || address.is_unspecified(),
        },
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_this_machine_only_for_a_provider_on_it() {
        for (url, elsewhere, here) in [
            ("https://login.example.com/token", true, true),
            ("http://login.example.com/token", false, false),
            ("https://127.0.0.1/token", false, true),
            ("http://127.0.0.1:9000/token", false, true),
            ("http://2130706433/token", false, true),
            ("http://0.0.0.0/token", false, true),
            ("https://LOCALHOST./token", false, true),
            ("https://a.localhost/token", false, true),
            ("https://[::1]/token", false, true),
            ("https://[::ffff:127.0.0.1]/token", false, true),
            ("https://user@login.example.com/token", false, false),
            ("ftp://127.0.0.1/token", false, false),
            ("unix:/run/socket", false, false),
        ] {
            let parsed = Url::parse(url).unwrap();
            assert_eq!(
                (may_be_asked(&parsed, false), may_be_asked(&parsed, true)),
                (elsewhere, here),
                "{url}"
            );
        }
    }
}
