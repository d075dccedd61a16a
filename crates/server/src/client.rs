//! Who sent a request: the peer of the connection, or what proxies that the operator trusts say of their own peer.
//!
//! A proxy appends to what it got, and what it got may be invented. So the list is read from its right end, each entry
//! is believed because the hop to its right is trusted, and reading stops at the first hop that is not. What can't be
//! read counts as not said: then the nearest trusted proxy stands for the client, never an address that anybody may
//! have written.
//!
//! Only one kind of header is read (`proxy_header`), since proxies pass the other kind on as the client sent it.
//! [RFC 7239](https://www.rfc-editor.org/rfc/rfc7239); `X-Forwarded-*` have none.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, Uri, header, request::Parts, uri::Authority},
};
use clap::ValueEnum;
use ipnet::IpNet;
use serde::Deserialize;

use crate::public_url::PublicUrl;

/// Entries that are looked at, from the right: more proxies than anybody has in a row.
const HOPS_MAX: usize = 32;
/// Bytes of one entry: an IPv6 address with port, a host name of 253 and the words between them.
const ENTRY_LEN_MAX: usize = 512;
/// A host name of 253 characters, a colon and a port.
const HOST_LEN_MAX: usize = 259;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Which header a trusted proxy says in who its client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyHeader {
    /// `X-Forwarded-For`, with `X-Forwarded-Proto` and `X-Forwarded-Host`.
    XForwardedFor,
    /// `Forwarded` of RFC 7239.
    Forwarded,
}

/// Where a connection comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// Whether the connection is TLS that ends in this process.
    pub(crate) tls: bool,
}

/// Who sent a request. Every handler can take it as an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// The client's address; that of the nearest trusted proxy where no more is known. Never an IPv4 address in IPv6.
    pub(crate) ip: IpAddr,
    /// Whether the client's own connection is TLS.
    pub(crate) secure: bool,
    /// Host and port that the client asked, in lower case. Anybody can send any: good for comparing with `Origin`, never for links.
    pub(crate) host: Option<String>,
}

/// The proxies that are believed.
#[derive(Clone, Debug)]
pub(crate) struct Proxies {
    trusted: Vec<IpNet>,
    header: ProxyHeader,
}

/// What the trusted proxies say of the client.
#[derive(Default)]
struct Said<'a> {
    ip: Option<IpAddr>,
    proto: Option<&'a str>,
    host: Option<&'a str>,
}

impl Client {
    /// Whether cookies for this client are for TLS only: also where the connection is not known to be secure, but people
    /// are told to come by TLS.
    pub(crate) fn wants_secure_cookies(&self, public_url: Option<&PublicUrl>) -> bool {
        self.secure || public_url.is_some_and(PublicUrl::is_https)
    }
}

impl Proxies {
    pub(crate) fn new(trusted: Vec<IpNet>, header: ProxyHeader) -> Self {
        Self { trusted, header }
    }

    pub(crate) fn trusts(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.trusted.iter().any(|network| network.contains(&ip))
    }

    /// Who sent a request with this address and these headers on a connection of `peer`.
    pub(crate) fn client(&self, peer: Peer, uri: &Uri, headers: &HeaderMap) -> Client {
        let nearest = peer.address.ip().to_canonical();
        let said = if self.trusts(nearest) {
            match self.header {
                ProxyHeader::XForwardedFor => self.x_forwarded(nearest, headers),
                ProxyHeader::Forwarded => self.forwarded(nearest, headers),
            }
        } else {
            Said::default()
        };
        let secure = match said.proto {
            Some(proto) if proto.eq_ignore_ascii_case("https") => true,
            Some(proto) if proto.eq_ignore_ascii_case("http") => false,
            _ => peer.tls,
        };
        let asked = || {
            let header = single(headers, &header::HOST).and_then(|host| host.to_str().ok());
            uri.authority().map(Authority::as_str).or(header)
        };
        let host = said.host.and_then(host).or_else(|| asked().and_then(host));
        Client { ip: said.ip.unwrap_or(nearest), secure, host }
    }

