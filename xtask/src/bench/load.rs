//! What is done to the server while the clock runs.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{
    events::{Numbers, Request},
    http::{Connection, get},
    server::Server,
};

/// How fast events were taken.
pub(crate) struct Throughput {
    /// Acknowledged events a second while the load lasted.
    pub(crate) acked: f64,
    /// Events a second from the first request until all of them could be found.
    pub(crate) searchable: f64,
    /// Events sent and acknowledged in all.
    pub(crate) events: u64,
    /// Requests that were refused with 503 and sent again.
    pub(crate) refused: u64,
}

/// Requests built ahead for each connection, so that one is not always the same.
const REQUESTS_BUILT: usize = 4;

/// Sends as fast as the server takes it over `connections`, each waiting for its acknowledgement.
pub(crate) fn throughput(
    server: &Server,
    key: &str,
    per_request: u64,
    connections: u64,
    duration: Duration,
) -> Result<Throughput> {
    let (stop, acked, refused) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let mut built: Vec<(Numbers, Vec<Request>)> = (0..connections)
        .map(|connection| {
            let mut numbers = Numbers::new(per_request << 32 | connection << 8 | 1);
            let requests =
                (0..REQUESTS_BUILT).map(|_| Request::new(per_request, key, &mut numbers)).collect();
            (numbers, requests)
        })
        .collect();
    // Ids are unique over all runs of one directory.
    let salt = std::collections::hash_map::RandomState::new();
    for (numbers, _) in &mut built {
        *numbers = Numbers::new(std::hash::BuildHasher::hash_one(&salt, numbers.next()));
    }
    let started = Instant::now();
    let sending = thread::scope(|scope| {
        let senders: Vec<_> = built
            .iter_mut()
            .map(|(numbers, requests)| {
                let (stop, acked, refused, address) = (&stop, &acked, &refused, server.address);
                scope.spawn(move || send(address, numbers, requests, stop, acked, refused))
            })
            .collect();
        thread::sleep(duration);
        let elapsed = started.elapsed();
        let within = acked.load(Ordering::Relaxed);
        stop.store(true, Ordering::Relaxed);
        for sender in senders {
            sender.join().map_err(|_| anyhow::anyhow!("a sender panicked"))??;
        }
        anyhow::Ok(within as f64 / elapsed.as_secs_f64())
    })?;
    server.wait_until_searchable()?;
    let events = acked.load(Ordering::Relaxed);
    let searchable = events as f64 / started.elapsed().as_secs_f64();
    Ok(Throughput { acked: sending, searchable, events, refused: refused.load(Ordering::Relaxed) })
}

fn send(
    address: SocketAddr,
    numbers: &mut Numbers,
    requests: &mut [Request],
    stop: &AtomicBool,
    acked: &AtomicU64,
    refused: &AtomicU64,
) -> Result<()> {
    let mut connection = Connection::open(address)?;
    for turn in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let request = &mut requests[turn % REQUESTS_BUILT];
        let events = request.events;
        let answer = connection.exchange(request.fresh(numbers))?;
        match answer.status {
            201 => drop(acked.fetch_add(events, Ordering::Relaxed)),
            503 => {
                refused.fetch_add(1, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(50));
            }
            status => bail!("status {status}: {}", String::from_utf8_lossy(answer.body)),
        }
    }
    Ok(())
}

/// Times of single acknowledgements under light load: one event in each `every`, on one connection.
pub(crate) fn acknowledgements(
    server: &Server,
    key: &str,
    samples: u32,
    every: Duration,
) -> Result<Vec<Duration>> {
    let mut numbers = Numbers::new(7);
    let mut request = Request::new(1, key, &mut numbers);
    let mut connection = Connection::open(server.address)?;
    let begin = Instant::now();
    let mut times = Vec::new();
    for sample in 0..samples {
        thread::sleep((begin + every * sample).saturating_duration_since(Instant::now()));
        let bytes = request.fresh(&mut numbers);
        let started = Instant::now();
        let answer = connection.exchange(bytes)?;
        times.push(started.elapsed());
        if answer.status != 201 {
            bail!("status {}: {}", answer.status, String::from_utf8_lossy(answer.body));
        }
    }
    Ok(times)
}

/// Times from an acknowledgement until a search finds the event.
pub(crate) fn until_visible(server: &Server, key: &str, samples: u32) -> Result<Vec<Duration>> {
    let mut numbers = Numbers::new(11);
    let mut request = Request::new(1, key, &mut numbers);
    let mut connection = Connection::open(server.address)?;
    let mut times = Vec::new();
    for _ in 0..samples {
        let status = connection.exchange(request.fresh(&mut numbers))?.status;
        if status != 201 {
            bail!("status {status}");
        }
        let acknowledged = Instant::now();
        let search = get(&format!("/v1/events?id={}&limit=1", request.first_id()), key);
        loop {
            let answer = connection.exchange(&search)?;
            let page: serde_json::Value = serde_json::from_slice(answer.body).context("a page is JSON")?;
            if page["data"].as_array().is_some_and(|data| !data.is_empty()) {
                break;
            }
            if acknowledged.elapsed() > Duration::from_secs(10) {
                bail!("an acknowledged event was not found within 10 s");
            }
            thread::sleep(Duration::from_micros(200));
        }
        times.push(acknowledged.elapsed());
    }
    Ok(times)
}
