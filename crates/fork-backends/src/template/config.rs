//! Options of the backend.

use std::path::PathBuf;
use std::time::Duration;

use pgverse_core::pg::Dsn;
use pgverse_core::{Error, Result};

use crate::shared::lease::Terms;

/// What a [`super::TemplateBackend`] is made from.
#[derive(Debug, Clone)]
pub struct TemplateConfig {
    /// The server and, as its database, the source.
    pub dsn: Dsn,
    /// How the server copies; the faster one for the size of the database if `None`.
    pub strategy: Option<Strategy>,
    /// Who answers for the forks, and how long.
    pub terms: Terms,
    /// Where leases are kept; as [`crate::shared::Home::resolve`] finds it if `None`.
    pub home: Option<PathBuf>,
    /// How long to wait for other sessions to leave the source; `None` for the five seconds that the server
    /// itself waits.
    pub wait: Option<Duration>,
}

impl TemplateConfig {
    /// Defaults for a source database.
    pub fn new(dsn: Dsn) -> Self {
        Self { dsn, strategy: None, terms: Terms::default(), home: None, wait: None }
    }
}

/// How CREATE DATABASE copies (PostgreSQL 15 and newer; before, it is always by file).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Copies files between two checkpoints; clones them where server and file system can.
    FileCopy,
    /// Copies pages through the write-ahead log.
    WalLog,
}

impl Strategy {
    /// As the server spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FileCopy => "FILE_COPY",
            Self::WalLog => "WAL_LOG",
        }
    }
}

impl std::str::FromStr for Strategy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.to_ascii_lowercase().as_str() {
            "file_copy" => Ok(Self::FileCopy),
            "wal_log" => Ok(Self::WalLog),
            _ => Err(Error::invalid("there is no such strategy")
                .with("strategy", text)
                .hint("the strategies are file_copy and wal_log")),
        }
    }
}
