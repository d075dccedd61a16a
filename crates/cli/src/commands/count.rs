//! `count`: exact figures in all, by the values of a field, by time.

use serde::Deserialize;
use serde_json::Value;

use super::search::{say_explained, warn_if_incomplete};
use crate::{
    args::CountArgs,
    client::{Client, query, segment},
    exit::{Done, Exit},
    output::{Patience, counted, harmless, print_json, print_line, print_table},
    rows::{tz, zone},
};

/// Parameters that are no filters, and the flags that set them.
const OWN: [(&str, &str); 6] = [
    ("by", "--by"),
    ("explain", "--explain"),
    ("interval", "--histogram"),
    ("limit", "--limit"),
    ("prefix", "--prefix"),
    ("total", "the filters alone: their total is what count tells"),
];
/// Columns of the longest bar.
const BAR: u64 = 50;
/// Values of a histogram that get a column.
const SERIES: usize = 5;

pub(crate) fn run(args: CountArgs) -> Done {
    let zone = zone(&args.zone)?;
    let mut pairs = args.filters.pairs(&OWN)?;
    pairs.extend(tz(&zone));
    if args.explain {
        pairs.push(("explain".into(), "true".into()));
    }
    let (path, more) = match (&args.histogram, &args.by) {
        (Some(interval), by) => {
            let by = by.iter().map(|by| ("by", by.clone()));
            ("histogram".to_owned(), [("interval", interval.clone())].into_iter().chain(by).collect())
        }
        (None, Some(field)) => {
            let prefix = args.prefix.iter().map(|prefix| ("prefix", prefix.clone()));
            let limit = [("limit", args.limit.to_string())];
            (format!("values/{}", segment(field)), limit.into_iter().chain(prefix).collect())
        }
        (None, None) if args.stats => ("stats".to_owned(), vec![]),
        (None, None) => ("events".to_owned(), vec![("limit", "1".into()), ("total", "true".into())]),
    };
    pairs.extend(more.into_iter().map(|(name, value): (&str, String)| (name.to_owned(), value)));
    let patience = Patience::new("counting");
    let mut answer: Value = Client::new(&args.remote).get_json(&format!("/v1/{path}?{}", query(&pairs)))?;
    drop(patience);
    say_explained(answer.get("explain"), answer.get("cost"));
    warn_if_incomplete(
        answer["rebuilding"].as_bool().unwrap_or(false),
        answer["complete_through"].as_str().unwrap_or_default(),
    );
    if args.json {
        if path == "events" {
            answer = serde_json::json!({
                "total": answer["total"],
                "complete_through": answer["complete_through"],
                "rebuilding": answer["rebuilding"].as_bool().unwrap_or(false),
            });
        }
        return print_json(&answer);
    }
    match path.as_str() {
        "histogram" => print_histogram(&read(answer)?),
        "stats" => print_stats(&read(answer)?),
        "events" => print_line(&read::<Total>(answer)?.total.to_string()),
        _ => print_values(&read(answer)?),
    }
}

fn read<T: for<'de> Deserialize<'de>>(answer: Value) -> Result<T, Exit> {
    serde_json::from_value(answer)
        .map_err(|error| Exit::unknown(format!("the server's answer is not in the expected form: {error}")))
}

#[derive(Deserialize)]
struct Total {
    total: u64,
}

#[derive(Deserialize)]
struct ValueCount {
    value: String,
    count: u64,
}

#[derive(Deserialize)]
struct Values {
    values: Vec<ValueCount>,
    distinct: u64,
    missing: u64,
}

fn print_values(values: &Values) -> Done {
    print_counts(&values.values)?;
    let more = values.distinct.saturating_sub(values.values.len() as u64);
    let more = if more > 0 { format!(", {more} of them not shown (--limit)") } else { String::new() };
    eprintln!("{}{more}; {} without", counted(values.distinct, "value"), counted(values.missing, "event"));
    Ok(())
}

