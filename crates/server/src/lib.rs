//! Configuration, stores, routes and jobs: the one place that knows every part.
//!
//! [`run`] opens the listener first and the stores second, so that an operator can ask `/readyz` what a long
//! recovery is doing; until the stores are open every other route answers 503.

mod app;
mod authentication;
mod body;
mod changes;
mod client;
mod config;
mod cookies;
mod decode;
mod error;
mod exports;
mod extract;
mod files;
mod guard;
mod jobs;
mod looking;
mod mailing;
mod mappings;
mod metrics;
mod names;
mod offline;
mod page_query;
mod people;
mod public_url;
mod queries;
mod reconcile;
mod recorder;
mod reports;
mod routes;
mod rules;
mod run;
mod secrets;
mod serve;
mod sharing;
mod smtp;
mod streams;
mod tls;
mod web;

pub use client::ProxyHeader;
pub use config::{Config, ConfigError, LogFormat, Receipts, SecondFactorRule, Settings};
pub use decode::Decoder;
pub use offline::{DirectoryReport, verify_directory};
pub use public_url::{NotAnAddress, PublicUrl};
pub use routes::openapi;
pub use run::{RunError, Running, check_config, run, start};
pub use secrets::Exposed;
pub use smtp::SmtpTls;
pub use tls::{Acme, CertificateError, TlsSource};
