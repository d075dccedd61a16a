//! The expressions of the mapping language, parsed.
//!
//! `docs/importing.md` describes what each does; [`super::grammar`] reads them, [`super::eval`] computes them.

/// Something that gives a value, or nothing, for a record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    Path(Path),
    Const(Const),
    /// `'text {x}'`: nothing if any part gives nothing.
    Template(Vec<Piece>),
    /// `a ?? b`: the first that gives something other than nothing, null or an empty text.
    First(Vec<Expr>),
    /// `a | step`.
    Step(Box<Expr>, Step),
    /// `hash(a, b)` and its like.
    Call(Function, Vec<Expr>),
    If(Box<Expr>, Box<Expr>, Option<Box<Expr>>),
    /// `a == b`; the flag is true for `!=`.
    Equal(Box<Expr>, Box<Expr>, bool),
    In(Box<Expr>, Vec<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Const {
    Null,
    Bool(bool),
    /// Digits as written.
    Number(String),
    Text(String),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    Text(String),
    /// `{x}`, or `{x?}` whose absence leaves an empty text.
    Value(Expr, bool),
}

/// Where a value stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Path {
    /// Its number among the paths of the mapping.
    pub(crate) place: usize,
    pub(crate) base: Base,
    pub(crate) segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Base {
    /// The record, or inside `each` the element at hand.
    Here,
    /// `$`: the record.
    Record,
    /// `$name`: a value of `[let]`, by its place there.
    Let(usize),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Segment {
    Key(String),
    /// `[2]`, `[-1]` from the end.
    At(i64),
    /// `[]`: every element.
    All,
    /// `[name='x']`: the elements whose member `name` is the text or the number `x`; one alone, or a list.
    Where(String, String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    /// SHA-256 of the arguments, 32 hex digits.
    Hash,
    /// The arguments that give something; lists are joined.
    List,
    /// Objects joined, the first of a name wins.
    Merge,
}

/// What `| step` does to the value before it; texts are borrowed from the mapping.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Text,
    Lower,
    Upper,
    Trim,
    Strip(String),
    StripEnd(String),
    Before(String),
    After(String),
    BeforeLast(String),
    AfterLast(String),
    Split(String),
    Starts(String),
    Ends(String),
    Contains(String),
    None(Vec<String>),
    /// A table of `[tables]`, by its place there.
    Lookup(usize),
    Number,
    Hex,
    Json,
    /// The names, each with or without `*` at its end, whose values without quotes are hex digits.
    KeyValues(Vec<String>),
    Time(TimeForm),
    At(i64),
    Char(i64),
    Join(String),
    Flat,
    Distinct,
    Count,
    /// The member with the name, and those of which the first that is there is the value.
    Pairs(String, Vec<String>),
    Entries,
    Keys,
    Values,
    Omit(Vec<String>),
    Keep(Vec<String>),
    /// The members whose name begins so, without that.
    Under(String),
    /// To this many characters at least, with this one in front.
    Pad(usize, char),
}

/// How a vendor writes an instant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TimeForm {
    Rfc3339,
    /// A count since 1970-01-01T00:00:00Z whose unit is this many nanoseconds.
    Epoch(u64),
    /// A strftime pattern, and the zone of texts that name none.
    Pattern(String, Option<jiff::tz::TimeZone>),
}
