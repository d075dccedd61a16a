//! What a provider is configured with.

use std::fmt;

use openidconnect::url::Url;

use crate::endpoint;

/// A provider of sign-ins and what its users may become here.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name here; a sign-in that was begun with one provider can't be finished with another.
    pub name: String,
    /// The issuer exactly as the provider spells it, such as `https://login.example.com/realms/staff`.
    pub issuer: String,
    /// What the provider knows this installation as.
    pub client_id: String,
    /// Absent for a public client, which has PKCE alone.
    pub client_secret: Option<ClientSecret>,
    /// What is asked for beside `openid`, such as `profile`, `email`, `groups`.
    pub scopes: Vec<String>,
    /// The claim that is the username, such as `preferred_username`. See [`crate::Claims`] for how claims are named.
    pub username_claim: String,
    /// The claim that holds the groups, such as `groups` or `realm_access.roles`, if groups are wanted.
    pub groups_claim: Option<String>,
    /// The claim that is the e-mail address, usually `email`.
    pub email_claim: String,
    /// Which groups become which roles.
    pub group_roles: Vec<GroupRole>,
    /// Whether a user who is not known here gets an account at the first sign-in. The server's business; it is not
    /// looked at here.
    pub create_users: bool,
    /// Only users with a verified e-mail address in one of these domains may sign in; empty means all users.
    pub email_domains: Vec<String>,
    /// Whether an address counts as verified where the provider does not say. Right only where users can't change
    /// their own address at the provider.
    pub trust_emails: bool,
}

/// A group at the provider that gives a role here.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupRole {
    /// The group as the provider spells it.
    pub group: String,
    /// The role here.
    pub role: String,
    /// The territory that the role is limited to.
    #[serde(default)]
    pub territory: Option<String>,
}

/// The secret of a client; it is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecret(String);

impl ClientSecret {
    /// Keeps a secret from being printed.
    pub fn new(secret: String) -> Self {
        Self(secret)
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What is wrong with a provider's configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderProblem {
    /// The name is empty.
    #[error("a provider needs a name")]
    NoName,
    /// The issuer is not an address that may be asked.
    #[error(
        "the issuer is {issuer:?}, expected an https:// address without query and fragment (http:// only on this machine)"
    )]
    Issuer {
        /// As it was given.
        issuer: String,
    },
    /// The client id is empty.
    #[error("a provider needs the client id that it knows this installation as")]
    NoClientId,
    /// The secret is empty, which is not the same as none.
    #[error("the client secret is empty")]
    EmptySecret,
    /// A scope is empty or has characters that a scope can't have.
    #[error("{scope:?} is not a scope")]
    Scope {
        /// As it was given.
        scope: String,
    },
    /// The name of a claim is empty.
    #[error("the name of the claim for the {what} is empty")]
    EmptyClaim {
        /// `username`, `groups` or `e-mail address`.
        what: &'static str,
    },
    /// It is no domain of e-mail addresses.
    #[error("{domain:?} is not a domain of e-mail addresses, expected one such as example.com")]
    EmailDomain {
        /// As it was given.
        domain: String,
    },
}

impl Provider {
    /// Checks what can be checked without asking the provider.
    ///
    /// # Errors
    /// The first [`ProviderProblem`].
    pub fn check(&self) -> Result<(), ProviderProblem> {
        if self.name.trim().is_empty() {
            return Err(ProviderProblem::NoName);
        }
        self.issuer_url()?;
        if self.client_id.trim().is_empty() {
            return Err(ProviderProblem::NoClientId);
        }
        if self.client_secret.as_ref().is_some_and(|secret| secret.reveal().is_empty()) {
            return Err(ProviderProblem::EmptySecret);
        }
        if let Some(scope) = self.scopes.iter().find(|scope| !is_scope(scope)) {
            return Err(ProviderProblem::Scope { scope: scope.clone() });
        }
        self.check_claims()?;
        match self.email_domains.iter().find(|domain| !is_domain(domain)) {
            Some(domain) => Err(ProviderProblem::EmailDomain { domain: domain.clone() }),
            None => Ok(()),
        }
    }

    fn check_claims(&self) -> Result<(), ProviderProblem> {
        let claims = [
            ("username", Some(&self.username_claim)),
            ("groups", self.groups_claim.as_ref()),
            ("e-mail address", Some(&self.email_claim)),
        ];
        match claims.iter().find(|(_, claim)| claim.is_some_and(|claim| claim.trim().is_empty())) {
            Some((what, _)) => Err(ProviderProblem::EmptyClaim { what }),
            None => Ok(()),
        }
    }

    /// The roles that these groups give, in the order of the configuration. Groups are compared exactly.
    pub fn roles_of(&self, groups: &[String]) -> Vec<&GroupRole> {
        self.group_roles.iter().filter(|mapping| groups.contains(&mapping.group)).collect()
    }

