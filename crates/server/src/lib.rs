//! Configuration, stores, routes and jobs: the one place that knows every part.
//!
//! [`run`] opens the listener first and the stores second, so that an operator can ask `/readyz` what a long
//! recovery is doing; until the stores are open every other route answers 503.

mod app;
mod authentication;
mod body;
mod changes;
mod config;
mod cookies;
mod decode;
mod error;
mod extract;
mod looking;
mod mappings;
mod metrics;
mod names;
mod offline;

mod queries;
mod reconcile;
mod recorder;
mod routes;
mod rules;
mod run;
mod serve;
mod streams;
mod web;

pub use config::{Config, ConfigError, LogFormat, Receipts, Settings};
pub use decode::Decoder;
pub use offline::{DirectoryReport, verify_directory};
pub use routes::openapi;
pub use run::{RunError, Running, check_config, run, start};
