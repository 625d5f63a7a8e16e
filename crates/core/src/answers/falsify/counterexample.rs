//! A database on which two texts give different answers, for people to read and to try.

use std::fmt;

use serde_json::Value;

use super::arena::{Shown, insert};
use super::generate::Database;
use super::scene::Target;

/// A database on which the original and the rewritten text give different answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Counterexample {
    /// How the answers differ.
    pub reason: String,
    /// Rows of each table that has any, parents first. Tables that are not listed are empty.
    pub tables: Vec<TableRows>,
    /// Statements that fill the emptied tables, in order.
    pub inserts: Vec<String>,
    /// Values of `$1`, `$2` …; empty without parameters.
    pub parameters: Vec<Option<String>>,
    /// The answer of the original text.
    pub original: Answer,
    /// The answer of the rewritten text.
    pub rewritten: Answer,
}

/// Rows of one table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableRows {
    /// Quoted where needed.
    pub name: String,
    /// Columns that the texts name or that hold a value.
    pub columns: Vec<String>,
    /// Values as text.
    pub rows: Vec<Vec<Option<String>>>,
}

/// What a text answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Column names and rows.
    Rows(Vec<String>, Vec<Vec<Option<String>>>),
    /// It failed, and how.
    Failed(String),
}

impl Counterexample {
    pub(super) fn new(
        targets: &[Target],
        database: &Database,
        parameters: Vec<Option<String>>,
        answers: (Shown, Shown),
        reason: String,
        texts: [&str; 2],
    ) -> Self {
        let filled: Vec<_> = targets.iter().zip(database).filter(|(_, rows)| !rows.is_empty()).collect();
        let inserts = filled
            .iter()
            .map(|(target, rows)| {
                let mut sql = String::new();
                insert(target, rows, &mut sql);
                sql.trim_end().to_owned()
            })
            .collect();
        let tables = filled
            .iter()
            .map(|(target, rows)| {
                let has_value = |c: usize| rows.iter().any(|r| r[c].is_some());
                let shown: Vec<usize> = (0..target.columns.len())
                    .filter(|&c| has_value(c) || texts.iter().any(|sql| names(sql, &target.columns[c].name)))
                    .collect();
                TableRows {
                    name: target.name.clone(),
                    columns: shown.iter().map(|&c| target.columns[c].name.clone()).collect(),
                    rows: rows.iter().map(|r| shown.iter().map(|&c| r[c].clone()).collect()).collect(),
                }
            })
            .collect();
        let (original, rewritten) = (Answer::from(answers.0), Answer::from(answers.1));
        Self { reason, tables, inserts, parameters, original, rewritten }
    }
}

/// Whether a text has this word, in whatever case.
fn names(sql: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    sql.split(|c| !is_part(c)).any(|w| w.eq_ignore_ascii_case(word)) || !word.chars().all(is_part)
}

impl From<Shown> for Answer {
    fn from(shown: Shown) -> Self {
        match shown {
            Shown::Failed(how) => Self::Failed(how),
            Shown::Rows(columns, rows) => {
                let cell = |value: &Value| match value {
                    Value::Null => None,
                    Value::String(text) => Some(text.clone()),
                    other => Some(other.to_string()),
                };
                let row =
                    |row: &Value| row.as_object().map_or_else(Vec::new, |o| o.values().map(cell).collect());
                Self::Rows(columns, rows.iter().map(row).collect())
            }
        }
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.tables.is_empty() {
            writeln!(f, "with all tables empty")?;
        }
        for table in &self.tables {
            writeln!(f, "{}", table.name)?;
            grid(f, &table.columns, &table.rows)?;
        }
        for (number, value) in self.parameters.iter().enumerate() {
            writeln!(f, "${} = {}", number + 1, show(value))?;
        }
        writeln!(f, "original:")?;
        self.original.fmt(f)?;
        writeln!(f, "rewritten: {}", self.reason)?;
        self.rewritten.fmt(f)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(columns, rows) => grid(f, columns, rows),
            Self::Failed(how) => writeln!(f, "  {how}"),
        }
    }
}

fn grid(f: &mut fmt::Formatter<'_>, columns: &[String], rows: &[Vec<Option<String>>]) -> fmt::Result {
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(place, name)| {
            let cells = rows.iter().filter_map(|r| r.get(place)).map(|v| show(v).chars().count());
            cells.max().unwrap_or(0).max(name.chars().count())
        })
        .collect();
    let line = |cells: Vec<String>| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("  {}", padded.join(" | ").trim_end()).trim_end().to_owned()
    };
    writeln!(f, "{}", line(columns.to_vec()))?;
    if rows.is_empty() {
        writeln!(f, "  (no rows)")?;
    }
    for row in rows {
        writeln!(f, "{}", line(row.iter().map(show).collect()))?;
    }
    Ok(())
}

/// NULL bare; what could be taken for it, or hides at its ends, in quotes.
fn show(value: &Option<String>) -> String {
    match value {
        None => "NULL".to_owned(),
        Some(text) if text.is_empty() || text == "NULL" || text.trim() != text => format!("'{text}'"),
        Some(text) => text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_like_a_small_report() {
        let some = |s: &str| Some(s.to_owned());
        let example = Counterexample {
            reason: "1 rows instead of 0".into(),
            tables: vec![TableRows {
                name: "orders".into(),
                columns: vec!["id".into(), "note".into()],
                rows: vec![vec![some("1"), None], vec![some("22"), some("")]],
            }],
            inserts: Vec::new(),
            parameters: vec![some("7")],
            original: Answer::Rows(vec!["id".into()], Vec::new()),
            rewritten: Answer::Rows(vec!["id".into()], vec![vec![some("1")]]),
        };
        assert_eq!(
            example.to_string(),
            "orders\n  id | note\n  1  | NULL\n  22 | ''\n$1 = 7\noriginal:\n  id\n  (no rows)\nrewritten: 1 rows instead of 0\n  id\n  1\n"
        );
    }
}
