//! Somebody whose access is reviewed.

use indelible_event::Timestamp;

/// Somebody who can sign in, or could, as the caller knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReviewedPerson {
    /// The name to sign in with.
    pub username: String,
    /// First and last name.
    pub name: String,
    /// Names of roles, each with its reach where it has one.
    pub roles: Vec<String>,
    /// Names of groups.
    pub groups: Vec<String>,
    /// As `active`, `invited` or `blocked`.
    pub state: String,
    /// When they last signed in; `None`: never.
    pub last_sign_in: Option<Timestamp>,
}
