//! What the charts of reports show.

use jiff::civil::Date;

use crate::chart::{BARS, Bar, COLUMNS, Chart, ChartKind, Colour};

use super::count::OTHERS;

/// Bars of the largest, the rest in one.
pub(super) fn bars(
    title: &str,
    series: &[(&'static str, Colour)],
    named: impl IntoIterator<Item = (String, Vec<u64>)>,
    others: Vec<u64>,
) -> Option<Chart> {
    let mut named = named.into_iter();
    let mut bars: Vec<_> = named.by_ref().take(BARS).map(|(name, parts)| Bar { name, parts }).collect();
    let mut rest = Bar { name: OTHERS.to_owned(), parts: others };
    for (_, parts) in named {
        for (sum, part) in rest.parts.iter_mut().zip(parts) {
            *sum += part;
        }
    }
    if rest.parts.iter().any(|part| *part > 0) {
        bars.push(rest);
    }
    let chart = Chart { kind: ChartKind::Bars, title: title.to_owned(), series: series.to_vec(), bars };
    (!chart.bars.is_empty()).then_some(chart)
}

/// A column for each day from the first to the last one, `2026-03-01` and its number each; where they are too many, for
/// each month or year.
pub(super) fn columns(title: &str, days: &[(String, u64)]) -> Option<Chart> {
    let days: Vec<(Date, u64)> =
        days.iter().filter_map(|(day, count)| Some((day.parse().ok()?, *count))).collect();
    let (first, last) = (days.iter().map(|day| day.0).min()?, days.iter().map(|day| day.0).max()?);
    let steps = [
        (jiff::Span::new().days(1), "%Y-%m-%d"),
        (jiff::Span::new().months(1), "%Y-%m"),
        (jiff::Span::new().years(1), "%Y"),
    ];
    let bars = steps.into_iter().map(|(step, form)| {
        let begin = match form {
            "%Y-%m" => first.first_of_month(),
            "%Y" => first.first_of_year(),
            _ => first,
        };
        let names = begin.series(step).take_while(|day| *day <= last).take(COLUMNS + 1);
        let bars = names.map(|day| Bar { name: day.strftime(form).to_string(), parts: vec![0] });
        (bars.collect::<Vec<_>>(), form)
    });
    let (mut bars, form) = bars.into_iter().find(|(bars, _)| bars.len() <= COLUMNS)?;
    for (day, count) in days {
        let name = day.strftime(form).to_string();
        if let Some(bar) = bars.iter_mut().find(|bar| bar.name == name) {
            bar.parts[0] += count;
        }
    }
    let series = vec![("Events", Colour::Blue)];
    Some(Chart { kind: ChartKind::Columns, title: title.to_owned(), series, bars })
}
