//! Serving connections: bounded in number, with deadlines, ended together.
//!
//! A connection that sends nothing must cost nothing for long, and connections must never take the file descriptors
//! that the ledger needs: a WAL segment that can't be opened ends the process.

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};

/// Time for the head of a request to arrive, and for a kept connection to stay idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// Connections at one time, however many files the system allows.
const CONNECTIONS_MAX: u64 = 8_192;
/// Pause after a connection could not be accepted, which the system says again and again until a file is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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
    site: Router,
    mut stop: watch::Receiver<bool>,
    drain: Duration,
) -> io::Result<bool> {
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
            Ok((stream, _)) => {
                let (site, stop) = (site.clone(), stop.clone());
                connections.spawn(async move {
                    connection(stream, site, stop).await;
                    drop(place);
                });
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

async fn connection(stream: TcpStream, site: Router, mut stop: watch::Receiver<bool>) {
    // Without it an answer in two parts waits for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(site);
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stopped(&mut stop) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        // Clients go away in the middle all the time; it is of interest only when looked for.
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Waits until `stop` says so; a sender that is gone is a reason to stop too.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
