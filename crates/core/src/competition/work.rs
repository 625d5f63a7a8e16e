//! The work of each statement under both arms by the server's own counters, which no busy neighbour changes.
//! They explain a verdict; only times decide it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::litter::Litter;
use super::race::{Runner, Track};
use super::screen::{Cell, text};
use super::universe::closed;
use crate::bench::{Arm, Lab};
use crate::context::{Context, Phase};
use crate::error::{Error, ErrorKind, Result};
use crate::pg::{explain, explain_counted};
use crate::types::{StatementKind, TrialState, Work, WorkPair};

/// With less time than this left before the deadline, counting is left out.
const LEAST_TIME: Duration = Duration::from_secs(10);

/// How often a write is run until its log holds no images of whole pages.
const RUNS: usize = 3;

/// Counts what every statement does that was raced because its plan or text changes, once for each arm. The tables
/// that writes go to are cleared before each arm, so that both find the same free space.
pub(super) async fn count(cx: &Context, track: &Track<'_>, runners: &mut [Runner<'_>]) -> Result<()> {
    let _permit = track.slot.acquire().await.map_err(closed)?;
    let _measuring = cx.meter().enter(Phase::Measuring);
    let begin = Instant::now();
    let mut known: BTreeMap<usize, Option<Work>> = BTreeMap::new();
    for runner in runners.iter_mut().filter(|r| matches!(r.trial.state, TrialState::Measured)) {
        if cx.time_left().is_some_and(|left| left < LEAST_TIME) {
            return Ok(());
        }
        let cells = runner.impact.changed.intersection(&runner.impact.measured).copied();
        let cells: Vec<usize> = cells.filter(|&cell| !track.cells[cell].cut_off).collect();
        let unknown: Vec<usize> = cells.iter().copied().filter(|cell| !known.contains_key(cell)).collect();
        let baseline = (track.lab, &track.baseline);
        known.extend(under(cx, track, baseline, &unknown, |cell| cell.statement.sql.as_str()).await?);
        let candidate = &runner.candidate;
        let changed = (runner.lab(track), &runner.arm);
        let after = under(cx, track, changed, &cells, |cell| text(cell, candidate)).await?;
        for (cell, after) in after {
            let (Some(Some(baseline)), Some(candidate)) = (known.get(&cell), after) else { continue };
            let Cell { statement, set, .. } = track.cells[cell];
            let samples = runner.trial.samples.iter_mut();
            for samples in samples.filter(|s| s.statement == statement.id && s.parameter_set == set.id) {
                samples.work = Some(WorkPair { baseline: *baseline, candidate });
            }
        }
    }
    tracing::debug!(agent = %track.agent, ms = begin.elapsed().as_millis(), "counted");
    Ok(())
}

/// What these cells do under an arm; nothing for one that takes too long or fails.
async fn under<'a>(
    cx: &Context,
    track: &Track<'a>,
    (lab, arm): (&Lab, &Arm),
    cells: &[usize],
    texts: impl Fn(Cell<'a>) -> &'a str,
) -> Result<Vec<(usize, Option<Work>)>> {
    let mut counts = Vec::with_capacity(cells.len());
    if cells.is_empty() {
        return Ok(counts);
    }
    let litter = Litter::of(cx, lab, track.brief, cells.iter().map(|&cell| track.cells[cell])).await?;
    litter.vacuum(cx, lab).await?;
    lab.enter(cx, arm).await?;
    for &number in cells {
        let cell = track.cells[number];
        let (sql, values) = (texts(cell), &cell.set.values);
        let work = counted(cx, lab, sql, values, cell.statement.kind, cell.first_timeout_ms).await?;
        counts.push((number, work));
    }
    lab.leave(cx).await?;
    litter.vacuum(cx, lab).await?;
    Ok(counts)
}

/// The work of one execution inside the transaction of an arm, undone again; nothing if it takes too long or fails.
///
/// A write is run again as long as its log holds images of whole pages, which only tell when the last checkpoint
/// was. Heap-only updates are those of the first run: later ones find its dead rows in their way.
pub(super) async fn counted(
    cx: &Context,
    lab: &Lab,
    sql: &str,
    values: &[Option<String>],
    kind: StatementKind,
    limit_ms: u64,
) -> Result<Option<Work>> {
    let session = lab.session();
    let mut first: Option<Work> = None;
    for _ in 0..RUNS {
        session.batch(cx, &format!("SAVEPOINT counted; SET LOCAL statement_timeout TO {limit_ms}")).await?;
        let run = async {
            // The switch has emptied the session's caches of catalog entries.
            explain(session, cx, sql, values).await?;
            let before = updates(cx, lab, kind).await?;
            let mut work = Work::of(&explain_counted(session, cx, sql, values).await?);
            let after = updates(cx, lab, kind).await?;
            (work.updated_rows, work.hot_updated_rows) = (after.0 - before.0, after.1 - before.1);
            Ok(work)
        };
        let run: Result<Work> = run.await;
        session.batch(cx, "ROLLBACK TO SAVEPOINT counted; RELEASE SAVEPOINT counted").await?;
        match run {
            Ok(work) => {
                let hot = first.map_or((work.updated_rows, work.hot_updated_rows), |first| {
                    (first.updated_rows, first.hot_updated_rows)
                });
                first = Some(Work { updated_rows: hot.0, hot_updated_rows: hot.1, ..work });
                if kind == StatementKind::Read || work.wal_full_pages == 0.0 {
                    break;
                }
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::Sql | ErrorKind::Timeout) && cx.check().is_ok() =>
            {
                break;
            }
            Err(error) => return Err(error),
        }
    }
    // Images of whole pages would be held against whichever arm was unlucky.
    Ok(first.filter(|work| kind == StatementKind::Read || work.wal_full_pages == 0.0))
}

/// Rows that this transaction has updated so far, and the heap-only ones among them.
async fn updates(cx: &Context, lab: &Lab, kind: StatementKind) -> Result<(f64, f64)> {
    if kind == StatementKind::Read {
        return Ok((0.0, 0.0));
    }
    let sql = "SELECT json_build_array(coalesce(sum(n_tup_upd), 0), coalesce(sum(n_tup_hot_upd), 0)) \
               FROM pg_stat_xact_user_tables";
    let counts = lab.session().json(cx, sql, &[]).await?.into_iter().next().unwrap_or_default();
    serde_json::from_value(counts)
        .map_err(|e| Error::internal("the counts of updates are no numbers").caused_by(e))
}
