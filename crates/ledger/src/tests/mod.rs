//! Tests of the ledger as a whole.

mod crash;
mod damage;
mod formats;
mod history;
mod model;
mod process;
mod read_only;
mod removing;
mod rig;
mod rules;
mod threads;
