//! A small database, built once for each test, and short races on it.

use std::sync::Arc;

use pgverse::competition::RaceOptions;
use pgverse::fork_backends::local::{GoldenSource, LocalBackend, LocalConfig};
use pgverse::traits::ForkBackend;
use pgverse::types::{Operation, ParameterSet, Statement, StatementKind};

const THINGS: &str = "CREATE TABLE things (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner int, label text, amount int);
    INSERT INTO things (owner, label, amount) SELECT i % 1000, 'label ' || i, i % 97 FROM generate_series(1, 60000) AS i;";

/// A golden image in a directory of its own, removed at the end.
pub(crate) struct Fixture {
    home: tempfile::TempDir,
    name: &'static str,
    sql: &'static str,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::of("things", THINGS)
    }

    pub(crate) fn of(name: &'static str, sql: &'static str) -> Self {
        Self { home: pgverse_testkit::home(), name, sql }
    }

    /// Directory of the forks.
    pub(crate) fn forks(&self) -> std::path::PathBuf {
        self.home.path().join("forks")
    }

    pub(crate) fn backend(&self) -> Arc<dyn ForkBackend> {
        let golden = GoldenSource::Script {
            name: self.name.to_owned(),
            sql: vec![self.sql.to_owned(), "VACUUM (FREEZE, ANALYZE)".to_owned()],
        };
        let config = LocalConfig { home: Some(self.home.path().to_owned()), ..LocalConfig::new(golden) };
        Arc::new(LocalBackend::new(config).expect("the backend's options are right"))
    }
}

pub(crate) fn quick() -> RaceOptions {
    RaceOptions { max_rounds: 24, measuring_seconds: 10.0, ..RaceOptions::default() }
}

pub(crate) fn read(id: &str, sql: &str) -> Statement {
    statement(id, sql, StatementKind::Read)
}

pub(crate) fn statement(id: &str, sql: &str, kind: StatementKind) -> Statement {
    Statement {
        id: id.into(),
        sql: sql.to_owned(),
        fingerprint: pgverse::workload::normalize(sql),
        kind,
        parameter_sets: vec![ParameterSet::none()],
        weight: 1.0,
    }
}

pub(crate) fn index(name: &str, column: &str) -> Operation {
    pgverse_testkit::index("things", name, column)
}
