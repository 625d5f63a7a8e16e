//! A fork of a schema, ready to be asked.

use pgverse_core::Context;
use pgverse_core::answers::falsify::{Effort, Falsification, Rewrite, falsify};
use pgverse_core::answers::{Question, check};
use pgverse_core::bench::{Arm, Lab};
use pgverse_core::pg::read_catalog;
use pgverse_core::traits::ForkBackend;
use pgverse_core::types::{AnswerCheck, Catalog, Change, Origin, ParameterSet, Statement, StatementKind};
use pgverse_fork_backends::template::{TemplateBackend, TemplateConfig};
use pgverse_testkit::TestServer;

/// A fork, its catalog, and the server that it lives on.
pub(crate) struct Bed {
    pub(crate) cx: Context,
    pub(crate) lab: Lab,
    pub(crate) catalog: Catalog,
    _home: tempfile::TempDir,
    _server: TestServer,
}

impl Bed {
    /// A fork of a database with this schema.
    pub(crate) async fn of(schema: &str) -> Self {
        let cx = Context::new();
        let server = TestServer::start().await;
        server.sql("postgres", "CREATE DATABASE shop").await;
        server.sql("shop", schema).await;
        let home = tempfile::tempdir().expect("a directory can be made");
        let config =
            TemplateConfig { home: Some(home.path().into()), ..TemplateConfig::new(server.dsn("shop")) };
        let backend = TemplateBackend::new(config).expect("the backend is set up");
        backend.prepare(&cx).await.expect("the backend gets ready");
        let universe = backend.fork(&cx).await.expect("the database is forked");
        let lab = Lab::open(&cx, &backend, &universe).await.expect("the fork answers");
        let catalog = read_catalog(lab.session(), &cx).await.expect("the catalog is read");
        Self { cx, lab, catalog, _home: home, _server: server }
    }

    /// Tries to refute a pair of texts.
    pub(crate) async fn falsify(
        &self,
        statement: &Statement,
        sql: &str,
        change: &Change,
        (databases, seed): (u32, u64),
    ) -> Falsification {
        let rewrite = Rewrite { statement, sql, change };
        let effort = Effort { databases, seed, ..Effort::default() };
        falsify(&self.cx, &self.lab, &self.catalog, rewrite, effort).await.expect("the fork answers")
    }

    /// The same for two plain texts.
    pub(crate) async fn refute(&self, original: &str, rewritten: &str) -> Falsification {
        self.falsify(&statement(original, &[]), rewritten, &Change::default(), (300, 7)).await
    }

    /// Runs statements on the fork.
    pub(crate) async fn run(&self, sql: &str) -> pgverse_core::Result<()> {
        self.lab.session().batch(&self.cx, sql).await
    }

    /// Reads the catalog again.
    pub(crate) async fn read_catalog(&mut self) {
        self.catalog = read_catalog(self.lab.session(), &self.cx).await.expect("the catalog is read");
    }

    /// Names and types of a text's columns.
    pub(crate) async fn shape(&self, sql: &str) -> pgverse_core::Result<Vec<(String, String)>> {
        let statement = self.lab.session().prepare(&self.cx, sql).await?;
        Ok(statement.columns().iter().map(|c| (c.name().to_owned(), c.type_().name().to_owned())).collect())
    }

    /// Compares both texts on the fork's own rows.
    pub(crate) async fn check(&self, statement: &Statement, sql: &str) -> AnswerCheck {
        let arm = Arm { name: "plain".into(), enter: Vec::new() };
        let question = Question {
            baseline_timeout_ms: None,
            statement,
            parameters: &statement.parameter_sets[0],
            candidate_sql: sql,
            baseline: &arm,
            candidate: &arm,
            candidate_lab: &self.lab,
            volatile: &[],
            timeout_ms: 10_000,
        };
        check(&self.cx, &self.lab, question).await.expect("the fork answers")
    }
}

/// A statement with one set of parameter values.
pub(crate) fn statement(sql: &str, values: &[Option<String>]) -> Statement {
    Statement {
        id: "pair".into(),
        sql: sql.into(),
        fingerprint: String::new(),
        kind: StatementKind::Read,
        parameter_sets: vec![ParameterSet {
            id: "set".into(),
            values: values.to_vec(),
            weight: 1.0,
            origin: Origin::Given,
        }],
        weight: 1.0,
    }
}
