//! Names of actions, objects and applications compared as people mean them: by words, without case and separators.
//!
//! A name is cut into words at every character that is no letter or digit and between a lower-case and an upper-case
//! letter: `Add New User`, `add_new_user`, `AddNewUser` and `add.new.user` are the words *add new user*. A pattern is
//! written the same way, with `*`: standing alone it means any number of whole words, even none; touching a word it
//! means any characters. So `get *` takes `GetBucketPolicy` and `get`, not `Getaway`; `get*` takes all three. A pattern
//! without `*` also takes names whose words are run together (`userloggedin`).

/// How many characters of a name are looked at. Each pattern may read all of them once for each word that it shares
/// with the name, so without a bound a name of a mebibyte could keep a processor busy for minutes.
const NAME_CHARS_MAX: usize = 512;

/// A name cut into words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// Lower-case words, each with a space before it, and one at the end: ` get bucket policy `.
    spaced: String,
}

impl Name {
    pub(crate) fn new(text: &str) -> Self {
        let end = text.char_indices().nth(NAME_CHARS_MAX).map_or(text.len(), |(at, _)| at);
        let mut spaced = String::with_capacity(end + 8);
        split(&text[..end], |_| false, &mut spaced);
        spaced.push(' ');
        Self { spaced }
    }

    pub(crate) fn words(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.spaced.split(' ').filter(|word| !word.is_empty())
    }

    /// All words run together.
    pub(crate) fn squashed(&self) -> String {
        self.spaced.chars().filter(|c| *c != ' ').collect()
    }
}

/// `text` without case and separators, for looking up names that are no sentences.
pub(crate) fn squash(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, ' ' | '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// Appends the words of `text` to `spaced`, each after a space; characters that are `kept` count as letters.
fn split(text: &str, kept: impl Fn(char) -> bool, spaced: &mut String) {
    #[derive(Clone, Copy, PartialEq)]
    enum Last {
        Gap,
        Upper,
        Other,
    }
    let mut last = Last::Gap;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if !c.is_alphanumeric() && !kept(c) {
            last = Last::Gap;
            continue;
        }
        let upper = c.is_uppercase();
        // In `MFADevice` the word ends before the D: an upper-case letter that a lower-case one follows.
        let ends_acronym =
            last == Last::Upper && upper && chars.peek().is_some_and(|next| next.is_lowercase());
        if last == Last::Gap || (upper && last == Last::Other) || ends_acronym {
            spaced.push(' ');
        }
        if upper {
            spaced.extend(c.to_lowercase())
        } else {
            spaced.push(c)
        }
        last = if upper { Last::Upper } else { Last::Other };
    }
}

/// What names must look like to be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    parts: Vec<Part>,
    /// The words run together, if there is no `*`.
    squashed: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// These characters; if `whole`, a word ends after them.
    Text { text: String, whole: bool },
    /// Any characters.
    Any,
}