fn print_counts(counts: &[ValueCount]) -> Done {
    let width = counts.iter().map(|count| count.count.to_string().len()).max().unwrap_or(0);
    counts
        .iter()
        .try_for_each(|value| print_line(&format!("{:>width$}  {}", value.count, harmless(&value.value))))
}

#[derive(Deserialize)]
struct Stats {
    total: u64,
    users: u64,
    domains: u64,
    tenants: u64,
    first: Option<String>,
    last: Option<String>,
    by: serde_json::Map<String, Value>,
}

fn print_stats(stats: &Stats) -> Done {
    let none = || "-".to_owned();
    let lines = [
        ("events", stats.total.to_string()),
        ("unique users", stats.users.to_string()),
        ("unique domains", stats.domains.to_string()),
        ("tenants", stats.tenants.to_string()),
        ("first", stats.first.clone().unwrap_or_else(none)),
        ("last", stats.last.clone().unwrap_or_else(none)),
    ];
    for (name, value) in lines {
        print_line(&format!("{name:<14}  {}", harmless(&value)))?;
    }
    for (field, counts) in &stats.by {
        print_line(&format!("\nby {}", harmless(field)))?;
        print_counts(&read::<Vec<ValueCount>>(counts.clone())?)?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct Bucket {
    local: String,
    count: u64,
}

#[derive(Deserialize)]
struct Series {
    value: String,
    counts: Vec<u64>,
}

#[derive(Deserialize)]
struct Histogram {
    interval: String,
    tz: String,
    total: u64,
    buckets: Vec<Bucket>,
    #[serde(default)]
    series: Vec<Series>,
}

fn print_histogram(histogram: &Histogram) -> Done {
    let most = histogram.buckets.iter().map(|bucket| bucket.count).max().unwrap_or(0);
    let shown = &histogram.series[..histogram.series.len().min(SERIES)];
    let mut header = vec!["From", "Events"];
    header.extend(shown.iter().map(|series| series.value.as_str()));
    header.push("");
    let header: Vec<_> = header.into_iter().map(harmless).collect();
    let rows = histogram.buckets.iter().enumerate().map(|(at, bucket)| {
        let of_values = shown.iter().map(|series| series.counts.get(at).copied().unwrap_or(0));
        let mut row = vec![bucket.local.replace('T', " "), bucket.count.to_string()];
        row.extend(of_values.map(|count| count.to_string()));
        row.push(bar(bucket.count, most));
        row
    });
    print_table(&header.iter().map(String::as_str).collect::<Vec<_>>(), rows)?;
    let others = histogram.series.len() - shown.len();
    let others = if others > 0 { format!(", {others} more values (--json)") } else { String::new() };
    eprintln!(
        "{} in {} of {} ({}){others}",
        counted(histogram.total, "event"),
        counted(histogram.buckets.len() as u64, "bucket"),
        harmless(&histogram.interval),
        harmless(&histogram.tz)
    );
    Ok(())
}

/// A bar in proportion; whatever is not empty can be seen.
fn bar(count: u64, most: u64) -> String {
    let eighths = match most {
        0 => 0,
        most => (u128::from(count) * u128::from(BAR) * 8).div_ceil(u128::from(most)),
    };
    let (whole, rest) = ((eighths / 8) as usize, (eighths % 8) as u32);
    let mut bar = "█".repeat(whole);
    if rest > 0 {
        // The blocks of an eighth to seven eighths stand side by side in Unicode.
        bar.extend(char::from_u32(0x2590 - rest));
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion_and_never_lost() {
        for (count, most, expected) in [
            (0, 0, ""),
            (0, 9, ""),
            (1, 1_000_000, "▏"),
            (1, 100, "▌"),
            (1, 50, "█"),
            (2, 100, "█"),
            (3, 100, "█▌"),
        ] {
            assert_eq!(bar(count, most), expected, "{count} of {most}");
        }
        assert_eq!(bar(u64::MAX, u64::MAX).chars().count(), 50);
    }
}
