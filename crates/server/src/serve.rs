//! Serving connections: bounded in number, with deadlines, ended together.
//!
//! A connection that sends nothing must cost nothing for long, and connections must never take the file descriptors
//! that the ledger needs: a WAL segment that can't be opened ends the process.

use std::{
    collections::HashMap,
    convert::Infallible,
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{Router, extract::Request, response::Response};
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use metrics::{counter, gauge};
use parking_lot::Mutex;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::Instant,
};
use tokio_io_timeout::TimeoutStream;

use crate::{
    client::{Client, Peer, Proxies},
    tls::Tls,
};

/// Connections at one time, however many files the system allows.
const CONNECTIONS_MAX: u64 = 8_192;
/// Pause after a connection could not be accepted, which the system says again and again until a file is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often it is said at most that an address has too many connections.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// What every connection is held to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Time for the head of a request to arrive, and for a kept connection to stay idle.
    pub(crate) head_timeout: Duration,
    /// Bytes of a head.
    pub(crate) head_bytes_max: usize,
    /// Header fields of a request.
    pub(crate) head_fields_max: usize,
    /// Time for which a client may take nothing of an answer.
    pub(crate) write_timeout: Duration,
    /// Connections of one address.
    pub(crate) per_address_max: usize,
}

/// How connections come in.
pub(crate) struct Door {
    tls: Option<Tls>,
    proxies: Proxies,
    limits: Limits,
    crowd: Arc<Crowd>,
}

impl Door {
    pub(crate) fn new(tls: Option<Tls>, proxies: Proxies, limits: Limits) -> Self {
        Self { tls, proxies, limits, crowd: Arc::default() }
    }
}

/// How many connections each address has.
#[derive(Default)]
struct Crowd {
    counts: Mutex<HashMap<IpAddr, usize>>,
    said: Mutex<Option<Instant>>,
}

/// A connection that counts for its address until it is dropped.
struct Place {
    crowd: Arc<Crowd>,
    network: IpAddr,
    _of_all: OwnedSemaphorePermit,
}

impl Crowd {
    /// A place, or `None` where the address has `max` already.
    fn enter(self: &Arc<Self>, ip: IpAddr, max: usize, of_all: OwnedSemaphorePermit) -> Option<Place> {
        let network = network(ip);
        let mut counts = self.counts.lock();
        let count = counts.entry(network).or_default();
        if *count >= max {
            return None;
        }
        *count += 1;
        gauge!("indelible_connections").increment(1.0);
        Some(Place { crowd: self.clone(), network, _of_all: of_all })
    }

    fn refused(&self, ip: IpAddr, max: usize) {
        counter!("indelible_connections_refused_total").increment(1);
        let mut said = self.said.lock();
        if said.is_none_or(|at| at.elapsed() >= SAY_EVERY) {
            *said = Some(Instant::now());
            tracing::warn!(%ip, max, "connections were refused, an address has too many; is it a proxy to be trusted?");
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        gauge!("indelible_connections").decrement(1.0);
        let mut counts = self.crowd.counts.lock();
        if let Some(count) = counts.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.network);
            }
        }
    }
}

/// What one client has for sure: an IPv4 address, or a network of IPv6 of 64 bits, in which every address is its own.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        ip => ip,
    }
}

/// Raises this process's limit of open files as far as it may, and says how many connections that allows: half of
/// it, the rest is for the stores.
pub(crate) fn connections_max() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let open_files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    // `None` stands for "no limit".
    let connections = open_files.map_or(CONNECTIONS_MAX, |files| (files / 2).min(CONNECTIONS_MAX));
    usize::try_from(connections).unwrap_or(usize::MAX).max(1)
}

