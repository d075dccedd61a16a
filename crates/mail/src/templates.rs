//! The mails that Indelible writes, in English, as plain text and as HTML.
//!
//! What others typed (names, the installation's name) stands in them as text, never as HTML. The HTML has no image and
//! no script, and loads nothing.

use crate::{Attachment, Message};

/// Invites a person to choose a password.
#[derive(Clone, Debug)]
pub struct Invitation<'a> {
    /// What the installation is called, such as `Indelible` or `Audit trail of Example Ltd`.
    pub installation: &'a str,
    /// The new account's username.
    pub username: &'a str,
    /// Who invites, as it is shown.
    pub invited_by: &'a str,
    /// The one-time link.
    pub link: &'a str,
    /// Until when the link is good, as it is shown.
    pub good_until: &'a str,
}

/// Lets a person choose a new password.
#[derive(Clone, Debug)]
pub struct PasswordReset<'a> {
    /// What the installation is called.
    pub installation: &'a str,
    /// The account's username.
    pub username: &'a str,
    /// The one-time link.
    pub link: &'a str,
    /// Until when the link is good, as it is shown.
    pub good_until: &'a str,
}

/// Shows an administrator that mails arrive.
#[derive(Clone, Debug)]
pub struct TestMail<'a> {
    /// What the installation is called.
    pub installation: &'a str,
    /// The installation's address.
    pub link: &'a str,
}

/// Brings a report, or leads to it.
#[derive(Clone, Debug)]
pub struct ReportMail<'a> {
    /// What the installation is called.
    pub installation: &'a str,
    /// The subject, if somebody chose one.
    pub subject: Option<&'a str>,
    /// What the report is called.
    pub report: &'a str,
    /// What the schedule is called.
    pub schedule: &'a str,
    /// As of when, as it is shown.
    pub as_of: &'a str,
    /// Rows in it: events, or what they were counted by.
    pub rows: u64,
    /// Events that match and are not in it.
    pub left_out: u64,
    /// The file's SHA-256, in hexadecimal.
    pub sha256: &'a str,
    /// Where the file is, where it does not come with the mail; and until when, as it is shown.
    pub link: Option<(&'a str, &'a str)>,
    /// The installation's address.
    pub home: &'a str,
}

impl ReportMail<'_> {
    /// The mail to this address, with the file or without.
    pub fn message(&self, to: &str, attachment: Option<Attachment>) -> Message {
        let subject =
            self.subject.map_or_else(|| format!("{} - {}", self.report, self.installation), str::to_owned);
        let mut before = vec![
            format!("Here is the report \"{}\" of {}, as of {}.", self.report, self.installation, self.as_of),
            format!("It has {} rows.", self.rows),
        ];
        if self.left_out > 0 {
            before.push(format!(
                "{} events that match are not in it: the installation has a limit.",
                self.left_out
            ));
        }
        let (link, button) = match self.link {
            Some((link, until)) => {
                before.push(format!("The file is too large for a mail. The link is good until {until}:"));
                (link, "Download the report")
            }
            None => (self.home, "Open the audit trail"),
        };
        let after = vec![
            format!("SHA-256 of the file: {}", self.sha256),
            format!("The schedule \"{}\" sends it. Whoever made that can end it.", self.schedule),
        ];
        let message = Content { subject, before, link, button, after }.message(to);
        Message { attachment, ..message }
    }
}

impl Invitation<'_> {
    /// The mail to this address.
    pub fn message(&self, to: &str) -> Message {
        Content {
            subject: format!("Your account at {}", self.installation),
            before: vec![
                format!("{} invites you to {}.", self.invited_by, self.installation),
                format!("Your username is {}. Choose a password to sign in:", self.username),
            ],
            link: self.link,
            button: "Choose a password",
            after: vec![
                format!("The link is good once, until {}.", self.good_until),
                "If you did not expect this mail, you can ignore it.".into(),
            ],
        }
        .message(to)
    }
}

