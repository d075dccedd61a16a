//! `tail`: events as they come, over broken connections and restarts of the server.
//!
//! The cursor of the last event shown is given back at every new connection, so nothing is missed and nothing shown
//! twice. Ends well at Ctrl-C, after `--limit`, or at `--before`.

use std::{
    io::{self, BufReader, Write},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    thread,
    time::Duration,
};

use jiff::tz::TimeZone;
use serde_json::{Value, value::RawValue};

use crate::{
    args::TailArgs,
    client::{Client, Streaming, query},
    exit::{Done, Exit},
    output::{counted, harmless, print_json_text, print_line},
    rows::{COLUMNS, CSV_ONLY, Row, zone},
    sse::{Message, Messages},
};

/// After so long without a sign of life the connection counts as broken: four heartbeats as servers are set by default.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Pauses before connecting again: the first, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(10)];
/// Parameters that are no filters, and the flags that set them.
const OWN: [(&str, &str); 3] = [("after", "--after"), ("before", "--before"), ("limit", "--limit")];
/// Messages between the connection and the output.
const QUEUE: usize = 64;

/// Shown so far.
#[derive(Default)]
struct Progress {
    shown: u64,
    cursor: Option<String>,
}

pub(crate) fn run(args: TailArgs) -> Done {
    let zone = zone(&args.zone)?;
    let progress =
        Arc::new(std::sync::Mutex::new(Progress { cursor: args.after.clone(), ..Progress::default() }));
    end_at_interrupt(progress.clone())?;
    let client = Client::new(&args.remote);
    let mut pairs = args.filters.pairs(&OWN)?;
    pairs.extend(args.after.iter().map(|after| ("after".to_owned(), after.clone())));
    pairs.extend(args.before.iter().map(|before| ("before".to_owned(), before.clone())));
    let mut follower = Follower { args: &args, zone, progress };
    let mut pause = PAUSES[0];
    let mut connected = false;
    loop {
        // A cursor that came with an event goes before the parameter.
        let cursor = follower.cursor().filter(|cursor| args.after.as_ref() != Some(cursor));
        let headers: Vec<_> = cursor.iter().map(|cursor| ("Last-Event-ID", cursor.as_str())).collect();
        let wait = match client.stream(&format!("/v1/tail?{}", query(&pairs)), &headers) {
            Ok(Streaming::Open(body)) => {
                if !std::mem::replace(&mut connected, true) {
                    eprintln!("following {}; Ctrl-C ends", client.base());
                }
                let before = follower.shown();
                if follower.follow(listen(body))? {
                    return Ok(());
                }
                if follower.shown() > before {
                    pause = PAUSES[0];
                }
                pause
            }
            // It says itself when it can be asked again: it is starting, stopping or full.
            Ok(Streaming::Refused(answer)) => match answer.retry_after() {
                Some(after) => {
                    eprintln!("note: {}", answer.failure().message());
                    after
                }
                None => return Err(answer.failure()),
            },
            // A server that was never there is more likely a wrong address.
            Err(exit) if !connected => return Err(exit),
            Err(_) => pause,
        };
        thread::sleep(wait);
        pause = (pause * 2).min(PAUSES[1]);
    }
}

/// Reads messages on a thread of its own, so that silence can be told from the end. The thread ends with its connection.
fn listen(body: Box<dyn io::Read + Send>) -> Receiver<io::Result<Option<Message>>> {
    let (sender, receiver) = sync_channel(QUEUE);
    thread::spawn(move || {
        let mut messages = Messages::new(BufReader::new(body));
        loop {
            let message = messages.next();
            let last = !matches!(message, Ok(Some(_)));
            if sender.send(message).is_err() || last {
                return;
            }
        }
    });
    receiver
}

struct Follower<'a> {
    args: &'a TailArgs,
    zone: TimeZone,
    progress: Arc<std::sync::Mutex<Progress>>,
}