    fn x_forwarded<'a>(&self, nearest: IpAddr, headers: &'a HeaderMap) -> Said<'a> {
        let addresses = || from_the_right(headers, X_FORWARDED_FOR, false);
        let (ip, hops) = self.walk(nearest, addresses().map(|entry| text(entry).and_then(address)));
        // A proxy either replaces this header or appends to it as it does to the list of addresses.
        let protos = || from_the_right(headers, X_FORWARDED_PROTO, false);
        let at = match protos().take(HOPS_MAX + 1).count() {
            1 => Some(0),
            count if count == addresses().take(HOPS_MAX + 1).count() => hops.checked_sub(1),
            _ => None,
        };
        let proto = at.and_then(|at| protos().nth(at)).and_then(text);
        let host = single(headers, &X_FORWARDED_HOST).and_then(|host| host.to_str().ok());
        Said { ip: Some(ip), proto, host }
    }

    fn forwarded<'a>(&self, nearest: IpAddr, headers: &'a HeaderMap) -> Said<'a> {
        let elements =
            || from_the_right(headers, header::FORWARDED, true).map(|entry| text(entry).and_then(element));
        let node = |element: Option<Element<'_>>| element?.node.and_then(bracketed);
        let (ip, hops) = self.walk(nearest, elements().map(node));
        // Written by the trusted hop that saw this client.
        let own = hops.checked_sub(1).and_then(|at| elements().nth(at)).flatten();
        let (proto, host) = own.map_or((None, None), |own| (own.proto, own.host));
        Said { ip: Some(ip), proto, host }
    }

    /// The right-most address that is not trusted, and how many entries that took; `None` among them stands for one that
    /// can't be read or says nothing.
    fn walk(&self, nearest: IpAddr, entries: impl Iterator<Item = Option<IpAddr>>) -> (IpAddr, usize) {
        let (mut ip, mut hops) = (nearest, 0);
        for entry in entries.take(HOPS_MAX) {
            let Some(entry) = entry else { break };
            (ip, hops) = (entry, hops + 1);
            if !self.trusts(ip) {
                break;
            }
        }
        (ip, hops)
    }
}

/// The only value of a header; of several nobody knows which one is meant.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// The entries of a list header, last one first. Several headers of one name are one list.
fn from_the_right(headers: &HeaderMap, name: HeaderName, quoted: bool) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(name).iter().rev();
    lines.flat_map(move |line| Commas { rest: line.as_bytes(), quoted })
}

/// Splits a line at its commas from the right end, so that nothing a client wrote at its left end can change how the
/// entries of proxies are read.
struct Commas<'a> {
    rest: &'a [u8],
    /// Whether a comma between quotes is part of an entry.
    quoted: bool,
}

impl<'a> Iterator for Commas<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let mut inside = false;
        for at in (0..self.rest.len()).rev() {
            match self.rest[at] {
                b'"' if self.quoted => inside = !inside,
                b',' if !inside => {
                    let entry = &self.rest[at + 1..];
                    self.rest = &self.rest[..at];
                    return Some(entry);
                }
                _ => {}
            }
        }
        Some(std::mem::take(&mut self.rest))
    }
}

fn text(entry: &[u8]) -> Option<&str> {
    let entry = std::str::from_utf8(entry).ok().filter(|entry| entry.len() <= ENTRY_LEN_MAX)?;
    Some(entry.trim_matches([' ', '\t']))
}

/// An address of `X-Forwarded-For`: plain, or with a port, IPv6 then in brackets.
fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical()).or_else(|| bracketed(text))
}

/// A node of RFC 7239: IPv6 in brackets, a port or an obfuscated one behind. `unknown` and obfuscated nodes are none.
fn bracketed(node: &str) -> Option<IpAddr> {
    let (ip, rest) = match node.strip_prefix('[') {
        Some(rest) => {
            let (ip, rest) = rest.split_once(']')?;
            (IpAddr::V6(ip.parse().ok()?), rest)
        }
        None => {
            let end = node.find(':').unwrap_or(node.len());
            (IpAddr::V4(node[..end].parse().ok()?), &node[end..])
        }
    };
    let is_port = |port: &str| match port.strip_prefix('_') {
        Some(name) => !name.is_empty() && name.bytes().all(is_of_name),
        None => port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok(),
    };
    let is_good = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
    is_good.then(|| ip.to_canonical())
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

/// One hop of `Forwarded`.
#[derive(Default)]
struct Element<'a> {
    node: Option<&'a str>,
    proto: Option<&'a str>,
    host: Option<&'a str>,
}

