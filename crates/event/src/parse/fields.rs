//! The kinds of field that events are made of: texts, lists, numbers, choices, objects, free-form JSON.
//!
//! Each reader takes whatever value comes next: a value of the wrong kind is one problem, is still checked strictly,
//! and is skipped.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::Parser;
use crate::json::{Fatal, Keys, Kind, Step, Text, duplicate_key, lone_surrogate};
use crate::model::Extra;
use crate::problem::{Code, Problem, excerpt};

impl<'a> Parser<'a> {
    /// Skips the value that comes next, strictly.
    fn skip(&mut self) -> Result<&'a str, Fatal> {
        let problems = &mut self.problems;
        self.reader.walk(&self.steps, &mut |problem| problems.list(problem))
    }

    /// Skips a value that is not the expected one and says so.
    fn wrong_type(&mut self, expected: &str) -> Result<(), Fatal> {
        let field = self.here();
        // The complaint about the kind comes before those about what is inside.
        let position = self.problems.problems.len();
        let text = self.skip()?;
        let got = match Kind::of(text) {
            kind @ (Kind::String | Kind::Number) => {
                format!("{} ({})", kind.noun(), excerpt(text.trim_matches('"')))
            }
            kind => kind.noun().to_owned(),
        };
        let problem = Problem::new(Code::WrongType, field, format!("expected {expected}, got {got}"));
        self.problems.count += 1;
        if position < super::LISTED_MAX {
            self.problems.problems.insert(position, problem);
            self.problems.problems.truncate(super::LISTED_MAX);
        }
        Ok(())
    }

    /// Reads the string that comes next; half a surrogate pair in it is a problem.
    fn string(&mut self) -> Result<Cow<'a, str>, Fatal> {
        let Text { value, lone_surrogate: broken } = self.reader.string()?;
        if broken {
            let problem = lone_surrogate(self.here());
            self.problems.list(problem);
        }
        Ok(value)
    }

    /// A string, kept even if empty; `None` for null.
    pub(super) fn text_or_empty(&mut self) -> Result<Option<String>, Fatal> {
        match self.reader.kind()? {
            Kind::String => Ok(Some(self.string()?.into_owned())),
            Kind::Null => self.skip().map(|_| None),
            _ => self.wrong_type("a string").map(|()| None),
        }
    }

    /// A string; `None` for null and for the empty one.
    pub(super) fn text(&mut self) -> Result<Option<String>, Fatal> {
        Ok(self.text_or_empty()?.filter(|text| !text.is_empty()))
    }

    /// A list of strings; null is the empty list, and empty strings in it, which name nothing, are left out.
    pub(super) fn texts(&mut self) -> Result<Vec<String>, Fatal> {
        let mut texts = self.list("strings", |parser| match parser.reader.kind()? {
            Kind::String => Ok(parser.string()?.into_owned()),
            _ => parser.wrong_type("a string").map(|()| String::new()),
        })?;
        texts.retain(|text| !text.is_empty());
        Ok(texts)
    }

    /// A list of at most the allowed number of `items`; null is the empty list.
    pub(super) fn list<T>(
        &mut self,
        items: &str,
        mut item: impl FnMut(&mut Self) -> Result<T, Fatal>,
    ) -> Result<Vec<T>, Fatal> {
        match self.reader.kind()? {
            Kind::Array => {}
            Kind::Null => return self.skip().map(|_| Vec::new()),
            _ => return self.wrong_type(&format!("an array of {items}")).map(|()| Vec::new()),
        }
        self.reader.open()?;
        let mut list = Vec::new();
        let (mut first, mut count) = (true, 0);
        while self.reader.next_item(&mut first)? {
            self.steps.push(Step::Index(count));
            if count < self.items_max {
                list.push(item(self)?);
            } else {
                self.skip()?;
            }
            self.steps.pop();
            count += 1;
        }
        self.check_count(count);
        Ok(list)
    }

    /// Complains if the list or object just read had more than the allowed number of items.
    pub(super) fn check_count(&mut self, count: usize) {
        if count > self.items_max {
            self.problem(
                Code::TooManyItems,
                format!("expected at most {} items, got {count}", self.items_max),
            );
        }
    }

    /// An integer from `min` to `max`, inclusive; `None` for null.
    pub(super) fn integer(&mut self, min: u64, max: u64) -> Result<Option<u64>, Fatal> {
        match self.reader.kind()? {
            Kind::Number => {}
            Kind::Null => return self.skip().map(|_| None),
            _ => return self.wrong_type("an integer").map(|()| None),
        }
        let digits = self.reader.number()?;
        if digits.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
            self.problem(Code::WrongType, format!("expected an integer, got {}", excerpt(digits)));
            return Ok(None);
        }
        match digits.parse::<u64>() {
            Ok(number) if (min..=max).contains(&number) => Ok(Some(number)),
            // `-0` is zero; other negative numbers and those beyond 64 bits do not parse.
            _ if digits == "-0" && min == 0 => Ok(Some(0)),
            _ => {
                let max = if max == u64::MAX { String::new() } else { format!(" to {max}") };
                let more = if max.is_empty() { " or more" } else { "" };
                let message = format!("expected an integer from {min}{max}{more}, got {}", excerpt(digits));
                self.problem(Code::NumberOutOfRange, message);
                Ok(None)
            }
        }
    }

    /// One of a few names; `None` for null and the empty string.
    pub(super) fn choice<T: Copy>(
        &mut self,
        from_name: impl Fn(&str) -> Option<T>,
        all: &[T],
        name: impl Fn(T) -> &'static str,
    ) -> Result<Option<T>, Fatal> {
        let before = self.problems.count;
        let Some(text) = self.text()? else { return Ok(None) };
        let choice = from_name(&text);
        if choice.is_none() && self.problems.count == before {
            let names = all.iter().map(|value| name(*value)).collect::<Vec<_>>().join(", ");
            self.problem(Code::InvalidEnum, format!("expected one of {names}, got {}", excerpt(&text)));
        }
        Ok(choice)
    }

    /// Any value, as its JSON text.
    pub(super) fn raw(&mut self) -> Result<Option<Box<RawValue>>, Fatal> {
        let before = self.problems.count;
        let text = self.skip()?;
        if self.problems.count > before {
            return Ok(None);
        }
        match RawValue::from_string(text.to_owned()) {
            Ok(raw) => Ok(Some(raw)),
            Err(_) => {
                self.problem(Code::InvalidEvent, "this value could not be kept");
                Ok(None)
            }
        }
    }

    /// An object whose known members `member` reads (returning `true`); the others go to `extra`. Returns whether it
    /// was an object; null is none.
    pub(super) fn object(
        &mut self,
        extra: &mut Extra,
        member: impl FnMut(&mut Self, &str) -> Result<bool, Fatal>,
    ) -> Result<bool, Fatal> {
        self.object_or(Kind::Object, extra, member)
    }

    /// As [`Self::object`], but null is as good as an object without members.
    pub(super) fn optional_object(
        &mut self,
        extra: &mut Extra,
        member: impl FnMut(&mut Self, &str) -> Result<bool, Fatal>,
    ) -> Result<bool, Fatal> {
        self.object_or(Kind::Null, extra, member)
    }

    fn object_or(
        &mut self,
        or: Kind,
        extra: &mut Extra,
        mut member: impl FnMut(&mut Self, &str) -> Result<bool, Fatal>,
    ) -> Result<bool, Fatal> {
        self.members("an object", or, |parser, name| {
            if !member(parser, &name)? {
                let warning = Problem::new(
                    Code::UnknownField,
                    parser.here(),
                    "this field is not known; it is kept and given back, but nothing else uses it",
                );
                parser.warnings.list(warning);
                if let Some(value) = parser.raw()? {
                    extra.0.push((name.into_owned(), value));
                }
            }
            Ok(())
        })
    }

    /// Reads an object (or, quietly, a value of kind `or`), calling `member` for each name that is new and sound.
    pub(super) fn members(
        &mut self,
        expected: &str,
        or: Kind,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), Fatal>,
    ) -> Result<bool, Fatal> {
        match self.reader.kind()? {
            Kind::Object => {}
            kind if kind == or => return self.skip().map(|_| false),
            _ => return self.wrong_type(expected).map(|()| false),
        }
        self.reader.open()?;
        let mut names: Vec<Cow<'a, str>> = Vec::with_capacity(8);
        let mut keys = Keys::default();
        let mut first = true;
        while let Some(name) = self.reader.next_name(&mut first)? {
            self.steps.push(Step::Name(name.value.clone()));
            if name.lone_surrogate {
                let problem = lone_surrogate(self.here());
                self.problems.list(problem);
                self.skip()?;
            } else if keys.is_new(&names, name.value.clone()) {
                names.push(name.value.clone());
                member(self, name.value)?;
            } else {
                let problem = duplicate_key(self.here());
                self.problems.list(problem);
                self.skip()?;
            }
            self.steps.pop();
        }
        Ok(true)
    }
}
