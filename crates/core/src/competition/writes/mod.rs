//! What candidates cost those who write to the tables they touch: writes that the workload does not have are made
//! up, and measured in pairs like everything else. They count for nothing in the objective.

mod facts;
mod generate;
mod rows;
mod touched;

use std::time::{Duration, Instant};

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use self::facts::Facts;
use self::generate::{Template, templates};
use self::rows::Rows;
use self::touched::{Place, differing, tables};
use super::litter::Litter;
use super::race::{Runner, Track, is_dear};
use super::work::counted;
use crate::bench::{Arm, Lab, Round, Shot};
use crate::context::{Context, Phase};
use crate::error::{ErrorKind, Result};
use crate::judge::{beats_rival, helps_somewhere};
use crate::pg::quote::qualified;
use crate::traits::Sample;
use crate::types::{
    GeneratedKind, GeneratedWrite, Operation, PairedSamples, StatementKind, TrialState, Unqueued, WorkPair,
};

/// Tables of one candidate at the most, the largest.
const MOST_TABLES: usize = 4;
/// Rows of one execution as it is timed: what an application writes at a time.
const ROWS: usize = 10;
/// A write that takes longer on the baseline goes to one row: a delete, say, that reads a table for each row.
const SLOW: Duration = Duration::from_millis(100);
/// Rows of one execution as its work is counted: enough for a share of heap-only updates.
const COUNTED_ROWS: usize = 100;
const ROUNDS: usize = 8;
/// Runs within a shot, of which the median counts, unless one of them takes longer than so many milliseconds.
const REPETITIONS: (u32, f64) = (3, 20.0);
/// Longest time of one generated write, milliseconds.
const LONGEST_MS: u64 = 2000;
/// Longest time for all writes of one candidate after the first two rounds.
const PATIENCE: Duration = Duration::from_secs(3);
/// With less time than this left before the deadline, nothing is generated.
const LEAST_TIME: Duration = Duration::from_secs(15);

/// One write on one candidate's way.
struct Write {
    place: Place,
    template: Template,
    /// Texts under baseline and candidate, which name rows by their places on disk.
    timed: [String; 2],
    counted: [String; 2],
    rows: (usize, usize),
}

