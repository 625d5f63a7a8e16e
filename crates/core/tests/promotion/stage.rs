//! A server with a small shop, plans of hand-made candidates, and questions about what is there.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pgverse_core::pg::{Session, Source, read_catalog};
use pgverse_core::promote::{
    Approval, Notice, Policy, Promoted, PromotionRecord, PromotionState, StepState, plan, promote,
    promotions, rollback,
};
use pgverse_core::types::{
    Candidate, Change, ObjectFacts, Operation, Origin, ParameterSet, PromotionPlan, SourceReport, Statement,
    StatementKind, Workload,
};
use pgverse_core::{Context, Result};
use pgverse_fork_backends::shared::Settings;
use pgverse_testkit::TestServer;

const SCHEMA: &str = r#"
CREATE TABLE other (id int PRIMARY KEY);
INSERT INTO other SELECT generate_series(1, 1000);
CREATE TABLE orders (id int PRIMARY KEY, user_id int NOT NULL, total numeric NOT NULL, note text);
INSERT INTO orders SELECT i, i % 5000, i % 97, 'note ' || i FROM generate_series(1, 60000) i;
CREATE INDEX orders_note ON orders (note);
CREATE TABLE event (at date NOT NULL, kind int NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE event_a PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE event_b PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY LIST (kind);
CREATE TABLE event_b_1 PARTITION OF event_b FOR VALUES IN (1);
CREATE TABLE event_b_rest PARTITION OF event_b DEFAULT;
INSERT INTO event SELECT date '2024-01-01' + i % 700, i % 3 FROM generate_series(1, 5000) i;
ANALYZE;
"#;

/// A database, and what was measured of it.
pub(crate) struct Stage {
    pub(crate) cx: Context,
    pub(crate) server: TestServer,
    pub(crate) session: Session,
    pub(crate) source: Source,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with_settings(&Settings::default()).await
    }

    pub(crate) async fn with_settings(settings: &Settings) -> Self {
        let cx = Context::new();
        let server = TestServer::with_settings(settings).await;
        server.sql("postgres", "CREATE DATABASE shop").await;
        server.sql("shop", SCHEMA).await;
        let session = server.session("shop").await;
        let source = Source::new(server.dsn("shop"));
        Self { cx, server, session, source, heard: Arc::default() }
    }

    pub(crate) async fn sql(&self, sql: &str) {
        self.session.batch(&self.cx, sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    }

    pub(crate) async fn text(&self, sql: &str) -> String {
        self.session.text(&self.cx, sql, &[]).await.unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    /// A plan of these operations, made for the database as it is now.
    pub(crate) async fn plan(&self, operations: Vec<Operation>) -> PromotionPlan {
        let catalog = read_catalog(&self.session, &self.cx).await.expect("the catalog is read");
        let mut candidate = Candidate::new("test", Change { operations });
        candidate.change.see_catalog(&catalog);
        let mut report = SourceReport::of(&catalog);
        report.objects = catalog.tables.iter().map(|t| ObjectFacts::of(&catalog, t)).collect();
        report.objects.retain(|o| o.schema != "pgverse");
        plan(&candidate, &[], &report)
    }

    /// Short waits, so that tests of giving up are quick.
    pub(crate) fn policy(&self) -> Policy {
        let heard = Arc::clone(&self.heard);
        Policy {
            lock_timeout: Duration::from_millis(50),
            longest_pause: Duration::from_millis(200),
            notice: Notice::new(move |line| heard.lock().expect("no panic").push(line.to_owned())),
            ..Policy::default()
        }
    }

    /// What the promoter said so far.
    pub(crate) fn heard(&self) -> String {
        self.heard.lock().expect("no panic").join("\n")
    }

    /// Returns as soon as the promoter has said this.
    pub(crate) async fn until_heard(&self, words: &str) {
        let begin = std::time::Instant::now();
        while !self.heard().contains(words) {
            assert!(begin.elapsed() < Duration::from_secs(60), "`{words}` in: {}", self.heard());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn promote(&self, plan: &PromotionPlan, policy: &Policy) -> Result<Promoted> {
        let approval = Approval::of(plan, &plan.hash)?;
        promote(&self.cx, &self.source, plan, &workload(), &approval, policy).await
    }

    pub(crate) async fn rollback(&self, id: i64) -> Result<PromotionRecord> {
        rollback(&self.cx, &self.source, id, &Approval::of_rollback(id), &self.policy()).await
    }

    pub(crate) async fn records(&self) -> Vec<PromotionRecord> {
        promotions(&self.cx, &self.source).await.expect("the journal is read")
    }

    /// The database as pg_dump prints it, without the journal.
    pub(crate) fn dump(&self) -> String {
        pgverse_testkit::dump_schema(&self.server.dsn("shop"))
    }

    /// Fails if an index is invalid, or the journal's states do not fit each other.
    pub(crate) async fn assert_sound(&self, when: &str) {
        let invalid = self
            .text("SELECT coalesce(string_agg(indexrelid::regclass::text, ' '), '') FROM pg_index WHERE NOT (indisvalid AND indisready)")
            .await;
        assert_eq!(invalid, "", "{when}: no invalid index\n{}", self.heard());
        for record in self.records().await {
            for step in &record.steps {
                let expected: &[StepState] = match record.state {
                    PromotionState::Promoted => &[StepState::Done],
                    PromotionState::RolledBack => &[StepState::Undone, StepState::Pending],
                    _ => continue,
                };
                assert!(expected.contains(&step.state), "{when}: {record:?}");
            }
        }
    }
}

pub(crate) fn workload() -> Workload {
    let statement = |id: &str, sql: &str, kind, values: Vec<Option<String>>| Statement {
        id: id.into(),
        sql: sql.into(),
        fingerprint: id.into(),
        kind,
        parameter_sets: vec![ParameterSet { id: "one".into(), values, weight: 1.0, origin: Origin::Given }],
        weight: 1.0,
    };
    Workload {
        statements: vec![
            statement(
                "of_user",
                "SELECT * FROM orders WHERE user_id = $1",
                StatementKind::Read,
                vec![Some("7".into())],
            ),
            statement("late", "SELECT * FROM event WHERE at = '2025-03-01'", StatementKind::Read, Vec::new()),
            statement(
                "insert",
                "INSERT INTO orders VALUES (-1, 1, 1, 'x')",
                StatementKind::Write,
                Vec::new(),
            ),
        ],
    }
}