impl Follower<'_> {
    fn cursor(&self) -> Option<String> {
        self.locked().cursor.clone()
    }

    fn shown(&self) -> u64 {
        self.locked().shown
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Shows what one connection brings. Whether all that was asked for has come; else the connection ended.
    fn follow(&mut self, messages: Receiver<io::Result<Option<Message>>>) -> Result<bool, Exit> {
        loop {
            let message = match messages.recv_timeout(SILENCE_MAX) {
                Ok(Ok(Some(message))) => message,
                Ok(Ok(None) | Err(_)) | Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => {
                    return Ok(false);
                }
            };
            match message.event.as_str() {
                "end" => {
                    let end: Value = serde_json::from_str(&message.data).unwrap_or_default();
                    match end["reason"].as_str() {
                        Some("complete") => return Ok(true),
                        Some("unauthorized") => return Err(Exit::usage("the API key is good no longer")),
                        Some("forbidden") => return Err(Exit::no("the API key may read no longer")),
                        _ => return Ok(false),
                    }
                }
                "dropped" => self.say_dropped(&message),
                _ if message.data.is_empty() => {}
                _ => {
                    self.show(&message.data)?;
                    // Taken over only once it is shown.
                    let mut progress = self.locked();
                    progress.shown += 1;
                    progress.cursor = message.id.or(progress.cursor.take());
                    if self.args.limit.is_some_and(|limit| progress.shown >= limit) {
                        return Ok(true);
                    }
                    continue;
                }
            }
            if let Some(id) = message.id {
                self.locked().cursor = Some(id);
            }
        }
    }

    fn show(&self, event: &str) -> Done {
        if self.args.json {
            return print_json_text(event);
        }
        let event: Box<RawValue> = serde_json::from_str(event)
            .map_err(|error| Exit::unknown(format!("an event is not JSON: {error}")))?;
        let cells = COLUMNS.iter().zip(Row::read(&event)?.cells(&self.zone));
        let shown = cells.filter(|(name, _)| !CSV_ONLY.contains(name));
        let cells: Vec<_> =
            shown.map(|(_, cell)| cell.map_or_else(|| "-".into(), |cell| harmless(&cell))).collect();
        print_line(&cells.join("  "))
    }

    fn say_dropped(&self, message: &Message) {
        let dropped: Value = serde_json::from_str(&message.data).unwrap_or_default();
        let text = |name: &str| harmless(dropped[name].as_str().unwrap_or_default());
        eprintln!(
            "note: {} events were passed over, since this end is too slow; the same command with\n  \
             --after={} --before={}\nshows them",
            dropped["count"],
            text("after"),
            text("before")
        );
    }
}

/// At Ctrl-C: says where to go on, and ends well, never in the middle of a line.
fn end_at_interrupt(progress: Arc<std::sync::Mutex<Progress>>) -> Done {
    let failed = |error: io::Error| Exit::unknown(format!("can't wait for Ctrl-C: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    // Taken now, so that no Ctrl-C is missed before the thread runs.
    let interrupt = {
        let _inside = runtime.enter();
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt()).map_err(failed)?
    };
    thread::spawn(move || {
        let mut interrupt = interrupt;
        runtime.block_on(interrupt.recv());
        let mut out = io::stdout().lock();
        // What can't be written any more is not worth a word at the end.
        let _ = out.flush();
        let progress = progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let cursor =
            progress.cursor.as_deref().map(|cursor| format!("; to go on: --after={}", harmless(cursor)));
        eprintln!("\n{}{}", counted(progress.shown, "event"), cursor.unwrap_or_default());
        std::process::exit(0);
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    /// What following one connection with these messages comes to, and the cursor after it.
    fn followed(messages: &[(&str, &str, Option<&str>)]) -> (Result<bool, Exit>, Option<String>) {
        let Command::Tail(args) = Cli::try_parse_from(["indelible", "tail", "--json"]).unwrap().command
        else {
            panic!("it is tail")
        };
        let progress = Arc::new(std::sync::Mutex::new(Progress::default()));
        let mut follower = Follower { args: &args, zone: TimeZone::UTC, progress };
        let (sender, receiver) = sync_channel(messages.len() + 1);
        for (event, data, id) in messages {
            let message =
                Message { event: (*event).to_owned(), data: (*data).to_owned(), id: id.map(str::to_owned) };
            sender.send(Ok(Some(message))).unwrap();
        }
        drop(sender);
        let ended = follower.follow(receiver);
        (ended, follower.cursor())
    }

    #[test]
    fn goes_on_behind_what_was_passed_over_and_behind_signs_of_life() {
        let dropped = ("dropped", r#"{"count":3,"after":"a","before":"b"}"#, Some("b"));
        for (messages, cursor) in [
            (&[dropped][..], Some("b")),
            (&[dropped, ("", "", Some("c"))], Some("c")),
            (&[("", "", None)], None),
        ] {
            let (ended, found) = followed(messages);
            assert_eq!((ended.ok(), found.as_deref()), (Some(false), cursor), "{messages:?}");
        }
    }

    #[test]
    fn ends_for_good_where_coming_back_would_not_help() {
        let reason = |reason: &str| followed(&[("end", &format!(r#"{{"reason":"{reason}"}}"#), None)]).0;
        assert!(reason("complete").unwrap());
        for again in ["stopping", "unavailable", "something new"] {
            assert!(!reason(again).unwrap(), "{again}");
        }
        assert_eq!(reason("unauthorized").unwrap_err().code(), 2);
        assert_eq!(reason("forbidden").unwrap_err().code(), 1);
    }
}
