//! Mails to people: who may be sent one, one-time links in them, and what became of each in the trail.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use indelible_control::{LinkPurpose, User};
use indelible_event::{Code, Timestamp};
use indelible_identity::{Bounds, Factor, LinkToken, Throttle};
use indelible_mail::{
    Invitation, MailError, MailSettings, Mailer, Message, PasswordReset, SettingsProblem, TestMail,
};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::{
    app::App,
    authentication::admit,
    error::ApiError,
    recorder::{Origin, OwnEvent},
};

/// What sending mails needs, and who was sent some of late.
pub(crate) struct Mailing {
    mailer: Option<Mailer>,
    /// Who asks for new passwords, from where. Nobody can tell whether they were right, so every time counts.
    asking: Mutex<Throttle>,
    unasked: Mutex<Unasked>,
    /// Answers that are on their way at one time.
    slots: Arc<Semaphore>,
    started: Instant,
}

/// Answers to people who forgot their password that are on their way at one time; the rest is refused at once.
const SLOTS: usize = 64;

/// When accounts were sent a mail that somebody else may have asked for, of the last hour.
#[derive(Default)]
struct Unasked(HashMap<Uuid, VecDeque<Duration>>);

/// Such mails within an hour: a mailbox is not to be filled by whoever knows its name.
const UNASKED_MAX: usize = 3;
const HOUR: Duration = Duration::from_hours(1);

/// Which mail it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MailKind {
    Invitation,
    PasswordReset,
    Test,
}

impl MailKind {
    fn name(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::PasswordReset => "password_reset",
            Self::Test => "test",
        }
    }
}

/// A link for a user, and how it is told.
pub(crate) struct LinkMail<'a> {
    pub(crate) purpose: LinkPurpose,
    pub(crate) user: &'a User,
    pub(crate) to: &'a str,
    pub(crate) token: &'a LinkToken,
    pub(crate) expires_at: Timestamp,
    /// Who makes it, as people read it.
    pub(crate) by: &'a str,
}

impl Mailing {
    /// # Errors
    /// [`SettingsProblem`].
    pub(crate) fn new(settings: Option<&MailSettings>) -> Result<Self, SettingsProblem> {
        Ok(Self {
            mailer: settings.map(Mailer::new).transpose()?,
            asking: Mutex::new(Throttle::new(Bounds::default())),
            unasked: Mutex::default(),
            slots: Arc::new(Semaphore::new(SLOTS)),
            started: Instant::now(),
        })
    }

    /// Whether mails can be sent.
    pub(crate) fn is_set_up(&self) -> bool {
        self.mailer.is_some()
    }

    /// # Errors
    /// `mail_not_set_up`.
    pub(crate) fn mailer(&self) -> Result<&Mailer, ApiError> {
        self.mailer.as_ref().ok_or_else(|| {
            let message = "mail is not set up; an administrator can make a link and hand it over";
            ApiError::new(Code::MailNotSetUp, message)
        })
    }

    /// Asks whether somebody may ask for a new password for the account of this name; a place to answer in.
    ///
    /// # Errors
    /// `mail_not_set_up`, `rate_limited` or `unavailable`.
    pub(crate) fn ask(&self, name: &str, origin: &Origin) -> Result<OwnedSemaphorePermit, ApiError> {
        self.mailer()?;
        admit(&mut self.asking.lock(), name, Factor::Password, origin, self.started.elapsed())?;
        self.slots
            .clone()
            .try_acquire_owned()
            .map_err(|_| ApiError::unavailable("too many people ask for a new password at this moment", 60))
    }

    /// Whether an account may be sent another mail that somebody else may have asked for; then it counts.
    pub(crate) fn takes_unasked(&self, user: Uuid) -> bool {
        self.unasked.lock().take(user, self.started.elapsed())
    }
}

impl Unasked {
    fn take(&mut self, user: Uuid, now: Duration) -> bool {
        let is_late = |at: &Duration| now.saturating_sub(*at) < HOUR;
        self.0.retain(|_, sent| sent.back().is_some_and(is_late));
        let sent = self.0.entry(user).or_default();
        sent.retain(is_late);
        let takes = sent.len() < UNASKED_MAX;
        if takes {
            sent.push_back(now);
        }
        takes
    }
}

/// How long a mail waits for its next attempt where the server said "later".
const WAITS: [Duration; 3] = [Duration::from_secs(30), Duration::from_mins(2), Duration::from_mins(6)];

impl App {
    /// Sends a mail once, and records what became of it: `told` has who sends it and to whom.
    ///
    /// # Errors
    /// `mail_not_set_up`, `mail_failed` with the server's words, or the ledger's.
    pub(crate) async fn send_mail(
        &self,
        kind: MailKind,
        message: &Message,
        told: OwnEvent,
    ) -> Result<(), ApiError> {
        let sent = self.mailing.mailer()?.send(message, self.now()).await;
        self.record_mail(kind, &message.to, &sent, told).await?;
        sent.map_err(|error| ApiError::new(Code::MailFailed, error.to_string()))
    }

