//! How the command ends: exit status and the words of an error.

use std::process::ExitCode;

use pgverse::{Error, ErrorKind};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did what it was asked; for a competition: there is a winner.
    Done,
    /// The competition was run, and nothing earned the crown.
    NoWinner,
}

impl Outcome {
    /// Exit status of this outcome.
    pub(crate) fn code(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::SUCCESS,
            Self::NoWinner => ExitCode::from(3),
        }
    }
}

/// Exit status of a failure. A run that a signal stopped reports the signal, as shells do.
pub(crate) fn code_of(error: &Error, signal: Option<u8>) -> ExitCode {
    ExitCode::from(match (error.kind(), signal) {
        (ErrorKind::Cancelled, Some(signal)) => 128 + signal,
        (ErrorKind::InvalidInput | ErrorKind::NotFound, _) => 2,
        _ => 1,
    })
}

/// An error as the user reads it: what, where, why; then the way out.
pub(crate) fn explain(error: &Error) -> String {
    let mut text = format!("error: {}", error.message());
    let mut places: Vec<String> = Vec::new();
    for (key, value) in error.context() {
        let place = format!("{key}: {value}");
        if !value.is_empty() && !places.contains(&place) {
            places.push(place);
        }
    }
    if !places.is_empty() {
        text.push_str(&format!(" ({})", places.join(", ")));
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
            .caused_by(std::io::Error::other("near\n  FORM"))
            .hint("correct the statement");
        assert_eq!(
            explain(&error),
            "error: syntax error (file: w.sql, line: 3): near FORM\nhelp: correct the statement"
        );
        assert_eq!(code_of(&error, None), ExitCode::from(2));
    }

    #[test]
    fn only_a_cancelled_run_reports_the_signal() {
        let stopped = Error::new(ErrorKind::Cancelled, "the run was cancelled");
        assert_eq!(code_of(&stopped, Some(15)), ExitCode::from(143));
        assert_eq!(code_of(&stopped, None), ExitCode::from(1));
        assert_eq!(code_of(&Error::new(ErrorKind::Disk, "full"), Some(2)), ExitCode::from(1));
    }
}
