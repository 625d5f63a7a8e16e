//! The lock situations in which a plain `CREATE INDEX CONCURRENTLY` under a `lock_timeout` fails and leaves an invalid
//! index: each ends with a valid index, or with nothing.

use std::time::Duration;

use pgverse_core::promote::{Policy, PromotionState};
use pgverse_core::types::Operation;
use pgverse_testkit::index;

use crate::stage::Stage;

/// Promotes an index on `orders` beside another session; that one is let go as soon as the promoter waits for it.
async fn beside(database: &str, other: &str, waits: bool) {
    let stage = Stage::new().await;
    let plan = stage.plan(vec![index("orders", "orders_user", "user_id")]).await;
    let holder = stage.server.session(database).await;
    holder.batch(&stage.cx, other).await.expect("the other session begins");
    let policy = stage.policy();
    let release = async {
        if waits {
            stage.until_heard("waiting for").await;
        } else {
            stage.until_heard("step 1 of 1").await;
            return;
        }
        holder.batch(&stage.cx, "COMMIT").await.expect("the other session ends");
    };
    let (promoted, ()) = tokio::join!(Box::pin(stage.promote(&plan, &policy)), release);
    let promoted = promoted.unwrap_or_else(|e| panic!("{e}\n{}", stage.heard()));
    assert_eq!(promoted.state, PromotionState::Promoted);
    assert!(promoted.verification.unused.is_empty());
    stage.assert_sound(other).await;
}

#[tokio::test]
async fn a_snapshot_that_read_another_table() {
    beside("shop", "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM other", true).await;
}

#[tokio::test]
async fn an_open_insert_on_the_same_table() {
    beside("shop", "BEGIN; INSERT INTO orders VALUES (-1, 1, 1, 'x')", true).await;
}

#[tokio::test]
async fn an_idle_transaction_after_a_read() {
    beside("shop", "BEGIN; SELECT count(*) FROM other", false).await;
}

#[tokio::test]
async fn a_snapshot_in_another_database() {
    beside("postgres", "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class", false).await;
}

/// Also where the server's own limits would end the build.
#[tokio::test]
async fn a_long_query_on_another_table_under_short_limits_of_the_server() {
    let stage = Stage::new().await;
    let plan = stage.plan(vec![index("orders", "orders_user", "user_id")]).await;
    stage
        .sql(
            "ALTER DATABASE shop SET lock_timeout = '100ms'; ALTER DATABASE shop SET statement_timeout = '300ms'; \
             ALTER DATABASE shop SET idle_in_transaction_session_timeout = '100ms'; \
             ALTER DATABASE shop SET default_transaction_read_only = on; \
             ALTER DATABASE shop SET default_transaction_isolation = 'repeatable read'",
        )
        .await;
    let policy = stage.policy();
    let query = stage.session.batch(&stage.cx, "SELECT count(*), pg_sleep(2) FROM other");
    let (promoted, query) = tokio::join!(stage.promote(&plan, &policy), query);
    query.expect("the query is left alone");
    promoted.unwrap_or_else(|e| panic!("{e}\n{}", stage.heard()));
    assert!(stage.heard().contains("waiting for"), "{}", stage.heard());
    stage.assert_sound("long query").await;
}

/// A snapshot that never ends: the promoter gives up and leaves nothing.
#[tokio::test]
async fn a_snapshot_that_never_ends() {
    let stage = Stage::new().await;
    let before = stage.dump();
    let plan = stage.plan(vec![index("orders", "orders_user", "user_id")]).await;
    let holder = stage.server.session("shop").await;
    let old = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM other";
    holder.batch(&stage.cx, old).await.expect("the snapshot is taken");
    let policy = Policy {
        max_wait: Duration::from_millis(300),
        patience: Duration::from_millis(1500),
        ..stage.policy()
    };
    let error = stage.promote(&plan, &policy).await.unwrap_err().to_string();
    assert!(error.contains("older transactions") && error.contains("undone as a whole"), "{error}");
    assert!(error.contains("SELECT count(*) FROM other"), "the one that is in the way is named: {error}");
    stage.assert_sound("gave up").await;
    assert_eq!(stage.dump(), before);
    holder.batch(&stage.cx, "COMMIT").await.expect("the snapshot is still there");
}

