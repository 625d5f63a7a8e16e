//! The watch over the statistics of statements after a promotion, and the rollback that it may cause.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pgverse_core::promote::{Policy, Promoted, PromotionState};
use pgverse_core::types::{LockLevel, Operation};
use pgverse_fork_backends::shared::Settings;
use pgverse_testkit::index;

use crate::stage::Stage;

/// What the statement of the workload calls; the change makes it slow.
const QUICK: &str = "CREATE OR REPLACE FUNCTION work(n int) RETURNS int LANGUAGE sql AS 'SELECT n'";
const SLOW: &str = "CREATE OR REPLACE FUNCTION work(n int) RETURNS int LANGUAGE plpgsql AS \
     'BEGIN PERFORM pg_sleep(0.05); RETURN n; END'";

fn slower() -> Operation {
    Operation::Sql {
        apply: vec![SLOW.into()],
        undo: vec![QUICK.into()],
        online: Vec::new(),
        lock: LockLevel::None,
    }
}

async fn stage() -> Stage {
    let settings = Settings::default().with("shared_preload_libraries", "pg_stat_statements");
    let stage = Stage::with_settings(&settings).await;
    stage.sql("CREATE EXTENSION pg_stat_statements").await;
    stage.sql(QUICK).await;
    stage
}

/// Promotes beside an application that goes on calling the statement.
async fn under_load(stage: &Stage, operation: Operation, sql: &str, policy: &Policy) -> Promoted {
    let call = || stage.session.rows(&stage.cx, sql, &[]);
    for _ in 0..100 {
        call().await.expect("the application calls it");
    }
    let plan = stage.plan(vec![operation]).await;
    let done = AtomicBool::new(false);
    let application = async {
        while !done.load(Ordering::Relaxed) {
            call().await.expect("the application calls it");
        }
    };
    let promotion = async {
        let promoted = Box::pin(stage.promote(&plan, policy)).await;
        done.store(true, Ordering::Relaxed);
        promoted.unwrap_or_else(|e| panic!("{e}\n{}", stage.heard()))
    };
    tokio::join!(promotion, application).0
}

#[tokio::test]
async fn a_statement_that_became_slower_undoes_the_promotion_where_that_is_allowed() {
    let stage = stage().await;
    let policy = Policy { watch: Some(Duration::from_secs(40)), auto_rollback: true, ..stage.policy() };
    let promoted = under_load(&stage, slower(), "SELECT work(1)", &policy).await;
    assert_eq!(promoted.state, PromotionState::RolledBack, "{}", stage.heard());
    let watched = promoted.watched.as_ref().expect("it was watched");
    let slow: Vec<_> = watched.regressions().map(|g| g.query.as_str()).collect();
    assert_eq!(slow, ["SELECT work($1)"]);
    assert!(watched.seconds < 40.0, "it does not go on watching");
    let source = stage.text("SELECT prosrc FROM pg_proc WHERE proname = 'work'").await;
    assert_eq!(source, "SELECT n");
    let record = stage.records().await.remove(0);
    assert_eq!(record.state, PromotionState::RolledBack);
    assert!(record.error.as_ref().is_some_and(|e| e.contains("SELECT work($1)")), "{record:?}");
    let kept = serde_json::to_value(&promoted.watched).expect("it is plain data");
    assert_eq!(record.realized, Some(kept), "the journal keeps what was seen");
    stage.assert_sound("undone").await;
}

#[tokio::test]
async fn a_statement_that_became_slower_is_told_and_stays_otherwise() {
    let stage = stage().await;
    let policy = Policy { watch: Some(Duration::from_secs(4)), ..stage.policy() };
    let promoted = under_load(&stage, slower(), "SELECT work(1)", &policy).await;
    assert_eq!(promoted.state, PromotionState::Promoted);
    assert_eq!(promoted.watched.expect("it was watched").regressions().count(), 1);
    assert!(stage.heard().contains("slower beyond the bound: SELECT work($1)"), "{}", stage.heard());
    assert_eq!(stage.records().await[0].state, PromotionState::Promoted);
}

#[tokio::test]
async fn what_was_gained_is_recorded() {
    let stage = stage().await;
    let policy = Policy { watch: Some(Duration::from_secs(2)), auto_rollback: true, ..stage.policy() };
    let sql = "SELECT * FROM orders WHERE user_id = 7";
    let promoted = under_load(&stage, index("orders", "orders_user", "user_id"), sql, &policy).await;
    assert_eq!(promoted.state, PromotionState::Promoted, "{}", stage.heard());
    let watched = promoted.watched.expect("it was watched");
    assert_eq!(watched.statements[0].statement.as_ref().map(|id| id.as_str()), Some("of_user"));
    assert!(watched.ratio.is_some_and(|ratio| ratio > 0.0), "{watched:?}");
    let kept = serde_json::to_value(&watched).expect("it is plain data");
    assert_eq!(stage.records().await[0].realized, Some(kept));
}

#[tokio::test]
async fn an_index_that_no_plan_uses_undoes_the_promotion_where_that_is_allowed() {
    let stage = stage().await;
    let before = stage.dump();
    let plan = stage.plan(vec![index("orders", "orders_total", "total")]).await;
    let policy = Policy { auto_rollback: true, ..stage.policy() };
    let promoted = stage.promote(&plan, &policy).await.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(promoted.state, PromotionState::RolledBack);
    assert_eq!(promoted.verification.unused, ["orders_total"]);
    assert_eq!(stage.dump(), before);
    stage.assert_sound("undone").await;
}

#[tokio::test]
async fn without_statistics_of_statements_it_says_that_there_is_nothing_to_watch() {
    let stage = Stage::new().await;
    let plan = stage.plan(vec![index("orders", "orders_user", "user_id")]).await;
    let policy = Policy { watch: Some(Duration::from_secs(3600)), ..stage.policy() };
    let promoted = stage.promote(&plan, &policy).await.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((promoted.state, promoted.watched), (PromotionState::Promoted, None));
    assert!(stage.heard().contains("nothing to watch"), "{}", stage.heard());
}
