//! `import`: another product's audit log, record by record, exactly as it stands in the file.
//!
//! The server maps the records; this side reads them, makes batches, tells what the mapping did not take, and keeps a
//! note of how far it came, so that an interrupted import goes on where it stopped. Each batch carries an
//! `Idempotency-Key` made of the import, its place and its contents: a batch whose answer was lost is not stored twice.

mod check;
mod format;
mod input;
mod report;
mod resume;
mod sender;

use std::{
    collections::{BTreeSet, VecDeque},
    io::Read,
    sync::Arc,
};

use indelible_control::check_tenant_name;
use indelible_event::{Limits, Timestamp, excerpt};
use indelible_ingest::{Mapping, Record, RecordError, Records, RecordsError};
use indicatif::ProgressBar;

use self::{
    format::Origin,
    input::{Source, bar},
    report::Report,
    resume::{Passed, Read as RecordRead, Resume},
    sender::{Sender, Sending},
};
use crate::{
    args::ImportArgs,
    exit::{Done, Exit},
    output::print_json,
};

/// Bytes of records a request, well below the server's default limit of 64 MiB.
const BATCH_BYTES_MAX: usize = 8 << 20;

pub(crate) fn run(args: ImportArgs) -> Done {
    if args.detect {
        return format::print_detection(&args);
    }
    if let Some(tenant) = &args.tenant {
        let wrong = |error| Exit::usage(format!("--tenant {}: {error}", excerpt(tenant)));
        check_tenant_name(tenant).map_err(wrong)?;
    }
    let mut source = Source::open(&args.file)?;
    let format = format::choose(&args, &mut source)?;
    let mapping = &*format.mapping;
    let (mut records, mut size) = source.records(Some(mapping))?;
    if args.check {
        return check::run(&args, &format, records);
    }
    let parameter = format.parameter(args.tenant.as_deref());
    let mut resume = Resume::open(&args, parameter.as_deref().unwrap_or(mapping.name()))?;
    let mut ahead = VecDeque::new();
    if resume.is_under_way() {
        if let Some(read) = resume.catch_up(&mut records)? {
            eprintln!("going on after byte {} (--restart starts over)", resume.offset());
            ahead = read.into();
        } else {
            eprintln!(
                "note: {} is not what the interrupted import read of it; starting over",
                args.file.display()
            );
            resume.start_over();
            (records, size) = Source::open(&args.file)?.records(Some(mapping))?;
        }
    }
    let sender = Sender::new(&args, parameter);
    if format.origin == Origin::File {
        // Before the first record: what is stored must be readable by what the server has.
        sender.install(mapping, &format.label)?;
    }
    let mut import = Import {
        mapping: format.mapping.clone(),
        sender,
        report: Report::new(mapping),
        passed: resume.passed(),
        resume,
        bar: bar(size),
        batch: Batch::default(),
        args: &args,
    };
    let done = import.all(ahead, &mut records);
    import.bar.finish_and_clear();
    if args.json {
        print_json(&import.report.to_json())?;
    } else {
        eprint!("{}", import.report.to_text());
    }
    done?;
    import.resume.forget()?;
    match import.report.failed() {
        0 => Ok(()),
        failed => Err(Exit::no(format!("{failed} records were not stored; the report says why"))),
    }
}

/// Why no tenant of the name that a record gives can be; nothing where it gives none, or `--tenant` says whose it is.
fn unusable_tenant(args: &ImportArgs, name: Option<&str>) -> Option<String> {
    let name = name.filter(|_| args.tenant.is_none())?;
    check_tenant_name(name).err().map(|error| format!("{} can't be a tenant: {error}", excerpt(name)))
}

/// Nesting of a record that can be sent; the server's own limit is lower.
const DEPTH_MAX: usize = 256;

/// Records on their way to the server.
#[derive(Default)]
struct Batch {
    records: Vec<Record>,
    bytes: usize,
    tenants: BTreeSet<String>,
    /// Up to the last of `records`.
    passed: Passed,
}

