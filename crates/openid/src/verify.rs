//! Whether an ID token is one for this sign-in.
//!
//! Signature, issuer, audience, expiry and nonce are checked by the `openidconnect` crate; here are the settings it
//! needs and what it leaves to its caller: `at_hash`, `azp`, the time of issue.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use indelible_event::Timestamp;
use openidconnect::{
    AccessToken, AccessTokenHash, ClaimsVerificationError, Nonce, SignatureVerificationError,
    core::{CoreIdToken, CoreIdTokenClaims, CoreIdTokenVerifier, CoreJwsSigningAlgorithm},
};
use serde_json::{Map, Value};

use crate::{OpenIdError, error};

/// How far a provider's clock may be ahead of ours, in seconds.
const SKEW_SECONDS: i64 = 300;

/// What is signed with a private key. A token signed with the client's secret (HS256 and so on) is refused: the secret
/// is known to more than the provider. So is one without signature.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// What the token must be about.
pub(crate) struct Expected<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) nonce: &'a Nonce,
    pub(crate) access_token: &'a AccessToken,
    pub(crate) now: Timestamp,
}

/// Why a token is not accepted.
pub(crate) enum Doubt {
    /// No known key made the signature; the provider may have new ones.
    Key(OpenIdError),
    /// It stays so with other keys.
    Final(OpenIdError),
}

impl From<Doubt> for OpenIdError {
    fn from(doubt: Doubt) -> Self {
        match doubt {
            Doubt::Key(error) | Doubt::Final(error) => error,
        }
    }
}

/// Returns the claims if every check passes.
///
/// # Errors
/// [`Doubt`].
pub(crate) fn verify<'t>(
    token: &'t CoreIdToken,
    verifier: CoreIdTokenVerifier<'_>,
    expected: &Expected<'_>,
) -> Result<&'t CoreIdTokenClaims, Doubt> {
    let now_us = expected.now.as_micros();
    let verifier = verifier
        .set_allowed_algs(ALGORITHMS)
        .set_time_fn(move || from_micros(now_us))
        .set_issue_time_verifier_fn(move |issued| {
            let ahead = issued.timestamp().saturating_sub(now_us / 1_000_000);
            if ahead > SKEW_SECONDS { Err(format!("issued {ahead} s in the future")) } else { Ok(()) }
        });
    let claims = token.claims(&verifier, expected.nonce).map_err(|error| {
        let refused = refused(&error);
        match error {
            ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey | SignatureVerificationError::CryptoError(_),
            ) => Doubt::Key(refused),
            _ => Doubt::Final(refused),
        }
    })?;
    check_authorized_party(claims, expected).map_err(Doubt::Final)?;
    check_access_token(token, claims, &verifier, expected).map_err(Doubt::Final)?;
    Ok(claims)
}

fn check_authorized_party(claims: &CoreIdTokenClaims, expected: &Expected<'_>) -> Result<(), OpenIdError> {
    match claims.authorized_party() {
        Some(party) if party.as_str() != expected.client_id => {
            Err(OpenIdError::IdToken { reason: "it was issued to another client (azp)".into() })
        }
        _ => Ok(()),
    }
}

/// The access token must be the one that came with the ID token, or user info would be somebody else's.
fn check_access_token(
    token: &CoreIdToken,
    claims: &CoreIdTokenClaims,
    verifier: &CoreIdTokenVerifier<'_>,
    expected: &Expected<'_>,
) -> Result<(), OpenIdError> {
    let Some(stated) = claims.access_token_hash() else { return Ok(()) };
    let algorithm = token.signing_alg().map_err(|error| refused(&error))?;
    let key = token.signing_key(verifier).map_err(|error| refused(&error))?;
    let actual = AccessTokenHash::from_token(expected.access_token, algorithm, key)
        .map_err(|error| refused(&error))?;
    if actual == *stated {
        Ok(())
    } else {
        Err(OpenIdError::IdToken { reason: "it belongs to another access token (at_hash)".into() })
    }
}

fn refused(error: &dyn std::error::Error) -> OpenIdError {
    OpenIdError::IdToken { reason: error::with_causes(error) }
}

/// A time that can't be told makes every token an expired one.
fn from_micros(us: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(us).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Every claim of a token that [`verify`] accepted, also those that the standard does not know.
pub(crate) fn all_claims(token: &CoreIdToken) -> Option<Map<String, Value>> {
    let token = token.to_string();
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}
