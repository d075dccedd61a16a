//! One-time codes from an authenticator app: RFC 6238 with SHA-1, six digits, 30 seconds.
//!
//! Those are the parameters that every app knows. A code of the step before or after the current one is good too,
//! for clocks that differ. Provisioning: <https://github.com/google/google-authenticator/wiki/Key-Uri-Format>.
//! Invariant: with the step of the last good code kept, no code is good twice.

use std::fmt::{self, Write as _};

use indelible_event::Timestamp;
use qrcodegen::{QrCode, QrCodeEcc};
use subtle::ConstantTimeEq;
use totp_rs::{Builder, Totp};
use zeroize::Zeroizing;

use crate::{IdentityError, SecretText};

const STEP_SECONDS: u64 = 30;
const DIGITS: usize = 6;

/// Steps before and after the current one whose codes are good too.
const SKEW: u64 = 1;

/// The length that RFC 4226 section 4 recommends.
const SECRET_LEN: usize = 20;

/// Characters of a label in a provisioning URI. A character takes up to 12 there (4 bytes, each `%XX`), and the
/// issuer stands in it twice: 12 * (32 + 32 + 64) + 80 is below the 2,331 bytes that a QR code of level M holds.
const ISSUER_MAX: usize = 32;
const ACCOUNT_MAX: usize = 64;

/// Modules of white around a QR code, as ISO/IEC 18004 asks for.
const QUIET_ZONE: i32 = 4;

/// The secret that a user's authenticator app and the server share. Stored sealed, see [`crate::SealKey`]. `Debug`
/// shows `(secret)`.
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<[u8; SECRET_LEN]>);

/// A step of 30 seconds, counted from 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TotpStep(u64);

impl TotpStep {
    /// The step with this number, as stored.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// Its number, to be stored.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The step at this instant; there is none before 1970.
    fn at(now: Timestamp) -> Option<Self> {
        let micros = u64::try_from(now.as_micros()).ok()?;
        Some(Self(micros / 1_000_000 / STEP_SECONDS))
    }
}

impl TotpSecret {
    /// A fresh secret of 160 random bits.
    ///
    /// # Errors
    /// [`IdentityError::Randomness`].
    pub fn generate() -> Result<Self, IdentityError> {
        let mut bytes = Zeroizing::new([0; SECRET_LEN]);
        getrandom::fill(&mut bytes[..])?;
        Ok(Self(bytes))
    }

    /// The secret with these bytes, as they came out of the seal.
    ///
    /// # Errors
    /// [`IdentityError::Damaged`] unless there are 20.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IdentityError> {
        let bytes = bytes.try_into().map_err(|_| IdentityError::Damaged { what: "TOTP secret" })?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// Its 20 bytes, to be sealed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0[..]
    }

    /// The secret for typing it into an app by hand: 32 characters of base32 (RFC 4648) in groups of four.
    pub fn to_base32(&self) -> SecretText {
        grouped(&base32::encode(base32::Alphabet::Rfc4648 { padding: false }, self.as_bytes())).into()
    }

    /// The `otpauth://` URI that an app is set up with. `issuer` names the installation and `account` the user, in
    /// the app's list; at most 32 and 64 characters are taken, and colons become blanks.
    pub fn provisioning_uri(&self, issuer: &str, account: &str) -> SecretText {
        let totp = self
            .builder()
            .with_issuer(Some(label(issuer, ISSUER_MAX, "Indelible")))
            .with_account_name(label(account, ACCOUNT_MAX, "account"))
            .build()
            .expect("the labels hold no colon");
        totp.to_url().expect("there is an account name without a colon").into()
    }

    /// [`Self::provisioning_uri`] as a QR code: an SVG element for a page, black on white, that scales.
    pub fn provisioning_svg(&self, issuer: &str, account: &str) -> SecretText {
        let uri = self.provisioning_uri(issuer, account);
        let code = QrCode::encode_text(uri.expose(), QrCodeEcc::Medium).expect("the labels were cut to fit");
        svg(&code).into()
    }

    /// Checks a code that somebody typed at `now`, blanks or not; `last` is the step of this user's last good code.
    /// Returns the step of this code if it is good.
    ///
    /// The caller stores that step before anybody is let in, and only over a smaller one, so that of two requests
    /// with one code one loses.
    pub fn check(&self, typed: &str, now: Timestamp, last: Option<TotpStep>) -> Option<TotpStep> {
        let code = six_digits(typed)?;
        let current = TotpStep::at(now)?.0;
        let totp = self.builder().build().expect("20 bytes are enough, and the defaults are valid");
        // The last of the steps with this code: an earlier one would leave it good for the later.
        (current.saturating_sub(SKEW)..=current + SKEW)
            .rev()
            .map(TotpStep)
            .find(|step| last.is_none_or(|last| *step > last) && is_code_of(&totp, *step, &code))
    }

    /// The crate's defaults are ours: SHA-1, six digits, 30 seconds.
    fn builder(&self) -> Builder {
        Builder::new().with_secret(self.as_bytes())
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

fn is_code_of(totp: &Totp, step: TotpStep, code: &str) -> bool {
    totp.generate(step.0 * STEP_SECONDS).to_string().as_bytes().ct_eq(code.as_bytes()).into()
}

fn six_digits(typed: &str) -> Option<Zeroizing<String>> {
    // Longer than any way to space out six digits: not worth copying.
    if typed.len() > 64 {
        return None;
    }
    let code: Zeroizing<String> = Zeroizing::new(typed.chars().filter(|c| !c.is_whitespace()).collect());
    (code.len() == DIGITS && code.bytes().all(|byte| byte.is_ascii_digit())).then_some(code)
}

/// Groups of four characters with a blank between them.
fn grouped(text: &str) -> String {
    let mut grouped = String::with_capacity(text.len() * 5 / 4);
    for (at, character) in text.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            grouped.push(' ');
        }
        grouped.push(character);
    }
    grouped
}

