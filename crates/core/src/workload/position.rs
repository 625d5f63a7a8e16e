//! Where something stands in a text.

use serde::Serialize;

use crate::error::Error;

/// A line and a column, both counted from 1; the column counts characters, a tab as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Position {
    pub(super) const START: Self = Self { line: 1, column: 1 };

    /// The position behind `text` when this is the position before it.
    pub(super) fn after(self, text: &str) -> Self {
        match text.rfind('\n') {
            Some(newline) => Self {
                line: self.line + text.bytes().filter(|&b| b == b'\n').count(),
                column: 1 + text[newline + 1..].chars().count(),
            },
            None => Self { column: self.column + text.chars().count(), ..self },
        }
    }

    /// Wrong input at this position.
    pub(super) fn error(self, message: impl Into<String>) -> Error {
        Error::invalid(message).with("line", self.line).with("column", self.column)
    }
}

/// A place in a workload file; line and column count from 1, the column in characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file, as the caller named it.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The character within the line.
    pub column: usize,
}

impl Place {
    /// The place of the `position`-th character (from 1, as the server reports the position of an error) of
    /// `sql`, when `sql` begins at this place.
    #[must_use]
    pub fn at(&self, sql: &str, position: usize) -> Self {
        let offset = sql.char_indices().nth(position.saturating_sub(1)).map_or(sql.len(), |(at, _)| at);
        let Position { line, column } =
            Position { line: self.line, column: self.column }.after(&sql[..offset]);
        Self { file: self.file.clone(), line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_characters_are_counted() {
        let begin = Place { file: "w.sql".into(), line: 3, column: 5 };
        let sql = "SELECT 'äö',\n  nope";
        let at = |position| {
            let place = begin.at(sql, position);
            (place.line, place.column)
        };
        assert_eq!(at(1), (3, 5));
        assert_eq!(at(12), (3, 16));
        assert_eq!(at(16), (4, 3));
        assert_eq!(at(0), (3, 5));
        assert_eq!(at(999), (4, 7));
    }
}
