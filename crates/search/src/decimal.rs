//! Decimal numbers of any size, compared exactly: values of events keep all their digits, and so do comparisons.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest text that is read as a number; nothing that people count needs more, and each comparison stays cheap.
const TEXT_MAX: usize = 400;

/// Exponents up to which a number is written out.
const PLAIN: std::ops::RangeInclusive<i64> = -6..=40;

/// A decimal number: its value is `0.digits` times ten to the power `point`.
///
/// Invariant: `digits` begins and ends with a digit other than 0, and is empty for zero, which has no sign.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Decimal {
    negative: bool,
    digits: String,
    point: i64,
}

impl Decimal {
    /// Reads a number as JSON has it; leading zeros are let pass, since text that is compared may have them.
    pub(crate) fn parse(text: &str) -> Option<Decimal> {
        let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        if unsigned.len() > TEXT_MAX || !unsigned.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let all = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if !all(whole) || !all(fraction) {
            return None;
        }
        let mut digits = String::with_capacity(mantissa.len());
        digits.push_str(whole);
        digits.push_str(fraction);
        let leading = digits.len() - digits.trim_start_matches('0').len();
        digits.truncate(digits.trim_end_matches('0').len());
        if digits.is_empty() {
            return Some(Decimal { negative: false, digits, point: 0 });
        }
        digits.drain(..leading);
        // Lengths are bounded by `TEXT_MAX`, exponents by `read_exponent`.
        let point = whole.len() as i64 - leading as i64 + exponent;
        Some(Decimal { negative, digits, point })
    }
}

/// The exponent, if it has at most 15 digits.
fn read_exponent(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || digits.len() > 15 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: i64 = digits.parse().ok()?;
    Some(if negative { -value } else { value })
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Self::parse(&number.to_string()).unwrap_or(Self { negative: false, digits: String::new(), point: 0 })
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |number: &Self| match (number.digits.is_empty(), number.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let size = || self.point.cmp(&other.point).then_with(|| self.digits.cmp(&other.digits));
        sign(self).cmp(&sign(other)).then_with(|| match sign(self) {
            0 => Ordering::Equal,
            1 => size(),
            _ => size().reverse(),
        })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The one text of the number: equal numbers have equal texts.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negative {
            f.write_str("-")?;
        }
        let digits = self.digits.as_str();
        let length = digits.len() as i64;
        match self.point {
            _ if digits.is_empty() => f.write_str("0"),
            point if !PLAIN.contains(&point) => {
                let (first, rest) = digits.split_at(1);
                let dot = if rest.is_empty() { "" } else { "." };
                write!(f, "{first}{dot}{rest}e{}", point - 1)
            }
            point if point <= 0 => write!(f, "0.{:0>width$}", digits, width = (length - point) as usize),
            point if point >= length => write!(f, "{digits:0<width$}", width = point as usize),
            point => {
                let (whole, fraction) = digits.split_at(point as usize);
                write!(f, "{whole}.{fraction}")
            }
        }
    }
}

impl From<Decimal> for String {
    fn from(number: Decimal) -> Self {
        number.to_string()
    }
}

impl TryFrom<String> for Decimal {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not a number")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).unwrap_or_else(|| panic!("{text} is a number"))
    }

    #[test]
    fn equal_numbers_have_one_text() {
        for (text, expected) in [
            ("0", "0"),
            ("-0.0e7", "0"),
            ("100", "100"),
            ("1e2", "100"),
            ("1.50", "1.5"),
            ("-2.50E+3", "-2500"),
            ("0.00125", "0.00125"),
            ("007", "7"),
            ("12345678901234567890.10", "12345678901234567890.1"),
            ("1e400", "1e400"),
            ("125e-40", "1.25e-38"),
            ("1e-6", "0.000001"),
        ] {
            assert_eq!(number(text).to_string(), expected, "{text}");
            assert_eq!(number(expected), number(text), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_number() {
        let long = "1".repeat(TEXT_MAX + 1);
        for text in [
            "",
            "-",
            "+1",
            ".5",
            "1.",
            "1e",
            "1e+",
            "1e9999999999999999",
            "0x1",
            "1 ",
            "١",
            "1.2.3",
            "NaN",
            &long,
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn orders_by_value() {
        let ascending = [
            "-1e20", "-100", "-99.5", "-1", "-0.1", "-1e-9", "0", "1e-9", "0.1", "0.12", "1", "9", "10",
            "99.99", "1e20",
        ];
        for (at, low) in ascending.iter().enumerate() {
            for (other, high) in ascending.iter().enumerate() {
                assert_eq!(number(low).cmp(&number(high)), at.cmp(&other), "{low} {high}");
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_integers(a in any::<i64>(), b in any::<i64>()) {
            prop_assert_eq!(Decimal::from(a).cmp(&Decimal::from(b)), a.cmp(&b));
            prop_assert_eq!(Decimal::from(a).to_string(), a.to_string());
        }

        #[test]
        fn reads_its_own_text(text in "-?[0-9]{1,20}(\\.[0-9]{1,20})?(e[-+]?[0-9]{1,3})?") {
            let read = number(&text);
            prop_assert_eq!(&number(&read.to_string()), &read);
        }
    }
}
