//! A workload from text: SQL with a few comments that say more, or JSON.
//!
//! A file of statements as psql reads it, each ended by a semicolon. Line comments just before a statement
//! may name it, weigh it, and give the values of its parameters; all other comments are ignored:
//!
//! ```sql
//! -- name: recent_orders
//! -- weight: 120
//! -- params frequent (weight 9): 4242, 10
//! -- params rare: 77, 10
//! SELECT id, total FROM orders WHERE user_id = $1 ORDER BY created_at DESC LIMIT $2;
//! ```
//!
//! - `name`: one word, unique in the file (default `statement_<n>`); `r` or `w` behind it states that the
//!   statement reads or writes, which is checked.
//! - `weight`: a positive number, the calls per minute or any other common unit (default 1).
//! - `params NAME: values`: one value for each of `$1`, `$2` …, separated by commas. A value is bare (`42`,
//!   `2025-01-01`, `true`), in single quotes where it holds a comma or a quote (`'a, ''b'''`), or `NULL`.
//!   `(weight N)` is the share of the set among the sets of its statement (default 1).
//!
//! The same in JSON, a list of entries of which only `sql` is needed; what [`Workload`] is written as by serde
//! is understood too:
//!
//! ```json
//! [{"id": "recent_orders", "weight": 120, "sql": "SELECT id FROM orders WHERE user_id = $1 LIMIT $2",
//!   "parameter_sets": {"frequent": {"values": [4242, 10], "weight": 9}, "rare": [77, 10]}}]
//! ```
//!
//! And in TOML, in a file whose name ends in `.toml` (which has no NULL):
//!
//! ```toml
//! [[statements]]
//! id = "recent_orders"
//! weight = 120
//! sql = "SELECT id FROM orders WHERE user_id = $1 LIMIT $2"
//! parameter_sets.frequent = { values = [4242, 10], weight = 9 }
//! parameter_sets.rare = [77, 10]
//! ```
//!
//! An editor checks both with [`schema`].
//!
//! ```
//! let workload = pgverse_core::workload::parse("-- weight: 120\nSELECT count(*) FROM orders;", "shop.sql")?;
//! assert_eq!(workload.statements[0].weight, 120.0);
//! # Ok::<(), pgverse_core::Error>(())
//! ```
//!
//! Only SELECT, VALUES, TABLE, INSERT, UPDATE, DELETE and MERGE (also under WITH) are accepted: what can be
//! repeated and rolled back. A statement of these that our parser does not read is kept and noted
//! ([`Parsed::notes`]); the server has the last word, and [`Parsed::place`] puts the position in its message
//! back into the file.

mod classify;
mod directive;
mod draft;
pub mod english;
pub mod intake;
mod json;
pub mod log;
mod normalize;
pub mod parameters;
mod position;
pub mod review;
mod scan;
mod split;
mod sql;
pub mod stats;
pub(crate) mod uses;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

pub(crate) use classify::kind_of;
pub use json::schema;
pub use normalize::normalize;
pub use position::Place;
pub use split::{Comment, Piece, split};

use crate::error::{Error, ErrorKind, Result};
use crate::types::{ParameterSet, StatementId, Workload};

/// A workload and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The workload.
    pub workload: Workload,
    /// Where the text of each statement begins; empty for JSON, TOML and logs, whose strings are not the text of the file.
    pub origins: BTreeMap<StatementId, Place>,
    /// What the author should know, in the order of the statements.
    pub notes: Vec<Note>,
}

/// A remark on a statement that is no error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// The statement.
    pub statement: StatementId,
    /// The remark, in lower case and without a full stop.
    pub message: String,
}

impl Parsed {
    /// Where the `position`-th character of a statement stands in the file; positions count from 1, as the
    /// server reports them.
    pub fn locate(&self, id: &StatementId, position: usize) -> Option<Place> {
        Some(self.origins.get(id)?.at(&self.workload.statement(id)?.sql, position))
    }

