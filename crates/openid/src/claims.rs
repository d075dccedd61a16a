//! What a provider says of a user.

use serde_json::{Map, Value};

use crate::{OpenIdError, Provider};

/// Longer names are no names.
const USERNAME_LEN_MAX: usize = 255;

/// What a provider says of the user who signed in.
///
/// The user is `issuer` and `subject` together; everything else can change, and can be somebody else's tomorrow. A claim
/// is found by its whole name, else by a path with dots, as in `realm_access.roles`; the ID token's comes before that of
/// the user-info endpoint. `None` means that the provider did not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The provider's issuer.
    pub issuer: String,
    /// The user's id there.
    pub subject: String,
    /// The username.
    pub username: String,
    /// The e-mail address.
    pub email: Option<String>,
    /// Whether the address is the user's, by the provider's word; see [`Provider::trust_emails`].
    pub email_verified: bool,
    /// The groups. `None` means that the claim is absent, which is not the same as no group.
    pub groups: Option<Vec<String>>,
    /// The whole name as it is shown.
    pub name: Option<String>,
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// The language, such as `de-CH`.
    pub locale: Option<String>,
    /// The time zone, such as `Europe/Zurich`.
    pub zoneinfo: Option<String>,
}

/// Claims as they came.
pub(crate) struct RawClaims<'a> {
    provider: &'a Provider,
    sources: Vec<Map<String, Value>>,
}

impl<'a> RawClaims<'a> {
    /// The claims of the ID token.
    pub(crate) fn new(provider: &'a Provider, id_token: Map<String, Value>) -> Self {
        Self { provider, sources: vec![id_token] }
    }

    /// Whether something that is wanted was not said.
    pub(crate) fn lack_something(&self) -> bool {
        let wants_email = !self.provider.email_domains.is_empty()
            || self.provider.scopes.iter().any(|scope| scope == "email");
        self.text(&self.provider.username_claim).is_none()
            || (wants_email && self.text(&self.provider.email_claim).is_none())
            || self.provider.groups_claim.as_ref().is_some_and(|claim| self.find(claim).is_none())
    }

    /// Adds the claims of the user-info endpoint.
    pub(crate) fn add(&mut self, user_info: Map<String, Value>) {
        self.sources.push(user_info);
    }

    /// The claims under their names here.
    ///
    /// # Errors
    /// [`OpenIdError::Username`], [`OpenIdError::EmailDomain`].
    pub(crate) fn into_claims(self, issuer: String, subject: String) -> Result<Claims, OpenIdError> {
        let provider = self.provider;
        let username = self
            .text(&provider.username_claim)
            .filter(|name| name.len() <= USERNAME_LEN_MAX && !name.contains(char::is_control))
            .ok_or_else(|| OpenIdError::Username { claim: provider.username_claim.clone() })?;
        let email = self.text(&provider.email_claim);
        let email_verified = email.is_some() && self.says_verified();
        let is_known = email_verified && email.as_ref().is_some_and(|email| provider.takes_domain_of(email));
        if !provider.email_domains.is_empty() && !is_known {
            return Err(OpenIdError::EmailDomain);
        }
        Ok(Claims {
            issuer,
            subject,
            username,
            email,
            email_verified,
            groups: provider.groups_claim.as_ref().and_then(|claim| self.find(claim)).map(texts),
            name: self.text("name"),
            first_name: self.text("given_name"),
            last_name: self.text("family_name"),
            locale: self.text("locale"),
            zoneinfo: self.text("zoneinfo"),
        })
    }

    /// What the source of the address says; another source may speak of another address.
    fn says_verified(&self) -> bool {
        let source =
            self.sources.iter().find(|source| text(look_up(source, &self.provider.email_claim)).is_some());
        match source.and_then(|source| source.get("email_verified")) {
            // `email_verified` speaks of `email`; that of another claim is for the administrator to know.
            Some(said) if self.provider.email_claim == "email" => {
                said == &Value::Bool(true) || said.as_str() == Some("true")
            }
            _ => self.provider.trust_emails,
        }
    }

    fn find(&self, claim: &str) -> Option<&Value> {
        self.sources.iter().find_map(|source| look_up(source, claim))
    }

    fn text(&self, claim: &str) -> Option<String> {
        self.sources.iter().find_map(|source| text(look_up(source, claim)))
    }
}

fn look_up<'a>(source: &'a Map<String, Value>, claim: &str) -> Option<&'a Value> {
    let by_path = || {
        let mut steps = claim.split('.');
        let first = source.get(steps.next()?)?;
        steps.try_fold(first, |value, step| value.get(step))
    };
    source.get(claim).or_else(by_path).filter(|value| !value.is_null())
}