impl Pattern {
    /// Reads a pattern; `None` if it holds neither a letter, a digit nor a `*`.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let mut spaced = String::new();
        split(text, |c| c == '*', &mut spaced);
        let mut parts = Vec::new();
        for word in spaced.split(' ').skip(1) {
            if word == "*" {
                parts.push(Part::Any);
                continue;
            }
            for (n, piece) in word.split('*').enumerate() {
                if n > 0 {
                    parts.push(Part::Any);
                }
                if n == 0 || !piece.is_empty() {
                    let text = if n == 0 { format!(" {piece}") } else { piece.to_owned() };
                    parts.push(Part::Text { text, whole: false });
                }
            }
            if let Some(Part::Text { whole, .. }) = parts.last_mut() {
                *whole = true;
            }
        }
        // `*login` begins with an empty piece: any characters, then `login`.
        parts.retain(|part| !matches!(part, Part::Text { text, .. } if text == " "));
        parts.dedup_by(|a, b| *a == Part::Any && *b == Part::Any);
        let squashed = parts.iter().map(|part| match part {
            Part::Text { text, .. } => Some(text.trim_start()),
            Part::Any => None,
        });
        let squashed = squashed.collect::<Option<String>>();
        (!parts.is_empty()).then_some(Self { parts, squashed })
    }

    /// The words run together, if the pattern has no `*`.
    pub(crate) fn squashed(&self) -> Option<&str> {
        self.squashed.as_deref()
    }

    /// A word that every name must have to be taken, if the pattern asks for a whole one.
    pub(crate) fn whole_word(&self) -> Option<&str> {
        self.parts.iter().find_map(|part| match part {
            Part::Text { text, whole: true } => text.strip_prefix(' '),
            _ => None,
        })
    }

    pub(crate) fn takes(&self, name: &Name) -> bool {
        match &self.squashed {
            Some(squashed) => squashed.chars().eq(name.spaced.chars().filter(|c| *c != ' ')),
            None => self.glob(&name.spaced),
        }
    }

    /// Greedy matching that goes back to the last `*` only, hence at most `parts` times `name` steps.
    fn glob(&self, name: &str) -> bool {
        let (mut part, mut at) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        loop {
            match self.parts.get(part) {
                Some(Part::Any) => {
                    part += 1;
                    retry = Some((part, at));
                    continue;
                }
                Some(Part::Text { text, whole }) => {
                    let ends = at + text.len();
                    if name[at..].starts_with(text) && (!whole || name[ends..].starts_with(' ')) {
                        (part, at) = (part + 1, ends);
                        continue;
                    }
                }
                // One space is left after the last word; a `*` at the end takes whatever is left.
                None if name.len() - at <= 1 || self.parts.last() == Some(&Part::Any) => return true,
                None => {}
            }
            let Some((from, tried)) = retry else { return false };
            let Some(next) = name[tried..].chars().next() else { return false };
            (part, at) = (from, tried + next.len_utf8());
            retry = Some((from, at));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cuts_names_into_words() {
        for (name, words) in [
            ("User Logged in", "user logged in"),
            ("send_email", "send email"),
            ("GetBucketPolicy", "get bucket policy"),
            ("user.update", "user update"),
            ("EnableMFADevice", "enable mfa device"),
            ("s3:PutObject", "s3 put object"),
            ("DELETE_USER", "delete user"),
            ("v2Create", "v2 create"),
            ("--a--", "a"),
            ("Z\u{fc}rich.\u{dc}berpr\u{fc}fung_\u{2116}5", "z\u{fc}rich \u{fc}berpr\u{fc}fung 5"),
            ("", ""),
            (" .. ", ""),
        ] {
            let name = Name::new(name);
            assert_eq!(name.words().collect::<Vec<_>>().join(" "), words);
            assert_eq!(
                name.words().next_back(),
                words.split(' ').next_back().filter(|word| !word.is_empty())
            );
        }
    }

    #[test]
    fn takes_names_by_words() {
        for (pattern, takes, refuses) in [
            (
                "User Logged in",
                &["user logged in", "UserLoggedIn", "user.logged_in", "userloggedin"][..],
                &["user logged", "user logged in twice", "a user logged in"][..],
            ),
            ("get *", &["Get", "GetBucketPolicy", "get_x"], &["Getaway", "forget", "to get"]),
            ("get*", &["Get", "GetBucketPolicy", "Getaway"], &["forget", "to get"]),
            ("* update", &["update", "user.update", "a b update"], &["updates", "update user", "preupdate"]),
            ("*login", &["login", "user login", "ConsoleLogin", "xlogin"], &["logins", "login user"]),
            (
                "* bad password *",
                &["bad password", "a bad password", "Bad Password given"],
                &["bad passwords", "badpassword", "bad the password"],
            ),
            (
                "put * policy",
                &["PutRolePolicy", "put policy", "PutABPolicy"],
                &["PutPolicyX", "put policies"],
            ),
            ("*", &["", "anything at all"], &[]),
            ("a*b", &["ab", "axb", "a b", "ax yb"], &["a", "b", "abc"]),
            ("* a * a", &["a a", "x a y a", "a a a"], &["a", "a b"]),
        ] {
            let pattern = Pattern::new(pattern).unwrap();
            for name in takes {
                assert!(pattern.takes(&Name::new(name)), "{pattern:?} takes {name}");
            }
            for name in refuses {
                assert!(!pattern.takes(&Name::new(name)), "{pattern:?} refuses {name}");
            }
        }
        assert_eq!(Pattern::new(" - . "), None);
    }

    proptest! {
        #[test]
        fn matching_ends_and_agrees_with_itself(pattern in "[a-cA-C* ._]{0,12}", name in "[a-cA-C ._]{0,24}") {
            let Some(pattern) = Pattern::new(&pattern) else { return Ok(()) };
            // Case and separators never change the answer.
            let name = Name::new(&name);
            let spelled = name.words().collect::<Vec<_>>().join("_").to_uppercase();
            prop_assert_eq!(pattern.takes(&name), pattern.takes(&Name::new(&spelled)));
        }

        #[test]
        fn any_text_can_be_a_name_and_a_pattern(pattern in any::<String>(), name in any::<String>()) {
            if let Some(pattern) = Pattern::new(&pattern) {
                pattern.takes(&Name::new(&name));
            }
        }
    }
}