    /// Adds the statement, and its file, line and column, to the error of running it. The place is that of
    /// the error where the server gave its position, else that of the statement.
    #[must_use]
    pub fn place(&self, id: &StatementId, error: Error) -> Error {
        let position = error.context().iter().find(|(key, _)| *key == "position");
        let position = position.and_then(|(_, value)| value.parse().ok()).unwrap_or(1);
        match self.locate(id, position) {
            Some(Place { file, line, column }) => {
                error.with("name", id).with("line", line).with("column", column).with("file", file)
            }
            None => error.with("name", id),
        }
    }
}

/// Reads a workload from a text; `name` stands for its file in messages. It is read as JSON when the name
/// ends in `.json` or the text begins with a bracket or brace, as no SQL does.
///
/// # Errors
///
/// `InvalidInput`, with file, line and column, for whatever is wrong with the text.
pub fn parse(text: &str, name: &str) -> Result<Workload> {
    parse_with_origins(text, name).map(|parsed| {
        for Note { statement, message } in &parsed.notes {
            tracing::warn!(file = name, %statement, "{message}");
        }
        parsed.workload
    })
}

/// Reads a workload from a file.
///
/// # Errors
///
/// As [`parse`]; `NotFound` when there is no such file, `Permission` or `Disk` when it cannot be read.
pub fn load(path: &Path) -> Result<Workload> {
    parse(&read(path)?, &path.display().to_string())
}

/// As [`parse`], with the place of each statement.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_with_origins(text: &str, name: &str) -> Result<Parsed> {
    parse_with_usual(text, name, &[])
}

/// As [`parse_with_origins`]; statements with parameters that are given no sets in the text get these.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_with_usual(text: &str, name: &str, usual: &[ParameterSet]) -> Result<Parsed> {
    let begin = text.trim_start_matches('\u{feff}').trim_start();
    let is_json = name.to_ascii_lowercase().ends_with(".json") || begin.starts_with(['[', '{']);
    let is_toml = name.to_ascii_lowercase().ends_with(".toml");
    let drafts = match (is_toml, is_json) {
        (true, _) => json::read_toml(text, usual),
        (_, true) => json::read(text, usual),
        _ => sql::read(text, usual),
    };
    let drafts = drafts.map_err(|e| e.with("file", name))?;
    if drafts.statements.is_empty() {
        return Err(Error::invalid("the workload has no statements")
            .with("file", name)
            .hint("give at least one statement, such as: SELECT count(*) FROM orders;"));
    }
    let origins = if is_json || is_toml { BTreeMap::new() } else { drafts.origins(name) };
    Ok(Parsed { workload: Workload { statements: drafts.statements }, origins, notes: drafts.notes })
}

/// As [`load`], with the place of each statement.
///
/// # Errors
///
/// As [`load`].
pub fn load_with_origins(path: &Path) -> Result<Parsed> {
    load_with_usual(path, &[])
}

/// As [`load_with_origins`]; statements with parameters that are given no sets in the file get these.
///
/// # Errors
///
/// As [`load`].
pub fn load_with_usual(path: &Path, usual: &[ParameterSet]) -> Result<Parsed> {
    parse_with_usual(&read(path)?, &path.display().to_string(), usual)
}

fn read(path: &Path) -> Result<String> {
    let file = path.display();
    let bytes = std::fs::read(path).map_err(|e| {
        let kind = match e.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            std::io::ErrorKind::PermissionDenied => ErrorKind::Permission,
            std::io::ErrorKind::IsADirectory => ErrorKind::InvalidInput,
            _ => ErrorKind::Disk,
        };
        Error::new(kind, "cannot read the workload").with("file", &file).caused_by(e)
    })?;
    String::from_utf8(bytes).map_err(|e| {
        let valid = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        Error::invalid("the workload is not UTF-8 text")
            .with("line", 1 + valid.iter().filter(|&&b| b == b'\n').count())
            .with("file", &file)
            .hint("convert it, for example: iconv -f LATIN1 -t UTF-8")
    })
}

/// Cases of a property test: so many, or what PROPTEST_CASES says (`make fuzz-workload`).
#[cfg(test)]
fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}

#[cfg(test)]
mod tests;
