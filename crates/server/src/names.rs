//! Names that can be taken for each other.

use indelible_control::Tenant;
use unicode_security::confusable_detection::skeleton;

/// The names of those of `others` whose name, or name shown, looks like one of this tenant's.
pub(crate) fn confusable_with<'t>(
    tenant: &Tenant,
    others: impl Iterator<Item = &'t Tenant>,
) -> impl Iterator<Item = &'t str> {
    let own = looks_of(tenant);
    let number = tenant.number;
    others
        .filter(move |other| other.number != number && looks_of(other).iter().any(|look| own.contains(look)))
        .map(|other| other.name.as_str())
}

fn looks_of(tenant: &Tenant) -> Vec<String> {
    let names = [Some(&tenant.name), tenant.display_name.as_ref()];
    names.into_iter().flatten().flat_map(|name| looks(name)).collect()
}

/// What a name looks like, as written and in small letters: the skeletons of Unicode Technical Standard 39 without the
/// signs between words.
fn looks(name: &str) -> [String; 2] {
    let look = |text: &str| {
        let bare = skeleton(text).filter(|c| c.is_alphanumeric());
        bare.flat_map(char::to_lowercase).collect::<String>()
    };
    [look(name), look(&name.to_lowercase())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_are_told_and_others_are_not() {
        for (one, other, alike) in [
            ("acme", "acrne", true),
            ("paypal", "paypa1", true),
            ("paypal", "paypaI", true),
            ("office", "0ffice", true),
            ("Acme Ltd", "\u{410}cme-Ltd.", true),
            ("acme.example", "acme-example", true),
            ("north", "south", false),
            ("acme1", "acme2", false),
        ] {
            let found = looks(one).iter().any(|look| looks(other).contains(look));
            assert_eq!(found, alike, "{one} {other}");
        }
    }
}