/// Measures generated writes for every candidate that may win, alone or beside others, and touches a table to which no
/// raced write of the workload goes.
pub(super) async fn measure(
    cx: &Context,
    track: &Track<'_>,
    runners: &mut [Runner<'_>],
    rng: &mut ChaCha8Rng,
) -> Result<()> {
    let changing: Vec<usize> = (0..runners.len()).filter(|&r| wants(track, &runners[r])).collect();
    if changing.is_empty() {
        return Ok(());
    }
    let before = tables(cx, track.lab, &track.baseline).await?;
    let mut rows = Rows::default();
    for r in changing {
        if cx.time_left().is_some_and(|left| left < LEAST_TIME) {
            return Ok(());
        }
        let begin = Instant::now();
        let lab = runners[r].lab(track);
        let after = tables(cx, lab, &bare(&runners[r].arm)).await?;
        let places = differing(&before, &after);
        let written = track.written(&runners[r]);
        let mut writes = Vec::new();
        for place in places.iter().filter(|place| !written.contains(place)).take(MOST_TABLES) {
            Box::pin(prepare(cx, track, &mut runners[r], place, (&mut rows, &mut writes))).await?;
        }
        if places.len() > MOST_TABLES {
            let note = format!("{} more tables are touched, all of them smaller", places.len() - MOST_TABLES);
            runners[r].trial.ungenerated_writes.push(note);
        }
        let number = writes.len();
        let prepared = begin.elapsed();
        let measured = pairs(cx, track, &runners[r], writes, rng).await?;
        tracing::debug!(
            candidate = %runners[r].candidate.id,
            writes = number,
            prepared_ms = prepared.as_millis(),
            measured_ms = (begin.elapsed() - prepared).as_millis(),
            "generated writes"
        );
        runners[r].trial.generated_writes = measured;
    }
    Ok(())
}

/// Whether a candidate can change what a write must maintain, and is still of interest.
fn wants(track: &Track<'_>, runner: &Runner<'_>) -> bool {
    let maintained = |operation: &Operation| {
        matches!(
            operation,
            Operation::CreateIndex { .. }
                | Operation::DropIndex { .. }
                | Operation::AddConstraint { .. }
                | Operation::Sql { .. }
        )
    };
    runner.trial.state == TrialState::Measured
        && runner.trial.is_measured()
        && runner.candidate.change.operations.iter().any(maintained)
        && helps_somewhere(&runner.trial, track.problem)
        && beats_rival(&runner.trial, track.problem)
}

/// Makes up the writes on one table that both arms accept.
async fn prepare(
    cx: &Context,
    track: &Track<'_>,
    runner: &mut Runner<'_>,
    place: &Place,
    (rows, writes): (&mut Rows, &mut Vec<Write>),
) -> Result<()> {
    let table = qualified(&place.0, &place.1);
    let sides = [(track.lab, bare(&track.baseline)), (runner.lab(track), bare(&runner.arm))];
    let (before, after) = (
        Facts::read(cx, sides[0].0, &sides[0].1, &table).await?,
        Facts::read(cx, sides[1].0, &sides[1].1, &table).await?,
    );
    let choices = templates(cx, track.lab, &table, &before, &after);
    let choices = within_time(cx, track.lab, Box::pin(choices)).await?;
    let Some(choices) = choices else {
        runner.trial.ungenerated_writes.push(format!("{table}: its rows could not be read in time"));
        return Ok(());
    };
    for (kind, choice) in choices {
        let mut why = match choice {
            Ok(_) => String::new(),
            Err(ref none) => none.clone(),
        };
        let mut found = None;
        for template in choice.unwrap_or_default() {
            match accepted(cx, &sides, &table, &before, &template, rows).await? {
                Ok(write) => {
                    found = Some(write);
                    break;
                }
                Err(refusal) => why = refusal,
            }
        }
        match found {
            Some(([first, second], rows)) => writes.push(Write {
                place: place.clone(),
                timed: [first.0, second.0],
                counted: [first.1, second.1],
                template: Template::clone(&first.2),
                rows,
            }),
            None => runner.trial.ungenerated_writes.push(format!("{table}, {}: {why}", words(kind))),
        }
    }
    Ok(())
}

type Texts = (String, String, Template);

/// The texts of a write for both sides if the server runs it under both, and writes as many rows as asked for;
/// else why not.
async fn accepted(
    cx: &Context,
    sides: &[(&Lab, Arm); 2],
    table: &str,
    facts: &Facts,
    template: &Template,
    rows: &mut Rows,
) -> Result<std::result::Result<([Texts; 2], (usize, usize)), String>> {
    // What the slower side allows goes for both.
    let mut counts = (ROWS, COUNTED_ROWS);
    let mut chosen = Vec::new();
    for (side, (lab, arm)) in sides.iter().enumerate() {
        let free = template.kind == GeneratedKind::Delete;
        let Some(rows) = rows.sample(cx, lab, table, facts, free).await? else {
            return Ok(Err("its rows could not be read in time".to_owned()));
        };
        if rows.is_empty() {
            return Ok(Err(
                if free { "other tables hold on to every row" } else { "it has no rows" }.to_owned()
            ));
        }
        let took = loop {
            let few = &rows[..counts.0.min(rows.len())];
            let begin = Instant::now();
            let outcome = runs(cx, lab, arm, &template.sql(table, few), few.len()).await?;
            if side == 0 && few.len() > 1 && begin.elapsed() > SLOW {
                counts.0 = 1;
            } else if let Err(refusal) = outcome {
                return Ok(Err(refusal));
            } else {
                counts.0 = few.len();
                break begin.elapsed();
            }
        };
        let many = &rows[..counts.1.min(rows.len())];
        let hopeless = took * u32::try_from(many.len() / counts.0).unwrap_or(u32::MAX)
            > 2 * Duration::from_millis(LONGEST_MS);
        counts.1 = if hopeless || runs(cx, lab, arm, &template.sql(table, many), many.len()).await?.is_err() {
            counts.0
        } else {
            many.len()
        };
        chosen.push(rows);
    }
    let texts: Vec<Texts> = chosen
        .iter()
        .map(|rows| [counts.0, counts.1].map(|count| template.sql(table, &rows[..count])))
        .map(|[timed, counted]| (timed, counted, template.clone()))
        .collect();
    let both: std::result::Result<[Texts; 2], _> = texts.try_into();
    Ok(both.map(|texts| (texts, counts)).map_err(|_| "it has two sides".to_owned()))
}

/// Runs a write under an arm, undone at once; the refusal of the server, if it refuses.
async fn runs(
    cx: &Context,
    lab: &Lab,
    arm: &Arm,
    sql: &str,
    rows: usize,
) -> Result<std::result::Result<(), String>> {
    lab.enter(cx, &checked(arm)).await?;
    let counting = format!("WITH written AS ({sql} RETURNING 1) SELECT count(*)::text FROM written");
    let result = async {
        lab.session().batch(cx, &format!("SET LOCAL statement_timeout TO {LONGEST_MS}")).await?;
        lab.session().text(cx, &counting, &[]).await
    }
    .await;
    lab.leave(cx).await?;
    match result {
        Ok(count) if count == rows.to_string() => Ok(Ok(())),
        Ok(count) => Ok(Err(format!("a trigger or rule lets {count} of {rows} rows through"))),
        Err(error) if is_refusal(&error) && cx.check().is_ok() => Ok(Err(error.message().to_owned())),
        Err(error) => Err(error),
    }
}

fn is_refusal(error: &crate::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Sql
            | ErrorKind::Permission
            | ErrorKind::Timeout
            | ErrorKind::Unsupported
            | ErrorKind::NotFound
            | ErrorKind::InvalidInput
    )
}

