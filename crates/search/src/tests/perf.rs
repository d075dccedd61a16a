use super::world::*; use indelible_event::*; use std::time::Instant; use crate::*;
#[test] fn perf() {
    let n: u64 = std::env::var("N").map_or(200_000, |n| n.parse().unwrap());
    let ledger = MemoryLedger::new(); let mut s = 1u64;
    let mut d = move |n: u64| { s = s.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407); (s >> 33) % n };
    for i in 0..n { let z = |r: u64| (r * r) / 10_000;
        let u = z(d(10_000)); 
        let e = Event { action: ["GetObject","PutObject","Login","Logout","Delete user"][d(5) as usize].into(), action_type: Some("view".into()),
          source: Source { application: Some("portal".into()), component: Some(format!("c{}", d(10))), node: Some("ias-01".into()), ..Default::default() },
          actor: Some(Actor { id: Some(format!("u{u}")), username: Some(format!("user{u}@company{}.com", u % 100)), tenant: Some(format!("company{}.com", u % 100)), groups: vec!["Support".into()], ..Default::default() }),
          client: Client { ip: Some(std::net::Ipv4Addr::from(0x0a000000 + d(60000) as u32).into()), user_agent: Some("Mozilla/5.0 (X11; Linux x86_64) Chrome/120".into()), ..Default::default() },
          outcome: Outcome { result: Some(OutcomeResult::Success), ..Default::default() },
          targets: vec![Target { kind: Some("object".into()), id: Some(format!("bucket{}/key{}", d(100), d(1_000_000))), ..Default::default() }],
          details: Some(format!("The user word{} did word{} something word{} to {}", z(d(10000)), z(d(10000)), d(500000), i)),
          parameters: vec![("Recording Id".into(), raw(&format!("\"{:08x}-7ba6-4d69-91e4-175816aa5d0b\"", d(u32::MAX as u64)))), ("Size".into(), raw("12345"))],
          session_id: Some(format!("s{}", d(100_000))), request_id: Some(format!("{:016x}", d(1<<60))), ..Default::default() };
        ledger.push(stored(z(d(10000)) % 500, NOW + i as i64 * 1000, &format!("018f-{i:012x}"), e)); }
    let dir = tempfile::tempdir().unwrap();
    let e = Engine::open(dir.path(), &ledger, SearchConfig { flush_events: 131_072, ..config() });
    let t = Instant::now(); e.follow(); let el = t.elapsed(); println!("follow {:.2} us/event", el.as_secs_f64()*1e6/n as f64);
    let p = e.search.progress(); println!("tail {} bytes/event", e.state.view().blocks.iter().map(|b| b.read().bytes()).sum::<usize>() as u64 / p.tail_events.max(1));
    let rss = std::fs::read_to_string("/proc/self/statm").unwrap(); println!("rss {} MB", rss.split(' ').nth(1).unwrap().parse::<u64>().unwrap()*4/1024);
    bench(&e, "tail");
    let t = Instant::now(); e.build(); println!("build {:.2} us/event", t.elapsed().as_secs_f64()*1e6/n as f64);
    bench(&e, "splits");
    let p = e.search.progress(); println!("{} splits, {} B/event in splits, tail {}", p.splits, p.split_bytes / (n - p.tail_events).max(1), p.tail_events);
    let mut by = std::collections::BTreeMap::new(); for s in &e.state.view().splits { for f in &s.meta.files { *by.entry(f.name.rsplit('.').next().unwrap().to_owned()).or_insert(0) += f.bytes; } } println!("{by:?}");
    let t = Instant::now(); e.merge(); println!("merge {:.2} us/event", t.elapsed().as_secs_f64()*1e6/n as f64);
    bench(&e, "merged");
    let t = Instant::now(); let r = e.checked(); println!("check {:.2} us/event {}", t.elapsed().as_secs_f64()*1e6/n as f64, r.is_sound());
    drop(e); let t = Instant::now(); let e = Engine::open(dir.path(), &ledger, config()); println!("open {:?}", t.elapsed()); drop(e);
}
fn bench(e: &Engine, place: &str) {
    let none = std::collections::HashMap::new();
    for (what, params) in [("all", &[][..]), ("action", &[("action","login")]), ("user", &[("user","u7")]), ("word", &[("q","word77")]), ("rare word", &[("q","word499999")]), ("phrase", &[("q","\"did word3\"")]), ("prefix", &[("q","word12*")]), ("phrase prefix", &[("q","\"something\" user.wo*")]), ("cidr", &[("ip","10.0.3.0/24")]), ("not", &[("action","!login")]), ("time", &[("since","2026-03-01T12:00:10Z"),("until","2026-03-01T12:00:50Z"),("action","login")])] {
        for (rn, reach) in [("all", Reach::All), ("1", Reach::tenants([3])), ("100", Reach::tenants(0..100))] {
            let q = query(params, &none); let t = Instant::now(); let mut h = 0; for _ in 0..5 { h = e.page(&reach, &q, 25, None, None).hits.len(); } let p = t.elapsed()/5; let t = Instant::now(); let c = e.search.count(&reach, &q, None).unwrap();
            println!("{place:8} {what:14} reach {rn:4} page {:>9.3} ms ({h}) count {:>9.3} ms ({c})", p.as_secs_f64()*1e3, t.elapsed().as_secs_f64()*1e3); } }
}
