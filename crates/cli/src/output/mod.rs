//! What users see: the result table, progress, JSON.

pub(crate) mod json;
pub(crate) mod progress;
pub(crate) mod table;
pub(crate) mod units;
pub(crate) mod workload;

use std::io::{self, Write};

use pgverse::{Error, ErrorKind, Result};

/// Columns of the page when standard output is no terminal.
const PAGE_WIDTH: u16 = 100;

/// Below this the tables are cut into slivers; the terminal wraps them better.
const NARROWEST: u16 = 80;

/// Columns to lay tables out for: the terminal's, else COLUMNS, else a page.
pub(crate) fn width() -> u16 {
    let terminal = comfy_table::Table::new().width();
    let asked = || std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    terminal.or_else(asked).unwrap_or(PAGE_WIDTH).max(NARROWEST)
}

/// Writes text to standard output. A reader that went away (`| head`) is no failure.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::new(ErrorKind::Disk, "cannot write to standard output").caused_by(error))
        }
        _ => Ok(()),
    }
}

/// Writes one line to standard error; nothing can be done if that fails.
pub(crate) fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
