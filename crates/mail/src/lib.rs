//! E-mail over SMTP: one recipient a mail, TLS, and the server's refusal kept as it was said.
//!
//! The protocol and the form of a mail are those of the `lettre` crate. Nothing is queued here: a mail is sent or it is
//! not, and whoever sends it decides what a refusal means.
//!
//! | module | |
//! |---|---|
//! | `settings` | [`MailSettings`]: the server, and what is wrong with it |
//! | `mailer` | [`Mailer`]: sends one [`Message`] |
//! | `templates` | the mails that Indelible writes: with a one-time link, or with a report |

mod mailer;
mod settings;
mod templates;

pub use mailer::{Attachment, MailError, Mailer, Message, is_address};
pub use settings::{MailPassword, MailSettings, MailTls, SettingsProblem};
pub use templates::{Invitation, PasswordReset, ReportMail, TestMail};
