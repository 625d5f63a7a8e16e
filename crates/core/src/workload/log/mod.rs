//! A workload from server logs: what was run, how often, how long it took, and with which values.
//!
//! Read are stderr logs with any `log_line_prefix`, csvlogs and jsonlogs, also packed by gzip; statements with
//! `log_min_duration_statement`, or with `log_statement` and `log_duration`; the values of parameters from the
//! DETAIL lines; plans of auto_explain. Everything streams: memory is bounded by the number of shapes that are
//! kept, not by the size of the log.
//!
//! A constant that is compared with something becomes a parameter, and its values are counted like those of `$1`:
//! the sets of a statement are the most frequent values, those of its slowest call, and those of a call about as
//! long as the median.

mod collect;
mod entry;
mod finish;
mod format;
mod group;
mod input;
mod message;
mod prefix;
mod repeated;
mod runnable;
mod shape;

use std::path::PathBuf;

use serde::Serialize;

pub use format::Format;
pub use repeated::Repeated;
pub use runnable::{runnable, runnable_on_fork};
pub(super) use shape::without_prepare;

use super::Note;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::types::{StatementId, Workload};

/// What is read, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Files and folders; `-` is standard input. Rotated files are given in the order in which they were written; those
    /// of a folder are read in the order of their last change.
    pub paths: Vec<PathBuf>,
    /// The server's `log_line_prefix`, for stderr logs; detected if not given.
    pub prefix: Option<String>,
    /// Which entries count.
    pub filter: Filter,
    /// Statements that the workload has at the most, those that took most time first.
    pub most_statements: usize,
}

impl Options {
    /// These files, with everything else as usual.
    pub fn of(paths: Vec<PathBuf>) -> Self {
        Self { paths, prefix: None, filter: Filter::default(), most_statements: 100 }
    }
}

/// Which entries count. An entry that does not name its database or user counts always.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those of this database.
    pub database: Option<String>,
    /// Only those of this user.
    pub user: Option<String>,
}

impl Filter {
    fn admits(&self, entry: &entry::Entry) -> bool {
        let fits = |wanted: &Option<String>, found: &[u8]| {
            wanted.as_ref().is_none_or(|wanted| found.is_empty() || found == wanted.as_bytes())
        };
        fits(&self.database, &entry.database) && fits(&self.user, &entry.user)
    }

    /// Whether an entry names what is asked for.
    fn is_told(&self, entry: &entry::Entry) -> bool {
        (self.database.is_none() || !entry.database.is_empty())
            && (self.user.is_none() || !entry.user.is_empty())
    }
}

/// How far the reading is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Bytes read, packed as they are on disk.
    pub bytes: u64,
    /// Entries read.
    pub entries: u64,
}

/// What logs say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogReading {
    /// The statements that can be measured; weights are calls per minute.
    pub workload: Workload,
    /// What the log says about each of them, in the same order.
    pub statements: Vec<Observed>,
    /// Statements that are repeated for each row of another (N+1).
    pub repeated: Vec<Repeated>,
    /// Shapes that are not in the workload, and why; those that took most time first.
    pub left_out: Vec<LeftOut>,
    /// What the author should know.
    pub notes: Vec<Note>,
    /// The files, in the order in which they were read, and their formats.
    pub files: Vec<(String, Format)>,
    /// Bytes read, packed as they are on disk.
    pub bytes: u64,
    /// Entries read.
    pub entries: u64,
    /// Calls of statements among them.
    pub calls: u64,
    /// Shapes among the calls.
    pub shapes: usize,
    /// Entries of other databases or users.
    pub filtered: u64,
    /// Entries that were counted although they do not name the database or user that is asked for.
    pub unnamed: u64,
    /// Entries of pgverse's own sessions.
    pub own: u64,
    /// Files of a folder that hold the same entries in another format, and were not read.
    pub twins: Vec<String>,
    /// Calls whose text is not kept: too long, or of one shape too many.
    pub not_kept: u64,
    /// Texts in which bytes are no UTF-8; these were replaced.
    pub wrong_encoding: u64,
    /// From the first to the last entry, in seconds; 0 if the log tells no times.
    pub span_seconds: f64,
    /// Lines that are no part of any entry.
    pub lines_not_understood: u64,
    /// The first of them.
    pub examples: Vec<Line>,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Its file.
    pub file: String,
    /// Its number, from 1.
    pub line: u64,
    /// How it begins.
    pub text: String,
}

