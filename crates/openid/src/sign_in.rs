//! The way of a sign-in: to the provider, back with a code, and from the code to the user.

use std::{fmt, io, str::FromStr, sync::Arc};

use indelible_event::Timestamp;
use openidconnect::{
    AccessToken, AdditionalClaims, AuthType, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, LogoutRequest, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl, RedirectUrl, RequestTokenError, Scope,
    SubjectIdentifier, TokenResponse, UserInfoClaims, UserInfoError,
    core::{
        CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreGenderClaim, CoreIdToken,
        CoreTokenResponse,
    },
    url::Url,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use crate::{
    Claims, OpenIdError, OpenIdSettings, Provider,
    claims::RawClaims,
    discovery::{Discovery, Metadata, Want},
    endpoint, error,
    http::Http,
    pending::{Pending, PendingSeal},
    verify::{self, Doubt, Expected},
};

/// Random bytes of the state and of the nonce.
const RANDOM_LEN: u32 = 32;
/// Longer pages to return to would make the cookie too large for browsers (4,096 bytes in all).
const RETURN_TO_LEN_MAX: usize = 1024;

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Signs users in through providers. Keep one: it knows what the providers publish.
pub struct OpenId {
    http: Http,
    discovery: Discovery,
    seal: PendingSeal,
}

/// A sign-in that waits for the user.
#[derive(Clone)]
pub struct Begun {
    /// Where the browser goes.
    pub url: String,
    /// What the browser keeps in a cookie (`HttpOnly`, `SameSite=Lax`, [`crate::PENDING_SECONDS`]) and brings back. It
    /// is sealed; at most 3,000 bytes, as long as the redirect URI has less than 512.
    pub pending: String,
}

/// What the browser brings back in the query of the redirect URI.
#[derive(Clone, Default, Deserialize)]
pub struct Callback {
    /// The code, where the provider said yes.
    pub code: Option<String>,
    /// The state that was sent along.
    pub state: Option<String>,
    /// The issuer (RFC 9207).
    pub iss: Option<String>,
    /// The code of the error, where the provider said no.
    pub error: Option<String>,
    /// What the provider says of it.
    pub error_description: Option<String>,
}

/// A user who signed in.
#[derive(Clone)]
pub struct SignedIn {
    /// Who it is.
    pub claims: Claims,
    /// The page to go on to, a path of this server.
    pub return_to: String,
    /// The token that the provider wants to see at the sign-out; it opens nothing.
    pub id_token: String,
}

/// The claims that the `openidconnect` crate does not know.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct OtherClaims(Map<String, Value>);

impl AdditionalClaims for OtherClaims {}

impl OpenId {
    /// Makes a client for providers; `key` seals what waits in browsers, so after a change of it those who are at a
    /// provider begin again.
    ///
    /// # Errors
    /// When the settings' `ca_file` can't be read or holds no certificate.
    pub fn new(key: &[u8; 32], settings: &OpenIdSettings) -> io::Result<Self> {
        Ok(Self { http: Http::new(settings)?, discovery: Discovery::default(), seal: PendingSeal::new(key) })
    }

    /// Asks a provider for its endpoints and keys, as an administrator who sets it up wants to know at once.
    ///
    /// # Errors
    /// [`OpenIdError::Provider`], [`OpenIdError::Unavailable`].
    pub async fn check(&self, provider: &Provider, now: Timestamp) -> Result<(), OpenIdError> {
        provider.check()?;
        self.discovery.of(&self.http, provider, Want::Kept, now).await.map(|_| ())
    }

    /// Begins a sign-in. `redirect_uri` is this server's address that the provider sends the browser back to,
    /// `return_to` a path of this server for afterwards, such as `/search?q=x`.
    ///
    /// # Errors
    /// [`OpenIdError::Provider`], [`OpenIdError::RedirectUri`], [`OpenIdError::ReturnTo`],
    /// [`OpenIdError::Unavailable`], [`OpenIdError::Randomness`].
    pub async fn begin(
        &self,
        provider: &Provider,
        redirect_uri: &str,
        return_to: &str,
        now: Timestamp,
    ) -> Result<Begun, OpenIdError> {
        provider.check()?;
        if !is_own_path(return_to) {
            return Err(OpenIdError::ReturnTo);
        }
        let redirect = redirect_url(redirect_uri)?;
        let metadata = self.discovery.of(&self.http, provider, Want::Kept, now).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = client(provider, &metadata).set_redirect_uri(redirect);
        let scopes = provider.scopes.iter().filter(|scope| *scope != "openid");
        let (url, state, nonce) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                || CsrfToken::new_random_len(RANDOM_LEN),
                || Nonce::new_random_len(RANDOM_LEN),
            )
            .add_scopes(scopes.cloned().map(Scope::new))
            .set_pkce_challenge(challenge)
            .url();
        let pending = self.seal.seal(&Pending {
            provider: provider.name.clone(),
            issuer: provider.issuer.clone(),
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
            redirect_uri: redirect_uri.to_owned(),
            return_to: return_to.to_owned(),
            begun_us: now.as_micros(),
        })?;
        Ok(Begun { url: url.into(), pending })
    }

    /// Ends a sign-in that this browser began with this provider; `pending` is what its cookie holds, which the server
    /// deletes, whatever comes of it. A code is good once: its provider refuses it the second time.
    ///
    /// # Errors
    /// Any [`OpenIdError`] but `RedirectUri`, `ReturnTo` and `Randomness`.
    pub async fn finish(
        &self,
        provider: &Provider,
        callback: Callback,
        pending: &str,
        now: Timestamp,
    ) -> Result<SignedIn, OpenIdError> {
        let pending = self.open(provider, pending, &callback, now)?;
        let metadata = self.discovery.of(&self.http, provider, Want::Kept, now).await?;
        check_issuer(provider, &metadata, callback.iss.as_deref())?;
        if let Some(error) = callback.error {
            let description = callback.error_description.as_deref().map(error::quoted);
            return Err(OpenIdError::Refused { error: error::quoted(&error), description });
        }
        let code = callback.code.ok_or(OpenIdError::NoCode)?;
        let tokens = self.exchange(provider, &metadata, code, &pending).await?;
        self.user(provider, metadata, &tokens, pending, now).await
    }

    /// Where the browser goes to sign out at the provider too (RP-initiated logout), or `None` where the provider does
    /// not offer it. `return_uri` is registered at the provider; `id_token` is that of [`SignedIn`].
    ///
    /// # Errors
    /// [`OpenIdError::Provider`], [`OpenIdError::Unavailable`], [`OpenIdError::RedirectUri`]; `IdToken` for a text
    /// that is no token.
    pub async fn sign_out_url(
        &self,
        provider: &Provider,
        id_token: Option<&str>,
        return_uri: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<String>, OpenIdError> {
        let metadata = self.discovery.of(&self.http, provider, Want::Kept, now).await?;
        let Some(endpoint) = metadata.additional_metadata().end_session_endpoint.clone() else {
            return Ok(None);
        };
        let mut request =
            LogoutRequest::from(endpoint).set_client_id(ClientId::new(provider.client_id.clone()));
        if let Some(token) = id_token {
            let token = CoreIdToken::from_str(token)
                .map_err(|_| OpenIdError::IdToken { reason: "it is no token".into() })?;
            request = request.set_id_token_hint(&token);
        }
        if let Some(uri) = return_uri {
            let url = redirect_url(uri)?;
            request =
                request.set_post_logout_redirect_uri(PostLogoutRedirectUrl::from_url(url.url().clone()));
        }
        Ok(Some(request.http_get_url().into()))
    }

    /// The pending sign-in, if it is this browser's, with this provider, not over, and the one that is answered.
    fn open(
        &self,
        provider: &Provider,
        pending: &str,
        callback: &Callback,
        now: Timestamp,
    ) -> Result<Pending, OpenIdError> {
        let pending = self.seal.open(pending)?;
        if pending.provider != provider.name || pending.issuer != provider.issuer {
            return Err(OpenIdError::NotBegun);
        }
        if pending.is_over(now) {
            return Err(OpenIdError::TookTooLong);
        }
        let state = callback.state.as_deref().unwrap_or_default();
        if bool::from(state.as_bytes().ct_eq(pending.state.as_bytes())) {
            Ok(pending)
        } else {
            Err(OpenIdError::State)
        }
    }

    async fn exchange(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        code: String,
        pending: &Pending,
    ) -> Result<CoreTokenResponse, OpenIdError> {
        let unavailable = |reason| OpenIdError::Unavailable { issuer: provider.issuer.clone(), reason };
        let client = client(provider, metadata).set_redirect_uri(redirect_url(&pending.redirect_uri)?);
        let request = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|_| unavailable("it names no token endpoint".into()))?
            .set_pkce_verifier(PkceCodeVerifier::new(pending.verifier.clone()));
        let caller = self.http.caller(is_on_loopback(provider)?);
        request.request_async(&caller).await.map_err(|error| match error {
            RequestTokenError::ServerResponse(answer) => {
                let description = answer.error_description().map(|text| format!(": {text}"));
                let reason = format!("{}{}", answer.error().as_ref(), description.unwrap_or_default());
                OpenIdError::Code { reason: error::quoted(&reason) }
            }
            // Their texts can hold parts of the answer, which may be a token.
            RequestTokenError::Parse(..) => unavailable("its answer to the code makes no sense".into()),
            error => unavailable(error::with_causes(&error)),
        })
    }

    async fn user(
        &self,
        provider: &Provider,
        metadata: Arc<Metadata>,
        tokens: &CoreTokenResponse,
        pending: Pending,
        now: Timestamp,
    ) -> Result<SignedIn, OpenIdError> {
        let token =
            tokens.id_token().ok_or_else(|| OpenIdError::IdToken { reason: "there is none".into() })?;
        let (nonce, access_token) = (Nonce::new(pending.nonce), tokens.access_token());
        let expected = Expected { client_id: &provider.client_id, nonce: &nonce, access_token, now };
        let mut metadata = metadata;
        let first = verify::verify(token, client(provider, &metadata).id_token_verifier(), &expected);
        if let Err(Doubt::Key(_)) = first {
            metadata = self.discovery.of(&self.http, provider, Want::NewerThan(&metadata), now).await?;
        }
        let client = client(provider, &metadata);
        let verified = match first {
            Err(Doubt::Key(_)) => verify::verify(token, client.id_token_verifier(), &expected)?,
            first => first?,
        };
        let subject = verified.subject();
        let all = verify::all_claims(token)
            .ok_or_else(|| OpenIdError::IdToken { reason: "it has no claims".into() })?;
        let mut raw = RawClaims::new(provider, all);
        if raw.lack_something() && metadata.userinfo_endpoint().is_some() {
            raw.add(self.user_info(provider, &client, access_token, subject).await?);
        }
        let claims = raw.into_claims(provider.issuer.clone(), subject.to_string())?;
        Ok(SignedIn { claims, return_to: pending.return_to, id_token: token.to_string() })
    }

    /// What the user-info endpoint says of this subject.
    async fn user_info(
        &self,
        provider: &Provider,
        client: &Client,
        access_token: &AccessToken,
        subject: &SubjectIdentifier,
    ) -> Result<Map<String, Value>, OpenIdError> {
        let refused = |reason| OpenIdError::UserInfo { reason };
        let request = client
            .user_info(access_token.clone(), Some(subject.clone()))
            .map_err(|error| refused(error.to_string()))?;
        let caller = self.http.caller(is_on_loopback(provider)?);
        let answer: UserInfoClaims<OtherClaims, CoreGenderClaim> =
            request.request_async(&caller).await.map_err(|error| {
                refused(match error {
                    UserInfoError::Response(status, _, reason) => {
                        error::quoted(&format!("{status}, {reason}"))
                    }
                    error => error::with_causes(&error),
                })
            })?;
        match serde_json::to_value(answer) {
            Ok(Value::Object(claims)) => Ok(claims),
            _ => Err(refused("its claims are no object".into())),
        }
    }
}

