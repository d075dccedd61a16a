//! Sign-in through OpenID Connect providers: authorisation code with PKCE, and claims that were checked.
//!
//! Spec: <https://openid.net/specs/openid-connect-core-1_0.html>, the code flow only. Tokens are checked by the
//! `openidconnect` crate. Nothing is stored here: what a sign-in needs until the user comes back is sealed into a text
//! for the browser's cookie, and what is known of a provider is a cache.
//!
//! Invariant: whoever is named by [`Claims`] was named by the provider, to this installation, for the sign-in that this
//! browser began.
//!
//! | module | |
//! |---|---|
//! | `sign_in` | [`OpenId`]: begin, finish, sign out |
//! | `provider`, `claims` | what a provider is configured with; what it says of a user |
//! | `pending` | what a sign-in needs until the user comes back, sealed |
//! | `discovery`, `endpoint`, `http` | what providers publish, where requests may go, how they go |
//! | `error` | why there is no sign-in |

mod claims;
mod discovery;
mod endpoint;
mod error;
mod http;
mod pending;
mod provider;
mod sign_in;
mod verify;

pub use claims::Claims;
pub use error::OpenIdError;
pub use http::OpenIdSettings;
pub use pending::PENDING_SECONDS;
pub use provider::{ClientSecret, GroupRole, Provider, ProviderProblem};
pub use sign_in::{Begun, Callback, OpenId, SignedIn};