/// What a log says about a statement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Observed {
    /// The statement of the workload.
    pub id: StatementId,
    /// How often it was run.
    pub calls: u64,
    /// Of these, with a duration.
    pub timed_calls: u64,
    /// What these took together, with preparing and binding.
    pub total_ms: f64,
    /// What one took on average.
    pub mean_ms: Option<f64>,
    /// What all but the slowest 5 % stayed below.
    pub p95_ms: Option<f64>,
    /// What the slowest took.
    pub max_ms: Option<f64>,
    /// The plan of the slowest that auto_explain logged.
    pub plan: Option<String>,
}

/// A shape that the workload does not have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeftOut {
    /// The text of one call.
    pub sql: String,
    /// How often it was run.
    pub calls: u64,
    /// What this took, as far as it is known.
    pub total_ms: f64,
    /// Why.
    pub reason: String,
}

/// Reads logs. Blocks; `progress` is called now and then.
///
/// # Errors
///
/// `NotFound`, `Permission` or `Disk` for files that cannot be read; `InvalidInput` for a wrong prefix, a broken gzip
/// file, or logs in which no statement is found, with the settings that would log them; `Cancelled`.
pub fn read(cx: &Context, options: &Options, mut progress: impl FnMut(Progress)) -> Result<LogReading> {
    let input::Files { files, twins } = input::files(&options.paths)?;
    let given = options.prefix.as_deref().map(prefix::Prefix::parse).transpose()?;
    let counter = input::Counter::default();
    let bytes = || counter.bytes();
    let mut collector = collect::Collector::new(cx, &options.filter, &mut progress, &bytes);
    let mut formats = Vec::new();
    for path in &files {
        let mut lines = input::Lines::open(path, &counter)?;
        let name = path.display().to_string();
        collector.begin(name.clone());
        let format = Format::detect(&lines.sample);
        match format {
            Format::Csvlog => format::csvlog(&mut lines, &mut collector)?,
            Format::Jsonlog => format::jsonlog(&mut lines, &mut collector)?,
            Format::Stderr => {
                let prefix = given.clone().unwrap_or_else(|| prefix::Prefix::detect(&lines.sample));
                format::stderr(&mut lines, &prefix, &mut collector)?;
            }
        }
        formats.push((name, format));
    }
    collector.finish();
    let mut reading = finish::reading(&collector, options, formats, counter.bytes());
    reading.twins = twins.iter().map(|path| path.display().to_string()).collect();
    if reading.calls == 0 {
        let mut error = Error::invalid("no statement was found in the log")
            .with("entries", reading.entries)
            .with("lines not understood", reading.lines_not_understood);
        if let Some(line) = reading.examples.first() {
            error = error.with("file", &line.file).with("line", line.line).with("text", &line.text);
        }
        if reading.filtered > 0 {
            let error = error.with("of other databases or users", reading.filtered);
            return Err(error.hint("name a database and a user whose statements the log holds"));
        }
        return Err(error.hint(if reading.lines_not_understood > reading.entries {
            "give the value that the server's log_line_prefix had when it wrote this log with --log-prefix; is it a log?"
        } else {
            "let the server log statements: ALTER SYSTEM SET log_min_duration_statement = 0; SELECT pg_reload_conf();"
        }));
    }
    Ok(reading)
}

/// Bytes of these logs on disk; none where standard input is among them.
///
/// # Errors
/// As [`read`], for a folder that cannot be read.
pub fn size(paths: &[PathBuf]) -> Result<Option<u64>> {
    Ok(input::total_bytes(&input::files(paths)?.files))
}

#[cfg(test)]
mod tests;
