//! How many events are alike: one row for each distinct combination of some columns.
//!
//! Invariant: every event is counted once, in a row of its own sort or among the others, and memory has a limit.

use std::{cmp::Ordering, collections::HashMap};

use super::ReportColumn;

/// Combinations that get a row of their own.
pub(super) const GROUPS_MAX: usize = 100_000;
/// Bytes of their texts.
pub(super) const BYTES_MAX: usize = 64 << 20;
/// What stands in the row of the rest.
pub(super) const OTHERS: &str = "(others)";

/// How values of a column come one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The most frequent first.
    Frequency,
    /// By their text: days as `2026-03-01`.
    Text,
}

impl Order {
    /// Days come one after the other, anything else by how often it is there.
    pub(super) fn of(column: ReportColumn) -> Self {
        if column == ReportColumn::Date { Self::Text } else { Self::Frequency }
    }
}

/// Counts.
pub(super) struct Count {
    orders: Vec<Order>,
    rows: HashMap<Vec<Box<str>>, u64>,
    bytes: usize,
    others: u64,
    groups_max: usize,
}

/// A combination, and how many events have it.
pub(super) type Counted = (Vec<Box<str>>, u64);

impl Count {
    /// Counts combinations of so many columns.
    pub(super) fn new(orders: Vec<Order>) -> Self {
        Self { orders, rows: HashMap::new(), bytes: 0, others: 0, groups_max: GROUPS_MAX }
    }

    pub(super) fn add(&mut self, key: Vec<Box<str>>) {
        if let Some(count) = self.rows.get_mut(&key) {
            *count += 1;
            return;
        }
        let bytes: usize = key.iter().map(|text| text.len() + size_of::<Box<str>>()).sum();
        if self.rows.len() == self.groups_max || self.bytes + bytes > BYTES_MAX {
            self.others += 1;
            return;
        }
        self.bytes += bytes;
        self.rows.insert(key, 1);
    }

    /// Events that are in no row.
    pub(super) fn others(&self) -> u64 {
        self.others
    }

    /// All events.
    pub(super) fn total(&self) -> u64 {
        self.rows.values().sum::<u64>() + self.others
    }

    /// How many events have each value of the first column, in its order.
    pub(super) fn by_first(&self) -> Vec<(String, u64)> {
        let mut sums: HashMap<&str, u64> = HashMap::new();
        for (key, count) in &self.rows {
            *sums.entry(key.first().map_or("", |text| text)).or_default() += count;
        }
        let mut sums: Vec<_> = sums.into_iter().map(|(text, count)| (text.to_owned(), count)).collect();
        let order = self.orders.first().copied().unwrap_or(Order::Text);
        sums.sort_by(|a, b| compare(order, (&a.0, a.1), (&b.0, b.1)));
        sums
    }

    /// The rows in order: by the first column, alike ones by the second, and so on. Beside each column's value counts
    /// what all rows with it and the columns before it have together.
    pub(super) fn into_rows(self) -> Vec<Counted> {
        let mut rows: Vec<Counted> = self.rows.into_iter().collect();
        rows.sort();
        let width = self.orders.len();
        // After sorting by text, rows with a common beginning stand together: sums of all beginnings in one pass.
        let mut sums = vec![vec![0; width]; rows.len()];
        for column in 0..width {
            let mut from = 0;
            while from < rows.len() {
                let begins_alike = |row: &Counted| row.0[..=column] == rows[from].0[..=column];
                let until = from + rows[from..].iter().take_while(|row| begins_alike(row)).count();
                let sum = rows[from..until].iter().map(|(_, count)| count).sum::<u64>();
                sums[from..until].iter_mut().for_each(|sums| sums[column] = sum);
                from = until;
            }
        }
        let mut places: Vec<_> = (0..rows.len()).collect();
        places.sort_by(|a, b| {
            let columns = (0..width).map(|column| {
                let of = |place: &usize| (&*rows[*place].0[column], sums[*place][column]);
                compare(self.orders[column], of(a), of(b))
            });
            columns.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        });
        places.into_iter().map(|place| std::mem::take(&mut rows[place])).collect()
    }
}

fn compare(order: Order, (a_text, a_count): (&str, u64), (b_text, b_count): (&str, u64)) -> Ordering {
    let by_text = a_text.cmp(b_text);
    match order {
        Order::Frequency => b_count.cmp(&a_count).then(by_text),
        Order::Text => by_text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(texts: &[&str]) -> Vec<Box<str>> {
        texts.iter().map(|text| Box::from(*text)).collect()
    }

    #[test]
    fn the_most_frequent_come_first_on_every_level_and_the_rest_is_counted_together() {
        let mut count = Count { groups_max: 4, ..Count::new(vec![Order::Frequency, Order::Text]) };
        for texts in [["a", "z"], ["b", "2"], ["b", "1"], ["b", "1"], ["b", "3"], ["c", "1"], ["c", "1"]] {
            count.add(key(&texts));
        }
        assert_eq!((count.total(), count.others()), (7, 2));
        assert_eq!(count.by_first(), [("b".to_owned(), 4), ("a".to_owned(), 1)]);
        let expected = [(["b", "1"], 2), (["b", "2"], 1), (["b", "3"], 1), (["a", "z"], 1)];
        assert_eq!(count.into_rows(), expected.map(|(texts, number)| (key(&texts), number)));
    }

    #[test]
    fn large_texts_have_a_limit_too() {
        let mut count = Count::new(vec![Order::Text]);
        let large = "x".repeat(BYTES_MAX / 2);
        ["a", "b", "c"].iter().for_each(|text| count.add(vec![format!("{large}{text}").into()]));
        assert_eq!((count.others(), count.into_rows().len()), (2, 1));
    }
}
