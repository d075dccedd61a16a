//! The settings of mail: which go together, and what they are when they are not given.

use std::{path::PathBuf, time::Duration};

use clap::ValueEnum;
use indelible_mail::{MailPassword, MailSettings, MailTls, Mailer, SettingsProblem};
use serde::Deserialize;

use crate::{
    config::{ConfigError, read_secret, within},
    public_url::PublicUrl,
};

/// How the connection to the SMTP server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// It begins in the clear and must become TLS before anything is said.
    #[value(name = "starttls")]
    StartTls,
    /// TLS from the first byte.
    Implicit,
    /// Not at all.
    None,
}

/// The settings of mail as they are given.
pub(crate) struct Smtp {
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) tls: Option<SmtpTls>,
    pub(crate) username: Option<String>,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) timeout_seconds: Option<u64>,
    pub(crate) from: Option<String>,
}

/// What mails are sent with; none where no server is set.
///
/// # Errors
/// The first [`ConfigError`] found. Whether there is such a server is not asked: it may be down at this moment.
pub(crate) fn mail_settings(
    given: Smtp,
    public_url: Option<&PublicUrl>,
) -> Result<Option<MailSettings>, ConfigError> {
    let missing = |setting, expected| ConfigError::Range { setting, given: "not set".to_owned(), expected };
    let others = given.port.is_some()
        || given.tls.is_some()
        || given.username.is_some()
        || given.password_file.is_some()
        || given.ca_file.is_some()
        || given.timeout_seconds.is_some()
        || given.from.is_some();
    let Some(host) = given.host else {
        let expected = "a mail server, since other settings of mail are set";
        return if others { Err(missing("smtp_host", expected)) } else { Ok(None) };
    };
    let from = given
        .from
        .ok_or_else(|| missing("mail_from", "a sender such as audit@example.com, since smtp_host is set"))?;
    if public_url.is_none() {
        return Err(missing("public_url", "the address that links in mails lead to, since smtp_host is set"));
    }
    let (tls, port) = match given.tls.unwrap_or(SmtpTls::StartTls) {
        SmtpTls::StartTls => (MailTls::StartTls, 587),
        SmtpTls::Implicit => (MailTls::Implicit, 465),
        SmtpTls::None => (MailTls::None, 25),
    };
    let timeout_seconds = within("smtp_timeout_seconds", given.timeout_seconds, 30, 1, 300, "1 to 300")?;
    let settings = MailSettings {
        host,
        port: within("smtp_port", given.port, port, 1, u16::MAX, "1 to 65535")?,
        tls,
        username: given.username,
        password: given.password_file.map(|file| read_secret(&file)).transpose()?.map(MailPassword::new),
        from,
        ca_file: given.ca_file,
        timeout: Duration::from_secs(timeout_seconds),
    };
    match Mailer::new(&settings) {
        Ok(_) => Ok(Some(settings)),
        Err(source) => {
            let setting = match &source {
                SettingsProblem::Host { .. } => "smtp_host",
                SettingsProblem::From { .. } => "mail_from",
                SettingsProblem::HalfAnAccount => "smtp_username",
                SettingsProblem::PasswordInTheClear | SettingsProblem::Tls { .. } => "smtp_tls",
                SettingsProblem::CaFile { .. } => "smtp_ca_file",
            };
            Err(ConfigError::Mail { setting, source })
        }
    }
}
