//! How the command ends: exit status and the words of an error.

use pgverse::{Error, ErrorKind};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did what it was asked; a competition has a winner, two queries are the same.
    Done,
    /// The competition was run, and nothing earned the crown.
    NoWinner,
    /// Two queries give different answers; a promotion was undone because it did no good.
    Different,
    /// A promotion would be refused.
    Refused,
    /// Whether two queries give the same answers cannot be told.
    Unverifiable,
}

impl Outcome {
    /// Exit status of this outcome.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 2,
            Self::NoWinner | Self::Different => 3,
            Self::Unverifiable => 4,
        }
    }
}

/// Exit status of a failure. A run that a signal stopped reports the signal, as shells do.
pub(crate) fn code_of(error: &Error, signal: Option<u8>) -> u8 {
    match (error.kind(), signal) {
        (ErrorKind::Cancelled, Some(signal)) => 128 + signal,
        (ErrorKind::InvalidInput | ErrorKind::NotFound, _) => 2,
        _ => 1,
    }
}

/// An error as the user reads it: where, what, why; then the way out.
pub(crate) fn explain(error: &Error) -> String {
    let detail = |wanted: &str| {
        error.context().iter().find(|(key, _)| *key == wanted).map(|(_, value)| value.as_str())
    };
    let mut text = "error: ".to_owned();
    // As compilers name places, so that editors find them.
    let placed = detail("file").zip(detail("line"));
    if let Some((file, line)) = placed {
        let column = detail("column").map(|column| format!(":{column}")).unwrap_or_default();
        text.push_str(&format!("{file}:{line}{column}: "));
    }
    text.push_str(error.message());
    let mut details: Vec<String> = Vec::new();
    for (key, value) in error.context() {
        let shown = format!("{key}: {value}");
        let told = placed.is_some()
            && matches!(*key, "file" | "line" | "column" | "position" | "name" | "statement");
        if !told && !value.is_empty() && !details.contains(&shown) {
            details.push(shown);
        }
    }
    if !details.is_empty() {
        text.push_str(&format!(" ({})", details.join(", ")));
    }
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(&format!(": {words}"));
        }
        cause = error.source();
    }
    // One line, whatever the parts brought along.
    let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(way_out) = error.way_out() {
        text.push_str(&format!("\nhelp: {way_out}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_and_a_way_out() {
        let error = Error::invalid("syntax error")
            .with("file", "w.sql")
            .with("line", 3)
            .with("near", "FORM")
            .caused_by(std::io::Error::other("no\n  such word"))
            .hint("correct the statement");
        assert_eq!(
            explain(&error),
            "error: w.sql:3: syntax error (near: FORM): no such word\nhelp: correct the statement"
        );
        assert_eq!(code_of(&error, None), 2);
    }

    #[test]
    fn only_a_cancelled_run_reports_the_signal() {
        let stopped = Error::new(ErrorKind::Cancelled, "the run was cancelled");
        assert_eq!(code_of(&stopped, Some(15)), 143);
        assert_eq!(code_of(&stopped, None), 1);
        assert_eq!(code_of(&Error::new(ErrorKind::Disk, "full"), Some(2)), 1);
    }
}
