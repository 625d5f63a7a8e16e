//! Indexes on partitioned tables, promoted and undone on a real PostgreSQL.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use pgverse_core::Context;
use pgverse_core::pg::{Session, read_catalog};
use pgverse_core::promote;
use pgverse_core::types::{Candidate, Catalog, Change, IndexKey, LockLevel, Operation, SourceReport};
use pgverse_testkit::TestServer;

/// Two levels, one of the partitions without any of its own, and a name that the parts of the index must avoid.
const SCHEMA: &str = r#"
CREATE SCHEMA "App";
CREATE SCHEMA old;
CREATE TABLE "App"."Event" (id bigint, at date NOT NULL, kind int NOT NULL, note text) PARTITION BY RANGE (at);
CREATE TABLE "App"."Event 2024" PARTITION OF "App"."Event" FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE old.event_2023 PARTITION OF "App"."Event" FOR VALUES FROM ('2023-01-01') TO ('2024-01-01') PARTITION BY LIST (kind);
CREATE TABLE old.event_2023_1 PARTITION OF old.event_2023 FOR VALUES IN (1);
CREATE TABLE old.event_2023_rest PARTITION OF old.event_2023 DEFAULT;
CREATE TABLE old.event_2022 PARTITION OF "App"."Event" FOR VALUES FROM ('2022-01-01') TO ('2023-01-01') PARTITION BY LIST (kind);
CREATE TABLE "App".event_note_p1 (x int);
INSERT INTO "App"."Event" SELECT i, date '2023-01-01' + i % 700, i % 3, 'Note ' || i FROM generate_series(1, 3000) i;
"#;

/// Every index below the schemas of the test, with whether it is valid.
const INDEXES: &str = "SELECT coalesce(string_agg(format('%s %s %s', c.oid::regclass, i.indisvalid, i.indisunique), E'\n' \
    ORDER BY c.oid::regclass::text COLLATE \"C\"), '') FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
    WHERE c.relnamespace IN ('\"App\"'::regnamespace, 'old'::regnamespace)";

struct Place {
    cx: Context,
    session: Session,
    _server: TestServer,
}

impl Place {
    async fn new(sql: &str) -> Self {
        let cx = Context::new();
        let server = TestServer::start().await;
        server.sql("postgres", SCHEMA).await;
        server.sql("postgres", sql).await;
        let session =
            Session::connect(&cx, &server.dsn("postgres"), "test").await.expect("the server answers");
        Self { cx, session, _server: server }
    }

    async fn catalog(&self) -> Catalog {
        read_catalog(&self.session, &self.cx).await.expect("the catalog is read")
    }

    async fn indexes(&self) -> String {
        self.session.text(&self.cx, INDEXES, &[]).await.expect("the server answers")
    }

    /// One statement at a time, as psql runs a script.
    async fn run(&self, statements: &[String]) {
        for sql in statements {
            self.session.batch(&self.cx, sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        }
    }

    /// The plan's only step.
    async fn step(&self, operation: Operation) -> pgverse_core::types::PromotionStep {
        let mut candidate = Candidate::new("x", Change::of(operation));
        candidate.change.see_catalog(&self.catalog().await);
        promote::plan(&candidate, &[], &SourceReport::of(&self.catalog().await)).steps.remove(0)
    }
}

fn index(name: &str) -> Operation {
    Operation::CreateIndex {
        schema: "App".into(),
        table: "Event".into(),
        name: name.into(),
        method: "btree".into(),
        keys: vec![IndexKey::expression("lower(note)"), IndexKey::column("at").descending()],
        include: vec!["id".into()],
        predicate: Some("kind > 0".into()),
        partitions: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_built_on_each_partition_and_all_of_it_is_undone() {
    let place = Place::new("").await;
    let before = place.indexes().await;
    let step = place.step(index("event_note")).await;
    assert!(!step.transactional);
    assert_eq!(step.lock, LockLevel::AccessExclusive, "undoing it");
    place.run(&step.up).await;
    assert_eq!(
        place.indexes().await.lines().collect::<Vec<_>>(),
        [
            "\"App\".event_note t f",
            "\"App\".event_note_p2 t f",
            "old.event_note_p3 t f",
            "old.event_note_p4 t f",
            "old.event_note_p5 t f",
            "old.event_note_p6 t f",
        ]
    );
    let attached = "SELECT count(*)::text FROM pg_partition_tree('\"App\".event_note')";
    assert_eq!(place.session.text(&place.cx, attached, &[]).await.expect("the server answers"), "6");
    place.run(&step.down).await;
    assert_eq!(place.indexes().await, before);

    // What is plain on the fork makes the same index.
    let mut change = Change::of(index("event_note"));
    change.see_catalog(&place.catalog().await);
    place.run(&change.operations[0].apply()).await;
    assert_eq!(place.indexes().await.lines().count(), 6);
    place.run(&change.operations[0].undo()).await;
    assert_eq!(place.indexes().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_names_stay_apart() {
    let place = Place::new("").await;
    let long = "é".repeat(30);
    for name in [format!("{long}a"), format!("{long}b")] {
        let step = place.step(index(&name)).await;
        place.run(&step.up).await;
    }
    let indexes = place.indexes().await;
    assert_eq!(indexes.lines().filter(|l| l.ends_with(" t f")).count(), 12, "{indexes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_unique_index_comes_back_whole() {
    let place = Place::new("CREATE UNIQUE INDEX event_key ON \"App\".\"Event\" (at, kind, id)").await;
    let before = place.indexes().await;
    let catalog = place.catalog().await;
    let table = catalog.table("App", "Event").expect("the table is there");
    let drop = Operation::DropIndex {
        schema: "App".into(),
        name: "event_key".into(),
        definition: table.indexes[0].definition.clone(),
        partitions: None,
    };
    let step = place.step(drop.clone()).await;
    assert_eq!(step.lock, LockLevel::AccessExclusive);
    place.run(&step.up).await;
    assert_eq!(place.indexes().await, "");
    place.run(&step.down).await;
    let after = place.indexes().await;
    assert_eq!(after.lines().count(), before.lines().count());
    assert!(after.lines().all(|l| l.ends_with(" t t")), "{after}");

    place.run(&step.up).await;
    place.run(&drop.undo()).await;
    assert_eq!(place.indexes().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_may_be_indexed_by_itself() {
    let place = Place::new("").await;
    let Operation::CreateIndex { method, keys, include, predicate, .. } = index("alone") else {
        panic!("an index")
    };
    let (schema, table, name) = ("old".into(), "event_2023_1".into(), "alone".into());
    let alone =
        Operation::CreateIndex { schema, table, name, method, keys, include, predicate, partitions: None };
    let step = place.step(alone).await;
    assert_eq!(step.lock, LockLevel::ShareUpdateExclusive);
    place.run(&step.up).await;
    assert_eq!(place.indexes().await, "old.alone t f");
    place.run(&step.down).await;
    assert_eq!(place.indexes().await, "");
}
