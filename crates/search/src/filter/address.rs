//! Conditions on addresses: one by one, with a zone, or by network.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::field::{Field, ip_term, ip_zone_term, read_address};
use crate::filter::condition::has;
use crate::filter::operator::Operator;
use crate::path::{Path, attribute_term};
use crate::query::Expr;

const EXPECTED_ADDRESS: &str = "expected an IPv4 or IPv6 address";
const EXPECTED_NETWORK: &str = "expected a network such as 10.0.0.0/8";

/// An address, with or without a zone, or a network: the client's or one of its chain.
pub(super) fn address(value: &str) -> Result<Expr, String> {
    if value.contains('/') {
        return network(value, |lo, hi| Expr::Range(Field::Ip, lo, hi));
    }
    let (ip, zone) = plain_address(value)?;
    Ok(match zone {
        Some(zone) => Expr::Term(Field::IpZone, ip_zone_term(ip, zone)),
        None => Expr::Term(Field::Ip, ip_term(ip)),
    })
}

/// A port makes sense in a chain, but not in a filter.
fn plain_address(value: &str) -> Result<(IpAddr, Option<&str>), String> {
    let expected = || format!("{EXPECTED_ADDRESS}, or a network such as 10.0.0.0/8");
    let (ip, zone) = read_address(value).filter(|_| !value.contains("]:")).ok_or_else(expected)?;
    if value.parse::<IpAddr>().is_err() && zone.is_none() && !value.starts_with('[') {
        return Err(expected());
    }
    Ok((ip, zone))
}

/// The range of addresses of a network; one address is a network too.
pub(super) fn network(value: &str, range: impl Fn(String, String) -> Expr) -> Result<Expr, String> {
    let expected = |_| EXPECTED_NETWORK.to_owned();
    let net = match value.parse::<IpAddr>() {
        Ok(ip) => IpNet::from(ip.to_canonical()),
        Err(_) => value.parse().map_err(expected)?,
    };
    Ok(match net {
        IpNet::V4(v4) => range(ip_term(v4.network().into()), ip_term(v4.broadcast().into())),
        IpNet::V6(v6) => {
            let (first, last) = (v6.network(), v6.broadcast());
            if first.to_ipv4_mapped().is_some() && v6.prefix_len() >= 96 {
                return Ok(range(ip_term(first.into()), ip_term(last.into())));
            }
            // Written out, since the terms of mapped addresses are those of IPv4.
            range(format!("6{:032x}", u128::from(first)), format!("6{:032x}", u128::from(last)))
        }
    })
}

/// Without a chain, the client's own address is the only one in the field; with one, it has a path too.
pub(super) fn client_ip(operator: Operator, value: &str) -> Result<Expr, String> {
    let anywhere = match operator {
        Operator::Cidr => network(value, |lo, hi| Expr::Range(Field::Ip, lo, hi))?,
        _ => address(value)?,
    };
    let own = address_at(Path::ClientChained, operator, value)?;
    let unchained = Expr::Not(Box::new(has(Path::ClientChain)));
    Ok(Expr::And(vec![anywhere, Expr::Or(vec![unchained, own])]))
}

pub(super) fn address_at(path: Path, operator: Operator, value: &str) -> Result<Expr, String> {
    let at = |term: String| attribute_term(path.name(), &term);
    if operator == Operator::Cidr || value.contains('/') {
        return network(value, |lo, hi| Expr::Range(Field::Attribute, at(lo), at(hi)));
    }
    let (ip, zone) = plain_address(value)?;
    let term = zone.map_or_else(|| ip_term(ip), |zone| ip_zone_term(ip, zone));
    Ok(Expr::Term(Field::Attribute, at(term)))
}
