//! Text that is a secret: it is not printed, and its memory is wiped when it is dropped.

use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// A secret as text. `Debug` shows `(secret)`; there is no `Display` and no `Serialize`, so that showing it takes
/// [`Self::expose`], which can be searched for.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// The text itself; for the one place that has to show, send or compare it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_from_json_and_is_not_printed() {
        #[derive(Debug, Deserialize)]
        struct Body {
            password: SecretText,
        }
        let body: Body = serde_json::from_str(r#"{"password":"tulip \u00e9"}"#).unwrap();
        assert_eq!(body.password.expose(), "tulip é");
        assert_eq!(format!("{body:?}"), "Body { password: (secret) }");
    }
}
