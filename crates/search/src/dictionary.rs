//! The distinct terms of a block, each with a number: characters end to end, and a table of numbers over them.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::field::Field;

/// What a term costs beside its characters: its end, its field, a slot in the table, its place in the field's list.
const TERM_BYTES: usize = 16;

/// Terms by number and numbers by term.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    text: String,
    ends: Vec<u32>,
    fields: Vec<Field>,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
    of_field: [Vec<u32>; Field::ALL.len()],
}

impl Dictionary {
    /// The number of a term, which it gets now if it has none.
    pub(crate) fn number(&mut self, field: Field, term: &str) -> u32 {
        let hash = self.hasher.hash_one((field, term));
        let Self { text, ends, fields, table, hasher, of_field } = self;
        let term_of = |number: u32| (fields[number as usize], slice(text, ends, number));
        if let Some(&number) = table.find(hash, |&number| term_of(number) == (field, term)) {
            return number;
        }
        let number = ends.len() as u32;
        table.insert_unique(hash, number, |&number| hasher.hash_one(term_of(number)));
        text.push_str(term);
        // A block is closed long before its terms reach 4 GiB.
        ends.push(text.len() as u32);
        fields.push(field);
        of_field[field as usize].push(number);
        number
    }

    /// The number of a term, if it has one.
    pub(crate) fn find(&self, field: Field, term: &str) -> Option<u32> {
        let hash = self.hasher.hash_one((field, term));
        self.table.find(hash, |&number| self.get(number) == (field, term)).copied()
    }

    /// The term with this number.
    pub(crate) fn get(&self, number: u32) -> (Field, &str) {
        (self.fields[number as usize], slice(&self.text, &self.ends, number))
    }

    /// The number of terms.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The field of the term with this number.
    pub(crate) fn field(&self, number: u32) -> Field {
        self.fields[number as usize]
    }

    /// The numbers of a field's terms, ascending.
    pub(crate) fn of_field(&self, field: Field) -> &[u32] {
        &self.of_field[field as usize]
    }

    /// The numbers, ascending, of the field's terms for which `wanted` holds.
    pub(crate) fn numbers(&self, field: Field, wanted: impl Fn(&str) -> bool) -> Vec<u32> {
        let numbers = self.of_field[field as usize].iter().copied();
        numbers.filter(|&number| wanted(slice(&self.text, &self.ends, number))).collect()
    }

    /// Memory in use, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len() + self.ends.len() * TERM_BYTES
    }
}

fn slice<'t>(text: &'t str, ends: &[u32], number: u32) -> &'t str {
    let at = number as usize;
    let start = at.checked_sub(1).map_or(0, |before| ends[before]);
    &text[start as usize..ends[at] as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_each_term_of_each_field_one_number() {
        let mut dictionary = Dictionary::default();
        let mut first = Vec::new();
        for round in 0..3 {
            for term in 0..1_000 {
                let field = Field::ALL[term % 7];
                let number = dictionary.number(field, &format!("term é {}", term / 7));
                match round {
                    0 => first.push(number),
                    _ => assert_eq!(number, first[term]),
                }
                assert_eq!(dictionary.get(number), (field, format!("term é {}", term / 7).as_str()));
            }
        }
        assert_eq!(dictionary.find(Field::ALL[0], "term é 0"), Some(0));
        assert_eq!(dictionary.find(Field::ALL[8], "term é 0"), None);
        assert_eq!(dictionary.number(Field::ALL[0], ""), 1_000);
        let found = dictionary.numbers(Field::ALL[1], |term| term.ends_with(" 3"));
        assert_eq!(found, [first[22]]);
        assert!(dictionary.numbers(Field::ALL[2], |_| true).is_sorted());
    }
}
