//! The server that takes our mails.

use std::{fmt, net::IpAddr, path::PathBuf, time::Duration};

use lettre::message::Mailbox;

/// How the connection to the server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTls {
    /// Not at all.
    None,
    /// The connection begins in the clear and must become TLS before anything is said; usually port 587.
    StartTls,
    /// TLS from the first byte; usually port 465.
    Implicit,
}

impl MailTls {
    /// The name in settings: `none`, `starttls` or `implicit`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::StartTls => "starttls",
            Self::Implicit => "implicit",
        }
    }
}

/// The password of the account at the server; it is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct MailPassword(String);

impl MailPassword {
    /// Keeps a password from being printed.
    pub fn new(password: String) -> Self {
        Self(password)
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MailPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// The server and how it is spoken to.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: MailTls,
    /// The account, if the server wants one; with it goes `password`.
    pub username: Option<String>,
    /// The account's password.
    pub password: Option<MailPassword>,
    /// The sender: `audit@example.com`, or `Indelible <audit@example.com>`.
    pub from: String,
    /// Certificates (PEM) that are trusted beside those of the operating system.
    pub ca_file: Option<PathBuf>,
    /// How long sending one mail may take, from the name's look-up to the server's last word.
    pub timeout: Duration,
}

/// What is wrong with the settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsProblem {
    /// The host is empty or no name.
    #[error("{host:?} is not the name of a mail server")]
    Host {
        /// As it was given.
        host: String,
    },
    /// The sender is no address.
    #[error(
        "the sender {from:?} is not an address such as audit@example.com or Indelible <audit@example.com>"
    )]
    From {
        /// As it was given.
        from: String,
    },
    /// A username without a password, or the other way round.
    #[error("username and password belong together")]
    HalfAnAccount,
    /// The password would go over the network in the clear.
    #[error("a password is sent to another machine only over TLS (starttls or implicit)")]
    PasswordInTheClear,
    /// The file of certificates can't be used.
    #[error("the certificates in {}: {reason}", file.display())]
    CaFile {
        /// The file.
        file: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// TLS can't be set up.
    #[error("TLS can't be set up: {reason}")]
    Tls {
        /// What went wrong.
        reason: String,
    },
}

impl MailSettings {
    /// Checks what can be checked without the server; returns the sender.
    ///
    /// # Errors
    /// The first [`SettingsProblem`].
    pub(crate) fn check(&self) -> Result<Mailbox, SettingsProblem> {
        let is_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '-' | ':');
        if self.host.is_empty() || !self.host.chars().all(is_name) {
            return Err(SettingsProblem::Host { host: self.host.clone() });
        }
        if self.username.is_some() != self.password.is_some() {
            return Err(SettingsProblem::HalfAnAccount);
        }
        if self.password.is_some() && self.tls == MailTls::None && !self.is_on_this_machine() {
            return Err(SettingsProblem::PasswordInTheClear);
        }
        // What is allowed in an address is the crate's business; line breaks are nobody's.
        let is_one_line = !self.from.contains(char::is_control);
        let from = is_one_line.then(|| self.from.parse().ok()).flatten();
        from.ok_or_else(|| SettingsProblem::From { from: self.from.clone() })
    }

    fn is_on_this_machine(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> MailSettings {
        MailSettings {
            host: "mail.example.com".into(),
            port: 587,
            tls: MailTls::StartTls,
            username: Some("audit".into()),
            password: Some(MailPassword::new("geheim".into())),
            from: "Indelible <audit@example.com>".into(),
            ca_file: None,
            timeout: Duration::from_secs(10),
        }
    }

    #[test]
    fn says_what_is_wrong_with_the_settings() {
        assert_eq!(settings().check().unwrap().email.to_string(), "audit@example.com");
        type Change = fn(&mut MailSettings);
        let cases: [(Option<&str>, Change); 12] = [
            (Some("not the name"), |s| s.host = String::new()),
            (Some("not the name"), |s| s.host = "mail.example.com/x".into()),
            (None, |s| s.host = "::1".into()),
            (Some("belong together"), |s| s.password = None),
            (Some("belong together"), |s| s.username = None),
            (Some("only over TLS"), |s| s.tls = MailTls::None),
            (None, |s| (s.tls, s.host) = (MailTls::None, "127.0.0.1".into())),
            (None, |s| (s.tls, s.username, s.password) = (MailTls::None, None, None)),
            (None, |s| s.from = "audit@example.com".into()),
            (Some("is not an address"), |s| s.from = "audit".into()),
            (Some("is not an address"), |s| s.from = "A <a@example.com>, B <b@example.com>".into()),
            (Some("is not an address"), |s| s.from = "A\r\nBcc: b@example.com <a@example.com>".into()),
        ];
        for (expected, change) in cases {
            let mut settings = settings();
            change(&mut settings);
            match (settings.check(), expected) {
                (Ok(_), None) => {}
                (Err(problem), Some(expected)) => {
                    assert!(problem.to_string().contains(expected), "{problem}")
                }
                (outcome, expected) => panic!("{outcome:?}, expected {expected:?}: {settings:?}"),
            }
        }
    }

    #[test]
    fn never_prints_the_password() {
        let printed = format!("{:?}", settings());
        assert!(printed.contains("(secret)") && !printed.contains("geheim"), "{printed}");
    }
}
