//! TLS of the server's own: a certificate from files or by ACME, and handshakes that cost no more than they must.
//!
//! rustls with its defaults: TLS 1.2 and 1.3 with suites that have forward secrecy and authenticated encryption. One
//! provider of cryptography, ring, which the ACME client and the command line's HTTPS use too.

mod acme;
mod certificate;
mod files;

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use indelible_ledger::Clock;
use metrics::counter;
use rustls::{ServerConfig, crypto::CryptoProvider, server::ResolvesServerCert};
use rustls_acme::is_tls_alpn_challenge;
use tokio::{io::AsyncWriteExt, net::TcpStream, sync::watch, time::timeout};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

pub use acme::Acme;
pub use certificate::CertificateError;

/// Where the certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsSource {
    /// From PEM files.
    Files {
        /// The server's certificate, then those between it and the root.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// From an authority that speaks ACME, RFC 8555.
    Acme(Acme),
}

/// How connections become TLS.
pub(crate) struct Tls {
    config: Arc<ServerConfig>,
    /// Answers the authority that looks whether a domain is ours, RFC 8737.
    challenge: Option<Arc<ServerConfig>>,
    handshake_timeout: Duration,
}

/// Keeps the certificate good while the server runs.
pub(crate) enum Upkeep {
    Files(files::Watch),
    Acme(acme::Orders),
}

/// Why a connection did not become TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    /// The client was too slow.
    #[error("the handshake took too long")]
    TooSlow,
    /// The client spoke HTTP without TLS.
    #[error("HTTP without TLS")]
    PlainHttp,
    /// The connection was the authority's, and it has its answer.
    #[error("it was a challenge of the certificate authority")]
    Challenge,
    /// The client and the server have no version, suite or trust in common, or the connection broke.
    #[error(transparent)]
    Failed(#[from] io::Error),
}

/// The only provider of cryptography.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Whether the certificate is there and good, where it comes from files.
///
/// # Errors
/// Any [`CertificateError`].
pub(crate) fn check(source: &TlsSource) -> Result<(), CertificateError> {
    match source {
        TlsSource::Files { certificate, key } => certificate::load(certificate, key).map(|_| ()),
        TlsSource::Acme(acme) => acme.roots().map(|_| ()),
    }
}

impl Tls {
    /// Loads the certificate, or begins to get one.
    ///
    /// # Errors
    /// Any [`CertificateError`]; that an authority can't be reached is none.
    pub(crate) fn new(
        source: TlsSource,
        handshake_timeout: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Upkeep), CertificateError> {
        let (resolver, challenge, upkeep): (Arc<dyn ResolvesServerCert>, _, _) = match source {
            TlsSource::Files { certificate, key } => {
                let (served, watch) = files::watch(certificate, key, clock)?;
                (served, None, Upkeep::Files(watch))
            }
            TlsSource::Acme(acme) => {
                let acme::Prepared { resolver, challenge, orders } = acme::orders(acme, clock)?;
                (resolver, Some(challenge), Upkeep::Acme(orders))
            }
        };
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("ring supports every version that rustls does")
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok((Self { config: Arc::new(config), challenge, handshake_timeout }, upkeep))
    }

    /// Makes TLS of a connection.
    ///
    /// # Errors
    /// [`HandshakeError`]; the connection is closed then.
    pub(crate) async fn accept(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, HandshakeError> {
        let shaken = timeout(self.handshake_timeout, self.shake_hands(stream)).await;
        let result = shaken.unwrap_or(Err(HandshakeError::TooSlow));
        let why = match &result {
            Ok(_) | Err(HandshakeError::Challenge) => return result,
            Err(HandshakeError::TooSlow) => "too_slow",
            Err(HandshakeError::PlainHttp) => "plain_http",
            Err(HandshakeError::Failed(_)) => "failed",
        };
        counter!("indelible_tls_handshakes_failed_total", "why" => why).increment(1);
        result
    }

    async fn shake_hands(&self, mut stream: TcpStream) -> Result<TlsStream<TcpStream>, HandshakeError> {
        let mut first = [0];
        // A record of a handshake begins with 22; a method begins with a letter.
        if stream.peek(&mut first).await? == 1 && first[0].is_ascii_uppercase() {
            // What stays unread would make a reset of the end, which may overtake the answer.
            let _ = stream.try_read(&mut [0; 4096]);
            stream.write_all(PLAIN_HTTP.as_bytes()).await?;
            stream.shutdown().await?;
            return Err(HandshakeError::PlainHttp);
        }
        let begun = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
        match &self.challenge {
            Some(challenge) if is_tls_alpn_challenge(&begun.client_hello()) => {
                let mut stream = begun.into_stream(challenge.clone()).await?;
                stream.shutdown().await?;
                Err(HandshakeError::Challenge)
            }
            _ => Ok(begun.into_stream(self.config.clone()).await?),
        }
    }
}

/// What somebody is told who leaves the `s` out. No redirect: it would teach to send keys in clear.
const PLAIN_HTTP: &str = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n\
    content-length: 40\r\nconnection: close\r\nx-content-type-options: nosniff\r\ncache-control: no-store\r\n\r\n\
    This address takes https://, not http://";

impl Upkeep {
    /// Works until `stopped` says so.
    pub(crate) async fn run(self, stopped: watch::Receiver<bool>) {
        match self {
            Self::Files(watch) => watch.run(stopped).await,
            Self::Acme(orders) => orders.run(stopped).await,
        }
    }
}
