//! Reads the steps of an expression: a name and what it needs.

use indelible_event::nearest_name;

use super::super::expr::{Const, Expr, Step, TimeForm};
use super::{Mistake, Parser};

/// Every step, for the one that was probably meant.
const STEPS: [&str; 37] = [
    "text",
    "lower",
    "upper",
    "trim",
    "strip",
    "strip_end",
    "before",
    "after",
    "before_last",
    "after_last",
    "split",
    "starts",
    "ends",
    "contains",
    "none",
    "lookup",
    "number",
    "hex",
    "json",
    "keyvalues",
    "time",
    "at",
    "char",
    "first",
    "last",
    "join",
    "flat",
    "distinct",
    "count",
    "pairs",
    "entries",
    "keys",
    "values",
    "omit",
    "keep",
    "under",
    "pad",
];

/// The widest that `pad` makes a text: no number of a vendor is wider.
const PAD_MAX: usize = 64;

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
            "keyvalues" => Step::KeyValues(self.any_texts()?),
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
            "pairs" => Step::Pairs(self.plain_text()?, self.texts()?),
            "entries" => Step::Entries,
            "keys" => Step::Keys,
            "values" => Step::Values,
            "omit" => Step::Omit(self.texts()?),
            "keep" => Step::Keep(self.texts()?),
            "under" => Step::Under(self.separator()?),
            "pad" => self.pad()?,
            _ => {
                let meant = nearest_name(name, STEPS).map(|meant| format!("; did you mean `{meant}`?"));
                let message = format!("no step is called `{name}`{}", meant.unwrap_or_default());
                return Err(Mistake { at: start, message });
            }
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

    /// A width and the character in front.
    fn pad(&mut self) -> Result<Step, Mistake> {
        self.space();
        let start = self.at;
        let width = usize::try_from(self.int()?).ok().filter(|width| *width <= PAD_MAX);
        let message = format!("expected a width of at most {PAD_MAX}");
        let width = width.ok_or(Mistake { at: start, message })?;
        self.space();
        let start = self.at;
        let text = self.plain_text()?;
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(with), None) => Ok(Step::Pad(width, with)),
            _ => Err(Mistake { at: start, message: "expected one character".to_owned() }),
        }
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
        let first = self.plain_text()?;
        let mut texts = self.any_texts()?;
        texts.insert(0, first);
        Ok(texts)
    }

    /// Texts, as many as there are.
    fn any_texts(&mut self) -> Result<Vec<String>, Mistake> {
        let mut texts = Vec::new();
        loop {
            self.space();
            if self.peek() != Some('\'') {
                return Ok(texts);
            }
            texts.push(self.plain_text()?);
        }
    }
}