impl PasswordReset<'_> {
    /// The mail to this address.
    pub fn message(&self, to: &str) -> Message {
        Content {
            subject: format!("New password for {}", self.installation),
            before: vec![
                format!("A new password was asked for the user {} of {}.", self.username, self.installation),
                "Choose it here:".into(),
            ],
            link: self.link,
            button: "Choose a new password",
            after: vec![
                format!("The link is good once, until {}.", self.good_until),
                "If it was not you who asked, you can ignore this mail: your password stays as it is.".into(),
            ],
        }
        .message(to)
    }
}

impl TestMail<'_> {
    /// The mail to this address.
    pub fn message(&self, to: &str) -> Message {
        Content {
            subject: format!("Test mail from {}", self.installation),
            before: vec![format!("{} can send mails to you.", self.installation)],
            link: self.link,
            button: "Open it",
            after: vec!["An administrator asked for this mail. There is nothing to do.".into()],
        }
        .message(to)
    }
}

/// What all mails have: paragraphs, a link, paragraphs.
struct Content<'a> {
    subject: String,
    before: Vec<String>,
    link: &'a str,
    button: &'a str,
    after: Vec<String>,
}

impl Content<'_> {
    fn message(self, to: &str) -> Message {
        let subject = one_line(&self.subject);
        let (text, html) = (self.text(), self.html(&subject));
        Message { id: None, to: to.to_owned(), subject, text, html, attachment: None }
    }

    fn text(&self) -> String {
        let paragraphs = self.before.iter().map(|line| one_line(line));
        let after = self.after.iter().map(|line| one_line(line));
        let all: Vec<_> = paragraphs.chain([self.link.to_owned()]).chain(after).collect();
        format!("{}\n", all.join("\n\n"))
    }

    fn html(&self, title: &str) -> String {
        let paragraphs = |lines: &[String]| -> String {
            lines.iter().map(|line| format!("<p>{}</p>\n", escaped(&one_line(line)))).collect()
        };
        let (title, link) = (escaped(title), escaped(self.link));
        let (before, after) = (paragraphs(&self.before), paragraphs(&self.after));
        let button = self.button;
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
             <body style=\"font-family: sans-serif; line-height: 1.5; max-width: 36em\">\n{before}\
             <p><a href=\"{link}\">{button}</a></p>\n\
             <p>If the link does not open, copy this address into your browser:<br>{link}</p>\n{after}</body>\n</html>\n"
        )
    }
}

/// A name with line breaks must not look like a paragraph of ours, nor break the subject.
fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_typed_is_text_and_one_line() {
        let message = Invitation {
            installation: "Audit <b>&</b> Co",
            username: "ada\"><img src=x>",
            invited_by: "Eve\r\nBcc: x\n\nYour password expired",
            link: "https://audit.example.com/link?a=1&b=2",
            good_until: "Friday",
        }
        .message("ada@example.com");
        assert_eq!(message.subject, "Your account at Audit <b>&</b> Co");
        assert!(message.html.contains("Audit &lt;b&gt;&amp;&lt;/b&gt; Co"), "{}", message.html);
        assert!(
            message.html.contains("href=\"https://audit.example.com/link?a=1&amp;b=2\""),
            "{}",
            message.html
        );
        assert!(!message.html.contains("<img") && !message.html.contains("<b>"), "{}", message.html);
        assert!(message.text.contains("\nhttps://audit.example.com/link?a=1&b=2\n"), "{}", message.text);
        assert!(
            message.text.starts_with("Eve  Bcc: x  Your password expired invites you"),
            "{}",
            message.text
        );
    }

    #[test]
    fn every_mail_says_what_it_is_and_holds_its_link() {
        let (installation, link) = ("Indelible", "https://audit.example.com/link#il_x");
        let (username, good_until) = ("ada", "22 November 2026, 18:00 UTC");
        let invitation = Invitation { installation, username, invited_by: "Eve", link, good_until };
        let reset = PasswordReset { installation, username, link, good_until };
        for (message, subject) in [
            (invitation.message("a@example.com"), "Your account at Indelible"),
            (reset.message("a@example.com"), "New password for Indelible"),
            (TestMail { installation, link }.message("a@example.com"), "Test mail from Indelible"),
        ] {
            assert_eq!((message.subject.as_str(), message.to.as_str()), (subject, "a@example.com"));
            assert!(message.text.contains(link) && message.html.contains(link), "{message:?}");
        }
    }
}
