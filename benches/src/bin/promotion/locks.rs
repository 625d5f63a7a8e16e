//! Figure 2: the situations in which `CREATE INDEX CONCURRENTLY` under a short `lock_timeout` fails and leaves an
//! invalid index, once that way and once by the promoter.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pgverse::Result;
use pgverse::pg::Session;
use pgverse::promote::{Notice, Policy, PromotionState};
use pgverse::types::PromotionPlan;
use pgverse_testkit::index;

use crate::ground::Ground;

const SCHEMA: &str = "
    CREATE TABLE other (id int PRIMARY KEY);
    INSERT INTO other SELECT generate_series(1, 1000);
    CREATE TABLE orders (id int PRIMARY KEY, user_id int NOT NULL);
    INSERT INTO orders SELECT i, i % 5000 FROM generate_series(1, 200000) i;
    ANALYZE;";

/// How long the other session stays after the promoter began.
const HELD: Duration = Duration::from_secs(2);

/// What the other session does: in the same database, or in another one.
const SITUATIONS: [(&str, bool, &str); 6] = [
    (
        "repeatable read on another table",
        true,
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM other",
    ),
    ("open insert on the table", true, "BEGIN; INSERT INTO orders VALUES (-1, 1)"),
    ("idle transaction after a read", true, "BEGIN; SELECT count(*) FROM other"),
    ("long query on another table", true, "SELECT count(*), pg_sleep(2) FROM (SELECT FROM other LIMIT 1) x"),
    (
        "snapshot in another database",
        false,
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class",
    ),
    (
        "a snapshot that does not end",
        true,
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM other",
    ),
];

pub(crate) async fn run() -> Result<()> {
    let mut good = 0;
    let mut lines = Vec::new();
    for (number, (name, here, sql)) in SITUATIONS.into_iter().enumerate() {
        let endless = number + 1 == SITUATIONS.len();
        let ground = Ground::new(SCHEMA).await?;
        let plan = ground.plan(vec![index("orders", "orders_bench_idx", "user_id")]).await?;
        let plain = plainly(&ground, &plan, here, sql).await?;
        let heard = Arc::new(Mutex::new(0));
        let counting = Arc::clone(&heard);
        let policy = Policy {
            longest_pause: Duration::from_millis(500),
            max_wait: if endless { Duration::from_millis(500) } else { Duration::from_secs(60) },
            patience: if endless { Duration::from_secs(3) } else { Duration::from_secs(60) },
            notice: Notice::new(move |_| {
                if let Ok(mut lines) = counting.lock() {
                    *lines += 1;
                }
            }),
            ..Policy::default()
        };
        let begin = Instant::now();
        let promoted = beside(&ground, here, sql, endless, Box::pin(ground.promote(&plan, &policy))).await?;
        let took = begin.elapsed().as_secs_f64();
        let there =
            ground.text("SELECT (to_regclass('orders_bench_idx') IS NOT NULL)::text").await? == "true";
        let unsound = ground.unsound().await?;
        let (outcome, right) = match promoted {
            Ok(p) if p.state == PromotionState::Promoted && there => ("valid", !endless),
            Err(_) if !there => ("undone", endless),
            _ => ("WRONG", false),
        };
        let right = right && unsound.is_empty();
        good += u32::from(right);
        lines
            .push(format!("    {name}: plain way {plain}; promoter {outcome} after {took:.1} s {unsound:?}"));
    }
    println!(
        "locks: {good} of {} situations end valid, or undone where the snapshot does not end",
        SITUATIONS.len()
    );
    lines.iter().for_each(|line| println!("{line}"));
    Ok(())
}

/// The usual way: CONCURRENTLY under a lock_timeout of 500 ms. What it leaves is said and removed.
async fn plainly(ground: &Ground, plan: &PromotionPlan, here: bool, sql: &str) -> Result<&'static str> {
    let session = ground.session().await?;
    session.batch(&ground.cx, "SET lock_timeout = '500ms'").await?;
    let done = beside(ground, here, sql, true, session.batch(&ground.cx, &plan.steps[0].up[0])).await?;
    let valid = ground
        .text("SELECT coalesce((SELECT indisvalid::text FROM pg_index WHERE indexrelid = to_regclass('orders_bench_idx')), 'none')")
        .await?;
    session.batch(&ground.cx, "SET lock_timeout = 0").await?;
    session.batch(&ground.cx, "DROP INDEX IF EXISTS orders_bench_idx").await?;
    Ok(match (done.is_ok(), valid.as_str()) {
        (true, "true") => "valid",
        (_, "false") => "leaves an invalid index",
        _ => "fails",
    })
}

/// Does something while the other session is as it says; that session ends after a while, or when we are done.
async fn beside<T>(
    ground: &Ground,
    here: bool,
    sql: &str,
    until_done: bool,
    work: impl Future<Output = T>,
) -> Result<T> {
    let dsn = if here { ground.dsn() } else { ground.dsn().with_database("postgres") };
    let other = Session::connect(&ground.cx, &dsn, "other").await?;
    if sql.starts_with("BEGIN") {
        other.batch(&ground.cx, sql).await?;
        if until_done {
            let done = work.await;
            other.batch(&ground.cx, "ROLLBACK").await?;
            return Ok(done);
        }
        let hold = async {
            tokio::time::sleep(HELD).await;
            other.batch(&ground.cx, "ROLLBACK").await
        };
        let (done, ended) = tokio::join!(work, hold);
        return ended.map(|()| done);
    }
    let (done, ended) = tokio::join!(work, other.batch(&ground.cx, sql));
    ended.map(|()| done)
}