impl fmt::Debug for OpenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenId").finish_non_exhaustive()
    }
}

fn client(provider: &Provider, metadata: &Metadata) -> Client {
    let secret = provider.client_secret.as_ref().map(|secret| ClientSecret::new(secret.reveal().to_owned()));
    let id = ClientId::new(provider.client_id.clone());
    CoreClient::from_provider_metadata(metadata.clone(), id, secret).set_auth_type(auth_type(metadata))
}

/// The header, unless the provider takes the secret in the body alone.
fn auth_type(metadata: &Metadata) -> AuthType {
    let takes =
        |method| metadata.token_endpoint_auth_methods_supported().is_none_or(|all| all.contains(&method));
    if !takes(CoreClientAuthMethod::ClientSecretBasic) && takes(CoreClientAuthMethod::ClientSecretPost) {
        AuthType::RequestBody
    } else {
        AuthType::BasicAuth
    }
}

/// RFC 9207: a provider that says that it names itself must do so, and nobody may name another.
fn check_issuer(provider: &Provider, metadata: &Metadata, named: Option<&str>) -> Result<(), OpenIdError> {
    let is_good = match named {
        Some(named) => named == provider.issuer,
        None => !metadata.additional_metadata().authorization_response_iss_parameter_supported,
    };
    if is_good { Ok(()) } else { Err(OpenIdError::AnswerIssuer { expected: provider.issuer.clone() }) }
}

