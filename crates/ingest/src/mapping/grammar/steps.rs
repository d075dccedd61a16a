//! Reads the steps of an expression: a name and what it needs.

use super::super::expr::{Const, Expr, Step, TimeForm};
use super::{Mistake, Parser};

impl Parser<'_> {
    /// One step, after its bar.
    pub(super) fn step(&mut self) -> Result<Step, Mistake> {
        self.space();
        let start = self.at;
        let name = self.key_text();
        let step = match name {
            "text" => Step::Text,
            "lower" => Step::Lower,
            "upper" => Step::Upper,
            "trim" => Step::Trim,
            "strip" => Step::Strip(self.plain_text()?),
            "strip_end" => Step::StripEnd(self.plain_text()?),
            "before" => Step::Before(self.separator()?),
            "after" => Step::After(self.separator()?),
            "before_last" => Step::BeforeLast(self.separator()?),
            "after_last" => Step::AfterLast(self.separator()?),
            "split" => Step::Split(self.separator()?),
            "starts" => Step::Starts(self.plain_text()?),
            "ends" => Step::Ends(self.plain_text()?),
            "contains" => Step::Contains(self.plain_text()?),
            "none" => Step::None(self.texts()?),
            "lookup" => {
                self.space();
                let start = self.at;
                let table = self.key_text();
                match self.names.tables.iter().position(|known| known == table) {
                    Some(place) => Step::Lookup(place),
                    None => return Err(Mistake { at: start, message: format!("[tables] has no `{table}`") }),
                }
            }
            "number" => Step::Number,
            "hex" => Step::Hex,
            "json" => Step::Json,
            "keyvalues" => Step::KeyValues,
            "time" => Step::Time(self.time_form()?),
            "at" => {
                self.space();
                Step::At(self.int()?)
            }
            "char" => {
                self.space();
                Step::Char(self.int()?)
            }
            "first" => Step::At(0),
            "last" => Step::At(-1),
            "join" => Step::Join(self.plain_text()?),
            "flat" => Step::Flat,
            "distinct" => Step::Distinct,
            "count" => Step::Count,
            "pairs" => Step::Pairs(self.plain_text()?, self.plain_text()?),
            "entries" => Step::Entries,
            "keys" => Step::Keys,
            "values" => Step::Values,
            "omit" => Step::Omit(self.texts()?),
            "keep" => Step::Keep(self.texts()?),
            _ => return Err(Mistake { at: start, message: format!("no step is called `{name}`") }),
        };
        Ok(step)
    }

    fn time_form(&mut self) -> Result<TimeForm, Mistake> {
        self.space();
        if self.peek() != Some('\'') {
            return Ok(TimeForm::Rfc3339);
        }
        let start = self.at;
        let form = self.plain_text()?;
        self.space();
        let unit = match form.as_str() {
            "s" => Some(1_000_000_000),
            "ms" => Some(1_000_000),
            "us" => Some(1_000),
            "ns" => Some(1),
            _ => None,
        };
        if let Some(unit) = unit {
            return Ok(TimeForm::Epoch(unit));
        }
        if !form.contains('%') {
            let message = format!(
                "`{form}` is no time form: 's', 'ms', 'us', 'ns' or a pattern such as '%Y-%m-%d %H:%M:%S'"
            );
            return Err(Mistake { at: start, message });
        }
        let zone = if self.peek() == Some('\'') {
            let start = self.at;
            let name = self.plain_text()?;
            let zone = jiff::tz::TimeZone::get(&name);
            Some(
                zone.map_err(|_| Mistake { at: start, message: format!("no time zone is called `{name}`") })?,
            )
        } else {
            None
        };
        let names_zone = ["%z", "%:z", "%Z", "%Q", "%:Q", "%s"].iter().any(|part| form.contains(part));
        if zone.is_none() && !names_zone {
            let message = "the pattern reads no offset; name the zone after it, such as 'UTC'".to_owned();
            return Err(Mistake { at: start, message });
        }
        Ok(TimeForm::Pattern(form, zone))
    }

    /// A text without `{}`.
    pub(super) fn plain_text(&mut self) -> Result<String, Mistake> {
        self.space();
        if self.peek() != Some('\'') {
            return Err(self.mistake("a 'text'"));
        }
        let start = self.at;
        match self.template()? {
            Expr::Const(Const::Text(text)) => Ok(text),
            _ => Err(Mistake { at: start, message: "this text can't have a value in it".to_owned() }),
        }
    }

    fn separator(&mut self) -> Result<String, Mistake> {
        self.space();
        let start = self.at;
        match self.plain_text()? {
            text if text.is_empty() => {
                Err(Mistake { at: start, message: "the text to look for is empty".to_owned() })
            }
            text => Ok(text),
        }
    }

    /// One or more texts.
    fn texts(&mut self) -> Result<Vec<String>, Mistake> {
        let mut texts = vec![self.plain_text()?];
        loop {
            self.space();
            if self.peek() != Some('\'') {
                return Ok(texts);
            }
            texts.push(self.plain_text()?);
        }
    }
}
