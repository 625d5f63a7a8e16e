//! Figure 3: the promoter and the server are killed at random moments; whoever comes next finishes or undoes it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pgverse::pg::Source;
use pgverse::promote::{Approval, Policy, PromotionState, promote, rollback};
use pgverse::types::{PromotionPlan, Workload};
use pgverse::{Context, Error, ErrorKind, Result};
use pgverse_testkit::index;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::ground::{Ground, constraint, dsn, statistics, view};

const SCHEMA: &str = "
    CREATE TABLE orders (id int PRIMARY KEY, user_id int NOT NULL, total numeric NOT NULL, note text);
    INSERT INTO orders SELECT i, i % 5000, i % 97, 'note ' || i FROM generate_series(1, 200000) i;
    CREATE TABLE event (at date NOT NULL, kind int NOT NULL) PARTITION BY RANGE (at);
    CREATE TABLE event_a PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE TABLE event_b PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
    INSERT INTO event SELECT date '2024-01-01' + i % 700, i % 3 FROM generate_series(1, 100000) i;
    ANALYZE;";

/// What happened in all the rounds.
#[derive(Default)]
struct Tally {
    killed: u32,
    too_late: u32,
    resumed: u32,
    undone: u32,
    wrong: Vec<String>,
}

pub(crate) async fn run(kills: u32, server_kills: u32, seed: u64) -> Result<()> {
    let mut ground = Ground::new(SCHEMA).await?;
    let plan = ground
        .plan(vec![
            index("orders", "orders_bench_idx", "user_id"),
            index("event", "event_bench_idx", "kind"),
            statistics("orders", &["user_id", "total"]),
            constraint("orders", "CHECK (total >= 0)"),
            view(
                "order_totals",
                "SELECT user_id, sum(total) AS total FROM public.orders GROUP BY user_id",
                "user_id",
            ),
        ])
        .await?;
    let folder = tempfile::tempdir().map_err(|e| Error::internal("no directory can be made").caused_by(e))?;
    let path = folder.path().join("plan.json");
    let json = serde_json::to_string(&plan).map_err(|e| Error::internal("no plan").caused_by(e))?;
    std::fs::write(&path, json)
        .map_err(|e| Error::new(ErrorKind::Disk, "cannot write the plan").caused_by(e))?;

    let before = pgverse_testkit::dump_schema(&ground.dsn());
    let begin = Instant::now();
    // In a process of its own too, so that the moments are spread over what will be killed.
    let done = command(&ground, &path)?.status();
    if !done.is_ok_and(|status| status.success()) {
        return Err(Error::new(ErrorKind::Process, "the promoter fails without being killed"));
    }
    let whole = begin.elapsed();
    let after = pgverse_testkit::dump_schema(&ground.dsn());
    undo(&ground).await?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for (what, rounds) in [("promoter", kills), ("server", server_kills)] {
        let mut tally = Tally::default();
        for round in 0..rounds {
            let moment = whole.mul_f64(rng.random_range(0.0..1.0));
            let resume = round % 2 == 0;
            let outcome = once(&mut ground, &path, &plan, what == "server", moment, resume, &mut tally).await;
            let outcome = outcome.map_err(|e| e.with("killed", what).with("after", format!("{moment:?}")));
            let now = pgverse_testkit::dump_schema(&ground.dsn());
            let expected = if outcome? { &after } else { &before };
            let told = |problem: String| format!("{what} killed after {moment:?}: {problem}");
            tally.wrong.extend(ground.unsound().await?.into_iter().map(told));
            if now != *expected {
                tally.wrong.push(told("the schema is not what the journal says".to_owned()));
            }
            undo(&ground).await?;
            if pgverse_testkit::dump_schema(&ground.dsn()) != before {
                tally.wrong.push(told("undoing it does not lead back".to_owned()));
            }
        }
        println!(
            "kills: {what} killed -9 at {rounds} random moments of {:.1} s: {} at work, {} just done; then {} resumed, {} undone; {} wrong",
            whole.as_secs_f64(),
            tally.killed,
            tally.too_late,
            tally.resumed,
            tally.undone,
            tally.wrong.len()
        );
        tally.wrong.iter().for_each(|wrong| println!("    WRONG {wrong}"));
    }
    Ok(())
}

/// One kill and what follows; whether the change is in place afterwards.
async fn once(
    ground: &mut Ground,
    path: &Path,
    plan: &PromotionPlan,
    server: bool,
    moment: Duration,
    resume: bool,
    tally: &mut Tally,
) -> Result<bool> {
    let known = ground.records().await?.len();
    let mut child =
        command(ground, path)?.spawn().map_err(|e| Error::internal("cannot start").caused_by(e))?;
    tokio::time::sleep(moment).await;
    if server {
        ground.kill();
    } else {
        let _ = child.kill();
    }
    // Without its server it gives up by itself.
    let status = child.wait().map_err(|e| Error::internal("cannot wait").caused_by(e))?;
    if server {
        ground.restart().await?;
    }
    if status.success() {
        tally.too_late += 1
    } else {
        tally.killed += 1
    }
    let records = ground.records().await?;
    let begun = records.len() > known;
    let last = records.iter().max_by_key(|r| r.id).filter(|_| begun);
    match last {
        Some(record) if record.state == PromotionState::Promoted => Ok(true),
        Some(record) if !resume || record.state == PromotionState::RollingBack => {
            rollback(&ground.cx, &ground.source(), record.id, &Approval::of_rollback(record.id), &patient())
                .await?;
            tally.undone += 1;
            Ok(false)
        }
        _ => {
            ground.promote(plan, &patient()).await?;
            tally.resumed += 1;
            Ok(true)
        }
    }
}

/// Undoes what stands.
async fn undo(ground: &Ground) -> Result<()> {
    for record in ground.records().await?.iter().filter(|r| r.state == PromotionState::Promoted) {
        rollback(&ground.cx, &ground.source(), record.id, &Approval::of_rollback(record.id), &patient())
            .await?;
    }
    Ok(())
}

fn patient() -> Policy {
    Policy { longest_pause: Duration::from_millis(200), ..Policy::default() }
}

fn command(ground: &Ground, plan: &Path) -> Result<Command> {
    let program = std::env::current_exe().map_err(|e| Error::internal("no path of our own").caused_by(e))?;
    let mut command = Command::new(program);
    command.arg("--child").arg(ground.socket()).arg(plan).stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::null());
    Ok(command)
}

/// The process that is killed: promotes a plan.
pub(crate) async fn child(socket: &Path, plan: &Path) -> Result<()> {
    let text = std::fs::read_to_string(plan).map_err(|e| Error::invalid("no plan").caused_by(e))?;
    let plan: PromotionPlan =
        serde_json::from_str(&text).map_err(|e| Error::invalid("no plan").caused_by(e))?;
    let approval = Approval::of(&plan, &plan.hash)?;
    let source = Source::new(dsn(socket));
    promote(&Context::new(), &source, &plan, &Workload::default(), &approval, &patient()).await.map(drop)
}
