//! Where log lines come from: files in the order in which they were written, folders, gzip, standard input.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use flate2::read::MultiGzDecoder;

use crate::error::{Error, ErrorKind, Result};

/// Longest line; what is longer is cut, and counted as not understood.
const LONGEST_LINE: usize = 16 << 20;

/// What is looked at to tell the format of a file.
const SAMPLE: usize = 128 << 10;

const BUFFER: usize = 1 << 20;

/// The name that stands for standard input.
pub(super) const STDIN: &str = "-";

/// What is read of some paths.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) files: Vec<PathBuf>,
    /// The same logs in another format.
    pub(super) twins: Vec<PathBuf>,
}

/// The files that these paths mean: a folder means the logs in it, oldest first, each in one format only.
pub(super) fn files(paths: &[PathBuf]) -> Result<Files> {
    let (mut files, mut twins) = (Vec::new(), Vec::new());
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let failed = |e| unreadable(path, e);
        let mut found: Vec<(std::time::SystemTime, PathBuf)> = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let data = std::fs::metadata(entry.path()).map_err(failed)?;
            if data.is_file() && is_log(&entry.path()) {
                found.push((data.modified().map_err(failed)?, entry.path()));
            }
        }
        if found.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, "there are no logs in this folder")
                .with("folder", path.display())
                .hint(
                    "files that end in .log, .csv, .json, or one of these with .gz or a number, are read",
                ));
        }
        found.sort();
        let all: Vec<PathBuf> = found.into_iter().map(|(_, path)| path).collect();
        let mut first: HashMap<String, usize> = HashMap::new();
        for (name, rank) in all.iter().map(|path| named(path)) {
            first.entry(name).and_modify(|known| *known = rank.min(*known)).or_insert(rank);
        }
        for path in all {
            let (name, rank) = named(&path);
            if first.get(&name) == Some(&rank) { files.push(path) } else { twins.push(path) }
        }
    }
    Ok(Files { files, twins })
}

/// The formats by what the names of their files end in, the one that says most first.
const ENDINGS: [&str; 3] = [".csv", ".json", ".log"];

/// The name of a log without what tells its format, and the place of that among [`ENDINGS`]: a server that writes several
/// formats gives their files the same name.
fn named(path: &Path) -> (String, usize) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let found = ENDINGS.iter().enumerate().find_map(|(rank, end)| Some((name.rfind(end)?, end.len(), rank)));
    match found {
        // The number of a rotation stays.
        Some((at, length, rank)) => (format!("{}{}", &name[..at], &name[at + length..]), rank),
        None => (name, ENDINGS.len()),
    }
}

/// Whether a file of a folder is a log by its name, such as `postgresql-15-main.log.2.gz`.
fn is_log(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('.');
    ENDINGS.iter().any(|end| name.ends_with(end))
}

/// Bytes of the files on disk; none with standard input.
pub(super) fn total_bytes(files: &[PathBuf]) -> Option<u64> {
    files
        .iter()
        .map(|path| std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file))
        .try_fold(0, |sum, data| Some(sum + data?.len()))
}

/// Bytes that were read from where they come from, before they were unpacked.
#[derive(Debug, Clone, Default)]
pub(super) struct Counter(Rc<Cell<u64>>);

impl Counter {
    pub(super) fn bytes(&self) -> u64 {
        self.0.get()
    }
}

struct Counted<R> {
    inner: R,
    counter: Counter,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.counter.0.set(self.counter.0.get() + read as u64);
        Ok(read)
    }
}

/// The lines of one file.
pub(super) struct Lines {
    input: Box<dyn BufRead>,
    path: PathBuf,
    /// The first bytes, for the detection of the format.
    pub(super) sample: Vec<u8>,
    /// The current line, without its end.
    pub(super) line: Vec<u8>,
    /// Its number, from 1.
    pub(super) number: u64,
    /// Whether the current line was cut because it is too long.
    pub(super) cut: bool,
    /// Whether the current line is the file's last and has no end.
    pub(super) open: bool,
}