    /// Whether an address belongs to one of the domains; always where none is configured.
    pub(crate) fn takes_domain_of(&self, email: &str) -> bool {
        let domain = email.rsplit_once('@').map(|(_, domain)| domain);
        self.email_domains.is_empty()
            || domain.is_some_and(|domain| {
                self.email_domains.iter().any(|allowed| allowed.eq_ignore_ascii_case(domain))
            })
    }

    /// The issuer, if it may be asked.
    ///
    /// # Errors
    /// [`ProviderProblem::Issuer`].
    pub(crate) fn issuer_url(&self) -> Result<Url, ProviderProblem> {
        let refuse = || ProviderProblem::Issuer { issuer: self.issuer.clone() };
        let url = Url::parse(&self.issuer).map_err(|_| refuse())?;
        let is_plain = url.query().is_none() && url.fragment().is_none();
        if is_plain && endpoint::may_be_asked(&url, endpoint::is_loopback(&url)) {
            Ok(url)
        } else {
            Err(refuse())
        }
    }
}

/// RFC 6749, section 3.3.
fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

fn is_domain(domain: &str) -> bool {
    !domain.is_empty()
        && !domain.starts_with('.')
        && domain.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '.' | '-'))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn provider() -> Provider {
        Provider {
            name: "staff".into(),
            issuer: "https://login.example.com/realms/staff".into(),
            client_id: "indelible".into(),
            client_secret: Some(ClientSecret::new("geheim".into())),
            scopes: vec!["profile".into(), "email".into()],
            username_claim: "preferred_username".into(),
            groups_claim: Some("groups".into()),
            email_claim: "email".into(),
            group_roles: vec![],
            create_users: true,
            email_domains: vec![],
            trust_emails: false,
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_configuration() {
        assert_eq!(provider().check(), Ok(()));
        type Change = fn(&mut Provider);
        let cases: [(&str, Change); 8] = [
            ("a provider needs a name", |p| p.name = " ".into()),
            ("client id", |p| p.client_id = String::new()),
            ("the client secret is empty", |p| p.client_secret = Some(ClientSecret::new(String::new()))),
            ("\"a b\" is not a scope", |p| p.scopes.push("a b".into())),
            ("claim for the username", |p| p.username_claim = String::new()),
            ("claim for the groups", |p| p.groups_claim = Some(String::new())),
            ("claim for the e-mail", |p| p.email_claim = String::new()),
            ("\"@example.com\" is not a domain", |p| p.email_domains = vec!["@example.com".into()]),
        ];
        for (expected, change) in cases {
            let mut provider = provider();
            change(&mut provider);
            let problem = provider.check().unwrap_err().to_string();
            assert!(problem.contains(expected), "{problem}");
        }
    }

    #[test]
    fn takes_only_issuers_that_may_be_asked() {
        for (issuer, taken) in [
            ("https://login.example.com", true),
            ("https://10.0.0.8:8443/realms/staff", true),
            ("http://127.0.0.1:9000", true),
            ("http://localhost:9000/", true),
            ("http://[::1]:9000", true),
            ("http://login.example.com", false),
            ("http://127.0.0.1.example.com", false),
            ("https://login.example.com/?realm=staff", false),
            ("https://login.example.com/#staff", false),
            ("https://ada:secret@login.example.com", false),
            ("file:///etc/passwd", false),
            ("login.example.com", false),
        ] {
            let provider = Provider { issuer: issuer.into(), ..provider() };
            assert_eq!(provider.check().is_ok(), taken, "{issuer}");
        }
    }

    #[test]
    fn a_group_may_give_several_roles() {
        let mapping = |group: &str, role: &str, territory: Option<&str>| GroupRole {
            group: group.into(),
            role: role.into(),
            territory: territory.map(Into::into),
        };
        let group_roles = vec![
            mapping("auditors", "auditor", None),
            mapping("north", "partner", Some("north")),
            mapping("north", "viewer", None),
        ];
        let provider = Provider { group_roles, ..provider() };
        let roles = |groups: &[&str]| {
            let groups: Vec<_> = groups.iter().map(ToString::to_string).collect();
            provider.roles_of(&groups).iter().map(|found| found.role.clone()).collect::<Vec<_>>()
        };
        assert_eq!(roles(&["staff", "north"]), ["partner", "viewer"]);
        assert_eq!(roles(&["Auditors"]), [""; 0]);
        assert_eq!(roles(&[]), [""; 0]);
    }

    #[test]
    fn compares_domains_whole_and_without_case() {
        let provider = Provider { email_domains: vec!["Example.com".into()], ..provider() };
        for (email, taken) in [
            ("ada@example.COM", true),
            ("ada@mail.example.com", false),
            ("ada@notexample.com", false),
            ("ada@example.com@evil.org", false),
            ("example.com", false),
        ] {
            assert_eq!(provider.takes_domain_of(email), taken, "{email}");
        }
    }

    #[test]
    fn never_prints_the_secret() {
        let printed = format!("{:?}", provider());
        assert!(printed.contains("(secret)") && !printed.contains("geheim"), "{printed}");
    }
}
