//! What the gate costs: making a principal of a key or a session, and the reach of its queries.
//!
//! `cargo run --release -p indelible-access --example gate` prints microseconds, the median of rounds. 1,000 tenants below
//! ten territories; the key reaches over one domain, one territory, or everything. What the reach costs for each event is in
//! the plan of the query: `docs/benchmarks.md`, "Searching at size", compares reaches.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a bench reads the clock and may fail loudly"
)]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use indelible_access::{Authenticator, Principal};
use indelible_control::{
    ApiKey, Change, Control, KeyRecord, NewKey, Permission, Reach, Tenant, TenantNumber, TenantState,
};
use indelible_event::Timestamp;
use uuid::Uuid;

/// Calls in a round, and rounds.
const CALLS: u32 = 1_000;
const ROUNDS: usize = 31;
/// Territories, and domains below each.
const TERRITORIES: u64 = 10;
const DOMAINS: u64 = 99;

fn tenant(number: TenantNumber, parent: Option<TenantNumber>) -> Tenant {
    Tenant {
        number,
        uuid: Uuid::from_u128(number.into()),
        name: format!("tenant-{number}"),
        display_name: None,
        parent,
        kind: None,
        external_id: None,
        zone: None,
        state: TenantState::Active,
        auditing: false,
        audited_since: None,
        chain_id: *Uuid::from_u128((number << 8).into()).as_bytes(),
        created_at: Timestamp::from_micros(1),
    }
}

/// The median microseconds of one call.
fn measured<T>(mut call: impl FnMut() -> T) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begin = Instant::now();
            for _ in 0..CALLS {
                black_box(call());
            }
            begin.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let directory = tempfile::tempdir().unwrap();
    let control = Control::open(&directory.path().join("control.sqlite")).await.unwrap();
    for territory in 1..=TERRITORIES {
        control.insert_tenant(&tenant(territory, None)).await.unwrap();
    }
    for domain in 0..TERRITORIES * DOMAINS {
        let number = TERRITORIES + 1 + domain;
        control.insert_tenant(&tenant(number, Some(1 + domain % TERRITORIES))).await.unwrap();
    }
    let auth = Authenticator::new(control.clone(), None, Duration::from_secs(3_600));
    let now = Timestamp::from_micros(10);
    println!("| reach of the key | principal | renewed | reach of a query |\n|---|--:|--:|--:|");
    let reaches = [
        ("one domain", Reach::Tenants(vec![TERRITORIES + 1])),
        ("a territory of 100 tenants", Reach::Tenants(vec![1])),
        ("everything", Reach::Everything),
    ];
    for (at, (name, reach)) in (1..).zip(reaches) {
        let new = NewKey {
            name: name.to_owned(),
            permissions: [Permission::AuditRead].into_iter().collect(),
            reach,
            default_tenant: None,
            tenant_from_target: false,
            create_tenants: false,
            replaces: None,
            expires_at: None,
        };
        let (key, secret) = ApiKey::make(new, now).unwrap();
        control.apply(at, now, &Change::KeyMade { key: KeyRecord::from(&key) }).await.unwrap();
        let principal = auth.authenticate(&secret, now).unwrap();
        let made = measured(|| auth.authenticate(&secret, now));
        let renewed = measured(|| auth.renew(&principal, now));
        let scope = measured(|| scope(&control, &principal));
        println!("| {name} | {made:.2} µs | {renewed:.2} µs | {scope:.2} µs |");
    }
}

/// The tenants that a query of this principal may look at, as a reader asks for them at each query.
fn scope(control: &Control, principal: &Principal) -> Option<indelible_search::Reach> {
    match principal.reach(Permission::AuditRead) {
        Reach::Everything => None,
        Reach::Tenants(roots) => Some(indelible_search::Reach::tenants(control.directory().subtree(&roots))),
    }
}
