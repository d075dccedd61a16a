//! Where an event came from, as vendors write it.
//!
//! An address, a host name or words in place of one, `v4:port`, `[v6]:port`, an IPv6 zone, a list or a text of
//! several with commas. What is none of these is kept as text in the chain, never lost and never guessed at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use indelible_event::Client;

/// What one text in place of an address says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// "", "-", "?": the vendor's words for none.
    None,
    Ip {
        ip: IpAddr,
        zone: Option<String>,
        port: Option<u16>,
    },
    Host {
        host: String,
        port: Option<u16>,
    },
    /// Not an address, not a host.
    Odd,
}

/// Fills `client` from the texts of an address field: the first is the client, several are the chain too.
/// Returns the first text that is neither an address nor a host name.
pub(crate) fn fill(client: &mut Client, texts: &[String]) -> Option<String> {
    let parts: Vec<&str> = texts.iter().flat_map(|text| text.split(',')).map(str::trim).collect();
    let parts: Vec<&str> = parts.into_iter().filter(|part| read(part) != Origin::None).collect();
    let mut odd = None;
    let mut found = false;
    for part in &parts {
        match read(part) {
            Origin::Odd => odd = odd.or_else(|| Some((*part).to_owned())),
            Origin::Ip { ip, zone, port } if !found => {
                found = true;
                client.ip = Some(ip);
                client.zone = zone;
                client.port = client.port.or(port);
            }
            Origin::Host { host, port } if !found => {
                found = true;
                client.host = Some(host);
                client.port = client.port.or(port);
            }
            Origin::None | Origin::Ip { .. } | Origin::Host { .. } => {}
        }
    }
    if parts.len() > 1 || odd.is_some() {
        client.chain.extend(parts.into_iter().map(str::to_owned));
    }
    odd
}

/// Reads one text.
pub(crate) fn read(text: &str) -> Origin {
    let text = text.trim();
    if matches!(text, "" | "-" | "?") {
        return Origin::None;
    }
    if let Some(rest) = text.strip_prefix('[') {
        let Some((inside, after)) = rest.split_once(']') else { return Origin::Odd };
        let port = match after.strip_prefix(':') {
            Some(port) => read_port(port),
            None => None,
        };
        return match (v6(inside), after.is_empty() || port.is_some()) {
            (Some((ip, zone)), true) => Origin::Ip { ip: ip.into(), zone, port },
            _ => Origin::Odd,
        };
    }
    if let Ok(ip) = text.parse::<Ipv4Addr>() {
        return Origin::Ip { ip: ip.into(), zone: None, port: None };
    }
    if let Some((ip, zone)) = v6(text) {
        return Origin::Ip { ip: ip.into(), zone, port: None };
    }
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) => match read_port(port) {
            Some(port) => (name, Some(port)),
            None => return Origin::Odd,
        },
        None => (text, None),
    };
    if let Ok(ip) = name.parse::<Ipv4Addr>() {
        return Origin::Ip { ip: ip.into(), zone: None, port };
    }
    if is_host(name) { Origin::Host { host: name.to_owned(), port } } else { Origin::Odd }
}

fn v6(text: &str) -> Option<(Ipv6Addr, Option<String>)> {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    let zone_fits = |zone: &str| {
        !zone.is_empty() && zone.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    if zone.is_some_and(|zone| !zone_fits(zone)) {
        return None;
    }
    Some((address.parse().ok()?, zone.map(str::to_owned)))
}

fn read_port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// The API's rule for `client.host`: `[A-Za-z][A-Za-z0-9 ._-]{0,252}`.
pub(crate) fn is_host(text: &str) -> bool {
    text.len() <= 253
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" ._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_vendors_write() {
        let ip = |ip: &str, port| Origin::Ip { ip: ip.parse().unwrap(), zone: None, port };
        let host = |host: &str, port| Origin::Host { host: host.to_owned(), port };
        for (text, want) in [
            ("10.248.16.43", ip("10.248.16.43", None)),
            ("1.2.3.4:10736", ip("1.2.3.4", Some(10736))),
            ("0:0:0:0:0:0:0:1", ip("::1", None)),
            ("[2001:db8::1]:443", ip("2001:db8::1", Some(443))),
            ("[2001:db8::1]", ip("2001:db8::1", None)),
            (
                "fe80::1%eth0",
                Origin::Ip { ip: "fe80::1".parse().unwrap(), zone: Some("eth0".into()), port: None },
            ),
            ("secretsmanager.amazonaws.com", host("secretsmanager.amazonaws.com", None)),
            ("AWS Internal", host("AWS Internal", None)),
            ("proxy.example:8080", host("proxy.example", Some(8080))),
            ("", Origin::None),
            (" - ", Origin::None),
            ("?", Origin::None),
            ("256.1.1.1", Origin::Odd),
            ("010.0.0.1", Origin::Odd),
            ("1.2.3.4:99999", Origin::Odd),
            ("[1.2.3.4", Origin::Odd),
            ("fe80::1%<script>", Origin::Odd),
            ("IPV4/UDP/203.0.113.7/5060", Origin::Odd),
        ] {
            assert_eq!(read(text), want, "{text}");
        }
    }

    #[test]
    fn several_addresses_are_a_chain_and_odd_text_stays_text() {
        let mut client = Client::default();
        assert_eq!(fill(&mut client, &["63.246.22.199, 172.16.1.187".to_owned()]), None);
        assert_eq!(client.ip, "63.246.22.199".parse().ok());
        assert_eq!(client.chain, ["63.246.22.199", "172.16.1.187"]);
        let mut client = Client::default();
        assert_eq!(fill(&mut client, &["10.0.0.0/8".to_owned()]).as_deref(), Some("10.0.0.0/8"));
        assert_eq!((client.ip, &*client.chain), (None, &["10.0.0.0/8".to_owned()][..]));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*", odd in "[\\[\\]0-9a-f:.%, -]*") {
            let _ = read(&text);
            let mut client = Client::default();
            let _ = fill(&mut client, &[text, odd]);
        }

        #[test]
        fn every_address_comes_back(ip in any::<IpAddr>(), port in any::<u16>()) {
            prop_assert_eq!(read(&ip.to_string()), Origin::Ip { ip, zone: None, port: None });
            let socket = std::net::SocketAddr::new(ip, port).to_string();
            prop_assert_eq!(read(&socket), Origin::Ip { ip, zone: None, port: Some(port) });
        }
    }
}
