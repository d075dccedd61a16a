//! Which passwords may be chosen: NIST SP 800-63B section 3.1.1.2, OWASP ASVS 5 section 6.2.
//!
//! Left out on purpose: rules about kinds of characters and expiry, which both advise against, and asking a service
//! of breached passwords, which would mean talking to somebody.

use super::{
    Password,
    common::{fold, is_common, is_predictable},
};

/// The shortest password that may be chosen, in characters (Unicode code points in normal form KC).
pub const LENGTH_MIN: usize = 12;

/// The longest password that may be chosen, in characters.
pub const LENGTH_MAX: usize = 128;

/// The product's name, which a password must not contain.
const PRODUCT: &str = "indelible";

/// Names shorter than this many characters occur in good passwords by chance.
const NAME_MIN: usize = 4;

/// Why a password may not be chosen; none of it repeats the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefused {
    /// It has fewer characters than [`LENGTH_MIN`].
    #[error("the password has {length} characters, expected at least {LENGTH_MIN}")]
    TooShort {
        /// Its length in characters.
        length: usize,
    },
    /// It has more characters than [`LENGTH_MAX`].
    #[error("the password has {length} characters, expected at most {LENGTH_MAX}")]
    TooLong {
        /// Its length in characters.
        length: usize,
    },
    /// It contains a name of its owner, or the product's.
    #[error("the password contains a name, expected one without yours and without the product's")]
    Name,
    /// It repeats a piece of itself, or counts along.
    #[error("the password is a repetition or a sequence, expected one that can't be continued")]
    Predictable,
    /// It is one that many people choose, or such a one between digits and signs.
    #[error("the password is one that many people use, expected one of your own, such as four unusual words")]
    Common,
}

impl PasswordRefused {
    /// A name for programs, which does not change.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooShort { .. } => "password_too_short",
            Self::TooLong { .. } => "password_too_long",
            Self::Name => "password_contains_name",
            Self::Predictable => "password_predictable",
            Self::Common => "password_common",
        }
    }
}

impl Password {
    /// Checks that the password may be chosen by somebody with these `names`: username, e-mail address, given and
    /// family name. Case and blanks make no difference; of an e-mail address the part before `@` counts, and names
    /// of fewer than four characters don't.
    ///
    /// # Errors
    /// The first [`PasswordRefused`] that applies, in the order of its variants.
    pub fn check(&self, names: &[&str]) -> Result<(), PasswordRefused> {
        let length = self.0.chars().count();
        if length < LENGTH_MIN {
            return Err(PasswordRefused::TooShort { length });
        }
        if length > LENGTH_MAX {
            return Err(PasswordRefused::TooLong { length });
        }
        let folded = fold(&self.0);
        if names.iter().chain([&PRODUCT]).any(|name| contains_name(&folded, name)) {
            return Err(PasswordRefused::Name);
        }
        // Blanks count here, so that twelve of them are a run.
        if is_predictable(&folded) || is_predictable(&self.0) {
            return Err(PasswordRefused::Predictable);
        }
        if is_common(&folded) {
            return Err(PasswordRefused::Common);
        }
        Ok(())
    }
}

