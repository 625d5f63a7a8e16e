//! Statements out of pg_stat_statements after a real run over the demo shop: values for their parameters, and plain
//! English that finds them.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use pgverse_core::Context;
use pgverse_core::pg::{Source, read_catalog};
use pgverse_core::workload::english::{rank, understand};
use pgverse_core::workload::parameters::synthesize;
use pgverse_core::workload::stats::{Chosen, Filter, choose, read};
use pgverse_testkit::{TestServer, mixed};

/// The schema of the demo shop.
const SHOP: &str = include_str!("../../pgverse/src/demo/schema.sql");

async fn after_a_run() -> (TestServer, Vec<Chosen>) {
    let server =
        mixed::server(&[format!("SET demo.scale = '0.05';\n{SHOP}"), "VACUUM (FREEZE, ANALYZE)".to_owned()])
            .await;
    mixed::run(&server, 2).await;
    let cx = Context::new();
    let session = Source::new(server.dsn("shop")).session(&cx).await.unwrap();
    let snapshot = read(&cx, &session).await.unwrap();
    let chosen = choose(&snapshot, &Filter::default()).0;
    (server, chosen)
}

#[tokio::test(flavor = "multi_thread")]
async fn nearly_all_shapes_get_values_that_run_and_find_what_they_promise() {
    let (server, chosen) = after_a_run().await;
    assert!(chosen.len() >= 50, "{}", chosen.len());
    let (cx, session) = (Context::new(), server.session("shop").await);
    let (mut runnable, mut kept, mut missed, mut told) = (0, 0, 0, Vec::new());
    for statement in &chosen {
        match synthesize(&cx, &session, &statement.entry.query, Duration::from_secs(30)).await {
            Ok(made) => {
                runnable += 1;
                kept += made.sets.len();
                missed += made.missed;
                if made.missed > 0 || made.sets.is_empty() {
                    told.push(format!("{}\n  {:?} {:?}", made.sql, made.notes, made.found));
                }
            }
            Err(error) => told.push(format!("{}\n  {error}", statement.entry.query)),
        }
    }
    let told = told.join("\n");
    println!("{runnable} of {} run; {kept} sets kept, {missed} missed\n{told}", chosen.len());
    assert!(runnable * 100 >= chosen.len() * 95, "{runnable} of {}\n{told}", chosen.len());
    assert!(kept * 10 >= (kept + missed) * 9, "{kept} kept, {missed} missed\n{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_hold_the_rows_of_their_class() {
    let server = TestServer::start().await;
    let table = "CREATE TABLE events (id int, at timestamptz, during tstzrange, size numeric); \
        INSERT INTO events SELECT n, now() + n * interval '1 minute', \
        tstzrange(now() + n * interval '1 minute', now() + n * interval '3 minutes'), n FROM generate_series(1, 1000) n";
    server.sql("postgres", table).await;
    let (cx, session) = (Context::new(), server.session("postgres").await);
    for (sql, most) in [
        ("SELECT id FROM events WHERE at <@ $1::tstzrange", 960.0),
        ("SELECT id FROM events WHERE size <@ $1::numrange", 960.0),
        ("SELECT id FROM events WHERE $1::int4range @> id", 960.0),
        ("SELECT id FROM events WHERE during <@ $1::tstzrange", 1.0),
        ("SELECT id FROM events WHERE during @> $1::timestamptz", 1.0),
        ("SELECT id FROM events WHERE during && $1::tstzrange", 1.0),
    ] {
        let made = synthesize(&cx, &session, sql, Duration::from_secs(30)).await.unwrap();
        assert!(made.found.iter().any(|&rows| rows >= most), "{sql}: {made:#?}");
        assert_eq!(made.missed, 0, "{sql}: {made:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_that_does_not_end_is_told_where_no_other_runs() {
    let server = TestServer::start().await;
    server.sql("postgres", "CREATE TABLE t (a int); INSERT INTO t VALUES (1)").await;
    let (cx, session) = (Context::new(), server.session("postgres").await);
    let limit = Duration::from_millis(300);
    let never = "SELECT count(*) FROM generate_series(1, 1000000000000)";
    let made = synthesize(&cx, &session, never, limit).await.unwrap();
    assert!(
        made.sets.is_empty() && made.endless.is_some_and(|set| set.values.is_empty()),
        "{:?}",
        made.notes
    );
    let ends_for_none = format!("{never} WHERE EXISTS (SELECT FROM t WHERE a = $1)");
    let made = synthesize(&cx, &session, &ends_for_none, limit).await.unwrap();
    assert!(made.endless.is_none() && !made.sets.is_empty(), "{made:?}");
    assert!(made.notes.iter().any(|note| note.contains("dropped")), "{made:?}");
}

/// What is said, and a part of the statement that is meant.
const PROBLEMS: [(&str, &str); 10] = [
    ("Slow queries on users table with email lookups taking over 0.001 ms", "FROM users WHERE email = "),
    ("Counting the users of a domain by email is slow", "count(*) FROM users WHERE email LIKE"),
    ("the coupon code reports take too long", "count(*) FROM orders WHERE coupon_code"),
    ("stock of products is updated too slowly", "UPDATE products SET stock"),
    (
        "showing the latest orders of a user, by user id",
        "FROM orders WHERE user_id = $1 ORDER BY created_at DESC",
    ),
    ("searching products by brand and other attributes", "attributes @>"),
    ("inserts into order items are slow", "INSERT INTO order_items"),
    ("users of a country and city", "WHERE country = $1 AND city = $2"),
    ("the best selling products: sum of quantity", "sum(quantity) FROM order_items"),
    ("deleting order items takes seconds sometimes", "DELETE FROM order_items"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_problem_in_plain_words_finds_the_statement_that_is_meant() {
    let (server, chosen) = after_a_run().await;
    let (cx, session) = (Context::new(), server.session("shop").await);
    let catalog = read_catalog(&session, &cx).await.unwrap();
    let mut wrong = Vec::new();
    for (problem, meant) in PROBLEMS {
        let understood = understand(problem, &catalog);
        let found = rank(&understood, &chosen).map(|ranked| chosen[ranked[0].index].entry.query.clone());
        if !found.as_ref().is_ok_and(|query| query.contains(meant)) {
            wrong.push(format!("{problem}\n  {understood:?}\n  {found:?}"));
        }
    }
    for (problem, missing) in [
        ("invoices of suppliers are slow", "not understood: invoices"),
        ("Slow queries on users taking over two hours", "mean time at least: 7200000 ms"),
        ("please help", "not understood: help"),
    ] {
        let error = rank(&understand(problem, &catalog), &chosen).unwrap_err().to_string();
        if !error.contains(missing) {
            wrong.push(format!("{problem}: {error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
