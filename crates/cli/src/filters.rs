//! What to look for: words, and a flag for each filter of the API.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use indelible_search::KNOWN_PARAMETERS;

use crate::exit::Exit;

/// Filters as they were given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filters {
    /// From flags, by the API's names.
    flags: Vec<(String, String)>,
    /// Words to search for, and filters as NAME=VALUE.
    words: Vec<String>,
}

/// What a filter's flag says in the help.
fn help(name: &str) -> &'static str {
    match name {
        "since" => "Only events from then on: RFC 3339, or a duration back from now such as PT24H or P7D",
        "until" => "Only events before then",
        "received_since" => "Only events received from then on",
        "received_until" => "Only events received before then",
        "filter" => {
            "A filter in text form, such as 'outcome.result eq \"failure\" and not (client.ip in \"10.0.0.0/8\")'"
        }
        "q" => "Words, \"phrases\", prefix* and -not",
        "actor" => "Who did it: id, username or alias",
        "affected" => "Whom or what it was done to: id, username, alias or name",
        "user" => "Who did it, or to whom it was done",
        "actor_tenant" => "The actor's own tenant (performed-by domain)",
        "affected_tenant" => "A target's own tenant (affected domain)",
        "tenant" => "The tenant that it belongs to, or one above it",
        "ip" => "Address or network (CIDR) that it came from",
        "action" => "The source's own name of the action",
        "action_type" => "The normalised type: login, delete, update ...",
        "object" => "Type of a target",
        "object_category" => "Category of the first target's type",
        "outcome" => "success, failure, denied, challenge or unknown",
        "severity" => "critical, high, medium or low",
        "id" => "The event's id",
        _ => "As in docs/search.md",
    }
}

impl Args for Filters {
    fn augment_args(command: Command) -> Command {
        let flags = KNOWN_PARAMETERS.into_iter().map(|name| {
            // Some thirty short texts, once in the life of the process.
            let dashed: &'static str = name.replace('_', "-").leak();
            let flag = Arg::new(name)
                .long(dashed)
                .value_name("VALUE")
                .action(ArgAction::Append)
                .allow_hyphen_values(true)
                .help(help(name))
                .help_heading("Filters (repeat one for \"or\", put ! before a value for \"not\")");
            if dashed == name { flag } else { flag.alias(name) }
        });
        let words = Arg::new("words")
            .value_name("WORDS")
            .num_args(0..)
            .action(ArgAction::Append)
            .help("Words to search for; NAME=VALUE is the same as --NAME VALUE");
        command.args(flags).arg(words)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Filters {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let flags = KNOWN_PARAMETERS.into_iter().flat_map(|name| {
            let values = matches.get_many::<String>(name).into_iter().flatten();
            values.map(move |value| (name.to_owned(), value.clone()))
        });
        let words = matches.get_many::<String>("words").into_iter().flatten().cloned();
        Ok(Self { flags: flags.collect(), words: words.collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Filters {
    /// The query parameters. `own` are those that the command itself sets, each with the flag for it.
    ///
    /// # Errors
    /// A filter without a name, or NAME=VALUE with a name of the command's own: it would be given twice.
    pub(crate) fn pairs(&self, own: &[(&str, &str)]) -> Result<Vec<(String, String)>, Exit> {
        let mut pairs = self.flags.clone();
        let mut words = Vec::new();
        for word in &self.words {
            match word.split_once('=') {
                Some(("", _)) => return Err(Exit::usage(format!("{word:?} has no name before ="))),
                // What can't be a parameter's name is a word that has the sign in it.
                Some((name, value)) if is_name(name) => match own.iter().find(|(known, _)| *known == name) {
                    Some((_, flag)) => {
                        return Err(Exit::usage(format!("{name} is no filter; give {flag}")));
                    }
                    None => pairs.push((name.to_owned(), value.to_owned())),
                },
                _ => words.push(word.as_str()),
            }
        }
        if !words.is_empty() {
            pairs.push(("q".into(), words.join(" ")));
        }
        Ok(pairs)
    }

    #[cfg(test)]
    pub(crate) fn given(flags: &[(&str, &str)], words: &[&str]) -> Self {
        Self {
            flags: flags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            words: words.iter().map(ToString::to_string).collect(),
        }
    }
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::client::query;

    #[derive(Parser)]
    struct Whole {
        #[command(flatten)]
        filters: Filters,
    }

    fn parsed(arguments: &[&str]) -> String {
        let whole = Whole::try_parse_from(["x"].iter().chain(arguments)).unwrap();
        query(&whole.filters.pairs(&[]).unwrap())
    }

    #[test]
    fn words_and_filters_become_parameters() {
        let given =
            Filters::given(&[("since", "P7D")], &["action=delete", "call", "action=!create", "queue"]);
        assert_eq!(
            query(&given.pairs(&[]).unwrap()),
            "since=P7D&action=delete&action=%21create&q=call%20queue"
        );
        assert!(Filters::given(&[], &["=x"]).pairs(&[]).is_err());
        let refused = Filters::given(&[], &["limit=5"]).pairs(&[("limit", "--limit")]).unwrap_err();
        assert_eq!((refused.code(), refused.message().as_str()), (2, "limit is no filter; give --limit"));
    }

    #[test]
    fn every_filter_has_a_flag_that_can_be_repeated() {
        for (arguments, expected) in [
            (&["--actor", "ada", "--actor", "!bob"][..], "actor=ada&actor=%21bob"),
            (&["--since", "-P7D", "--action-type=login"], "action_type=login&since=-P7D"),
            (&["--action_type", "login"], "action_type=login"),
            (&["--q", "-test"], "q=-test"),
            (&["2+2=4", "https://example.com/?a=b"], "q=2%2B2%3D4%20https%3A%2F%2Fexample.com%2F%3Fa%3Db"),
        ] {
            assert_eq!(parsed(arguments), expected, "{arguments:?}");
        }
        for name in KNOWN_PARAMETERS {
            let flag = format!("--{}", name.replace('_', "-"));
            assert_eq!(parsed(&[&flag, "x"]), format!("{name}=x"));
        }
    }
}