fn contains_name(folded: &str, name: &str) -> bool {
    let name = fold(name.split_once('@').map_or(name, |(local, _)| local));
    name.chars().count() >= NAME_MIN && folded.contains(name.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ADA: [&str; 4] = ["Ada.Lovelace", "ada@example.org", "Ada", "Lovelace"];

    #[test]
    fn refuses_what_would_be_guessed_and_nothing_else() {
        use PasswordRefused::{Common, Name, Predictable, TooLong, TooShort};
        let long = |length| "four grey herons ".repeat(9)[..length - 1].to_owned() + "!";
        for (typed, expected) in [
            ("four grey herons", Ok(())),
            ("correct horse battery staple", Ok(())),
            ("kV7#pQ2!xZ9m", Ok(())),
            ("739104826537", Ok(())),
            ("vier graue reiher", Ok(())),
            ("четыре серые цапли", Ok(())),
            ("四只灰色的苍鹭站在冰上面", Ok(())),
            (&long(LENGTH_MAX), Ok(())),
            (&long(LENGTH_MAX + 1), Err(TooLong { length: 129 })),
            ("", Err(TooShort { length: 0 })),
            ("kV7#pQ2!xZ9", Err(TooShort { length: 11 })),
            // Eleven characters from twelve key presses: the accent joins its letter.
            ("kV7#pQ2!xZe\u{301}", Err(TooShort { length: 11 })),
            // Eleven characters of three bytes are still eleven.
            ("四只灰色的苍鹭站在冰上", Err(TooShort { length: 11 })),
            ("my indelible herons", Err(Name)),
            ("In Delible herons 7", Err(Name)),
            ("ada.lovelace 1815", Err(Name)),
            ("count LOVELACE count", Err(Name)),
            ("Ｌｏｖｅｌａｃｅ herons", Err(Name)),
            ("a herald of adages", Ok(())),
            ("an example of herons", Ok(())),
            ("            ", Err(Predictable)),
            ("a                 b", Err(Predictable)),
            ("aaaaaaaaaaaaaaaa", Err(Predictable)),
            ("heron heron heron ", Err(Predictable)),
            ("heron heron heron", Err(Predictable)),
            ("1234567890123", Err(Predictable)),
            ("ABCDEFGHIJKLMNOP", Err(Predictable)),
            ("Password2026!", Err(Common)),
            ("p a s s w o r d 1", Err(Common)),
            ("p4ssw0rd20261234", Err(Common)),
            ("!!!!qwerty!!!!", Err(Common)),
            ("2026-Dragon-2026", Err(Common)),
            ("1qaz2wsx3edc", Err(Common)),
            ("Unbelievable", Err(Common)),
            ("arroz con leche", Err(Common)),
        ] {
            assert_eq!(Password::new(typed).check(&ADA), expected, "{typed}");
        }
    }

    #[test]
    fn says_what_is_expected_and_never_the_password() {
        for (typed, message, code) in [
            ("tulip", "the password has 5 characters, expected at least 12", "password_too_short"),
            (
                &*"tulip".repeat(26),
                "the password has 130 characters, expected at most 128",
                "password_too_long",
            ),
            (
                "tulipindelible",
                "the password contains a name, expected one without yours and without the product's",
                "password_contains_name",
            ),
            (
                "tuliptuliptulip",
                "the password is a repetition or a sequence, expected one that can't be continued",
                "password_predictable",
            ),
            (
                "tulip12345678",
                "the password is one that many people use, expected one of your own, such as four unusual words",
                "password_common",
            ),
        ] {
            let refused = Password::new(typed).check(&[]).unwrap_err();
            assert_eq!((refused.to_string(), refused.code()), (message.to_owned(), code));
        }
    }

    #[test]
    fn a_name_too_short_to_mean_anything_is_ignored() {
        for (name, expected) in [
            ("", Ok(())),
            ("@example.org", Ok(())),
            ("her", Ok(())),
            ("hero", Err(PasswordRefused::Name)),
            ("hero@example.org", Err(PasswordRefused::Name)),
        ] {
            assert_eq!(Password::new("four grey herons").check(&[name]), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn length_is_counted_in_normal_characters(typed in "\\PC{0,140}") {
            use PasswordRefused::{TooLong, TooShort};
            let normal: String = unicode_normalization::UnicodeNormalization::nfkc(typed.as_str()).collect();
            let length = normal.chars().count();
            match Password::new(&typed).check(&[]) {
                Err(TooShort { length: told }) => prop_assert!(told == length && length < 12),
                Err(TooLong { length: told }) => prop_assert!(told == length && length > 128),
                _ => prop_assert!((12..=128).contains(&length)),
            }
        }

        #[test]
        fn a_password_around_a_name_is_refused(before in "[a-z0-9 ]{0,20}", after in "[A-Z!? ]{0,20}") {
            let typed = format!("{before}grace.HOPPER{after}");
            prop_assert_eq!(Password::new(&typed).check(&["Grace.Hopper"]), Err(PasswordRefused::Name));
        }
    }
}
