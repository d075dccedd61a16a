//! What the tests share: installations, servers as real processes, a client, independent readers of the log.

mod api;
mod data;
mod disk;
mod half;
mod log;
mod numbers;
mod poll;
mod proxy;
mod server;
mod stream;
mod tls;

pub(crate) use api::{Answer, Api, sent};
pub(crate) use data::{event, gzip, ids, numbered, project_file, python, sent_ids, texts, zstd};
pub(crate) use disk::{copy_tree, files_below, flip_byte};
pub(crate) use half::Half;
pub(crate) use log::{Log, their_checkpoint};
pub(crate) use numbers::Numbers;
pub(crate) use poll::{LONG, within};
pub(crate) use proxy::{Answers, Proxy};
pub(crate) use server::{ADMIN_KEY, Installation, Server};
pub(crate) use stream::{Message, Stream};
pub(crate) use tls::{Certificate, connect, raw, rest, shake_hands, write_secret};
