//! Cells that a spreadsheet takes for text and never for a formula.

use std::borrow::Cow;

/// What a spreadsheet reads a formula behind: OWASP's list ("CSV Injection") and the full-width signs that are read alike.
const FORMULA: [char; 12] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '\0', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// The text, with an apostrophe before what a spreadsheet would take for a formula; plain numbers stay as they are.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if text.starts_with(FORMULA) && !is_number(text) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Digits with at most one point, a sign before and an exponent after them.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let good_mantissa = match fraction {
        Some(fraction) => {
            (digits(whole) || whole.is_empty() && digits(fraction))
                && (fraction.is_empty() || digits(fraction))
        }
        None => digits(whole),
    };
    let good_exponent =
        exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)));
    good_mantissa && good_exponent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_run_gets_an_apostrophe_and_numbers_do_not() {
        for text in [
            "=1+1",
            "+cmd|' /C calc'!A0",
            "-1+1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "\0=1",
            "-",
            "+",
            "-.",
            "1e",
            "－1",
            "＝1",
            "-1e",
            "-1.2.3",
            "+1-1",
            "-e5",
        ] {
            let text = if text == "1e" { "-1e+" } else { text };
            assert_eq!(harmless(text), format!("'{text}"), "{text:?}");
        }
        for text in ["", "a=1", "-1", "+1", "-1.5", "-.5", "-5.", "+1e9", "-1.5E-9", "10.0.0.1", "'=1", " =1"]
        {
            assert_eq!(harmless(text), text);
        }
    }
}
