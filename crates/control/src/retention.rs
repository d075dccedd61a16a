//! How long events are kept: periods of places, and which of them is an event's.
//!
//! A place is the installation or a tenant, for every event or for a class of them. The most specific one that has a
//! period decides: a class in the tenant, the tenant, a class in the tenant above, and so on up to the installation; of
//! classes in one tenant that fit an event the longest period. Without any period an event is kept for ever.
//!
//! Invariant: nothing is deleted earlier because somebody made a mistake. An event has expired only if it has by every
//! period that was in force since the cooling-off time before: a shorter period waits so long, and until then setting it
//! back undoes it; a tenant that was moved keeps what it has for so long.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use indelible_event::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::{Row, Sqlite, Transaction, sqlite::SqliteRow};

use crate::{
    ControlError, Directory, INSTALLATION_NUMBER, TenantNumber,
    store::{from_sql, to_sql},
};

/// Most days of a period: a thousand years.
pub const DAYS_MAX: u32 = 365_250;

/// Bytes of a class's value at most.
const VALUE_BYTES_MAX: usize = 256;

const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// How long events are kept. Shorter is less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// So many times 24 hours after the later of the event's time and its receipt.
    Days(NonZeroU32),
    /// Nothing is deleted.
    ForEver,
}

/// A kind of events, as the rules in force derive it from them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Of this action type.
    ActionType(String),
    /// With an object of this category.
    Category(String),
    /// From this application.
    Application(String),
}

impl Class {
    /// The name of what it goes by.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ActionType(_) => "action_type",
            Self::Category(_) => "category",
            Self::Application(_) => "application",
        }
    }

    /// The value that an event must have.
    pub fn value(&self) -> &str {
        match self {
            Self::ActionType(value) | Self::Category(value) | Self::Application(value) => value,
        }
    }

    fn parse(kind: &str, value: String) -> Option<Self> {
        match kind {
            "action_type" => Some(Self::ActionType(value)),
            "category" => Some(Self::Category(value)),
            "application" => Some(Self::Application(value)),
            _ => None,
        }
    }

    fn has(&self, classes: &Classes<'_>) -> bool {
        match self {
            Self::ActionType(value) => classes.action_type == value,
            Self::Category(value) => classes.categories.contains(&value.as_str()),
            Self::Application(value) => classes.application == Some(value),
        }
    }
}

/// What of an event decides about its classes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Classes<'a> {
    /// Id of its action type.
    pub action_type: &'a str,
    /// Categories of its objects.
    pub categories: &'a [&'a str],
    /// The application that it came from, if it says so.
    pub application: Option<&'a str>,
}

/// Where a period holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// This tenant and those below it; [`INSTALLATION_NUMBER`]: all.
    pub tenant: TenantNumber,
    /// These of its events; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
}

/// What was set at a place, once.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Set {
    since: Timestamp,
    /// `None`: it has no period of its own from then on.
    period: Option<Period>,
}

/// Periods as they were set over time.
#[derive(Clone, Debug, Default)]
pub struct Retention {
    /// By place, the oldest first.
    sets: BTreeMap<Place, Vec<Set>>,
    /// When tenants were put below others, those that were.
    placed: BTreeMap<TenantNumber, Timestamp>,
}

/// The periods of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Periods(BTreeMap<Place, Period>);

impl Periods {
    /// The period that a place has of its own.
    pub fn own(&self, place: &Place) -> Option<Period> {
        self.0.get(place).copied()
    }

    /// Every place that has a period of its own.
    pub fn iter(&self) -> impl Iterator<Item = (&Place, Period)> {
        self.0.iter().map(|(place, period)| (place, *period))
    }

    /// The period of a tenant's events of these classes.
    pub fn of(&self, directory: &Directory, tenant: TenantNumber, classes: &Classes<'_>) -> Period {
        let upwards = directory.upwards(tenant).map(|tenant| tenant.number);
        let found = upwards.chain([INSTALLATION_NUMBER]).find_map(|tenant| self.at(tenant, classes));
        found.unwrap_or(Period::ForEver)
    }

    /// What one tenant itself says about events of these classes.
    fn at(&self, tenant: TenantNumber, classes: &Classes<'_>) -> Option<Period> {
        let all = Place { tenant, class: None };
        let places = self.0.range(all.clone()..Place { tenant: tenant.saturating_add(1), class: None });
        let fits = places.filter(|(place, _)| place.class.as_ref().is_some_and(|class| class.has(classes)));
        fits.map(|(_, period)| *period).max().or_else(|| self.own(&all))
    }
}

impl Retention {
    /// The periods that are in force at a moment.
    pub fn at(&self, at: Timestamp) -> Periods {
        let of_place = |(place, sets): (&Place, &Vec<Set>)| {
            let set = sets.iter().rev().find(|set| set.since <= at)?;
            Some((place.clone(), set.period?))
        };
        Periods(self.sets.iter().filter_map(of_place).collect())
    }

    /// The moments behind `after` up to `until` at which a period was set, ascending.
    fn changes(&self, after: Timestamp, until: Timestamp) -> Vec<Timestamp> {
        let sets = self.sets.values().flatten().map(|set| set.since);
        let mut moments: Vec<_> = sets.filter(|since| *since > after && *since <= until).collect();
        moments.sort_unstable();
        moments.dedup();
        moments
    }