/// What `IF NOT EXISTS` would take for success.
#[tokio::test]
async fn an_invalid_leftover_is_replaced_and_another_index_of_the_name_is_not() {
    let stage = Stage::new().await;
    let plan = stage.plan(vec![index("orders", "orders_user", "user_id")]).await;
    let holder = stage.server.session("shop").await;
    let old = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM other";
    holder.batch(&stage.cx, old).await.expect("the snapshot is taken");
    stage.sql("SET lock_timeout = '200ms'").await;
    let plain = stage.session.batch(&stage.cx, &plan.steps[0].up[0]).await;
    assert!(plain.unwrap_err().to_string().contains("lock timeout"), "the peer's way fails");
    holder.batch(&stage.cx, "COMMIT").await.expect("the snapshot ends");
    stage.promote(&plan, &stage.policy()).await.unwrap_or_else(|e| panic!("{e}\n{}", stage.heard()));
    assert!(stage.heard().contains("left over"), "{}", stage.heard());
    stage.assert_sound("replaced").await;

    // The same name, invalid too, but another definition.
    let stage = Stage::new().await;
    let plan = stage.plan(vec![index("orders", "orders_user", "user_id")]).await;
    stage.sql("CREATE INDEX orders_user ON orders (total); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'orders_user'::regclass").await;
    let error = stage.promote(&plan, &stage.policy()).await.unwrap_err().to_string();
    assert!(error.contains("another index has this name"), "{error}");
    assert!(stage.text("SELECT pg_get_indexdef('orders_user'::regclass)").await.contains("(total)"));
}

/// Someone wants a strong lock on the table while the index is built: the promoter makes way.
#[tokio::test]
async fn others_do_not_wait_for_the_promoter() {
    let stage = Stage::new().await;
    let plan = stage.plan(vec![index("orders", "orders_user", "user_id")]).await;
    let holder = stage.server.session("shop").await;
    let old = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM other";
    holder.batch(&stage.cx, old).await.expect("the snapshot is taken");
    let policy = stage.policy();
    let others = async {
        stage.until_heard("waiting for").await;
        // Conflicts with the build's lock; everything else on the table would queue behind it.
        stage.sql("ALTER TABLE orders ADD COLUMN extra int").await;
        holder.batch(&stage.cx, "COMMIT").await.expect("the snapshot ends");
    };
    let (promoted, ()) = tokio::join!(stage.promote(&plan, &policy), others);
    promoted.unwrap_or_else(|e| panic!("{e}\n{}", stage.heard()));
    assert!(stage.heard().contains("stepped back"), "{}", stage.heard());
    stage.assert_sound("made way").await;
}

/// A lock in front of which nobody may queue for long.
#[tokio::test]
async fn a_constraint_waits_for_its_lock_in_short_attempts() {
    let stage = Stage::new().await;
    let constraint = Operation::AddConstraint {
        schema: "public".into(),
        table: "orders".into(),
        name: "orders_total".into(),
        definition: "CHECK (total >= 0)".into(),
    };
    let plan = stage.plan(vec![constraint]).await;
    let holder = stage.server.session("shop").await;
    holder.batch(&stage.cx, "BEGIN; SELECT count(*) FROM orders").await.expect("a reader is there");
    let policy = stage.policy();
    let release = async {
        stage.until_heard("busy, next attempt").await;
        // Not queued behind a waiting ALTER TABLE for longer than one attempt.
        assert_eq!(stage.text("SELECT count(*)::text FROM orders").await, "60000");
        holder.batch(&stage.cx, "COMMIT").await.expect("the reader ends");
    };
    let (promoted, ()) = tokio::join!(Box::pin(stage.promote(&plan, &policy)), release);
    promoted.unwrap_or_else(|e| panic!("{e}\n{}", stage.heard()));
    let valid = "SELECT convalidated::text FROM pg_constraint WHERE conname = 'orders_total'";
    assert_eq!(stage.text(valid).await, "true");
}
