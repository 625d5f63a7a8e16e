//! Each kind of operation, promoted and undone: the schema is the same before and after.

use pgverse_core::promote::PromotionState;
use pgverse_core::types::{LockLevel, Operation, Refresh, SettingScope};
use pgverse_testkit::index;

use crate::stage::Stage;

fn everything() -> Vec<Operation> {
    let text = |t: &str| t.to_owned();
    vec![
        index("orders", "orders_user", "user_id"),
        index("event", "event_at", "at"),
        Operation::CreateStatistics {
            schema: text("public"),
            table: text("orders"),
            name: text("orders_stats"),
            kinds: Vec::new(),
            columns: vec![text("user_id"), text("total")],
            expressions: Vec::new(),
        },
        Operation::SetStatisticsTarget {
            schema: text("public"),
            table: text("orders"),
            column: text("total"),
            target: 500,
            previous: -1,
        },
        Operation::Analyze { schema: text("public"), table: text("orders") },
        Operation::Setting {
            name: text("work_mem"),
            value: text("32MB"),
            scope: SettingScope::Database(text("shop")),
            previous: None,
        },
        Operation::Setting {
            name: text("work_mem"),
            value: text("64MB"),
            scope: SettingScope::Role(text("app")),
            previous: None,
        },
        Operation::AddConstraint {
            schema: text("public"),
            table: text("orders"),
            name: text("orders_total"),
            definition: text("CHECK (total >= 0)"),
        },
        Operation::CreateMaterializedView {
            schema: text("public"),
            name: text("orders_by_user"),
            query: text("SELECT user_id, count(*) AS n FROM orders GROUP BY user_id"),
            unique_key: vec![text("user_id")],
            refresh: Refresh { every_seconds: 300.0, concurrently: true },
        },
        Operation::RewriteStatement {
            statement: "late".into(),
            sql: text("SELECT * FROM event WHERE at = date '2025-03-01'"),
            rule: text("test"),
        },
        Operation::Sql {
            apply: vec![text("CREATE VIEW seen AS SELECT id FROM orders")],
            undo: vec![text("DROP VIEW seen")],
            online: Vec::new(),
            lock: LockLevel::AccessShare,
        },
        Operation::DropIndex {
            schema: text("public"),
            name: text("orders_note"),
            definition: text("CREATE INDEX orders_note ON public.orders USING btree (note)"),
            partitions: None,
        },
    ]
}

/// What is stored for the role `app`; roles are not in the dump.
const OF_ROLE: &str = "SELECT array_to_string(setconfig, ' ') FROM pg_db_role_setting WHERE setrole = 'app'::regrole \
    UNION ALL SELECT '' LIMIT 1";

async fn stage() -> Stage {
    let stage = Stage::new().await;
    stage.sql("CREATE ROLE app").await;
    stage
}

#[tokio::test]
async fn everything_is_promoted_and_undone() {
    let stage = stage().await;
    stage.sql("ALTER DATABASE shop SET work_mem TO '7MB'").await;
    let before = stage.dump();
    let plan = stage.plan(everything()).await;
    // The value that counts is the one found at the promotion.
    stage.sql("ALTER DATABASE shop SET work_mem TO '9MB'").await;

    let promoted =
        stage.promote(&plan, &stage.policy()).await.unwrap_or_else(|e| panic!("{e}\n{}", stage.heard()));
    assert_eq!(promoted.state, PromotionState::Promoted);
    let uses: Vec<_> =
        promoted.verification.statements.iter().map(|s| (s.statement.as_str(), &s.uses)).collect();
    assert_eq!(uses[0], ("of_user", &vec!["orders_user".to_owned()]));
    assert_eq!(uses[1], ("late", &vec!["event_at".to_owned()]));
    assert_eq!(promoted.verification.unused, ["orders_by_user"]);
    assert!(stage.heard().contains("REFRESH MATERIALIZED VIEW CONCURRENTLY public.orders_by_user"));
    stage.assert_sound("promoted").await;
    assert_ne!(stage.dump(), before);
    assert_eq!(stage.server.text("shop", "SELECT current_setting('work_mem')").await, "32MB");
    assert_eq!(stage.text(OF_ROLE).await, "work_mem=64MB");
    let record = stage.records().await.remove(0);
    assert_eq!((record.state, record.plan.clone()), (PromotionState::Promoted, plan.clone()));
    assert!(record.verification.is_some());

    let again = stage.promote(&plan, &stage.policy()).await.unwrap_err();
    assert!(again.to_string().contains("promoted already"), "{again}");

    let undone = stage.rollback(promoted.id).await.unwrap_or_else(|e| panic!("{e}\n{}", stage.heard()));
    assert_eq!(undone.state, PromotionState::RolledBack);
    stage.assert_sound("undone").await;
    assert_eq!(stage.dump(), before);
    assert_eq!(stage.server.text("shop", "SELECT current_setting('work_mem')").await, "9MB");
    assert_eq!(stage.text(OF_ROLE).await, "");
    assert!(stage.rollback(promoted.id).await.unwrap_err().to_string().contains("undone already"));
}

/// The last step fails: what came before is undone.
#[tokio::test]
async fn a_step_that_fails_undoes_the_others() {
    let stage = stage().await;
    let before = stage.dump();
    let mut operations = everything();
    operations.insert(
        9,
        Operation::AddConstraint {
            schema: "public".into(),
            table: "orders".into(),
            name: "impossible".into(),
            definition: "CHECK (total > 5)".into(),
        },
    );
    let plan = stage.plan(operations).await;
    let error = stage.promote(&plan, &stage.policy()).await.unwrap_err().to_string();
    assert!(error.contains("impossible") && error.contains("undone as a whole"), "{error}");
    assert_eq!((stage.dump(), stage.text(OF_ROLE).await), (before, String::new()));
    assert_eq!(stage.records().await[0].state, PromotionState::RolledBack);
    stage.assert_sound("failed").await;
}
