//! When a plan is refused, and how two promoters keep apart.

use pgverse_core::ErrorKind;
use pgverse_core::promote::Approval;
use pgverse_core::types::Operation;
use pgverse_testkit::index;

use crate::stage::Stage;

/// Nothing is written: there is no journal either.
async fn refused(stage: &Stage, plan: &pgverse_core::types::PromotionPlan, words: &str) {
    let before = stage.dump();
    let error = stage.promote(plan, &stage.policy()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(error.to_string().contains(words), "`{words}` in: {error}");
    assert_eq!(stage.dump(), before);
    assert!(stage.records().await.is_empty());
    assert_eq!(stage.text("SELECT (to_regnamespace('pgverse') IS NULL)::text").await, "true");
}

#[tokio::test]
async fn a_source_that_has_changed_is_refused() {
    let stage = Stage::new().await;
    let plan = stage.plan(vec![index("orders", "orders_user", "user_id")]).await;
    for (change, back, words) in [
        ("ALTER TABLE orders ADD extra int", "ALTER TABLE orders DROP extra", "column extra is new"),
        (
            "ALTER TABLE orders ALTER user_id TYPE bigint",
            "ALTER TABLE orders ALTER user_id TYPE int",
            "column user_id is another one",
        ),
        ("CREATE INDEX more ON orders (total)", "DROP INDEX more", "index more is new"),
        (
            "ALTER INDEX orders_note RENAME TO n",
            "ALTER INDEX n RENAME TO orders_note",
            "index orders_note is gone",
        ),
        ("ALTER TABLE other RENAME TO o", "ALTER TABLE o RENAME TO other", "table public.other: is gone"),
        (
            "CREATE TABLE event_c PARTITION OF event DEFAULT",
            "DROP TABLE event_c",
            "its partitions are others",
        ),
        ("CREATE VIEW orders_user AS SELECT 1 AS one", "DROP VIEW orders_user", "orders_user is taken"),
        (
            "UPDATE pg_class SET reltuples = 900000 WHERE relname = 'orders'",
            "UPDATE pg_class SET reltuples = 60000 WHERE relname = 'orders'",
            "has 900000",
        ),
    ] {
        stage.sql(change).await;
        refused(&stage, &plan, words).await;
        stage.sql(back).await;
    }
    // With all of it back as it was, the same plan is carried out.
    stage.promote(&plan, &stage.policy()).await.unwrap_or_else(|e| panic!("{e}"));
}

#[tokio::test]
async fn another_hash_another_database_another_role_are_refused() {
    let stage = Stage::new().await;
    let plan = stage.plan(vec![index("orders", "orders_user", "user_id")]).await;
    let error = Approval::of(&plan, "0123").unwrap_err().to_string();
    assert!(error.contains("another plan") && error.contains(&plan.hash), "{error}");
    let mut other = plan.clone();
    other.steps[0].up[0].push_str(" -- more");
    assert!(Approval::of(&other, &plan.hash).unwrap_err().to_string().contains("changed"));

    let catalog = pgverse_core::pg::read_catalog(&stage.session, &stage.cx).await.expect("read");
    let mut elsewhere = pgverse_core::types::SourceReport::of(&catalog);
    elsewhere.database = "production".into();
    let mut candidate = pgverse_core::types::Candidate::new("test", Default::default());
    candidate.change.operations.push(index("orders", "orders_user", "user_id"));
    let elsewhere = pgverse_core::promote::plan(&candidate, &[], &elsewhere);
    refused(&stage, &elsewhere, "database: is shop; production was measured").await;

    stage.sql("CREATE ROLE guest LOGIN").await;
    let source = pgverse_core::pg::Source::new(stage.server.dsn_as("guest", "shop"));
    let checks = pgverse_core::promote::check(&stage.cx, &source, &plan, None).await.expect("checked");
    let rights = checks.iter().find(|c| c.name == "rights").expect("rights are checked");
    assert!(rights.detail.contains("own orders") && rights.detail.contains("schema pgverse"), "{rights:?}");
}

#[tokio::test]
async fn a_partition_that_is_a_foreign_table_is_refused() {
    let stage = Stage::new().await;
    stage
        .sql(
            "CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER far FOREIGN DATA WRAPPER nowhere; \
             CREATE FOREIGN TABLE event_far PARTITION OF event FOR VALUES FROM ('2020-01-01') TO ('2021-01-01') SERVER far",
        )
        .await;
    let plan = stage.plan(vec![index("event", "event_at", "at")]).await;
    refused(&stage, &plan, "event_far is a foreign table").await;
}

#[tokio::test]
async fn two_promoters_keep_apart() {
    let stage = Stage::new().await;
    let first = stage.plan(vec![index("orders", "orders_user", "user_id")]).await;
    let second = stage.plan(vec![index("orders", "orders_total", "total")]).await;
    let holder = stage.server.session("shop").await;
    holder.batch(&stage.cx, "BEGIN; INSERT INTO orders VALUES (-1, 1, 1, 'x')").await.expect("a writer");
    let policy = stage.policy();
    let other = async {
        stage.until_heard("waiting for").await;
        let error = stage.promote(&second, &stage.policy()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
        holder.batch(&stage.cx, "COMMIT").await.expect("the writer ends");
    };
    let (promoted, ()) = tokio::join!(stage.promote(&first, &policy), other);
    promoted.unwrap_or_else(|e| panic!("{e}\n{}", stage.heard()));
    stage.assert_sound("first").await;
}

#[tokio::test]
async fn a_cancelled_promotion_is_undone() {
    let stage = Stage::new().await;
    let before = stage.dump();
    let setting = Operation::Analyze { schema: "public".into(), table: "orders".into() };
    let plan = stage
        .plan(vec![setting, index("event", "event_at", "at"), index("orders", "orders_user", "user_id")])
        .await;
    let holder = stage.server.session("shop").await;
    let old = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM other";
    holder.batch(&stage.cx, old).await.expect("the snapshot is taken");
    let cx = stage.cx.child();
    let policy = stage.policy();
    let cancel = async {
        stage.until_heard("waiting for").await;
        cx.cancellation().cancel();
    };
    let approval = Approval::of(&plan, &plan.hash).expect("its own hash");
    let workload = crate::stage::workload();
    let promotion = pgverse_core::promote::promote(&cx, &stage.source, &plan, &workload, &approval, &policy);
    let (result, ()) = tokio::join!(promotion, cancel);
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
    stage.assert_sound("cancelled").await;
    assert_eq!(stage.dump(), before);
}
