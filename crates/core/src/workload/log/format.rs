//! The three formats of a server log, each cut into entries.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::entry::{Clock, Entry, session_of};
use super::input::Lines;
use super::prefix::{Prefix, Role};
use crate::error::Result;

/// The format of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// `log_destination = stderr`
    Stderr,
    /// `log_destination = csvlog`
    Csvlog,
    /// `log_destination = jsonlog`
    Jsonlog,
}

impl Format {
    /// The format of a file that begins with these bytes. A file may begin in the middle of an entry.
    pub(super) fn detect(sample: &[u8]) -> Self {
        let mut lines = sample.split(|&b| b == b'\n').filter(|line| !line.is_empty());
        lines
            .find_map(|line| match line {
                _ if is_json(line) => Some(Self::Jsonlog),
                _ if begins_record(line) => Some(Self::Csvlog),
                _ if Prefix::Any.head(line, &mut Clock::default()).is_some() => Some(Self::Stderr),
                _ => None,
            })
            .unwrap_or(Self::Stderr)
    }
}

/// Takes the entries of a log, and the lines that are none.
pub(super) trait Sink {
    fn entry(&mut self, entry: &Entry) -> Result<()>;
    fn not_understood(&mut self, line: u64, text: &[u8]);
}

/// The longest entry; what is longer is cut there and counted as not understood.
const LONGEST_ENTRY: usize = 32 << 20;

/// Hands over the entries of a stderr log: a line with a prefix, its continuations, which begin with a tab, and
/// the lines of its DETAIL.
pub(super) fn stderr(lines: &mut Lines, prefix: &Prefix, sink: &mut dyn Sink) -> Result<()> {
    let mut clock = Clock::default();
    let mut entry = Entry::default();
    let mut role = None;
    while lines.advance()? {
        if lines.cut {
            sink.not_understood(lines.number, &lines.line);
            continue;
        }
        if lines.line.first() == Some(&b'\t') {
            let more = &lines.line[1..];
            match role {
                Some(Role::Log | Role::Other) => append(&mut entry.message, more),
                Some(Role::Detail) => append(&mut entry.detail, more),
                Some(Role::Addition) => {}
                None => sink.not_understood(lines.number, &lines.line),
            }
            continue;
        }
        let Some(head) = prefix.head(&lines.line, &mut clock) else {
            if !lines.line.is_empty() {
                sink.not_understood(lines.number, &lines.line);
            }
            continue;
        };
        let text = &lines.line[head.message..];
        match head.role {
            Role::Detail => entry.detail.extend_from_slice(text),
            Role::Addition => {}
            Role::Log | Role::Other => {
                if role.is_some() {
                    sink.entry(&entry)?;
                }
                entry.clear();
                entry.time = head.time;
                entry.session = head.session;
                entry.user.extend_from_slice(head.user);
                entry.database.extend_from_slice(head.database);
                entry.application.extend_from_slice(head.application);
                entry.is_log = head.role == Role::Log;
                entry.message.extend_from_slice(text);
            }
        }
        // A detail whose entry is in the file before has nothing to belong to.
        if role.is_some() || !matches!(head.role, Role::Detail | Role::Addition) {
            role = Some(head.role);
        }
    }
    if role.is_some() { sink.entry(&entry) } else { Ok(()) }
}

fn append(buffer: &mut Vec<u8>, line: &[u8]) {
    if buffer.len() + line.len() < LONGEST_ENTRY {
        buffer.push(b'\n');
        buffer.extend_from_slice(line);
    }
}

/// Whether a line begins as every record of a csvlog does: with a time and a comma.
fn begins_record(line: &[u8]) -> bool {
    let digits =
        |range: std::ops::Range<usize>| line.get(range).is_some_and(|t| t.iter().all(u8::is_ascii_digit));
    digits(0..4)
        && line.get(10) == Some(&b' ')
        && digits(11..13)
        && line.get(19) == Some(&b'.')
        && memchr::memchr(b',', &line[..line.len().min(48)]).is_some_and(|comma| {
            line.get(20..comma)
                .is_some_and(|zone| zone.iter().all(|b| b.is_ascii_alphanumeric() || b" +-".contains(b)))
        })
}

/// Positions of the columns of a csvlog; those behind are left alone, their number grew from version to version.
mod column {
    pub(super) const TIME: usize = 0;
    pub(super) const USER: usize = 1;
    pub(super) const DATABASE: usize = 2;
    pub(super) const SESSION: usize = 5;
    pub(super) const SEVERITY: usize = 11;
    pub(super) const MESSAGE: usize = 13;
    pub(super) const DETAIL: usize = 14;
    pub(super) const APPLICATION: usize = 22;
    /// Columns of the oldest version that has csvlogs.
    pub(super) const FEWEST: usize = 20;
}

