//! Why there is no sign-in.

use crate::ProviderProblem;

/// Why a sign-in did not begin, or did not end with a user.
///
/// Texts of a provider are cut to 200 characters, without control characters; they are still the provider's words, so
/// they belong into logs and the trail, not onto a page that everybody sees.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenIdError {
    /// The configuration is wrong.
    #[error(transparent)]
    Provider(#[from] ProviderProblem),
    /// The address to come back to is no `http` or `https` address.
    #[error("the redirect URI {uri:?} is not an http or https address")]
    RedirectUri {
        /// As it was given.
        uri: String,
    },
    /// The page to go on to is not a path of this server.
    #[error("the page to return to is not a path of this server")]
    ReturnTo,
    /// The operating system gave no randomness.
    #[error("no randomness from the operating system")]
    Randomness,
    /// The provider could not be asked, or what it publishes makes no sense.
    #[error("the provider {issuer} can't be used: {reason}")]
    Unavailable {
        /// The provider's issuer.
        issuer: String,
        /// What went wrong.
        reason: String,
    },
    /// The cookie is missing, was changed, or belongs to a sign-in with another provider.
    #[error("this browser began no such sign-in")]
    NotBegun,
    /// The user took longer than [`crate::PENDING_SECONDS`].
    #[error("the sign-in took too long")]
    TookTooLong,
    /// The answer is not to what was asked: somebody else's link, or an older tab.
    #[error("the state is not that of the sign-in that this browser began")]
    State,
    /// The answer is another provider's (RFC 9207).
    #[error("the answer does not come from {expected}")]
    AnswerIssuer {
        /// The issuer that was asked.
        expected: String,
    },
    /// The provider, or the user at the provider, said no.
    #[error("the provider refused: {error}{}", description.as_ref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Refused {
        /// The code, such as `access_denied`.
        error: String,
        /// What the provider says of it.
        description: Option<String>,
    },
    /// The answer holds neither a code nor an error.
    #[error("the provider's answer has no code")]
    NoCode,
    /// The code was not exchanged for tokens: it was used before, or the client's secret is wrong.
    #[error("the provider did not take the code: {reason}")]
    Code {
        /// The provider's words.
        reason: String,
    },
    /// The ID token is not one for this sign-in.
    #[error("the ID token was not accepted: {reason}")]
    IdToken {
        /// Which check failed.
        reason: String,
    },
    /// The user's claims could not be fetched, or are another user's.
    #[error("the provider did not say who the user is: {reason}")]
    UserInfo {
        /// What went wrong.
        reason: String,
    },
    /// The provider does not give the username.
    #[error("the provider gave no usable claim {claim:?}")]
    Username {
        /// The claim that was configured.
        claim: String,
    },
    /// The address is missing, not verified, or of another domain than the configured ones.
    #[error("the user has no verified e-mail address in an allowed domain")]
    EmailDomain,
}

impl OpenIdError {
    /// Whether the same may work later without anybody changing anything.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::UserInfo { .. } | Self::Randomness)
    }

    /// A constant word for the trail and for logs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Provider(_) => "provider_misconfigured",
            Self::RedirectUri { .. } => "redirect_uri_not_valid",
            Self::ReturnTo => "return_to_not_valid",
            Self::Randomness => "no_randomness",
            Self::Unavailable { .. } => "provider_unavailable",
            Self::NotBegun => "sign_in_not_begun",
            Self::TookTooLong => "sign_in_took_too_long",
            Self::State => "state_mismatch",
            Self::AnswerIssuer { .. } => "issuer_mismatch",
            Self::Refused { .. } => "refused_by_provider",
            Self::NoCode => "no_code",
            Self::Code { .. } => "code_not_accepted",
            Self::IdToken { .. } => "id_token_not_accepted",
            Self::UserInfo { .. } => "no_user_info",
            Self::Username { .. } => "no_username",
            Self::EmailDomain => "email_domain_not_allowed",
        }
    }
}

/// Words of a provider as they may be kept.
pub(crate) fn quoted(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(200).collect()
}

/// An error with everything that caused it, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    quoted(&text)
}