fn text(value: Option<&Value>) -> Option<String> {
    let text = value?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Providers send one group as a text.
fn texts(value: &Value) -> Vec<String> {
    let list = match value {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    list.iter().filter_map(|group| text(Some(group))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::provider::tests::provider;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn claims(provider: &Provider, sources: &[Value]) -> Result<Claims, OpenIdError> {
        let mut raw = RawClaims::new(provider, map(sources[0].clone()));
        sources[1..].iter().for_each(|source| raw.add(map(source.clone())));
        raw.into_claims("https://login.example.com".into(), "1".into())
    }

    #[test]
    fn finds_groups_however_providers_send_them() {
        for (claim, sent, groups) in [
            ("groups", json!({"groups": ["a", " b ", "", 7, null]}), Some(vec!["a", "b"])),
            ("groups", json!({"groups": "a"}), Some(vec!["a"])),
            ("groups", json!({"groups": []}), Some(vec![])),
            ("groups", json!({"groups": null}), None),
            ("groups", json!({}), None),
            ("realm_access.roles", json!({"realm_access": {"roles": ["a"]}}), Some(vec!["a"])),
            ("realm_access.roles", json!({"realm_access": "none"}), None),
            ("https://example.com/groups", json!({"https://example.com/groups": ["a"]}), Some(vec!["a"])),
        ] {
            let provider = Provider { groups_claim: Some(claim.into()), ..provider() };
            let mut source = map(sent.clone());
            source.insert("preferred_username".into(), json!("ada"));
            let found = claims(&provider, &[Value::Object(source)]).unwrap().groups;
            let groups = groups.map(|groups| groups.iter().map(ToString::to_string).collect::<Vec<_>>());
            assert_eq!(found, groups, "{claim} in {sent}");
        }
    }

    #[test]
    fn the_id_token_comes_before_user_info() {
        let found = claims(
            &provider(),
            &[
                json!({"preferred_username": "ada", "email": "ada@example.com"}),
                json!({"preferred_username": "eve", "email": "eve@example.com", "email_verified": true, "name": "Ada"}),
            ],
        )
        .unwrap();
        assert_eq!((found.username.as_str(), found.name.as_deref()), ("ada", Some("Ada")));
        // The other source verified another address.
        assert_eq!((found.email.as_deref(), found.email_verified), (Some("ada@example.com"), false));
    }

    #[test]
    fn an_address_is_verified_only_where_somebody_says_so() {
        for (sent, trusted, verified) in [
            (json!({"email_verified": true}), false, true),
            (json!({"email_verified": "true"}), false, true),
            (json!({"email_verified": "yes"}), true, false),
            (json!({"email_verified": false}), true, false),
            (json!({}), false, false),
            (json!({}), true, true),
        ] {
            let provider = Provider { trust_emails: trusted, ..provider() };
            let mut source = map(sent.clone());
            source.extend(map(json!({"preferred_username": "ada", "email": "ada@example.com"})));
            let found = claims(&provider, &[Value::Object(source)]).unwrap();
            assert_eq!(found.email_verified, verified, "{sent} {trusted}");
        }
    }

    #[test]
    fn refuses_addresses_outside_the_domains() {
        let provider = Provider { email_domains: vec!["example.com".into()], ..provider() };
        for (sent, taken) in [
            (json!({"email": "ada@example.com", "email_verified": true}), true),
            (json!({"email": "ada@example.com", "email_verified": false}), false),
            (json!({"email": "ada@example.com"}), false),
            (json!({"email": "ada@example.org", "email_verified": true}), false),
            (json!({"email_verified": true}), false),
        ] {
            let mut source = map(sent.clone());
            source.insert("preferred_username".into(), json!("ada"));
            let expected = if taken { Ok(()) } else { Err(OpenIdError::EmailDomain) };
            assert_eq!(claims(&provider, &[Value::Object(source)]).map(|_| ()), expected, "{sent}");
        }
    }

    #[test]
    fn guesses_no_username() {
        for sent in [
            json!({}),
            json!({"preferred_username": " "}),
            json!({"preferred_username": 7}),
            json!({"preferred_username": "a\nb"}),
        ] {
            let expected = OpenIdError::Username { claim: "preferred_username".into() };
            assert_eq!(claims(&provider(), std::slice::from_ref(&sent)).unwrap_err(), expected, "{sent}");
        }
    }
}