/// Hands over the records of a csvlog. A record that is torn (a file that ends or begins within one) ends where
/// the next begins.
pub(super) fn csvlog(lines: &mut Lines, sink: &mut dyn Sink) -> Result<()> {
    let mut clock = Clock::default();
    let mut entry = Entry::default();
    let mut record: Vec<u8> = Vec::new();
    let (mut begun, mut quotes) = (0, 0);
    while lines.advance()? {
        let torn = !record.is_empty() && begins_record(&lines.line) && quotes % 2 == 1;
        if torn || record.len() > LONGEST_ENTRY {
            sink.not_understood(begun, &record);
            record.clear();
        }
        if record.is_empty() {
            if !begins_record(&lines.line) {
                if !lines.line.is_empty() {
                    sink.not_understood(lines.number, &lines.line);
                }
                continue;
            }
            (begun, quotes) = (lines.number, 0);
        } else {
            record.push(b'\n');
        }
        quotes += memchr::memchr_iter(b'"', &lines.line).count();
        record.extend_from_slice(&lines.line);
        if quotes % 2 == 0 {
            if !lines.cut && fill(&record, &mut entry, &mut clock) {
                sink.entry(&entry)?;
            } else {
                sink.not_understood(begun, &record);
            }
            record.clear();
        }
    }
    if !record.is_empty() {
        sink.not_understood(begun, &record);
    }
    Ok(())
}

/// Reads a record; false if it has too few columns or its quotes are wrong.
fn fill(record: &[u8], entry: &mut Entry, clock: &mut Clock) -> bool {
    entry.clear();
    let (mut at, mut index) = (0, 0);
    loop {
        let (field, end) = if record.get(at) == Some(&b'"') {
            let begin = at + 1;
            let mut end = begin;
            loop {
                match memchr::memchr(b'"', &record[end..]) {
                    None => return false,
                    Some(quote) if record.get(end + quote + 1) == Some(&b'"') => end += quote + 2,
                    Some(quote) => {
                        end += quote;
                        break;
                    }
                }
            }
            (&record[begin..end], end + 1)
        } else {
            let end = memchr::memchr(b',', &record[at..]).map_or(record.len(), |comma| at + comma);
            (&record[at..end], end)
        };
        match index {
            column::TIME => entry.time = clock.time(field),
            column::USER => unquote(field, &mut entry.user),
            column::DATABASE => unquote(field, &mut entry.database),
            column::SESSION => entry.session = session_of(field),
            column::SEVERITY => entry.is_log = field == b"LOG",
            column::MESSAGE => unquote(field, &mut entry.message),
            column::DETAIL => unquote(field, &mut entry.detail),
            column::APPLICATION => unquote(field, &mut entry.application),
            _ => {}
        }
        index += 1;
        match record.get(end) {
            None => return index >= column::FEWEST && entry.time.is_some(),
            Some(b',') => at = end + 1,
            Some(_) => return false,
        }
    }
}

fn unquote(field: &[u8], into: &mut Vec<u8>) {
    let mut rest = field;
    while let Some(quote) = memchr::memchr(b'"', rest) {
        into.extend_from_slice(&rest[..=quote]);
        rest = rest.get(quote + 2..).unwrap_or_default();
    }
    into.extend_from_slice(rest);
}

/// What is read of a line of a jsonlog.
#[derive(Deserialize)]
struct Object<'a> {
    timestamp: &'a str,
    #[serde(borrow, default)]
    user: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    dbname: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    application_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    session_id: Option<Cow<'a, str>>,
    error_severity: &'a str,
    #[serde(borrow, default)]
    message: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    detail: Option<Cow<'a, str>>,
}

fn is_json(line: &[u8]) -> bool {
    line.first() == Some(&b'{') && serde_json::from_slice::<Object<'_>>(line).is_ok()
}

/// Hands over the lines of a jsonlog.
pub(super) fn jsonlog(lines: &mut Lines, sink: &mut dyn Sink) -> Result<()> {
    let mut clock = Clock::default();
    let mut entry = Entry::default();
    while lines.advance()? {
        if lines.line.is_empty() {
            continue;
        }
        // Logs hold what clients sent, in whatever encoding.
        let text = String::from_utf8_lossy(&lines.line);
        let object = match serde_json::from_str::<Object<'_>>(&text) {
            Ok(object) if !lines.cut => object,
            _ => {
                sink.not_understood(lines.number, &lines.line);
                continue;
            }
        };
        entry.clear();
        let put = |from: &Option<Cow<'_, str>>, into: &mut Vec<u8>| {
            into.extend_from_slice(from.as_deref().unwrap_or_default().as_bytes());
        };
        entry.time = clock.time(object.timestamp.as_bytes());
        entry.session = object.session_id.as_deref().map_or(0, |id| session_of(id.as_bytes()));
        entry.is_log = object.error_severity == "LOG";
        put(&object.user, &mut entry.user);
        put(&object.dbname, &mut entry.database);
        put(&object.application_name, &mut entry.application);
        put(&object.message, &mut entry.message);
        put(&object.detail, &mut entry.detail);
        sink.entry(&entry)?;
    }
    Ok(())
}
