//! Requests to providers: no redirects, bounded in time, size and number.
//!
//! The client is `ureq`, which the program holds anyway; it blocks, so each request takes a turn on a thread.

use std::{fs, io, path::PathBuf, pin::Pin, sync::Arc, time::Duration};

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse, url::Url};
use tokio::{sync::Semaphore, task, time};
use ureq::{
    Agent,
    tls::{Certificate, PemItem, RootCerts, TlsConfig},
};

use crate::endpoint;

/// Discovery documents, keys and tokens have some kilobytes; the rest is room.
const BODY_LEN_MAX: u64 = 1024 * 1024;

/// A sign-in asks one thing at a time, so this many sign-ins go on at once while a provider is slow.
const REQUESTS_MAX: usize = 32;

/// How providers are asked.
#[derive(Clone, Debug)]
pub struct OpenIdSettings {
    /// Certificates (PEM) that are trusted beside those of the operating system.
    pub ca_file: Option<PathBuf>,
    /// How long one request may take, from the name's look-up to the answer's last byte.
    pub timeout: Duration,
}

impl Default for OpenIdSettings {
    fn default() -> Self {
        Self { ca_file: None, timeout: Duration::from_secs(10) }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("{0} must not be asked: it is neither https nor on the issuer's machine")]
    Address(String),
    #[error("too many requests are under way")]
    Busy,
    #[error("the request was broken off")]
    BrokenOff,
    #[error(transparent)]
    Request(#[from] ureq::Error),
}

/// The one door to providers.
pub(crate) struct Http {
    agent: Agent,
    turns: Arc<Semaphore>,
    timeout: Duration,
}

impl Http {
    /// Makes the client.
    ///
    /// # Errors
    /// When `ca_file` can't be read or holds no certificate.
    pub(crate) fn new(settings: &OpenIdSettings) -> io::Result<Self> {
        let tls = TlsConfig::builder().root_certs(root_certificates(settings)?).build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(settings.timeout))
            .user_agent(concat!("indelible/", env!("CARGO_PKG_VERSION")))
            .build();
        let turns = Arc::new(Semaphore::new(REQUESTS_MAX));
        Ok(Self { agent: config.new_agent(), turns, timeout: settings.timeout })
    }

    /// The client for a provider, whose issuer is on this machine or not.
    pub(crate) fn caller(&self, on_loopback: bool) -> Caller<'_> {
        Caller { http: self, on_loopback }
    }
}

/// The operating system's, or those of the browsers where it has none, and the file's.
fn root_certificates(settings: &OpenIdSettings) -> io::Result<RootCerts> {
    let own = rustls_native_certs::load_native_certs().certs;
    if own.is_empty() && settings.ca_file.is_none() {
        return Ok(RootCerts::WebPki);
    }
    let mut certificates: Vec<_> = own.iter().map(|own| Certificate::from_der(own).to_owned()).collect();
    if let Some(file) = &settings.ca_file {
        let before = certificates.len();
        for item in ureq::tls::parse_pem(&fs::read(file)?) {
            if let PemItem::Certificate(certificate) = item.map_err(io::Error::other)? {
                certificates.push(certificate);
            }
        }
        if certificates.len() == before {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no certificate in it"));
        }
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

/// Asks one provider.
pub(crate) struct Caller<'a> {
    http: &'a Http,
    on_loopback: bool,
}

impl Caller<'_> {
    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let url = Url::parse(&request.uri().to_string())
            .ok()
            .filter(|url| endpoint::may_be_asked(url, self.on_loopback))
            .ok_or_else(|| HttpError::Address(request.uri().to_string()))?;
        let turn = time::timeout(self.http.timeout, self.http.turns.clone().acquire_owned());
        let turn = turn.await.map_err(|_| HttpError::Busy)?.map_err(|_| HttpError::Busy)?;
        let agent = self.http.agent.clone();
        let answer = task::spawn_blocking(move || {
            // The turn lasts as long as the thread, also when nobody waits for it any more.
            let _turn = turn;
            exchange(&agent, request, endpoint::is_loopback(&url))
        });
        answer.await.map_err(|_| HttpError::BrokenOff)?
    }
}

impl<'c> AsyncHttpClient<'c> for Caller<'_> {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}

fn exchange(agent: &Agent, request: HttpRequest, to_loopback: bool) -> Result<HttpResponse, HttpError> {
    let (parts, body) = request.into_parts();
    // What is on this machine is not behind the proxy of the environment.
    let proxy = if to_loopback { None } else { agent.config().proxy().cloned() };
    let answer = if body.is_empty() {
        let request = openidconnect::http::Request::from_parts(parts, ());
        agent.run(agent.configure_request(request).proxy(proxy).build())?
    } else {
        let request = openidconnect::http::Request::from_parts(parts, body);
        agent.run(agent.configure_request(request).proxy(proxy).build())?
    };
    let (parts, body) = answer.into_parts();
    let body = body.into_with_config().limit(BODY_LEN_MAX).read_to_vec()?;
    Ok(HttpResponse::from_parts(parts, body))
}
