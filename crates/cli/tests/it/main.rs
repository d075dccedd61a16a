//! Tests of the whole product: the real `indelible` as a process, spoken to over HTTP and on its command line.
//!
//! | module | asks |
//! |---|---|
//! | `send`, `ids`, `limits` | what becomes of events that are sent |
//! | `find`, `reach`, `admin`, `gate` | who finds what, who may do what |
//! | `looking`, `chains` | that looking leaves a trace, and which chain tells of what |
//! | `tenants`, `keys` | the tree, the auditing switch, keys, and the entries that come before their rows |
//! | `people`, `roles`, `sign_in` | accounts, who manages whom, roles; passwords, second factors, sessions, links |
//! | `meanwhile` | that rights count when a request has come to its end |
//! | `sign_in_rules`, `openid` | what an operator asks of people who sign in; signing in through a provider |
//! | `mail` | invitations and links for a new password by mail |
//! | `views`, `ranges` | saved views and short links; how far back one may ask, and how much at a time |
//! | `exports`, `reports`, `schedules` | what people take out: files, reports, runs by themselves, mails that carry them |
//! | `figures` | totals, histograms, values |
//! | `feed`, `tail` | everything in order, what matches as it comes |
//! | `proofs` | whether outsiders' programs agree with what is proven |
//! | `import`, `import_again`, `formats`, `commands` | the command line |
//! | `operate` | starting, stopping, settings, a disk that fills |
//! | `crash`, `torn`, `damage` | kill -9, a torn tail, rot |
//! | `hostile` | the hostile set |
//! | `door`, `tls`, `acme` | connections: limits, headers, proxies; certificates |
//! | `docs` | whether the commands of the documentation work |

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod acme;
mod admin;
#[path = "../../../../tools/parts/certificate.rs"]
mod certificate;
mod chains;
mod commands;
mod crash;
mod damage;
mod docs;
mod door;
mod exports;
mod feed;
mod figures;
mod files;
mod find;
mod formats;
mod gate;
mod hostile;
mod ids;
mod import;
mod import_again;
mod keys;
mod limits;
mod looking;
mod mail;
mod meanwhile;
mod openid;
mod operate;
#[path = "../../../../tools/parts/part.rs"]
mod part;
mod people;
mod proofs;
mod ranges;
mod reach;
mod reports;
mod roles;
mod schedules;
mod send;
mod sign_in;
mod sign_in_rules;
mod support;
mod tail;
mod tenants;
mod tls;
mod torn;
mod views;