struct Import<'a> {
    mapping: Arc<Mapping>,
    sender: Sender,
    report: Report,
    /// Up to the last record that was taken.
    passed: Passed,
    resume: Resume,
    bar: ProgressBar,
    batch: Batch,
    args: &'a ImportArgs,
}

impl Import<'_> {
    /// Takes the records `ahead`, which were read already, and then the rest.
    fn all<R: Read>(&mut self, mut ahead: VecDeque<RecordRead>, records: &mut Records<R>) -> Done {
        while let Some(record) = ahead.pop_front().or_else(|| records.next()) {
            match record {
                Ok(record) => self.take(record)?,
                Err(error) => self.unusable(&error)?,
            }
            self.bar.set_position(records.offset());
            self.bar.set_message(format!("{} records", self.report.records));
        }
        self.flush()
    }

    /// A record that can't be taken is reported and the rest goes on; a file that can't be read ends the import.
    fn unusable(&mut self, error: &RecordError) -> Done {
        match &error.kind {
            RecordsError::NotUtf8 { .. } | RecordsError::TooLarge { .. } => {
                self.report.records += 1;
                self.report.not_sent(error.line, error.kind.to_string());
                Ok(())
            }
            RecordsError::Read(_) | RecordsError::Malformed { .. } | RecordsError::Cut => {
                self.flush()?;
                Err(Exit::unknown(error)
                    .hint("what was read before it is stored; mend the file and run the same command"))
            }
        }
    }

    fn take(&mut self, record: Record) -> Done {
        self.report.records += 1;
        // A batch is one JSON array: a record that is not JSON would make all of it unreadable.
        if let Err(problem) = indelible_event::parse_json(&record.json, DEPTH_MAX) {
            self.passed.add(&record);
            self.report.not_sent(record.line, format!("{} ({})", problem.message, problem.code.as_str()));
            return Ok(());
        }
        // What does not map is the server's to refuse: it is the one that stores, and it names field and reason.
        let now = Timestamp::from_micros(i64::MAX);
        if let Ok(mapped) = self.mapping.apply(&record.json, &Limits::default(), now) {
            self.report.not_understood(&mapped.not_understood);
            if self.args.create_tenants
                && let Some(why) = unusable_tenant(self.args, mapped.event.tenant.as_deref())
            {
                // Alone, so that the rest of its batch is not kept waiting for a tenant that can't be.
                self.passed.add(&record);
                self.report.not_sent(record.line, why);
                return Ok(());
            }
            self.batch.tenants.extend(mapped.event.tenant);
        }
        self.passed.add(&record);
        self.batch.passed = self.passed;
        self.batch.bytes += record.json.len();
        let full = match self.resume.repeats_until() {
            // The batch that an earlier run was sending is sent as it was.
            Some(end) => record.end >= end,
            None => {
                self.batch.records.len() + 1 >= self.args.batch as usize
                    || self.batch.bytes >= BATCH_BYTES_MAX
            }
        };
        self.batch.records.push(record);
        if full { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Done {
        let Batch { records, tenants, passed, .. } = std::mem::take(&mut self.batch);
        let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(()) };
        if self.args.create_tenants {
            let wanted = match &self.args.tenant {
                Some(tenant) => BTreeSet::from([tenant.clone()]),
                None => tenants,
            };
            if let Err(exit) = self.sender.create_tenants(&wanted, &mut self.report) {
                self.report.unanswered(first.line, last.line, records.len());
                return Err(exit);
            }
        }
        let body = sender::body(&records);
        let (key, repeated) = self.resume.begin(first.start, last.end, passed, &body)?;
        let sending = Sending { records: &records, body: &body, key: &key, repeated };
        if let Err(failed) = self.sender.send(&sending, &mut self.report) {
            self.report.unanswered(first.line, last.line, records.len());
            if failed.nothing_stored {
                self.resume.not_stored()?;
            }
            return Err(failed.exit);
        }
        self.resume.stored(last.end, passed)
    }
}