fn label(text: &str, max: usize, otherwise: &str) -> String {
    let text: String = text.chars().map(|c| if c == ':' { ' ' } else { c }).take(max).collect();
    if text.trim().is_empty() { otherwise.to_owned() } else { text }
}

/// One path of horizontal bars; no style and no script, so that it passes every content security policy.
fn svg(code: &QrCode) -> String {
    let side = code.size() + 2 * QUIET_ZONE;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{side}v{side}H0z"/><path fill="#000" d=""##
    );
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let length = (x..code.size()).take_while(|&x| code.get_module(x, y)).count();
            if length > 0 {
                let (left, top) = (x + QUIET_ZONE, y + QUIET_ZONE);
                write!(svg, "M{left} {top}h{length}v1H{left}z").expect("a string takes all that is written");
            }
            // The module after a bar is white.
            x += i32::try_from(length).expect("a code has at most 177 modules a side") + 1;
        }
    }
    svg.push_str(r#""/></svg>"#);
    svg
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rfc_secret() -> TotpSecret {
        TotpSecret::from_bytes(b"12345678901234567890").unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn agrees_with_rfc_6238() {
        // Appendix B, the last six of the eight digits.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let step = rfc_secret().check(code, at(seconds), None);
            assert_eq!(step.map(TotpStep::number), Some(seconds as u64 / 30), "{seconds}");
        }
    }

    #[test]
    fn a_code_is_good_from_the_step_before_to_the_step_after() {
        // Step 1, which lasts from 30 to 59 seconds.
        for (seconds, good) in
            [(-1, false), (0, true), (29, true), (59, true), (89, true), (90, false), (120, false)]
        {
            assert_eq!(rfc_secret().check("287082", at(seconds), None).is_some(), good, "{seconds}");
        }
    }

    #[test]
    fn a_code_is_good_once() {
        let secret = rfc_secret();
        let step = secret.check("287082", at(59), None).unwrap();
        assert_eq!(secret.check("287082", at(59), Some(step)), None);
        assert_eq!(secret.check("287082", at(89), Some(step)), None);
        assert_eq!(secret.check("287082", at(59), Some(TotpStep(step.0 - 1))), Some(step));
        // Nor is the code of a step before the last good one.
        let (before, after) = (code(&secret, 10), code(&secret, 11));
        assert_eq!(secret.check(&after, at(300), None), Some(TotpStep(11)));
        assert_eq!(secret.check(&before, at(300), Some(TotpStep(11))), None);
    }

    #[test]
    fn a_code_of_two_neighbouring_steps_is_good_once() {
        // Two steps after each other of this secret have the code 911617.
        let (secret, step) = (rfc_secret(), 910_737);
        let twin = code(&secret, step);
        assert_eq!((twin.as_str(), code(&secret, step + 1)), ("911617", twin.clone()));
        let now = at((step * 30) as i64);
        let used = secret.check(&twin, now, None).unwrap();
        assert_eq!(used, TotpStep(step + 1));
        assert_eq!(secret.check(&twin, now, Some(used)), None);
    }

    #[test]
    fn takes_six_digits_with_blanks_and_nothing_else() {
        for (typed, good) in [
            ("287082", true),
            ("287 082", true),
            (" 287\u{a0}082\n", true),
            ("28708", false),
            ("2870820", false),
            ("287083", false),
            ("+87082", false),
            ("２８７０８２", false),
            ("287-082", false),
            ("", false),
        ] {
            assert_eq!(rfc_secret().check(typed, at(59), None).is_some(), good, "{typed:?}");
        }
        assert_eq!(rfc_secret().check(&(" ".repeat(1_000_000) + "287082"), at(59), None), None);
    }

    #[test]
    fn an_app_can_be_set_up() {
        let secret = rfc_secret();
        assert_eq!(secret.to_base32().expose(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        for (issuer, account, expected) in [
            ("Indelible", "ada@example.org", "Indelible:ada%40example.org?{}&issuer=Indelible"),
            ("Ünder & Co", "a:b", "%C3%9Cnder%20%26%20Co:a%20b?{}&issuer=%C3%9Cnder%20%26%20Co"),
            ("", " ", "Indelible:account?{}&issuer=Indelible"),
        ] {
            let expected = expected.replace("{}", "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
            let uri = secret.provisioning_uri(issuer, account);
            assert_eq!(uri.expose(), format!("otpauth://totp/{expected}"));
            let read = Totp::from_url(uri.expose()).unwrap();
            assert_eq!(read.generate(59).to_string(), "287082");
        }
    }

    #[test]
    fn the_drawing_is_the_qr_code() {
        let secret = rfc_secret();
        for (issuer, account) in
            [("Indelible", "ada"), (&*"\u{10ffff}".repeat(99), &*"\u{10ffff}".repeat(99))]
        {
            let drawn = secret.provisioning_svg(issuer, account);
            let uri = secret.provisioning_uri(issuer, account);
            let code = QrCode::encode_text(uri.expose(), QrCodeEcc::Medium).unwrap();
            let dark = dark_modules(drawn.expose());
            let expected: Vec<_> = (0..code.size())
                .flat_map(|y| (0..code.size()).map(move |x| (x, y)))
                .filter(|&(x, y)| code.get_module(x, y))
                .map(|(x, y)| (x + 4, y + 4))
                .collect();
            assert_eq!(dark, expected);
            let side = code.size() + 8;
            assert!(drawn.expose().contains(&format!(r#"viewBox="0 0 {side} {side}""#)));
        }
    }

    #[test]
    fn nothing_is_printed() {
        assert_eq!(format!("{:?}", rfc_secret()), "(secret)");
        assert!(TotpSecret::from_bytes(&[0; 19]).is_err() && TotpSecret::from_bytes(&[0; 21]).is_err());
        assert_ne!(TotpSecret::generate().unwrap().as_bytes(), TotpSecret::generate().unwrap().as_bytes());
    }

    proptest! {
        #[test]
        fn no_code_is_good_twice(
            secret in any::<[u8; SECRET_LEN]>(),
            tries in prop::collection::vec((0_i64..600, -2_i64..=2), 1..60),
        ) {
            let secret = TotpSecret::from_bytes(&secret).unwrap();
            let (mut last, mut used) = (None, std::collections::BTreeSet::new());
            for (seconds, off) in tries {
                let now = 1_000 + seconds / 30;
                let step = (now + off) as u64;
                let expected = off.abs() <= 1 && last.is_none_or(|last| TotpStep(step) > last);
                let got = secret.check(&code(&secret, step), at(1_000 * 30 + seconds), last);
                // Codes of two steps may be equal by chance; then the other one answers.
                prop_assert!(got.is_some() || !expected);
                if let Some(step) = got {
                    prop_assert!(used.insert(step.number()));
                    last = Some(step);
                }
            }
        }
    }

    fn code(secret: &TotpSecret, step: u64) -> String {
        secret.builder().build().unwrap().generate(step * STEP_SECONDS).to_string()
    }

    /// Where the second path of the drawing is black.
    fn dark_modules(svg: &str) -> Vec<(i32, i32)> {
        let path = svg.split("fill=\"#000\" d=\"").nth(1).unwrap().split('"').next().unwrap();
        let bars = path.split('z').filter(|bar| !bar.is_empty()).flat_map(|bar| {
            let (place, rest) = bar.strip_prefix('M').unwrap().split_once('h').unwrap();
            let (x, y) = place.split_once(' ').unwrap();
            let (x, y): (i32, i32) = (x.parse().unwrap(), y.parse().unwrap());
            let (length, close) = rest.split_once('v').unwrap();
            assert_eq!(close, format!("1H{x}"));
            let length: i32 = length.parse().unwrap();
            (x..x + length).map(move |x| (x, y))
        });
        bars.collect()
    }
}
