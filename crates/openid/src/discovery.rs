//! What providers publish: endpoints and keys, fetched once and kept for an hour.
//!
//! Spec: <https://openid.net/specs/openid-connect-discovery-1_0.html>. Each issuer is asked by one request at a time;
//! after a failure nobody asks again for some seconds, so that those who wait don't wait one after the other.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use indelible_event::Timestamp;
use openidconnect::{
    AdditionalProviderMetadata, DiscoveryError, EndSessionUrl, IssuerUrl, ProviderMetadata,
    core::{
        CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
        CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType,
        CoreSubjectIdentifierType,
    },
    url::Url,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex as AsyncMutex;

use crate::{OpenIdError, Provider, endpoint, error, http::Http};

/// Keys that are new are found before, by their id.
const KEEP_US: i64 = 3600 * 1_000_000;
/// How long a failure stands for the next requests.
const FAILURE_US: i64 = 3 * 1_000_000;
/// Issuers that were configured once; far more than there are at a time.
const ISSUERS_MAX: usize = 256;

/// What we read beside the standard's first part.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Extra {
    pub(crate) end_session_endpoint: Option<EndSessionUrl>,
    #[serde(default)]
    pub(crate) authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for Extra {}

pub(crate) type Metadata = ProviderMetadata<
    Extra,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// What is known of an issuer.
#[derive(Default)]
struct Known {
    published: Option<(Timestamp, Arc<Metadata>)>,
    failed: Option<(Timestamp, OpenIdError)>,
}

/// What is known of all issuers.
#[derive(Default)]
pub(crate) struct Discovery {
    issuers: Mutex<HashMap<String, Arc<AsyncMutex<Known>>>>,
}

/// Whether what is kept is enough.
#[derive(Clone, Copy)]
pub(crate) enum Want<'a> {
    Kept,
    /// This is not: it lacks a key.
    NewerThan(&'a Arc<Metadata>),
}

impl Discovery {
    /// Endpoints and keys of a provider.
    ///
    /// # Errors
    /// [`OpenIdError::Provider`], [`OpenIdError::Unavailable`].
    pub(crate) async fn of(
        &self,
        http: &Http,
        provider: &Provider,
        want: Want<'_>,
        now: Timestamp,
    ) -> Result<Arc<Metadata>, OpenIdError> {
        let issuer = provider.issuer_url()?;
        let known = self.known(&provider.issuer);
        let mut known = known.lock().await;
        if let Some(kept) = known.usable(want, now) {
            return Ok(kept);
        }
        if let Some((at, failure)) = &known.failed
            && is_within(FAILURE_US, *at, now)
        {
            return Err(failure.clone());
        }
        match fetch(http, provider, &issuer).await {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                *known = Known { published: Some((now, metadata.clone())), failed: None };
                Ok(metadata)
            }
            Err(failure) => {
                known.failed = Some((now, failure.clone()));
                Err(failure)
            }
        }
    }

    fn known(&self, issuer: &str) -> Arc<AsyncMutex<Known>> {
        let mut issuers = self.issuers.lock().unwrap_or_else(PoisonError::into_inner);
        if issuers.len() >= ISSUERS_MAX && !issuers.contains_key(issuer) {
            issuers.clear();
        }
        issuers.entry(issuer.to_owned()).or_default().clone()
    }
}

impl Known {
    fn usable(&self, want: Want<'_>, now: Timestamp) -> Option<Arc<Metadata>> {
        let (at, kept) = self.published.as_ref()?;
        let is_usable = match want {
            Want::Kept => is_within(KEEP_US, *at, now),
            // Somebody else may have fetched it anew in the meantime.
            Want::NewerThan(seen) => !Arc::ptr_eq(kept, seen),
        };
        is_usable.then(|| kept.clone())
    }
}

/// A clock that was set back makes nothing last longer.
fn is_within(us: i64, since: Timestamp, now: Timestamp) -> bool {
    (0..us).contains(&now.as_micros().saturating_sub(since.as_micros()))
}

async fn fetch(http: &Http, provider: &Provider, issuer: &Url) -> Result<Metadata, OpenIdError> {
    let unavailable = |reason: String| OpenIdError::Unavailable { issuer: provider.issuer.clone(), reason };
    let on_loopback = endpoint::is_loopback(issuer);
    let url = IssuerUrl::new(provider.issuer.clone()).map_err(|error| unavailable(error.to_string()))?;
    let caller = http.caller(on_loopback);
    let metadata = Metadata::discover_async(url, &caller).await.map_err(|error| {
        unavailable(match error {
            // Its body is the provider's page, which says less than the status.
            DiscoveryError::Response(_, _, reason) => error::quoted(&reason),
            error => error::with_causes(&error),
        })
    })?;
    match refused_endpoint(&metadata, on_loopback) {
        Some(url) => Err(unavailable(format!("it names the address {}", error::quoted(url.as_str())))),
        None => Ok(metadata),
    }
}

/// An address that nobody may be sent to. Those that only this server asks are refused by the client as well.
fn refused_endpoint(metadata: &Metadata, on_loopback: bool) -> Option<&Url> {
    let urls = [
        Some(metadata.authorization_endpoint().url()),
        metadata.token_endpoint().map(|url| url.url()),
        metadata.userinfo_endpoint().map(|url| url.url()),
        metadata.additional_metadata().end_session_endpoint.as_ref().map(|url| url.url()),
    ];
    urls.into_iter().flatten().find(|url| !endpoint::may_be_asked(url, on_loopback))
}
