//! Certificates made for a test, and handshakes looked at from the client's side.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
    pki_types::{CertificateDer, ServerName},
};

use super::LONG;

/// A certificate for 127.0.0.1 and localhost that is its own root.
pub(crate) struct Certificate {
    pub(crate) pem: String,
    pub(crate) key: String,
    pub(crate) der: CertificateDer<'static>,
}

/// What came of a handshake.
#[derive(Debug)]
pub(crate) struct Shaken {
    pub(crate) version: ProtocolVersion,
    pub(crate) protocol: Option<Vec<u8>>,
    pub(crate) certificate: CertificateDer<'static>,
}

impl Certificate {
    /// Good for so many days from now; of days before now only, where that is negative.
    pub(crate) fn days(days: i32) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "certificates are good or not at the time of the real clock"
        )]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let today = date_time_ymd(1970, 1, 1) + now;
        let distance = Duration::from_secs(u64::from(days.unsigned_abs()) * 86_400);
        let mut params = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        params.not_before = today - Duration::from_secs(400 * 86_400);
        params.not_after = if days < 0 { today - distance } else { today + distance };
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { pem: certificate.pem(), key: key.serialize_pem(), der: certificate.der().clone() }
    }

    /// Writes the pair into two files, the key for its owner alone.
    pub(crate) fn write(&self, certificate: &Path, key: &Path) {
        fs::write(certificate, &self.pem).unwrap();
        write_secret(key, &self.key);
    }

    /// A handshake with the server at `address`, which must prove to have this certificate.
    pub(crate) fn shake_hands(
        &self,
        address: &str,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<Shaken, String> {
        shake_hands(address, "127.0.0.1", &self.der, versions)
    }
}

/// A handshake with the server at `address`, which must prove to be `name` by a certificate of `root`.
pub(crate) fn shake_hands(
    address: &str,
    name: &str,
    root: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> Result<Shaken, String> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = connect(address);
    while client.is_handshaking() {
        client.complete_io(&mut stream).map_err(|error| error.to_string())?;
    }
    Ok(Shaken {
        version: client.protocol_version().unwrap(),
        protocol: client.alpn_protocol().map(<[u8]>::to_vec),
        certificate: client.peer_certificates().unwrap()[0].clone().into_owned(),
    })
}

/// Writes a file that nobody else may read.
pub(crate) fn write_secret(file: &Path, text: &str) {
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A connection that waits for an answer for as long as any test does.
pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// Everything that the server sends until it closes the connection; a reset ends it too.
pub(crate) fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return all,
            Ok(count) => all.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return all,
            Err(error) => panic!("the server did not close the connection: {error}"),
        }
    }
}

/// Sends bytes as they are, and returns everything that comes until the server closes the connection.
pub(crate) fn raw(address: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    stream.write_all(bytes).unwrap();
    rest(&mut stream)
}