impl Lines {
    pub(super) fn open(path: &Path, counter: &Counter) -> Result<Self> {
        let failed = |e| unreadable(path, e);
        let raw: Box<dyn Read> = if path.as_os_str() == STDIN {
            Box::new(std::io::stdin())
        } else {
            Box::new(File::open(path).map_err(failed)?)
        };
        Self::of(raw, path, counter)
    }

    pub(super) fn of(raw: Box<dyn Read>, path: &Path, counter: &Counter) -> Result<Self> {
        let failed = |e| unreadable(path, e);
        let mut counted = BufReader::with_capacity(BUFFER, Counted { inner: raw, counter: counter.clone() });
        let packed = counted.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]);
        let mut unpacked: Box<dyn Read> =
            if packed { Box::new(MultiGzDecoder::new(counted)) } else { Box::new(counted) };
        let mut sample = Vec::new();
        unpacked.by_ref().take(SAMPLE as u64).read_to_end(&mut sample).map_err(failed)?;
        let input = BufReader::with_capacity(BUFFER, Cursor::new(sample.clone()).chain(unpacked));
        Ok(Self {
            input: Box::new(input),
            path: path.to_owned(),
            sample,
            line: Vec::new(),
            number: 0,
            cut: false,
            open: false,
        })
    }

    /// Reads the next line into `line`; false at the end.
    pub(super) fn advance(&mut self) -> Result<bool> {
        self.line.clear();
        (self.cut, self.open) = (false, true);
        let mut any = false;
        loop {
            let bytes = self.input.fill_buf().map_err(|e| unreadable(&self.path, e))?;
            if bytes.is_empty() {
                break;
            }
            any = true;
            let end = memchr::memchr(b'\n', bytes);
            let part = &bytes[..end.unwrap_or(bytes.len())];
            let room = LONGEST_LINE.saturating_sub(self.line.len());
            self.cut |= part.len() > room;
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            let used = end.map_or(bytes.len(), |at| at + 1);
            self.input.consume(used);
            if end.is_some() {
                self.open = false;
                break;
            }
        }
        if any {
            self.number += 1;
            if self.line.last() == Some(&b'\r') {
                self.line.pop();
            }
        }
        Ok(any)
    }
}

fn unreadable(path: &Path, e: std::io::Error) -> Error {
    let kind = match e.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::NotFound,
        std::io::ErrorKind::PermissionDenied => ErrorKind::Permission,
        std::io::ErrorKind::InvalidData
        | std::io::ErrorKind::InvalidInput
        | std::io::ErrorKind::UnexpectedEof => ErrorKind::InvalidInput,
        _ => ErrorKind::Disk,
    };
    Error::new(kind, "cannot read the log")
        .with("file", path.display())
        .caused_by(e)
        .hint("name a file that can be read, a folder of logs, or - for standard input")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_told_by_their_names() {
        for log in ["a.log", "a.log.1", "a.log.2.gz", "a.csv", "x.JSON.gz", "postgresql-2026-11-25.log"] {
            assert!(is_log(Path::new(log)), "{log}");
        }
        for other in ["a.txt", "log", "a.conf", "csv.zip"] {
            assert!(!is_log(Path::new(other)), "{other}");
        }
    }

    #[test]
    fn lines_are_cut_at_any_end_and_long_ones_are_bounded() {
        let long = "x".repeat(LONGEST_LINE + 5);
        let text = format!("a\r\n\nb{long}\nlast");
        let counter = Counter::default();
        let mut lines =
            Lines::of(Box::new(Cursor::new(text.into_bytes())), Path::new("t"), &counter).unwrap();
        let mut seen = Vec::new();
        while lines.advance().unwrap() {
            seen.push((lines.line.len(), lines.cut, lines.open));
        }
        assert_eq!(
            seen,
            [(1, false, false), (0, false, false), (LONGEST_LINE, true, false), (4, false, true)]
        );
    }
}
