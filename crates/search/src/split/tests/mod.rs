//! Splits against a plain model: written from the tail, merged, read back, damaged.

mod damage;
mod model;
mod round_trip;
