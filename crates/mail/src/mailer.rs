//! Sends one mail to one recipient.

use std::{
    fs,
    time::{Duration, UNIX_EPOCH},
};

use indelible_event::Timestamp;
use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::{
        Mailbox, MultiPart,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
    },
};
use tokio::time;

use crate::{MailSettings, MailTls, SettingsProblem};

/// A mail before it has a sender and a date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Tells it from every other mail; the same of one that is sent again, so that a mailbox can tell that it has it.
    /// `None`: a random one.
    pub id: Option<u128>,
    /// The one recipient, an address without a name.
    pub to: String,
    /// The subject, one line.
    pub subject: String,
    /// What is shown where no HTML is.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// What comes with it.
    pub attachment: Option<Attachment>,
}

/// A file that comes with a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// What it is called.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Why a mail was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// It is no address.
    #[error("{to:?} is not an e-mail address")]
    Recipient {
        /// As it was given.
        to: String,
    },
    /// The subject has line breaks or other control characters.
    #[error("the subject is not one line")]
    Subject,
    /// The operating system gave no randomness.
    #[error("no randomness from the operating system")]
    Randomness,
    /// The server said no. A code from 400 to 499 means "later", as with greylisting.
    #[error("the mail server refused: {code} {text}")]
    Refused {
        /// The server's code.
        code: u16,
        /// The server's words.
        text: String,
    },
    /// There was no connection, or it was not one to trust, or the server does not speak SMTP.
    #[error("the mail server can't be used: {reason}")]
    Unreachable {
        /// What went wrong.
        reason: String,
    },
    /// It took longer than the settings' `timeout`. The server may have taken the mail all the same.
    #[error("the mail server did not answer in time")]
    TimedOut,
}

impl MailError {
    /// A short text for programs: `recipient`, `subject`, `randomness`, `refused`, `unreachable` or `timed_out`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Recipient { .. } => "recipient",
            Self::Subject => "subject",
            Self::Randomness => "randomness",
            Self::Refused { .. } => "refused",
            Self::Unreachable { .. } => "unreachable",
            Self::TimedOut => "timed_out",
        }
    }

    /// Whether the same mail may be taken later.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Recipient { .. } | Self::Subject => false,
            Self::Refused { code, .. } => *code < 500,
            Self::Randomness | Self::Unreachable { .. } | Self::TimedOut => true,
        }
    }
}

/// Sends mails through one server.
#[derive(Clone, Debug)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    timeout: Duration,
}

impl Mailer {
    /// Prepares for a server, which is asked only when a mail is sent.
    ///
    /// # Errors
    /// [`SettingsProblem`].
    pub fn new(settings: &MailSettings) -> Result<Self, SettingsProblem> {
        let from = settings.check()?;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(settings.host.clone())
            .port(settings.port)
            .timeout(Some(settings.timeout))
            .tls(tls(settings)?);
        if let (Some(username), Some(password)) = (&settings.username, &settings.password) {
            builder = builder.credentials(Credentials::new(username.clone(), password.reveal().to_owned()));
        }
        Ok(Self { transport: builder.build(), from, timeout: settings.timeout })
    }

    /// What mails call the installation: the sender's name, or `Indelible`.
    pub fn installation(&self) -> &str {
        self.from.name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or("Indelible")
    }

