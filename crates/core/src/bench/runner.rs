//! The default benchmarker: arms are switched inside transactions that are rolled back.

use std::time::Duration;

use async_trait::async_trait;

use super::lab::{Lab, Scheduled};
use super::round::{Arm, Round, Shot};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::traits::{Benchmarker, Sample};
use crate::types::StatementKind;

/// Switches arms by transactional DDL (`BEGIN; DROP INDEX …; run; ROLLBACK`), so that baseline and candidate
/// run on the same fork, with the same cache, milliseconds apart.
#[derive(Debug, Clone, Copy, Default)]
pub struct TransactionBenchmarker;

#[async_trait]
impl Benchmarker for TransactionBenchmarker {
    async fn measure(&self, cx: &Context, lab: &Lab, round: &Round) -> Result<Vec<Sample>> {
        let mut samples = Vec::with_capacity(round.shots.len());
        for shots in round.shots.chunk_by(|a, b| a.arm == b.arm) {
            let Some(arm) = shots.first().and_then(|shot| round.arms.get(shot.arm)) else {
                return Err(Error::internal("a shot names an arm that the round does not have"));
            };
            lab.enter(cx, arm).await?;
            let outcome = fire_all(cx, lab, shots, &mut samples).await;
            lab.leave(cx).await?;
            outcome.map_err(|e| e.with("arm", &arm.name))?;
        }
        Ok(samples)
    }
}

impl Lab {
    /// Begins a transaction in which the database is as the arm wants it.
    pub(crate) async fn enter(&self, cx: &Context, arm: &Arm) -> Result<()> {
        let session = self.session();
        session.batch(cx, "BEGIN").await?;
        for sql in &arm.enter {
            if let Err(error) = session.batch(cx, sql).await {
                self.leave(cx).await?;
                return Err(error.with("arm", &arm.name));
            }
        }
        Ok(())
    }

    /// Ends the transaction; everything in it is undone.
    pub(crate) async fn leave(&self, cx: &Context) -> Result<()> {
        self.session().batch(cx, "ROLLBACK").await
    }
}

async fn fire_all(cx: &Context, lab: &Lab, shots: &[Shot], samples: &mut Vec<Sample>) -> Result<()> {
    for shot in shots {
        samples.push(fire(cx, lab, shot).await.map_err(|e| e.with("statement", &shot.statement))?);
    }
    Ok(())
}

/// Runs one shot inside the arm's transaction.
async fn fire(cx: &Context, lab: &Lab, shot: &Shot) -> Result<Sample> {
    let session = lab.session();
    let timeout = Duration::from_millis(shot.timeout_ms);
    let prepared = if shot.values.is_empty() { None } else { Some(session.prepare(cx, &shot.sql).await?) };
    // Switching empties the session's caches of catalog entries. Planning once fills them again, so that no
    // arm pays for its switch.
    crate::pg::explain(session, cx, &shot.sql, &shot.values).await?;
    let mut runs: Vec<Run> = Vec::with_capacity(shot.repetitions.max(1) as usize);
    for _ in 0..shot.repetitions.max(1) {
        // The time-out is for the run alone: planning and switching are not the statement's.
        session
            .batch(cx, &format!("SAVEPOINT shot; SET LOCAL statement_timeout TO {}", shot.timeout_ms))
            .await?;
        let outcome = lab.time(cx, prepared.as_ref(), &shot.sql, &shot.values).await;
        let undo = "ROLLBACK TO SAVEPOINT shot; RELEASE SAVEPOINT shot";
        if shot.kind == StatementKind::Write || outcome.is_err() {
            session.batch(cx, undo).await?;
        } else {
            // A short time-out may strike even here, where it is lifted: then it goes with the savepoint.
            match session.batch(cx, "SET LOCAL statement_timeout TO 0; RELEASE SAVEPOINT shot").await {
                Err(error) if cx.statement_timed_out(&error) => {
                    session.batch(cx, undo).await?;
                }
                other => other?,
            }
        }
        match outcome {
            Ok((wall, scheduled)) => runs.push(Run { wall, scheduled }),
            Err(error) if cx.statement_timed_out(&error) => {
                let wall_ms = milliseconds(timeout);
                let unqueued_ms = lab.knows_waits().then_some(wall_ms);
                return Ok(Sample { wall_ms, cpu_ms: None, unqueued_ms, timed_out: true });
            }
            Err(error) => return Err(error),
        }
    }
    runs.sort_unstable_by_key(Run::unqueued);
    let run = runs[(runs.len() - 1) / 2];
    Ok(Sample {
        wall_ms: milliseconds(run.wall),
        cpu_ms: run.scheduled.map(|s| milliseconds(s.running)),
        unqueued_ms: run.scheduled.map(|_| milliseconds(run.unqueued())),
        timed_out: false,
    })
}

/// One execution.
#[derive(Debug, Clone, Copy)]
struct Run {
    wall: Duration,
    scheduled: Option<Scheduled>,
}

impl Run {
    /// Wall time without the waits for a processor, the server's and our own: a reply is not late because nobody
    /// was there to read it. Some of that wait may lie outside of the statement, so the result is never less than
    /// the server's time on a processor.
    fn unqueued(&self) -> Duration {
        self.scheduled.map_or(self.wall, |s| self.wall.saturating_sub(s.queued).max(s.running).min(self.wall))
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
