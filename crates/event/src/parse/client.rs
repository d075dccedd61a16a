//! Where an event came from: address, zone, and the words that stand in place of an address.
//!
//! Real feeds put host names, service names, "" and "-" where the address belongs; those are not lost and not refused.
//! Anything that only looks like an address (ports, lists, octal, CIDR) is refused, because a guess would be found by
//! the wrong searches. A zone is `[0-9A-Za-z._-]+` after `%` (RFC 4007), IPv6 only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Parser;
use crate::json::Fatal;
use crate::model::{Client, Extra};
use crate::problem::{Code, excerpt};

/// The longest text that is taken for a host, in bytes.
const HOST_BYTES_MAX: usize = 253;

/// What stood in `client.ip`.
#[derive(Debug, PartialEq, Eq)]
enum Address {
    None,
    Ip(IpAddr),
    Zoned(Ipv6Addr, String),
    Host,
    Invalid,
}

impl Parser<'_> {
    pub(super) fn client(&mut self) -> Result<Client, Fatal> {
        let mut client = Client::default();
        let mut extra = Extra::default();
        let mut ip_text = None;
        self.optional_object(&mut extra, |parser, name| {
            match name {
                "ip" => ip_text = parser.text()?,
                "zone" => client.zone = parser.text()?,
                "chain" => client.chain = parser.texts()?,
                "port" => {
                    client.port = parser.integer(0, u64::from(u16::MAX))?.and_then(|n| u16::try_from(n).ok())
                }
                "host" => client.host = parser.text()?,
                "user_agent" => client.user_agent = parser.text()?,
                "channel" => client.channel = parser.text()?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        client.extra = extra;
        self.place_address(&mut client, ip_text.unwrap_or_default());
        Ok(client)
    }

    fn place_address(&mut self, client: &mut Client, text: String) {
        let given_zone = client.zone.take();
        match address(&text) {
            Address::None => {}
            Address::Ip(ip) => client.ip = Some(ip),
            Address::Zoned(ip, zone) => {
                client.ip = Some(IpAddr::V6(ip));
                client.zone = Some(zone);
            }
            Address::Host => match &client.host {
                None => client.host = Some(text),
                Some(host) if *host == text => {}
                // The host that was named as such stays; the text is still a place on the way, and found as one.
                Some(_) if client.chain.contains(&text) => {}
                Some(_) => {
                    client.chain.insert(0, text);
                    client.chain.truncate(self.items_max);
                }
            },
            Address::Invalid => {
                let message = format!(
                    "expected one IPv4 or IPv6 address without port or prefix length, or a host name, got {}",
                    excerpt(&text)
                );
                self.member_problem("ip", Code::InvalidIp, message);
            }
        }
        let Some(zone) = given_zone else { return };
        let fits = matches!(client.ip, Some(IpAddr::V6(_))) && is_zone(&zone);
        match &client.zone {
            None if fits => client.zone = Some(zone),
            Some(same) if *same == zone => {}
            _ => {
                let message = format!("expected the zone of the IPv6 address in ip, got {}", excerpt(&zone));
                self.member_problem("zone", Code::InvalidIp, message);
            }
        }
    }
}

fn address(text: &str) -> Address {
    if text.is_empty() || text == "-" {
        return Address::None;
    }
    // The standard library's IPv4 parser is strict: four decimal parts, no leading zeros.
    if let Ok(ip) = text.parse::<Ipv4Addr>() {
        return Address::Ip(IpAddr::V4(ip));
    }
    if let Some((ip, zone)) = text.split_once('%') {
        return match ip.parse::<Ipv6Addr>() {
            Ok(ip) if is_zone(zone) => Address::Zoned(ip, zone.to_owned()),
            _ => Address::Invalid,
        };
    }
    if let Ok(ip) = text.parse::<Ipv6Addr>() {
        return Address::Ip(IpAddr::V6(ip));
    }
    if is_host(text) { Address::Host } else { Address::Invalid }
}

fn is_zone(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Whether `text` is `[A-Za-z][A-Za-z0-9 ._-]{0,252}`.
fn is_host(text: &str) -> bool {
    text.len() <= HOST_BYTES_MAX
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" ._-".contains(&byte))
}
