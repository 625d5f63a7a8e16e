//! What falsification does beyond plain tables.

use pgverse_core::answers::falsify::{Answer, Falsification};
use pgverse_core::types::{Answers, Change, LockLevel, Operation, Refresh};

use crate::corpus::SCHEMA;
use crate::lab::{Bed, statement};

const HARD: &str = include_str!("hard.sql");

fn not_refuted(tried: &Falsification) -> bool {
    matches!(tried, Falsification::NotRefuted { databases, .. } if *databases > 200)
}

fn refuted(tried: &Falsification) -> bool {
    matches!(tried, Falsification::Refuted { .. })
}

fn impossible(tried: &Falsification, why: &str) -> bool {
    matches!(tried, Falsification::Impossible { reason } if reason.contains(why))
}

#[tokio::test(flavor = "multi_thread")]
async fn constraints_of_all_sorts_are_kept_and_rows_found() {
    let bed = Bed::of(HARD).await;
    // Each is the same only thanks to a constraint.
    for (original, rewritten) in [
        ("SELECT id FROM people WHERE low < high", "SELECT id FROM people"),
        ("SELECT id FROM people WHERE mark < 7 OR mark IS NULL", "SELECT id FROM people"),
        ("SELECT id FROM people WHERE state <> 'lost'", "SELECT id FROM people"),
        ("SELECT DISTINCT mail FROM people", "SELECT mail FROM people"),
        ("SELECT p.id FROM people p JOIN people b ON b.id = p.boss", "SELECT id FROM people"),
        ("SELECT b.person FROM bookings b JOIN people p ON p.id = b.person", "SELECT person FROM bookings"),
        ("SELECT width FROM people", "SELECT high - low AS width FROM people"),
        ("SELECT kind FROM events WHERE at < '2025-01-01'", "SELECT kind FROM events"),
        ("SELECT kind FROM events_2023", "SELECT kind FROM events WHERE at < '2024-01-01'"),
    ] {
        let tried = bed.refute(original, rewritten).await;
        assert!(not_refuted(&tried), "{original}: {tried:?}");
    }
    for (original, rewritten) in [
        ("SELECT id FROM people WHERE mark < 6", "SELECT id FROM people WHERE mark <= 6"),
        ("SELECT id FROM people WHERE mood > 'sad'", "SELECT id FROM people WHERE mood = 'happy'"),
        ("SELECT id FROM people WHERE 'sad' = ANY (moods)", "SELECT id FROM people WHERE moods = '{sad}'"),
        ("SELECT count(area) AS n FROM people", "SELECT count(*) AS n FROM people"),
        ("SELECT DISTINCT home FROM people", "SELECT home FROM people"),
        (
            "SELECT kind FROM events WHERE at >= '2024-01-01'",
            "SELECT kind FROM events WHERE at > '2024-01-01'",
        ),
        ("SELECT person FROM bookings WHERE during @> date '2024-01-05'", "SELECT person FROM bookings"),
        ("SELECT a FROM guarded WHERE b > 5", "SELECT a FROM guarded WHERE b >= 5"),
    ] {
        let tried = bed.refute(original, rewritten).await;
        assert!(refuted(&tried), "{original}: {tried:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_filled_is_said_so() {
    let bed = Bed::of(HARD).await;
    for (sql, why) in [
        ("SELECT a FROM redirected", "rule"),
        ("SELECT a FROM closed", "no row could be put into closed"),
        ("SELECT relname FROM pg_class", "belongs to the server"),
    ] {
        let tried = bed.refute(sql, &format!("{sql} WHERE true")).await;
        assert!(impossible(&tried, why), "{sql}: {tried:?}");
    }
    bed.run("ALTER TABLE guarded ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY").await.unwrap();
    bed.run("CREATE ROLE clerk; GRANT SELECT ON ALL TABLES IN SCHEMA public TO clerk; SET ROLE clerk")
        .await
        .unwrap();
    let tried = bed.refute("SELECT a FROM guarded", "SELECT b AS a FROM guarded").await;
    assert!(impossible(&tried, "row-level security"), "{tried:?}");
    let tried = bed.refute("SELECT a FROM closed", "SELECT b AS a FROM closed").await;
    assert!(impossible(&tried, "permission denied"), "{tried:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn materialized_views_are_refreshed_for_each_database() {
    let bed = Bed::of(HARD).await;
    let original = statement("SELECT kind, sum(amount) AS s FROM events GROUP BY kind", &[]);
    let none = Change::default();
    let right = bed.falsify(&original, "SELECT kind, s FROM event_sums", &none, (300, 1)).await;
    assert!(not_refuted(&right), "{right:?}");
    let wrong = bed.falsify(&original, "SELECT kind, s FROM event_sums WHERE n < 5", &none, (300, 1)).await;
    assert!(refuted(&wrong), "{wrong:?}");

    // The key that this view is given holds in production, by luck.
    let change = Change::of(Operation::CreateMaterializedView {
        schema: "public".into(),
        name: "days".into(),
        query: "SELECT at, amount FROM events".into(),
        unique_key: vec!["at".into()],
        refresh: Refresh { every_seconds: 60.0, concurrently: true },
    });
    for sql in change.operations[0].apply() {
        bed.run(&sql).await.unwrap();
    }
    let original = statement("SELECT at, amount FROM events", &[]);
    let Falsification::Refuted { counterexample, .. } =
        bed.falsify(&original, "SELECT at, amount FROM days", &change, (300, 1)).await
    else {
        panic!("the key does not hold")
    };
    assert!(counterexample.reason.contains("cannot be refreshed"), "{counterexample}");
    assert!(matches!(counterexample.rewritten, Answer::Failed(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn hand_written_changes_run_after_the_rows_are_there() {
    let bed = Bed::of(HARD).await;
    let copy = |rows: &str| {
        Change::of(Operation::Sql {
            apply: vec![format!("CREATE TABLE hot AS SELECT at, amount FROM events {rows}")],
            undo: vec!["DROP TABLE hot".into()],
            online: Vec::new(),
            lock: LockLevel::AccessShare,
        })
    };
    let original = statement("SELECT amount FROM events WHERE at > '2024-06-01'", &[]);
    let text = "SELECT amount FROM hot WHERE at > '2024-06-01'";
    let right = bed.falsify(&original, text, &copy(""), (300, 1)).await;
    assert!(not_refuted(&right), "{right:?}");
    let wrong = bed.falsify(&original, text, &copy("WHERE amount > 0"), (300, 1)).await;
    assert!(refuted(&wrong), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_counterexample_is_small_true_and_found_again_and_nothing_is_left() {
    let bed = Bed::of(SCHEMA).await;
    let original = statement("SELECT id FROM products WHERE id NOT IN (SELECT product_id FROM items)", &[]);
    let rewritten =
        "SELECT p.id FROM products p WHERE NOT EXISTS (SELECT 1 FROM items i WHERE i.product_id = p.id)";
    let rows = "SELECT ((SELECT count(*) FROM items) + (SELECT count(*) FROM visits) + (SELECT count(*) FROM customers))::text";
    let before = bed.lab.session().text(&bed.cx, rows, &[]).await.unwrap();
    let tried = bed.falsify(&original, rewritten, &Change::default(), (1000, 3)).await;
    assert_eq!(tried, bed.falsify(&original, rewritten, &Change::default(), (1000, 3)).await);
    assert_eq!(before, bed.lab.session().text(&bed.cx, rows, &[]).await.unwrap());

    let Falsification::Refuted { counterexample, .. } = tried else { panic!("{tried:?}") };
    let count =
        |name: &str| counterexample.tables.iter().find(|t| t.name == name).map_or(0, |t| t.rows.len());
    // One product, and one item without a product, which needs an order of a customer.
    assert_eq!([count("products"), count("items"), count("orders"), count("customers")], [1, 1, 1, 1]);

    bed.run("BEGIN; TRUNCATE customers, products, orders, items, visits").await.unwrap();
    for insert in &counterexample.inserts {
        bed.run(insert).await.unwrap();
    }
    let mut answers = Vec::new();
    for sql in [original.sql.as_str(), rewritten] {
        answers.push(bed.lab.session().rows(&bed.cx, sql, &[]).await.unwrap().len());
    }
    bed.run("ROLLBACK").await.unwrap();
    assert_eq!(answers, [0, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_to_chance_is_not_held_against_a_rewrite() {
    let bed = Bed::of(SCHEMA).await;
    for (original, rewritten) in [
        (
            "SELECT DISTINCT ON (customer_id) customer_id, seconds FROM visits ORDER BY customer_id",
            "SELECT customer_id, seconds FROM (SELECT customer_id, seconds, row_number() OVER (PARTITION BY customer_id ORDER BY customer_id) AS n FROM visits) s WHERE n = 1 ORDER BY customer_id",
        ),
        (
            "SELECT customer_id, string_agg(page, ',') AS pages FROM visits GROUP BY customer_id",
            "SELECT v.customer_id, string_agg(v.page, ',' ORDER BY v.page) AS pages FROM visits v GROUP BY v.customer_id",
        ),
        (
            "SELECT page FROM visits LIMIT 2",
            "SELECT page FROM (SELECT page FROM visits ORDER BY page DESC) s LIMIT 2",
        ),
    ] {
        let tried = bed.refute(original, rewritten).await;
        assert!(matches!(tried, Falsification::NotRefuted { .. }), "{original}: {tried:?}");
    }
    // A recursion that never ends on a cycle does not hold up the others.
    let endless = "WITH RECURSIVE t AS (SELECT id, 0 AS depth FROM customers WHERE referred_by IS NULL OR id = referred_by UNION ALL SELECT c.id, t.depth + 1 FROM customers c JOIN t ON c.referred_by = t.id WHERE t.depth < 6) SELECT id, depth FROM t";
    let tried = bed.refute(endless, &format!("SELECT s.id, s.depth FROM ({endless}) s")).await;
    assert!(matches!(tried, Falsification::NotRefuted { .. }), "{tried:?}");
}

/// Two values on both sides of where a digest rounds; a sum in another order does this to a value in a million.
#[tokio::test(flavor = "multi_thread")]
async fn last_digits_of_floating_point_values_are_forgiven() {
    let bed = Bed::of(SCHEMA).await;
    let asked = |x: &str, order: &str| {
        format!("SELECT 1 AS id, {x}::float8 AS x, NULL::float4 AS y UNION ALL SELECT 2, 5.0, 1.5 {order}")
    };
    let (a, b, far) = ("1.0000000049999", "1.0000000050001", "1.0000001");
    for order in ["", "ORDER BY 1", "ORDER BY 1 LIMIT 2"] {
        let before = statement(&asked(a, order), &[]);
        let same = bed.check(&before, &asked(b, order)).await;
        assert_eq!(same.answers, Answers::Same, "{}", same.reason);
        assert!(same.reason.contains("last digits"), "{}", same.reason);
        let differs = bed.check(&before, &asked(far, order)).await;
        assert_eq!(differs.answers, Answers::Differs, "{}", differs.reason);
    }
    let mixed = bed.check(&statement(&asked(a, "ORDER BY 1"), &[]), &asked(b, "ORDER BY 1 DESC")).await;
    assert_eq!(mixed.answers, Answers::Differs, "{}", mixed.reason);
}
