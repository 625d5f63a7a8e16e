//! The one error type of the library: a kind to branch on, a message, context, a way out, and the source.

use std::fmt;

/// What every fallible function of the library returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, for callers who branch. Fieldless, so that each binding can map every kind.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller's input is wrong: an option, a file, a workload, a connection string.
    InvalidInput,
    /// Something that was named does not exist.
    NotFound,
    /// The server could not be reached, or the connection broke.
    Connection,
    /// The server refused the user or the password.
    Authentication,
    /// The role may not do what is needed.
    Permission,
    /// The server rejected a statement.
    Sql,
    /// A statement, a start-up or the whole run took longer than allowed.
    Timeout,
    /// The run was cancelled.
    Cancelled,
    /// This backend, server or build cannot do what was asked.
    Unsupported,
    /// Something else holds what is needed (sessions on a template, a lock, a lease).
    Busy,
    /// Not enough disk, or the file system failed.
    Disk,
    /// A program that was started failed.
    Process,
    /// An agent failed or returned something that is not a proposal.
    Agent,
    /// An invariant of the library was broken: a bug.
    Internal,
}

impl ErrorKind {
    /// Every kind, so that bindings can prove that they map each one.
    pub const ALL: &'static [ErrorKind] = &[
        Self::InvalidInput,
        Self::NotFound,
        Self::Connection,
        Self::Authentication,
        Self::Permission,
        Self::Sql,
        Self::Timeout,
        Self::Cancelled,
        Self::Unsupported,
        Self::Busy,
        Self::Disk,
        Self::Process,
        Self::Agent,
        Self::Internal,
    ];

    /// The kind as the reports and bindings spell it, such as `invalid_input`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::NotFound => "not_found",
            Self::Connection => "connection",
            Self::Authentication => "authentication",
            Self::Permission => "permission",
            Self::Sql => "sql",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Unsupported => "unsupported",
            Self::Busy => "busy",
            Self::Disk => "disk",
            Self::Process => "process",
            Self::Agent => "agent",
            Self::Internal => "internal",
        }
    }

    /// Whether the same call may succeed later without any change by the caller.
    pub fn retry(self) -> Retry {
        match self {
            Self::Connection | Self::Busy | Self::Timeout => Retry::Later,
            _ => Retry::Never,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether trying again makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same call fails again.
    Never,
    /// The same call may succeed later.
    Later,
}

/// An error of the library; one word wide.
#[derive(thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Inner>);

#[derive(thiserror::Error)]
struct Inner {
    kind: ErrorKind,
    message: String,
    context: Vec<(&'static str, String)>,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// A new error; the message says what happened, in lower case and without a full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), context: Vec::new(), hint: None, source: None }))
    }

    /// Wrong input of the caller.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// A broken invariant of the library.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Adds where it happened: a file, a line, a statement, a universe.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.0.context.push((key, value.to_string()));
        self
    }

    /// Adds the way out: what the user can do about it. The first hint, nearest to the cause, stays.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message alone, without context and causes.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The way out, if one is known.
    pub fn way_out(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Where it happened, outermost last.
    pub fn context(&self) -> &[(&'static str, String)] {
        &self.0.context
    }

    /// Whether trying again makes sense.
    pub fn retry(&self) -> Retry {
        self.0.kind.retry()
    }
}

impl fmt::Display for Inner {
    /// One line: message, context, causes that say something new, way out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.context.is_empty() {
            let pairs: Vec<String> = self.context.iter().map(|(k, v)| format!("{k}: {v}")).collect();
            write!(f, " ({})", pairs.join(", "))?;
        }
        let mut cause = self.source.as_deref().map(|s| s as &dyn std::error::Error);
        let mut said = self.message.clone();
        while let Some(error) = cause {
            let text = error.to_string();
            if !said.contains(&text) {
                write!(f, ": {text}")?;
                said.push_str(&text);
            }
            cause = error.source();
        }
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {self}", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_one_word_and_prints_one_line() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        let io = std::io::Error::other("disk on fire");
        let error = Error::new(ErrorKind::Disk, "cannot write the lease")
            .with("path", "/x/y")
            .caused_by(io)
            .hint("free some space")
            .hint("ignored");
        assert_eq!(error.to_string(), "cannot write the lease (path: /x/y): disk on fire; free some space");
        assert_eq!(format!("{error:?}"), format!("[disk] {error}"));
    }

    #[test]
    fn every_kind_has_its_own_name() {
        let mut names: Vec<_> = ErrorKind::ALL.iter().map(|k| k.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ErrorKind::ALL.len());
    }
}