/// Reads `for=..;proto=..`; `None` when it is not of the grammar, or says one thing twice.
fn element(text: &str) -> Option<Element<'_>> {
    let mut element = Element::default();
    let mut rest = text;
    loop {
        let (name, value) = rest.split_once('=')?;
        if name.is_empty() || !name.bytes().all(is_token) {
            return None;
        }
        let (value, behind, is_good) = match value.strip_prefix('"') {
            Some(quoted) => {
                let (value, behind) = quoted.split_once('"')?;
                // Nodes, protocols and hosts have no use for an escape.
                (value, behind, !value.contains('\\'))
            }
            None => {
                let (value, behind) = value.split_at(value.find(';').unwrap_or(value.len()));
                (value, behind, !value.is_empty() && value.bytes().all(is_token))
            }
        };
        let place = match name.to_ascii_lowercase().as_str() {
            "for" => Some(&mut element.node),
            "proto" => Some(&mut element.proto),
            "host" => Some(&mut element.host),
            _ => None,
        };
        if !is_good || place.is_some_and(|place| place.replace(value).is_some()) {
            return None;
        }
        match behind.strip_prefix(';') {
            Some(next) => rest = next,
            None => return behind.is_empty().then_some(element),
        }
    }
}

/// A `tchar` of RFC 9110.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Host and port in lower case, if that is what it is.
fn host(text: &str) -> Option<String> {
    let authority: Authority = text.parse().ok().filter(|_| text.len() <= HOST_LEN_MAX)?;
    (!authority.host().is_empty() && !text.contains('@')).then(|| text.to_ascii_lowercase())
}

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().expect("every connection says who its client is"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PROXY: &str = "10.0.0.1";

    fn proxies(header: ProxyHeader) -> Proxies {
        let trusted = ["10.0.0.0/24", "fd00::/8"].map(|network| network.parse().unwrap());
        Proxies::new(trusted.into(), header)
    }

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
        }
        headers
    }

    fn peer(ip: &str, tls: bool) -> Peer {
        Peer { address: SocketAddr::new(ip.parse().unwrap(), 40_000), tls }
    }

    fn ask(header: ProxyHeader, from: &str, lines: &[(&str, &str)]) -> Client {
        proxies(header).client(peer(from, false), &Uri::from_static("/"), &headers(lines))
    }

    const XFF: &str = "X-Forwarded-For";
    const FWD: &str = "Forwarded";

    #[test]
    fn the_address_is_the_one_that_a_trusted_hop_saw() {
        use ProxyHeader::{Forwarded, XForwardedFor};
        let long = format!("{}, 9.9.9.9", "1.1.1.1, ".repeat(7_000));
        let open_quote = "for=\"1.1.1.1, for=9.9.9.9";
        let endless = "10.0.0.2, ".repeat(HOPS_MAX + 1) + "10.0.0.3";
        let endless = format!("1.1.1.1, {endless}");
        let huge = format!("1.1.1.1, {}9.9.9.9, 10.0.0.2", " ".repeat(ENTRY_LEN_MAX));
        for (what, header, from, lines, expected) in [
            ("no proxy", XForwardedFor, "9.9.9.9", &[][..], "9.9.9.9"),
            ("a client that claims", XForwardedFor, "9.9.9.9", &[(XFF, "1.1.1.1")], "9.9.9.9"),
            ("a client that claims the other way", Forwarded, "9.9.9.9", &[(FWD, "for=1.1.1.1")], "9.9.9.9"),
            ("a client that claims to be a proxy", XForwardedFor, "9.9.9.9", &[(XFF, PROXY)], "9.9.9.9"),
            ("one proxy", XForwardedFor, PROXY, &[(XFF, "9.9.9.9")], "9.9.9.9"),
            ("a claim through a proxy", XForwardedFor, PROXY, &[(XFF, "1.1.1.1, 9.9.9.9")], "9.9.9.9"),
            (
                "a claim in a header of its own",
                XForwardedFor,
                PROXY,
                &[(XFF, "1.1.1.1"), (XFF, "9.9.9.9")],
                "9.9.9.9",
            ),
            ("two proxies", XForwardedFor, PROXY, &[(XFF, "1.1.1.1, 9.9.9.9, 10.0.0.2")], "9.9.9.9"),
            (
                "two proxies, a line each",
                XForwardedFor,
                PROXY,
                &[(XFF, "1.1.1.1, 9.9.9.9"), (XFF, "10.0.0.2")],
                "9.9.9.9",
            ),
            ("a claim of a trusted address", XForwardedFor, PROXY, &[(XFF, "10.0.0.7, 9.9.9.9")], "9.9.9.9"),
            ("a client among the proxies", XForwardedFor, PROXY, &[(XFF, "10.0.0.9, 10.0.0.2")], "10.0.0.9"),
            ("a proxy that says nothing", XForwardedFor, PROXY, &[], PROXY),
            ("the kind that is not read", XForwardedFor, PROXY, &[(FWD, "for=1.1.1.1")], PROXY),
            ("the kind that is not read", Forwarded, PROXY, &[(XFF, "1.1.1.1")], PROXY),
            ("both kinds", XForwardedFor, PROXY, &[(FWD, "for=1.1.1.1"), (XFF, "9.9.9.9")], "9.9.9.9"),
            ("both kinds", Forwarded, PROXY, &[(FWD, "for=9.9.9.9"), (XFF, "1.1.1.1")], "9.9.9.9"),
            ("nonsense", XForwardedFor, PROXY, &[(XFF, "1.1.1.1, nonsense")], PROXY),
            (
                "nonsense behind a trusted hop",
                XForwardedFor,
                PROXY,
                &[(XFF, "1.1.1.1, nonsense, 10.0.0.2")],
                "10.0.0.2",
            ),
            ("an empty entry", XForwardedFor, PROXY, &[(XFF, "1.1.1.1, ")], PROXY),
            ("an empty header", XForwardedFor, PROXY, &[(XFF, "")], PROXY),
            ("bytes that are no text", XForwardedFor, PROXY, &[(XFF, "1.1.1.1, \u{e9}")], PROXY),
            ("nonsense on the left", XForwardedFor, PROXY, &[(XFF, "\u{e9}\"[,, 9.9.9.9")], "9.9.9.9"),
            ("a long list on the left", XForwardedFor, PROXY, &[(XFF, &long)], "9.9.9.9"),
            ("proxies without end", XForwardedFor, PROXY, &[(XFF, &endless)], "10.0.0.2"),
            ("an entry without end", XForwardedFor, PROXY, &[(XFF, &huge)], "10.0.0.2"),
            ("a port", XForwardedFor, PROXY, &[(XFF, "9.9.9.9:4711")], "9.9.9.9"),
            ("a wrong port", XForwardedFor, PROXY, &[(XFF, "9.9.9.9:66000")], PROXY),
            ("IPv6", XForwardedFor, PROXY, &[(XFF, "2001:db8::7")], "2001:db8::7"),
            ("IPv6 with a port", XForwardedFor, PROXY, &[(XFF, "[2001:db8::7]:80")], "2001:db8::7"),
            ("IPv6 in brackets", XForwardedFor, PROXY, &[(XFF, "[2001:db8::7]")], "2001:db8::7"),
            ("IPv6 with a zone", XForwardedFor, PROXY, &[(XFF, "fe80::1%eth0")], PROXY),
            ("IPv4 in IPv6", XForwardedFor, PROXY, &[(XFF, "::ffff:9.9.9.9")], "9.9.9.9"),
            ("a proxy's IPv4 in IPv6", XForwardedFor, PROXY, &[(XFF, "9.9.9.9, ::ffff:10.0.0.2")], "9.9.9.9"),
            ("a peer's IPv4 in IPv6", XForwardedFor, "::ffff:10.0.0.1", &[(XFF, "9.9.9.9")], "9.9.9.9"),
            ("a peer of IPv6", XForwardedFor, "fd00::1", &[(XFF, "9.9.9.9")], "9.9.9.9"),
            ("leading zeros", XForwardedFor, PROXY, &[(XFF, "010.0.0.1")], PROXY),
            ("RFC 7239", Forwarded, PROXY, &[(FWD, "for=9.9.9.9;proto=https;by=10.0.0.1")], "9.9.9.9"),
            ("RFC 7239, IPv6", Forwarded, PROXY, &[(FWD, "For=\"[2001:db8::7]:4711\"")], "2001:db8::7"),
            ("RFC 7239, an obfuscated port", Forwarded, PROXY, &[(FWD, "for=\"9.9.9.9:_p\"")], "9.9.9.9"),
            ("RFC 7239, obfuscated", Forwarded, PROXY, &[(FWD, "for=1.1.1.1, for=_hidden")], PROXY),
            ("RFC 7239, unknown", Forwarded, PROXY, &[(FWD, "for=1.1.1.1, for=unknown")], PROXY),
            ("RFC 7239, no for", Forwarded, PROXY, &[(FWD, "for=1.1.1.1, proto=https")], PROXY),
            ("RFC 7239, for twice", Forwarded, PROXY, &[(FWD, "for=9.9.9.9;for=1.1.1.1")], PROXY),
            ("RFC 7239, IPv6 without quotes", Forwarded, PROXY, &[(FWD, "for=[2001:db8::7]")], PROXY),
            ("RFC 7239, IPv6 without brackets", Forwarded, PROXY, &[(FWD, "for=\"2001:db8::7\"")], PROXY),
            ("RFC 7239, an escape", Forwarded, PROXY, &[(FWD, "for=\"9.9.9.9\\\"\"")], PROXY),
            ("RFC 7239, something behind quotes", Forwarded, PROXY, &[(FWD, "for=\"9.9.9.9\"x")], PROXY),
            (
                "RFC 7239, a comma in quotes",
                Forwarded,
                PROXY,
                &[(FWD, "for=9.9.9.9;x=\"a, for=1.1.1.1\"")],
                "9.9.9.9",
            ),
            ("RFC 7239, a quote left open by the client", Forwarded, PROXY, &[(FWD, open_quote)], "9.9.9.9"),
            (
                "RFC 7239, two lines",
                Forwarded,
                PROXY,
                &[(FWD, "for=1.1.1.1"), (FWD, "for=9.9.9.9, for=10.0.0.2")],
                "9.9.9.9",
            ),
        ] {
            let got = ask(header, from, lines).ip;
            assert_eq!(got, expected.parse::<IpAddr>().unwrap(), "{what}: {header:?} from {from}");
        }
    }

    #[test]
    fn whether_the_connection_is_secure_is_said_by_who_saw_it() {
        use ProxyHeader::{Forwarded, XForwardedFor};
        const PROTO: &str = "X-Forwarded-Proto";
        for (what, header, from, lines, expected) in [
            ("a claim", XForwardedFor, "9.9.9.9", &[(PROTO, "https")][..], false),
            ("a proxy", XForwardedFor, PROXY, &[(XFF, "9.9.9.9"), (PROTO, "https")], true),
            ("a proxy without addresses", XForwardedFor, PROXY, &[(PROTO, "HTTPS")], true),
            ("a proxy without TLS", XForwardedFor, PROXY, &[(XFF, "9.9.9.9"), (PROTO, "http")], false),
            (
                "a claim through a proxy",
                XForwardedFor,
                PROXY,
                &[(XFF, "9.9.9.9"), (PROTO, "https, http")],
                false,
            ),
            (
                "claims of both",
                XForwardedFor,
                PROXY,
                &[(XFF, "1.1.1.1, 9.9.9.9"), (PROTO, "https"), (PROTO, "http")],
                false,
            ),
            (
                "two proxies, the first with TLS",
                XForwardedFor,
                PROXY,
                &[(XFF, "9.9.9.9, 10.0.0.2"), (PROTO, "https, http")],
                true,
            ),
            ("nonsense", XForwardedFor, PROXY, &[(PROTO, "wss")], false),
            ("the kind that is not read", XForwardedFor, PROXY, &[(FWD, "for=9.9.9.9;proto=https")], false),
            ("RFC 7239", Forwarded, PROXY, &[(FWD, "for=9.9.9.9;proto=https")], true),
            (
                "RFC 7239, a claim",
                Forwarded,
                PROXY,
                &[(FWD, "for=1.1.1.1;proto=https, for=9.9.9.9;proto=http")],
                false,
            ),
            (
                "RFC 7239, two proxies",
                Forwarded,
                PROXY,
                &[(FWD, "for=9.9.9.9;proto=https, for=10.0.0.2;proto=http")],
                true,
            ),
        ] {
            assert_eq!(ask(header, from, lines).secure, expected, "{what}");
        }
        let said = headers(&[(PROTO, "http")]);
        let own =
            |from| proxies(XForwardedFor).client(peer(from, true), &Uri::from_static("/"), &said).secure;
        assert!(own("9.9.9.9"), "own TLS is what it is");
        assert!(!own(PROXY), "a proxy that speaks TLS to us may have got it in clear");
    }

    #[test]
    fn the_host_is_what_was_asked_or_what_a_proxy_says() {
        use ProxyHeader::{Forwarded, XForwardedFor};
        const HOST: (&str, &str) = ("Host", "Inner:80");
        const XFH: &str = "X-Forwarded-Host";
        for (what, header, from, lines, expected) in [
            ("asked", XForwardedFor, "9.9.9.9", &[HOST, (XFH, "evil")][..], Some("inner:80")),
            ("none", XForwardedFor, "9.9.9.9", &[], None),
            ("a proxy", XForwardedFor, PROXY, &[HOST, (XFH, "audit.example.com")], Some("audit.example.com")),
            ("several", XForwardedFor, PROXY, &[HOST, (XFH, "a"), (XFH, "b")], Some("inner:80")),
            ("nonsense", XForwardedFor, PROXY, &[HOST, (XFH, "a@b")], Some("inner:80")),
            ("two hosts", XForwardedFor, "9.9.9.9", &[HOST, HOST], None),
            (
                "RFC 7239",
                Forwarded,
                PROXY,
                &[HOST, (FWD, "for=9.9.9.9;host=\"a.example:8443\"")],
                Some("a.example:8443"),
            ),
            (
                "RFC 7239, a claim",
                Forwarded,
                PROXY,
                &[HOST, (FWD, "for=1.1.1.1;host=evil, for=9.9.9.9")],
                Some("inner:80"),
            ),
        ] {
            assert_eq!(ask(header, from, lines).host.as_deref(), expected, "{what}");
        }
    }

    #[test]
    fn cookies_are_for_tls_where_the_client_or_the_public_address_is() {
        let url = |text: &str| Some(text.parse::<PublicUrl>().unwrap());
        for (secure, public_url, expected) in [
            (false, None, false),
            (true, None, true),
            (false, url("http://127.0.0.1:8080"), false),
            (false, url("https://audit.example.com"), true),
        ] {
            let client = Client { ip: [192, 0, 2, 1].into(), secure, host: None };
            assert_eq!(client.wants_secure_cookies(public_url.as_ref()), expected, "{secure} {public_url:?}");
        }
    }

    fn untrusted() -> impl Strategy<Value = IpAddr> {
        any::<IpAddr>()
            .prop_map(|ip| ip.to_canonical())
            .prop_filter("is no proxy", |ip| !proxies(ProxyHeader::Forwarded).trusts(*ip))
    }

    fn node(ip: IpAddr) -> String {
        match ip {
            IpAddr::V4(ip) => format!("for={ip}"),
            IpAddr::V6(ip) => format!("for=\"[{ip}]\""),
        }
    }

    proptest! {
        /// Whatever the client sends, the proxies append what they saw, and that is the answer.
        #[test]
        fn what_a_client_sends_never_counts(
            claims in prop::collection::vec("[ -~\t]{0,60}", 0..4),
            client in untrusted(),
            hops in prop::collection::vec(0u8..=255, 0..4),
            joined: bool,
        ) {
            for header in [ProxyHeader::XForwardedFor, ProxyHeader::Forwarded] {
                let written = |ip: IpAddr| match header {
                    ProxyHeader::XForwardedFor => ip.to_string(),
                    ProxyHeader::Forwarded => node(ip),
                };
                let name = if header == ProxyHeader::Forwarded { FWD } else { XFF };
                let hops = hops.iter().map(|last| IpAddr::from([10, 0, 0, *last]));
                let seen: Vec<_> = std::iter::once(client).chain(hops).map(written).collect();
                let mut lines = claims.clone();
                if joined {
                    let last = lines.pop().unwrap_or_default();
                    lines.push(format!("{last}, {}", seen.join(", ")));
                } else {
                    lines.extend(seen);
                }
                let lines: Vec<_> = lines.iter().map(|line| (name, line.trim())).collect();
                prop_assert_eq!(ask(header, PROXY, &lines).ip, client);
                // The same from a stranger is only words.
                prop_assert_eq!(ask(header, "9.9.9.9", &lines).ip, "9.9.9.9".parse::<IpAddr>().unwrap());
            }
        }

        /// Any bytes at all: an answer, which is the proxy's own address or stands in the header.
        #[test]
        fn any_bytes_are_read_without_harm(lines in prop::collection::vec(prop::collection::vec(32u8..=255, 0..80), 0..4)) {
            for (header, name) in [(ProxyHeader::XForwardedFor, X_FORWARDED_FOR), (ProxyHeader::Forwarded, header::FORWARDED)] {
                let mut headers = HeaderMap::new();
                for line in &lines {
                    if let Ok(value) = HeaderValue::from_bytes(line) {
                        headers.append(&name, value);
                    }
                }
                let client = proxies(header).client(peer(PROXY, false), &Uri::from_static("/"), &headers);
                let all = lines.concat();
                let said = client.ip.to_string();
                let is_said = all.windows(said.len()).any(|window| window == said.as_bytes());
                prop_assert!(said == PROXY || is_said || client.ip.is_ipv6(), "{said}");
            }
        }
    }
}
