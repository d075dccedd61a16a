//! A certificate and its key from PEM, and how long it is good.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use indelible_event::Timestamp;
use metrics::gauge;
use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::provider;
use crate::secrets::{Exposed, exposure};

/// Why a certificate can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file can't be read.
    #[error("can't read {}: {source}", .file.display())]
    Read {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others may read the key.
    #[error(transparent)]
    Exposed(#[from] Exposed),
    /// The file has not what it should.
    #[error("{} is not usable, expected {expected}", .file.display())]
    Unusable {
        /// Which file.
        file: PathBuf,
        /// What should be in it.
        expected: &'static str,
    },
    /// Certificate and key do not belong together, or rustls can't sign with the key.
    #[error("certificate {} and key {} do not work together: {source}", .certificate.display(), .key.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// The times between which a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

/// How a certificate's time stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    /// Ends in so many whole days.
    Near(i64),
    Over,
    NotYet,
}

const DAY_US: i64 = 86_400_000_000;
/// Days before the end from which on it is told: long enough for an order that takes people.
const NEAR_DAYS: i64 = 21;

impl Validity {
    /// Of a certificate in DER; `None` when it is none.
    pub(super) fn of(certificate: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let validity = certificate.validity();
        let time = |seconds: i64| Timestamp::from_micros(seconds.saturating_mul(1_000_000));
        Some(Self {
            from: time(validity.not_before.timestamp()),
            until: time(validity.not_after.timestamp()),
        })
    }

    pub(super) fn at(&self, now: Timestamp) -> Standing {
        let left = self.until.as_micros().saturating_sub(now.as_micros());
        match left / DAY_US {
            _ if left < 0 => Standing::Over,
            _ if now < self.from => Standing::NotYet,
            days if days < NEAR_DAYS => Standing::Near(days),
            _ => Standing::Good,
        }
    }

    /// Puts the end into the metrics, and a warning into the log where there is reason to.
    pub(super) fn tell(&self, now: Timestamp) {
        #[allow(clippy::cast_precision_loss, reason = "gauges are floats; seconds fit")]
        gauge!("indelible_tls_certificate_expiry_timestamp_seconds")
            .set((self.until.as_micros() / 1_000_000) as f64);
        let until = self.until.to_rfc3339();
        match self.at(now) {
            Standing::Good => {}
            Standing::Near(days) => tracing::warn!(until, days, "the TLS certificate expires soon"),
            Standing::Over => tracing::error!(until, "the TLS certificate has expired"),
            Standing::NotYet => {
                tracing::error!(from = self.from.to_rfc3339(), "the TLS certificate is not valid yet");
            }
        }
    }
}

/// A certificate that can be served.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) validity: Validity,
}

/// Reads a certificate with its chain, and its key.
///
/// # Errors
/// Any [`CertificateError`].
pub(super) fn load(certificate: &Path, key: &Path) -> Result<Loaded, CertificateError> {
    if let Some(exposed) =
        exposure(key).map_err(|source| CertificateError::Read { file: key.into(), source })?
    {
        return Err(exposed.into());
    }
    let chain = certificates(certificate)?;
    let no_key = || CertificateError::Unusable {
        file: key.into(),
        expected: "a private key in PEM (-----BEGIN PRIVATE KEY-----), without a passphrase",
    };
    let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| no_key())?;
    let validity = Validity::of(&chain[0]).ok_or_else(|| no_certificate(certificate))?;
    let pair = CertifiedKey::from_der(chain, private, &provider()).map_err(|source| {
        CertificateError::Pair { certificate: certificate.into(), key: key.into(), source }
    })?;
    Ok(Loaded { key: Arc::new(pair), validity })
}

/// The certificates of a PEM file, at least one.
pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let pem = read(file)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| no_certificate(file))
}

fn no_certificate(file: &Path) -> CertificateError {
    let expected = "certificates in PEM (-----BEGIN CERTIFICATE-----), the server's own first";
    CertificateError::Unusable { file: file.into(), expected }
}

fn read(file: &Path) -> Result<Vec<u8>, CertificateError> {
    std::fs::read(file).map_err(|source| CertificateError::Read { file: file.into(), source })
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn micros(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap().at
    }

    #[test]
    fn the_end_is_told_three_weeks_before() {
        let validity =
            Validity { from: micros("2026-01-01T00:00:00Z"), until: micros("2026-04-01T00:00:00Z") };
        for (now, expected) in [
            ("2025-12-31T23:59:59Z", Standing::NotYet),
            ("2026-01-01T00:00:00Z", Standing::Good),
            ("2026-03-11T00:00:00Z", Standing::Good),
            ("2026-03-11T00:00:01Z", Standing::Near(20)),
            ("2026-03-31T23:59:59Z", Standing::Near(0)),
            ("2026-04-01T00:00:00Z", Standing::Near(0)),
            ("2026-04-01T00:00:01Z", Standing::Over),
        ] {
            assert_eq!(validity.at(micros(now)), expected, "{now}");
        }
    }

    #[test]
    fn a_pair_is_loaded_or_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str, mode: u32| {
            let file = directory.path().join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            file
        };
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".into()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2026, 4, 1));
        let certificate = params.self_signed(&key).unwrap();
        let certificate = write("tls.pem", &certificate.pem(), 0o644);
        let good = write("tls.key", &key.serialize_pem(), 0o600);
        let other = write("other.key", &KeyPair::generate().unwrap().serialize_pem(), 0o600);
        let open = write("open.key", &key.serialize_pem(), 0o644);
        let empty = write("empty", "", 0o600);
        let broken = write("broken", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0o600);
        let none = directory.path().join("none");
        let loaded = load(&certificate, &good).unwrap();
        assert_eq!(loaded.validity.until, micros("2026-04-01T00:00:00Z"));
        for (certificate, key, expected) in [
            (&certificate, &other, "do not work together"),
            (&certificate, &open, "(mode 0644); run: chmod o= "),
            (&certificate, &empty, "empty is not usable, expected a private key"),
            (&certificate, &certificate, "run: chmod"),
            (&certificate, &none, "can't read"),
            (&none, &good, "can't read"),
            (&empty, &good, "empty is not usable, expected certificates in PEM"),
            (&broken, &good, "broken is not usable, expected certificates in PEM"),
            (&good, &good, "expected certificates in PEM"),
        ] {
            let refused = load(certificate, key).unwrap_err().to_string();
            assert!(refused.contains(expected), "{expected}: {refused}");
        }
    }
}