    /// Sends a mail; `now` is its date. Returns when the server has taken it.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn send(&self, message: &Message, now: Timestamp) -> Result<(), MailError> {
        let mail = self.write(message, now)?;
        match time::timeout(self.timeout, self.transport.send(mail)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.is_timeout() => Err(MailError::TimedOut),
            Ok(Err(error)) => Err(said(&error)),
            Err(_) => Err(MailError::TimedOut),
        }
    }

    fn write(&self, message: &Message, now: Timestamp) -> Result<lettre::Message, MailError> {
        if message.subject.contains(char::is_control) {
            return Err(MailError::Subject);
        }
        let refuse = || MailError::Recipient { to: message.to.clone() };
        let to: Address = message.to.parse().map_err(|_| refuse())?;
        let id = message.id.map_or_else(random_id, Ok)?;
        let since = u64::try_from(now.as_micros()).unwrap_or_default();
        lettre::Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(message.subject.as_str())
            .date(UNIX_EPOCH + Duration::from_micros(since))
            .message_id(Some(format!("<{id:032x}@{}>", self.from.email.domain())))
            // RFC 3834: no holiday notes in answer to it; and the same in the words of Exchange.
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header("X-Auto-Response-Suppress", "All"))
            .multipart(parts(message))
            .map_err(|_| refuse())
    }
}

/// Whether a mail can be sent to this: an address without a name.
pub fn is_address(text: &str) -> bool {
    text.parse::<Address>().is_ok()
}

fn parts(message: &Message) -> MultiPart {
    let words = MultiPart::alternative_plain_html(message.text.clone(), message.html.clone());
    let Some(attachment) = &message.attachment else { return words };
    // A type that can't be written is bytes to whoever gets it.
    let kind = ContentType::parse(&attachment.media_type).unwrap_or(ContentType::TEXT_PLAIN);
    let file = lettre::message::Attachment::new(attachment.name.clone()).body(attachment.bytes.clone(), kind);
    MultiPart::mixed().multipart(words).singlepart(file)
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

fn random_id() -> Result<u128, MailError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| MailError::Randomness)?;
    Ok(u128::from_be_bytes(bytes))
}

fn tls(settings: &MailSettings) -> Result<Tls, SettingsProblem> {
    if settings.tls == MailTls::None {
        return Ok(Tls::None);
    }
    let mut builder =
        TlsParameters::builder(settings.host.clone()).certificate_store(certificate_store(settings));
    if let Some(file) = &settings.ca_file {
        let refuse = |reason: String| SettingsProblem::CaFile { file: file.clone(), reason };
        let pem = fs::read(file).map_err(|error| refuse(error.to_string()))?;
        if !pem.windows(BEGIN_CERTIFICATE.len()).any(|window| window == BEGIN_CERTIFICATE) {
            return Err(refuse("no certificate in it".into()));
        }
        let certificates = Certificate::from_pem(&pem).map_err(|error| refuse(error.to_string()))?;
        builder = builder.add_root_certificate(certificates);
    }
    let parameters =
        builder.build_rustls().map_err(|error| SettingsProblem::Tls { reason: error.to_string() })?;
    Ok(match settings.tls {
        MailTls::Implicit => Tls::Wrapper(parameters),
        MailTls::StartTls | MailTls::None => Tls::Required(parameters),
    })
}

/// A file without certificates would be taken for an empty list of them.
const BEGIN_CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// The operating system's, or those of the browsers where it has none.
fn certificate_store(settings: &MailSettings) -> CertificateStore {
    if settings.ca_file.is_none() && rustls_native_certs::load_native_certs().certs.is_empty() {
        CertificateStore::WebpkiRoots
    } else {
        CertificateStore::Default
    }
}

/// The server's words where it said something, else what went wrong.
fn said(error: &lettre::transport::smtp::Error) -> MailError {
    let mut words = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words.push(error.to_string());
        cause = error.source();
    }
    match error.status() {
        Some(code) => {
            let code = u16::from(code);
            MailError::Refused { code, text: one_line(&words.join(": ")) }
        }
        // The first says what the others do, in other words.
        None if words.is_empty() => MailError::Unreachable { reason: error.to_string() },
        None => MailError::Unreachable { reason: one_line(&words.join(": ")) },
    }
}

/// The words of another program as they may be kept: one line, 500 characters.
fn one_line(text: &str) -> String {
    let words: Vec<_> = text.split(|letter: char| letter.is_control() || letter == ' ').collect();
    let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(500).collect()
}
