//! What an index costs those who write, where the workload only reads.

use pgverse::types::{GeneratedKind, IndexKey, Limits, Problem, Report, StatementKind, Trial, WriteSource};

use crate::cases::{agent, backend, candidate, competition, indexed, statement};

/// Orders with every kind of constraint that a made-up row could break, and free space for heap-only updates; and
/// bookings to which none can be added.
const SHOP: &str = "
    CREATE EXTENSION IF NOT EXISTS btree_gist;
    CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
    INSERT INTO users (name) SELECT 'user ' || i FROM generate_series(1, 500) AS i;
    CREATE DOMAIN cents AS int CHECK (VALUE >= 0);
    CREATE TABLE orders (
        id int PRIMARY KEY, number text NOT NULL UNIQUE CHECK (number ~ '^N'), user_id bigint NOT NULL REFERENCES users,
        status text NOT NULL CHECK (status IN ('new', 'sent', 'paid')), total cents NOT NULL, note text,
        twice int GENERATED ALWAYS AS (total * 2) STORED, CHECK (total < 1000 OR note IS NOT NULL)
    ) WITH (fillfactor = 50);
    INSERT INTO orders (id, number, user_id, status, total, note)
    SELECT i, 'N' || i, i % 400 + 1, (ARRAY['new', 'sent', 'paid'])[i % 3 + 1], i % 900, 'note ' || i
    FROM generate_series(1, 20000) AS i;
    CREATE TABLE items (order_id int NOT NULL REFERENCES orders, what text, PRIMARY KEY (order_id, what));
    INSERT INTO items SELECT i, 'thing' FROM generate_series(1, 19000) AS i;
    CREATE TABLE bookings (room int NOT NULL, during int4range NOT NULL, guest text, EXCLUDE USING gist (during WITH &&));
    INSERT INTO bookings SELECT i % 7, int4range(i, i + 1), 'guest ' || i FROM generate_series(1, 20000) AS i;";

async fn read_only(home: &std::path::Path, max_write_slowdown: f64) -> Report {
    let read = |id, sql| statement(id, sql, StatementKind::Read, 1.0);
    let statements = vec![
        read("by_total", "SELECT count(*) FROM orders WHERE total = 77"),
        read("by_guest", "SELECT count(*) FROM bookings WHERE guest = 'guest 4711'"),
        read("by_what", "SELECT count(*) FROM users WHERE name = 'user 7'"),
    ];
    let one = |table: &str, column: &str| {
        indexed(table, &format!("{table}_{column}_idx"), vec![IndexKey::column(column)])
    };
    let candidates = vec![one("orders", "total"), one("bookings", "guest"), one("users", "name")];
    let limits = Limits { max_write_slowdown, ..Limits::default() };
    competition(backend(home, SHOP).unwrap(), statements)
        .problem(Problem { limits, ..Problem::default() })
        .agent(agent("index", candidates))
        .build()
        .unwrap()
        .run()
        .await
        .unwrap()
}

fn trial<'a>(report: &'a Report, id: &str) -> &'a Trial {
    report.trials.iter().find(|t| t.candidate.as_str() == id).unwrap()
}

fn kinds(trial: &Trial) -> Vec<GeneratedKind> {
    trial.generated_writes.iter().map(|w| w.kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_index_costs_writers_is_measured_where_the_workload_only_reads() {
    use GeneratedKind::{Delete, Insert, UpdateIndexed, UpdateUnindexed};
    let home = pgverse_testkit::home();
    let report = read_only(home.path(), 1000.0).await;
    let orders = trial(&report, "index-1");
    assert_eq!(
        kinds(orders),
        [Insert, UpdateIndexed, UpdateUnindexed, Delete],
        "{:?}",
        orders.ungenerated_writes
    );
    let [insert, indexed, plain, delete] = &orders.generated_writes[..] else { panic!("four writes") };
    assert_eq!(indexed.column.as_deref(), Some("total"));
    assert_eq!((insert.table.as_str(), insert.rows, insert.counted_rows), ("orders", 10, 100));
    for write in &orders.generated_writes {
        let samples = &write.samples;
        assert!(samples.baseline_ms.len() >= 2, "{write:?}");
        assert_eq!(samples.baseline_ms.len(), samples.candidate_ms.len());
        assert_eq!(samples.work.unwrap().candidate.wal_full_pages, 0.0);
    }
    // No index covers the note, so its updates stay heap-only; those of the total no longer are.
    let hot = |write: &pgverse::types::GeneratedWrite| {
        let work = write.samples.work.unwrap();
        (work.baseline.updated_rows, work.baseline.hot_updated_rows, work.candidate.hot_updated_rows)
    };
    assert_eq!(hot(plain), (100.0, 100.0, 100.0));
    let (updated, before, after) = hot(indexed);
    assert!(updated == 100.0 && before > 90.0 && after < 10.0, "{updated} {before} {after}");
    let log = |write: &pgverse::types::GeneratedWrite| {
        let work = write.samples.work.unwrap();
        work.candidate.wal_bytes / work.baseline.wal_bytes
    };
    assert!(log(insert) > 1.0 && log(indexed) > 1.0, "{} {}", log(insert), log(indexed));
    assert!((log(delete) - 1.0).abs() < 0.05, "a delete leaves indexes alone: {}", log(delete));

    let costs = &candidate(&report, "index-1").unwrap().costs;
    assert_eq!(costs.write_source, Some(WriteSource::Generated));
    assert!(costs.write_ratio.is_some() && costs.write_log.is_some());
    let lost = costs.hot_updates.unwrap();
    assert!(lost.updated == 200.0 && lost.baseline - lost.candidate > 80.0, "{lost:?}");

    // Ranges that must not overlap cannot be made up; what can be, is.
    let bookings = trial(&report, "index-2");
    assert_eq!(kinds(bookings), [UpdateIndexed, UpdateUnindexed, Delete]);
    assert!(
        bookings.ungenerated_writes.iter().any(|why| why.contains("insert") && why.contains("(during)")),
        "{:?}",
        bookings.ungenerated_writes
    );
    // Nothing is made up for the objective.
    assert!(report.trials.iter().flat_map(|t| &t.samples).all(|s| s.kind == StatementKind::Read));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bound_on_writes_holds_for_generated_ones() {
    let home = pgverse_testkit::home();
    let report = read_only(home.path(), 1.0).await;
    let refused = candidate(&report, "index-1").unwrap();
    assert!(refused.reason.starts_with("generated writes take "), "{}", refused.reason);
}
