//! The work of each statement under both arms by the server's own counters, which no busy neighbour changes.
//! They explain a verdict; only times decide it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::race::{Runner, Track};
use super::screen::{Cell, text};
use super::universe::closed;
use crate::bench::Arm;
use crate::context::{Context, Phase};
use crate::error::{ErrorKind, Result};
use crate::pg::{explain, explain_counted};
use crate::types::{TrialState, Work, WorkPair};

/// With less time than this left before the deadline, counting is left out.
const LEAST_TIME: Duration = Duration::from_secs(10);

/// Counts what every statement does that was raced because its plan or text changes, once for each arm.
pub(super) async fn count(cx: &Context, track: &Track<'_>, runners: &mut [Runner]) -> Result<()> {
    let _permit = track.slot.acquire().await.map_err(closed)?;
    let _measuring = cx.meter().enter(Phase::Measuring);
    let mut known: BTreeMap<usize, Option<Work>> = BTreeMap::new();
    for runner in runners.iter_mut().filter(|r| matches!(r.trial.state, TrialState::Measured)) {
        if cx.time_left().is_some_and(|left| left < LEAST_TIME) {
            return Ok(());
        }
        let cells: Vec<usize> =
            runner.impact.changed.intersection(&runner.impact.measured).copied().collect();
        let unknown: Vec<usize> = cells.iter().copied().filter(|cell| !known.contains_key(cell)).collect();
        known.extend(under(cx, track, &track.baseline, &unknown, |cell| cell.statement.sql.as_str()).await?);
        let candidate = &runner.candidate;
        let after = under(cx, track, &runner.arm, &cells, |cell| text(cell, candidate)).await?;
        for (cell, after) in after {
            let (Some(Some(baseline)), Some(candidate)) = (known.get(&cell), after) else { continue };
            let Cell { statement, set, .. } = track.cells[cell];
            let samples = runner.trial.samples.iter_mut();
            for samples in samples.filter(|s| s.statement == statement.id && s.parameter_set == set.id) {
                samples.work = Some(WorkPair { baseline: *baseline, candidate });
            }
        }
    }
    Ok(())
}

/// What these cells do under an arm; nothing for one that takes too long or fails.
async fn under<'a>(
    cx: &Context,
    track: &Track<'a>,
    arm: &Arm,
    cells: &[usize],
    texts: impl Fn(Cell<'a>) -> &'a str,
) -> Result<Vec<(usize, Option<Work>)>> {
    let mut counted = Vec::with_capacity(cells.len());
    if cells.is_empty() {
        return Ok(counted);
    }
    let session = track.lab.session();
    track.lab.enter(cx, arm).await?;
    for &number in cells {
        let cell = track.cells[number];
        let (sql, values) = (texts(cell), &cell.set.values);
        let limit = cell.first_timeout_ms;
        session.batch(cx, &format!("SAVEPOINT counted; SET LOCAL statement_timeout TO {limit}")).await?;
        let plan = async {
            // The switch has emptied the session's caches of catalog entries.
            explain(session, cx, sql, values).await?;
            explain_counted(session, cx, sql, values).await
        };
        let plan = plan.await;
        session.batch(cx, "ROLLBACK TO SAVEPOINT counted; RELEASE SAVEPOINT counted").await?;
        counted.push(match plan {
            Ok(plan) => (number, Some(Work::of(&plan))),
            Err(error)
                if matches!(error.kind(), ErrorKind::Sql | ErrorKind::Timeout) && cx.check().is_ok() =>
            {
                (number, None)
            }
            Err(error) => return Err(error),
        });
    }
    track.lab.leave(cx).await?;
    Ok(counted)
}