    /// The same with patience, for mails that nobody waits for.
    ///
    /// # Errors
    /// As [`Self::send_mail`].
    pub(crate) async fn send_mail_patiently(
        &self,
        kind: MailKind,
        message: &Message,
        told: OwnEvent,
    ) -> Result<(), ApiError> {
        let mailer = self.mailing.mailer()?;
        let mut sent = mailer.send(message, self.now()).await;
        for wait in WAITS {
            if !sent.as_ref().is_err_and(MailError::retryable) {
                break;
            }
            tokio::time::sleep(wait).await;
            sent = mailer.send(message, self.now()).await;
        }
        self.record_mail(kind, &message.to, &sent, told).await?;
        sent.map_err(|error| ApiError::new(Code::MailFailed, error.to_string()))
    }

    async fn record_mail(
        &self,
        kind: MailKind,
        to: &str,
        sent: &Result<(), MailError>,
        told: OwnEvent,
    ) -> Result<(), ApiError> {
        let told = told.parameter("mail", kind.name()).parameter("to", to);
        let told = match sent {
            Ok(()) => told,
            Err(error) => told.parameter("answer", error.to_string()).refused("failure", error.reason()),
        };
        self.record(&told).await
    }

    /// The mail that brings a link.
    ///
    /// # Errors
    /// `mail_not_set_up`.
    pub(crate) fn link_message(&self, mail: &LinkMail<'_>) -> Result<(MailKind, Message), ApiError> {
        let installation = self.mailing.mailer()?.installation();
        let link = self.link(&format!("/password#{}", mail.token.expose()));
        let good_until = shown_at(mail.expires_at, mail.user.zone.as_deref());
        let (username, link, good_until) = (mail.user.username.as_str(), link.as_str(), good_until.as_str());
        Ok(if mail.purpose == LinkPurpose::Invitation {
            let invitation = Invitation { installation, username, invited_by: mail.by, link, good_until };
            (MailKind::Invitation, invitation.message(mail.to))
        } else {
            let reset = PasswordReset { installation, username, link, good_until };
            (MailKind::PasswordReset, reset.message(mail.to))
        })
    }

    /// The mail that shows that mails arrive.
    ///
    /// # Errors
    /// `mail_not_set_up`.
    pub(crate) fn test_message(&self, to: &str) -> Result<Message, ApiError> {
        let installation = self.mailing.mailer()?.installation();
        Ok(TestMail { installation, link: &self.link("/") }.message(to))
    }
}

/// That a mail was sent; `by` and `to` are the caller's to add. The mail server is the installation's own, and its words
/// may name what nobody else is to know.
pub(crate) fn told() -> OwnEvent {
    OwnEvent::new("Send mail", "mail.send", "other").touching_installation()
}

/// A time as mails have it, in the zone of whoever reads it.
pub(crate) fn shown_at(at: Timestamp, zone: Option<&str>) -> String {
    let zone = zone.and_then(|zone| jiff::tz::TimeZone::get(zone).ok()).unwrap_or(jiff::tz::TimeZone::UTC);
    let at = jiff::Timestamp::from_microsecond(at.as_micros()).unwrap_or(jiff::Timestamp::MAX);
    at.to_zoned(zone).strftime("%-d %B %Y, %H:%M %Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_sent_so_many_mails_within_an_hour() {
        let mut unasked = Unasked::default();
        let (ada, bo) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let minute = |minutes| Duration::from_mins(minutes);
        for (at, user, expected) in [
            (0, ada, true),
            (10, ada, true),
            (20, ada, true),
            (59, ada, false),
            (59, bo, true),
            (60, ada, true),
            (61, ada, false),
            (70, ada, true),
            (71, ada, false),
        ] {
            assert_eq!(unasked.take(user, minute(at)), expected, "{user} after {at} minutes");
        }
        assert_eq!(unasked.0.len(), 2);
        assert!(unasked.take(bo, minute(500)));
        assert_eq!(unasked.0.len(), 1, "what is over takes no memory");
    }

    #[test]
    fn a_time_is_shown_in_the_zone_of_its_reader() {
        let at = Timestamp::from_micros(1_772_368_496_000_000);
        for (zone, expected) in [
            (None, "1 March 2026, 12:34 UTC"),
            (Some("Europe/Berlin"), "1 March 2026, 13:34 CET"),
            (Some("Nowhere/Else"), "1 March 2026, 12:34 UTC"),
        ] {
            assert_eq!(shown_at(at, zone), expected);
        }
        assert!(shown_at(Timestamp::from_micros(i64::MAX), None).contains("December 9999"));
    }
}
