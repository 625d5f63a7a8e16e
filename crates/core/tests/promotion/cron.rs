//! The refresh schedule of a materialized view as a job of pg_cron.

use pgverse_core::promote::{PromotionState, rehearse};
use pgverse_core::types::{Operation, Refresh};
use pgverse_fork_backends::shared::Settings;
use pgverse_testkit::TestServer;

use crate::stage::Stage;

fn view(seconds: f64) -> Operation {
    Operation::CreateMaterializedView {
        schema: "public".into(),
        name: "orders_by_user".into(),
        query: "SELECT user_id, count(*) AS n FROM orders GROUP BY user_id".into(),
        unique_key: vec!["user_id".into()],
        refresh: Refresh { every_seconds: seconds, concurrently: true },
    }
}

const JOBS: &str = "SELECT coalesce(string_agg(format('%s | %s | %s', jobname, schedule, command), E'\\n'), '') FROM cron.job";

#[tokio::test]
async fn a_view_gets_a_job_that_goes_with_it() {
    if !TestServer::start().await.has_extension("pg_cron").await {
        return;
    }
    let settings = Settings::default()
        .with("shared_preload_libraries", "pg_cron")
        .with("cron.database_name", "shop")
        .with("cron.use_background_workers", "on")
        .with("max_worker_processes", "8");
    let stage = Stage::with_settings(&settings).await;
    stage.sql("CREATE EXTENSION pg_cron").await;
    let before = stage.dump();
    let plan = stage.plan(vec![view(300.0)]).await;
    let dry = rehearse(&stage.cx, &stage.source, &plan, &stage.policy()).await.expect("it is rehearsed");
    assert!(
        dry.steps[0].iter().any(|sql| sql.starts_with("SELECT cron.schedule('pgverse refresh ")),
        "{dry:?}"
    );
    assert!(dry.back[0].iter().any(|sql| sql.starts_with("SELECT cron.unschedule(")), "{dry:?}");
    let promoted =
        stage.promote(&plan, &stage.policy()).await.unwrap_or_else(|e| panic!("{e}\n{}", stage.heard()));
    assert_eq!(promoted.state, PromotionState::Promoted);
    let refresh = "REFRESH MATERIALIZED VIEW CONCURRENTLY public.orders_by_user";
    assert_eq!(
        stage.text(JOBS).await,
        format!("pgverse refresh public.orders_by_user | */5 * * * * | {refresh}")
    );
    stage.sql(&stage.text("SELECT command FROM cron.job").await).await;
    stage.assert_sound("promoted").await;

    stage.rollback(promoted.id).await.unwrap_or_else(|e| panic!("{e}\n{}", stage.heard()));
    assert_eq!(stage.text(JOBS).await, "");
    assert_eq!(stage.dump(), before);
    stage.assert_sound("undone").await;
}

#[tokio::test]
async fn without_it_the_command_is_printed() {
    let stage = Stage::new().await;
    let plan = stage.plan(vec![view(300.0)]).await;
    let promoted = stage.promote(&plan, &stage.policy()).await.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(promoted.state, PromotionState::Promoted);
    let heard = stage.heard();
    assert!(
        heard.contains("300 s")
            && heard.contains("REFRESH MATERIALIZED VIEW CONCURRENTLY public.orders_by_user"),
        "{heard}"
    );
}