/// Serves until `stop` says so, then waits for running requests for at most `drain`. Returns whether all ended by
/// themselves.
pub(crate) async fn serve(
    listener: TcpListener,
    door: Door,
    site: Router,
    mut stop: watch::Receiver<bool>,
    drain: Duration,
) -> io::Result<bool> {
    let door = Arc::new(door);
    let places = Arc::new(Semaphore::new(connections_max()));
    let mut connections = JoinSet::new();
    loop {
        let place = tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            place = places.clone().acquire_owned() => place.map_err(io::Error::other)?,
        };
        let accepted = tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let is_proxy = door.proxies.trusts(address.ip());
                let max = if is_proxy { usize::MAX } else { door.limits.per_address_max };
                match door.crowd.enter(address.ip(), max, place) {
                    Some(place) => {
                        let (door, site, stop) = (door.clone(), site.clone(), stop.clone());
                        connections.spawn(async move {
                            let _place = place;
                            let served = connection(&door, stream, address, site, stop).await;
                            if let Err(error) = served {
                                // Clients go away in the middle all the time; it is of interest only when looked for.
                                tracing::debug!(error, "a connection ended early");
                            }
                        });
                    }
                    None => door.crowd.refused(address.ip(), max),
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    let in_time = tokio::time::timeout(drain, all_ended).await.is_ok();
    // What still runs ends here, before the stores close.
    connections.shutdown().await;
    Ok(in_time)
}

async fn connection(
    door: &Arc<Door>,
    stream: TcpStream,
    address: SocketAddr,
    site: Router,
    mut stop: watch::Receiver<bool>,
) -> Result<(), String> {
    // Without it an answer in two parts waits for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let peer = Peer { address, tls: door.tls.is_some() };
    let site = ToSite { site: TowerToHyperService::new(site), peer, door: door.clone() };
    let Some(tls) = &door.tls else { return converse(stream, site, stop).await };
    let secured = tokio::select! {
        biased;
        () = stopped(&mut stop) => return Ok(()),
        secured = tls.accept(stream) => secured.map_err(|error| error.to_string())?,
    };
    converse(secured, site, stop).await
}

async fn converse<S: AsyncRead + AsyncWrite>(
    stream: S,
    site: ToSite,
    mut stop: watch::Receiver<bool>,
) -> Result<(), String> {
    let limits = site.door.limits;
    let mut stream = Box::pin(TimeoutStream::new(stream));
    stream.as_mut().set_write_timeout_pinned(Some(limits.write_timeout));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(limits.head_bytes_max)
        .max_headers(limits.head_fields_max)
        .serve_connection(TokioIo::new(stream), site);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stopped(&mut stop) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    ended.map_err(|error| error.to_string())
}

/// The site as one connection sees it: every request says whose it is.
struct ToSite {
    site: TowerToHyperService<Router>,
    peer: Peer,
    door: Arc<Door>,
}

impl Service<Request<Incoming>> for ToSite {
    type Response = Response;
    type Error = Infallible;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let client: Client = self.door.proxies.client(self.peer, request.uri(), request.headers());
        request.extensions_mut().insert(client);
        self.site.call(request)
    }
}

/// Waits until `stop` says so; a sender that is gone is a reason to stop too.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_places_and_gets_them_back() {
        let places = Arc::new(Semaphore::new(100));
        let crowd = Arc::<Crowd>::default();
        let enter = |ip: &str| {
            let place = places.clone().try_acquire_owned().unwrap();
            crowd.enter(ip.parse().unwrap(), 2, place)
        };
        let first = enter("192.0.2.1");
        assert!(first.is_some() && enter("192.0.2.2").is_some());
        let second = enter("::ffff:192.0.2.1");
        assert!(second.is_some() && enter("192.0.2.1").is_none(), "IPv4 in IPv6 is the same address");
        drop(first);
        assert!(enter("192.0.2.1").is_some());
        let one = (enter("2001:db8:0:1::1"), enter("2001:db8:0:1::2"));
        assert!(one.0.is_some() && one.1.is_some());
        assert!(enter("2001:db8:0:1:ffff::").is_none(), "all of a /64 are one");
        assert!(enter("2001:db8:0:2::1").is_some());
        drop((second, one));
        assert!(crowd.counts.lock().is_empty(), "nothing is kept of who has gone");
        assert_eq!(places.available_permits(), 100);
    }
}
