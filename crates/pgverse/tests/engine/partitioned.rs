//! A competition over a partitioned table.

use std::sync::Arc;

use pgverse::competition::Competition;
use pgverse::types::{Candidate, Change, Operation, StatementKind, Workload};
use pgverse_testkit::FixedAgent;

use crate::candidate;
use crate::fixture::{Fixture, quick, read, statement};

const EVENTS: &str = "CREATE TABLE events (id bigint, at date NOT NULL, owner int, label text) PARTITION BY RANGE (at);
    CREATE TABLE events_2023 PARTITION OF events FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
    CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY RANGE (at);
    CREATE TABLE events_2024_a PARTITION OF events_2024 FOR VALUES FROM ('2024-01-01') TO ('2024-07-01');
    CREATE TABLE events_2024_b PARTITION OF events_2024 DEFAULT;
    INSERT INTO events SELECT i, date '2023-01-01' + i % 700, i % 1000, 'label ' || i FROM generate_series(1, 80000) AS i;";

#[tokio::test(flavor = "multi_thread")]
async fn indexes_on_a_partitioned_table_count_unite_and_can_be_promoted() {
    let fixture = Fixture::of("events", EVENTS);
    let workload = Workload {
        statements: vec![
            read("by_owner", "SELECT count(*), max(id) FROM events WHERE owner = 77"),
            read("by_label", "SELECT id FROM events WHERE label = 'label 4711' ORDER BY id"),
            // Names a partition, whose part of an index it maintains all the same.
            statement(
                "add",
                "INSERT INTO events_2024_b (id, at, owner, label) VALUES (1, '2024-08-01', 1, 'x')",
                StatementKind::Write,
            ),
            // And the whole, whose rows go to a partition.
            statement(
                "grow",
                "INSERT INTO events (id, at, owner, label) VALUES (1, '2023-08-01', 1, 'x')",
                StatementKind::Write,
            ),
        ],
    };
    let on =
        |table, name, column| Candidate::new(name, Change::of(pgverse_testkit::index(table, name, column)));
    let candidates = vec![
        on("events", "events_owner", "owner"),
        on("events", "events_label", "label"),
        on("events_2023", "events_2023_id", "id"),
    ];
    let report = Competition::builder()
        .workload(workload)
        .backend(fixture.backend())
        .agent(Arc::new(FixedAgent::new("index", candidates)))
        .options(quick())
        .build()
        .unwrap()
        .run()
        .await
        .unwrap();

    for id in ["index-1", "index-2", "index-3", "index-4"] {
        let costs = &candidate(&report, id).costs;
        assert!(costs.bytes > 300_000, "too small for its rows: {costs:?}");
        assert!(costs.write_ratio.is_some(), "the insert maintains {id} and must have been raced");
    }
    let union = candidate(&report, "index-4");
    assert!(matches!(union.title.as_str(), "index-1 + index-2 together" | "index-2 + index-1 together"));
    assert_eq!(
        report.verdict.winner.as_ref().map(|w| w.as_str()),
        Some("index-4"),
        "{}",
        report.verdict.reason
    );
    assert_eq!(report.promotion.steps.len(), 2);
    for (step, change) in report.promotion.steps.iter().zip(&union.change) {
        assert!(step.up[0].contains(" ON ONLY public.events "), "{:?}", step.up);
        assert_eq!(step.up.iter().filter(|sql| sql.starts_with("CREATE INDEX CONCURRENTLY ")).count(), 3);
        assert_eq!(step.up.iter().filter(|sql| sql.contains(" ATTACH PARTITION ")).count(), 4);
        assert!(
            matches!(&change.operation, Operation::CreateIndex { partitions: Some(two), .. } if two.len() == 2)
        );
    }
}