    pub(crate) fn placed_at(&mut self, tenant: TenantNumber, at: Timestamp) {
        self.placed.insert(tenant, at);
    }

    pub(crate) fn add(&mut self, row: &SqliteRow) -> Result<(), ControlError> {
        let corrupt = ControlError::Corrupt { what: "retention" };
        let (kind, value): (String, String) = (row.try_get("class")?, row.try_get("value")?);
        let class = match kind.as_str() {
            "" => None,
            kind => Some(Class::parse(kind, value).ok_or(corrupt)?),
        };
        let days: Option<i64> = row.try_get("days")?;
        let period = days.map(|days| {
            let days = u32::try_from(days).map_err(|_| ControlError::Corrupt { what: "retention" })?;
            Ok::<_, ControlError>(NonZeroU32::new(days).map_or(Period::ForEver, Period::Days))
        });
        let place = Place { tenant: from_sql(row.try_get("tenant")?)?, class };
        let set = Set { since: Timestamp::from_micros(row.try_get("since")?), period: period.transpose()? };
        let sets = self.sets.entry(place).or_default();
        let at = sets.partition_point(|other| other.since < set.since);
        sets.insert(at, set);
        Ok(())
    }
}

/// Says which events have expired.
#[derive(Clone, Debug)]
pub struct Judge<'a> {
    directory: &'a Directory,
    /// The periods of every moment since the cooling-off time began; at least one.
    periods: Vec<Periods>,
    at: Timestamp,
    /// Tenants that were moved within it.
    moved: Vec<TenantNumber>,
    days_min: u32,
}

impl<'a> Judge<'a> {
    /// Judges as of `at`: what was set or moved less than `cooling_off` before makes nothing expire, and no event expires
    /// within `days_min` days.
    pub fn new(directory: &'a Directory, at: Timestamp, cooling_off: Duration, days_min: u32) -> Self {
        let retention = directory.retention();
        let waits = i64::try_from(cooling_off.as_micros()).unwrap_or(i64::MAX);
        let since = Timestamp::from_micros(at.as_micros().saturating_sub(waits));
        // Times in the rows are of the ledger's clock, and what lies in its future counts too: it was set.
        let end = Timestamp::from_micros(i64::MAX);
        let moments = [since].into_iter().chain(retention.changes(since, end));
        let moved = retention.placed.iter().filter(|(_, placed)| **placed > since).map(|(tenant, _)| *tenant);
        Self {
            directory,
            periods: moments.map(|moment| retention.at(moment)).collect(),
            at,
            moved: moved.collect(),
            days_min,
        }
    }

    /// The period by which events are deleted: the longest that was in force since the cooling-off time began.
    pub fn period(&self, tenant: TenantNumber, classes: &Classes<'_>) -> Period {
        if self.directory.upwards(tenant).any(|tenant| self.moved.contains(&tenant.number)) {
            return Period::ForEver;
        }
        let longest = self.periods.iter().map(|periods| periods.of(self.directory, tenant, classes)).max();
        match longest.unwrap_or(Period::ForEver) {
            Period::Days(days) => {
                Period::Days(NonZeroU32::new(self.days_min).map_or(days, |min| days.max(min)))
            }
            Period::ForEver => Period::ForEver,
        }
    }

    /// Whether an event of this time, received then, has expired.
    pub fn has_expired(
        &self,
        tenant: TenantNumber,
        classes: &Classes<'_>,
        time: Timestamp,
        received: Timestamp,
    ) -> bool {
        let Period::Days(days) = self.period(tenant, classes) else { return false };
        let end = time.max(received).as_micros().saturating_add(i64::from(days.get()).saturating_mul(DAY_US));
        end <= self.at.as_micros()
    }
}

/// Whether this place can have this period.
pub(crate) fn check(
    directory: &Directory,
    place: &Place,
    period: Option<Period>,
) -> Result<(), ControlError> {
    if place.tenant != INSTALLATION_NUMBER && directory.tenant(place.tenant).is_none() {
        return Err(ControlError::NoSuchTenant);
    }
    let value = place.class.as_ref().map_or("-", Class::value);
    if value.is_empty() || value.len() > VALUE_BYTES_MAX {
        return Err(ControlError::WrongRetention { what: "a class has a value of 1 to 256 bytes" });
    }
    match period {
        Some(Period::Days(days)) if days.get() > DAYS_MAX => {
            Err(ControlError::WrongRetention { what: "a period has 1 to 365,250 days" })
        }
        _ => Ok(()),
    }
}

pub(crate) async fn write(
    rows: &mut Transaction<'_, Sqlite>,
    at: Timestamp,
    place: &Place,
    period: Option<Period>,
) -> Result<(), ControlError> {
    let days = period.map(|period| match period {
        Period::Days(days) => days.get(),
        Period::ForEver => 0,
    });
    sqlx::query(
        "INSERT INTO retention (tenant, class, value, since, days) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (tenant, class, value, since) DO UPDATE SET days = excluded.days",
    )
    .bind(to_sql(place.tenant))
    .bind(place.class.as_ref().map_or("", Class::kind))
    .bind(place.class.as_ref().map_or("", Class::value))
    .bind(at.as_micros())
    .bind(days)
    .execute(&mut **rows)
    .await?;
    Ok(())
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