/// Awaits a request in a transaction of its own with a time-out; nothing if the time is up.
async fn within_time<T>(
    cx: &Context,
    lab: &Lab,
    request: impl Future<Output = Result<T>>,
) -> Result<Option<T>> {
    lab.session().batch(cx, &format!("BEGIN; SET LOCAL statement_timeout TO {}", 5 * LONGEST_MS)).await?;
    let result = request.await;
    lab.leave(cx).await?;
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_refusal(&error) && cx.check().is_ok() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The arm without new statistics: writes to rows at known places need none, and gathering those of an index on an
/// expression takes longer than such a write.
fn bare(arm: &Arm) -> Arm {
    let mut arm = arm.clone();
    arm.enter.retain(|sql| !sql.starts_with("ANALYZE "));
    arm
}

/// The bare arm in which constraints are checked at once, as at a commit, and rows are found by their places.
fn checked(arm: &Arm) -> Arm {
    let mut arm = bare(arm);
    arm.enter.push("SET CONSTRAINTS ALL IMMEDIATE".to_owned());
    arm.enter.push("SET LOCAL enable_hashjoin TO off".to_owned());
    arm.enter.push("SET LOCAL enable_mergejoin TO off".to_owned());
    arm
}

/// Measures the writes of one candidate beside the baseline.
async fn pairs(
    cx: &Context,
    track: &Track<'_>,
    runner: &Runner<'_>,
    writes: Vec<Write>,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<GeneratedWrite>> {
    if writes.is_empty() {
        return Ok(Vec::new());
    }
    let labs = [track.lab, runner.lab(track)];
    let arms = [checked(&track.baseline), checked(&runner.arm)];
    let names: Vec<String> = writes.iter().map(|w| qualified(&w.place.0, &w.place.1)).collect();
    let mut litter = Vec::new();
    for lab in &labs {
        litter.push(Litter::of_tables(cx, lab, names.clone()).await?);
        lab.checkpoint(cx).await?;
    }
    let mut measured: Vec<GeneratedWrite> = writes.iter().map(blank).collect();
    for (side, lab) in labs.iter().enumerate() {
        litter[side].vacuum(cx, lab).await?;
        for (write, out) in writes.iter().zip(&mut measured) {
            lab.enter(cx, &arms[side]).await?;
            let work = counted(cx, lab, &write.counted[side], &[], StatementKind::Write, LONGEST_MS).await;
            lab.leave(cx).await?;
            let work = work?.unwrap_or_default();
            let pair = out.samples.work.get_or_insert(WorkPair { baseline: work, candidate: work });
            if side == 1 {
                pair.candidate = work;
            }
        }
        litter[side].vacuum(cx, lab).await?;
    }
    // An arm that is dear to switch on has all its writes in one block.
    let dear = is_dear(cx, labs[0], &arms[0]).await? || is_dear(cx, labs[1], &arms[1]).await?;
    let mut repetitions = vec![REPETITIONS.0; writes.len()];
    let mut spent = Duration::ZERO;
    // The first round only warms up.
    for round in 0..=ROUNDS {
        let mut order: Vec<usize> = (0..writes.len()).collect();
        order.shuffle(rng);
        let permit = track.slot.acquire().await.map_err(super::universe::closed)?;
        let measuring = cx.meter().enter(Phase::Measuring);
        let begin = Instant::now();
        for block in order.chunks(if dear { writes.len() } else { 1 }) {
            let mut sides = [0, 1];
            sides.shuffle(rng);
            for side in sides {
                let shots = block.iter().map(|&w| shot(&writes[w], side, repetitions[w])).collect();
                let one = Round { arms: vec![arms[side].clone()], shots };
                let samples = track.benchmarker.measure(cx, labs[side], &one).await?;
                for (&write, sample) in block.iter().zip(&samples) {
                    if round > 0 {
                        enter(&mut measured[write].samples, side, sample);
                    } else if sample.wall_ms > REPETITIONS.1 {
                        repetitions[write] = 1;
                    }
                }
            }
        }
        spent += begin.elapsed();
        drop(measuring);
        drop(permit);
        for (side, lab) in labs.iter().enumerate() {
            litter[side].clear(cx, lab, track.slot).await?;
        }
        if round >= 2 && spent > PATIENCE {
            break;
        }
    }
    for (side, lab) in labs.iter().enumerate() {
        // Rolled-back updates and deletes also take pages out of the visibility map.
        litter[side].vacuum(cx, lab).await?;
    }
    Ok(measured)
}

fn enter(samples: &mut PairedSamples, side: usize, sample: &Sample) {
    let (wall, unqueued) = if side == 0 {
        (&mut samples.baseline_ms, &mut samples.unqueued.baseline_ms)
    } else {
        (&mut samples.candidate_ms, &mut samples.unqueued.candidate_ms)
    };
    wall.push(sample.wall_ms);
    unqueued.extend(sample.unqueued_ms);
}

fn shot(write: &Write, side: usize, repetitions: u32) -> Shot {
    Shot {
        arm: 0,
        statement: words(write.template.kind).into(),
        parameter_set: "generated".into(),
        sql: write.timed[side].clone(),
        values: Vec::new(),
        kind: StatementKind::Write,
        repetitions,
        timeout_ms: LONGEST_MS,
    }
}

fn blank(write: &Write) -> GeneratedWrite {
    #[allow(clippy::cast_precision_loss)] // Milliseconds.
    let timeout_ms = LONGEST_MS as f64;
    GeneratedWrite {
        schema: write.place.0.clone(),
        table: write.place.1.clone(),
        kind: write.template.kind,
        column: write.template.column.clone(),
        rows: write.rows.0,
        counted_rows: write.rows.1,
        sql: write.timed[0].clone(),
        samples: PairedSamples {
            baseline_cut_off: false,
            statement: words(write.template.kind).into(),
            parameter_set: "generated".into(),
            kind: StatementKind::Write,
            weight: 1.0,
            plan_changed: true,
            baseline_ms: Vec::new(),
            candidate_ms: Vec::new(),
            control_ms: Vec::new(),
            rival_ms: Vec::new(),
            baseline_cpu_ms: Vec::new(),
            candidate_cpu_ms: Vec::new(),
            unqueued: Unqueued::default(),
            work: None,
            timeout_ms,
            cut_offs: 0,
        },
    }
}

fn words(kind: GeneratedKind) -> &'static str {
    match kind {
        GeneratedKind::Insert => "insert",
        GeneratedKind::UpdateIndexed => "update of an indexed column",
        GeneratedKind::UpdateUnindexed => "update of a column without an index",
        GeneratedKind::Delete => "delete",
    }
}