fn is_on_loopback(provider: &Provider) -> Result<bool, OpenIdError> {
    Ok(endpoint::is_loopback(&provider.issuer_url()?))
}

fn redirect_url(uri: &str) -> Result<RedirectUrl, OpenIdError> {
    let refuse = || OpenIdError::RedirectUri { uri: error::quoted(uri) };
    let url = Url::parse(uri).map_err(|_| refuse())?;
    if !matches!(url.scheme(), "http" | "https") || url.fragment().is_some() {
        return Err(refuse());
    }
    RedirectUrl::new(uri.to_owned()).map_err(|_| refuse())
}

/// Whether a text is a path of this server and nothing that a browser takes for another's.
fn is_own_path(path: &str) -> bool {
    path.len() <= RETURN_TO_LEN_MAX
        && path.is_ascii()
        && path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains(|letter: char| letter == '\\' || letter.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_only_to_paths_of_this_server() {
        for (path, taken) in [
            ("/", true),
            ("/search?q=a&b=//c#d", true),
            ("", false),
            ("/search?q=\u{fc}", false),
            ("search", false),
            ("//evil.example", false),
            ("/\\evil.example", false),
            ("/\t/evil.example", false),
            ("https://evil.example", false),
        ] {
            assert_eq!(is_own_path(path), taken, "{path:?}");
        }
        assert!(!is_own_path(&"/".repeat(RETURN_TO_LEN_MAX + 1)));
    }
}
