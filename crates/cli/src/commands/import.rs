//! `import`: another product's audit log, record by record, exactly as it stands in the file.
//!
//! The server maps the records; this side reads them, makes batches, tells what the mapping did not take, and keeps a
//! note of how far it came, so that an interrupted import goes on where it stopped. Each batch carries an
//! `Idempotency-Key` made of the import, its place and its contents: a batch whose answer was lost is not stored twice.

mod report;
mod resume;
mod sender;

use std::{
    collections::{BTreeSet, VecDeque},
    fs::File,
    io::{self, Read},
    path::Path,
};

use indelible_event::{Limits, Timestamp};
use indelible_ingest::{Mapping, Record, RecordError, Records, RecordsError, RecordsOptions, Registry};
use indicatif::{ProgressBar, ProgressStyle};

use self::{
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
    let mapping = Registry::builtin().get(&args.format);
    if mapping.is_none() && args.check {
        return Err(Exit::usage(format!(
            "{:?} is not a built-in format, so it can't be checked here",
            args.format
        )));
    }
    let mut resume = Resume::open(&args)?;
    let (mut records, mut size) = open(&args.file, mapping)?;
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
            (records, size) = open(&args.file, mapping)?;
        }
    }
    let mut import = Import {
        mapping,
        sender: Sender::new(&args),
        report: Report::default(),
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

/// A file's records from the first on, and its size where that is a measure.
type Input = (Records<Box<dyn Read>>, Option<u64>);

fn open(file: &Path, mapping: Option<&Mapping>) -> Result<Input, Exit> {
    let (input, size): (Box<dyn Read>, _) = if file == Path::new("-") {
        (Box::new(io::stdin().lock()), None)
    } else {
        let unreadable = |error| Exit::unknown(format!("can't read {}: {error}", file.display()));
        let opened = File::open(file).map_err(unreadable)?;
        let size = opened.metadata().map_err(unreadable)?.len();
        // The reader counts unpacked bytes, so a packed file's size is no measure.
        let packed = file.extension().is_some_and(|extension| extension == "gz" || extension == "zst");
        (Box::new(opened), (!packed).then_some(size))
    };
    // Read from the start even where an import goes on: what was passed over is checked to be what was sent.
    let options = RecordsOptions {
        wrappers: mapping.map_or_else(|| vec!["Records".into()], |mapping| mapping.wrappers().to_vec()),
        form: mapping.map_or_else(|| RecordsOptions::default().form, Mapping::form),
        ..RecordsOptions::default()
    };
    let records = Records::open(input, options)
        .map_err(|error| Exit::unknown(format!("can't read the file: {error}")))?;
    Ok((records, size))
}

fn bar(size: Option<u64>) -> ProgressBar {
    use std::io::IsTerminal;
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = "{msg} {wide_bar} {bytes}/{total_bytes} eta {eta}";
    match size {
        Some(size) => ProgressBar::new(size)
            .with_style(ProgressStyle::with_template(template).expect("the template is valid")),
        None => ProgressBar::new_spinner(),
    }
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
    mapping: Option<&'static Mapping>,
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
        if let Some(mapping) = self.mapping {
            // What does not map is the server's to refuse: it is the one that stores, and it names field and reason.
            let now = Timestamp::from_micros(i64::MAX);
            if let Ok(mapped) = mapping.apply(&record.json, &Limits::default(), now) {
                self.report.not_understood(&mapped.not_understood);
                self.batch.tenants.extend(mapped.event.tenant);
            }
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
        if self.args.check {
            return Ok(());
        }
        if self.args.create_tenants {
            let wanted = match &self.args.tenant {
                Some(tenant) => BTreeSet::from([tenant.clone()]),
                None => tenants,
            };
            self.sender.create_tenants(&wanted, &mut self.report)?;
        }
        let body = sender::body(&records);
        let (key, repeated) = self.resume.begin(first.start, last.end, passed, &body)?;
        let sending = Sending { records: &records, body: &body, key: &key, repeated };
        if let Err(failed) = self.sender.send(&sending, &mut self.report) {
            if failed.nothing_stored {
                self.resume.not_stored()?;
            }
            return Err(failed.exit);
        }
        self.resume.stored(last.end, passed)
    }
}
