//! Rounds in which the baseline, its control and every live candidate run once, in random order.

mod grounds;
mod record;
mod runner;
mod schedule;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use rand_chacha::ChaCha8Rng;

pub(super) use self::grounds::is_dear;
use self::grounds::{Grounds, dear, fire, labs};
pub(super) use self::record::unqueued;
use self::record::{WARM, give_up, record, still_warming, stops};
pub(super) use self::runner::{Rival, Runner, Track};
use self::schedule::{BASELINE, Pace, schedule, shot};
use super::litter::Litter;
use super::screen::Cell;
use super::work;
use crate::bench::{Arm, Lab};
use crate::context::Context;
use crate::error::Result;
use crate::event::Event;
use crate::judge::{Others, Progress, ended, progress, upper_end};
use crate::types::TrialState;

/// A statement that takes longer is not run once more only to know how long it takes, milliseconds.
const LONG_MS: f64 = 2000.0;
/// How often a statement that is not raced is run, so that its share of the workload is no accident.
const CONSTANT_ROUNDS: usize = 3;
/// Rounds that only warm up, at the most.
const MOST_WARM_UP_ROUNDS: u32 = 3;

/// Measures all runners until each is decided or the time is up; fills in their trials.
pub(super) async fn race(
    cx: &Context,
    track: &Track<'_>,
    runners: &mut [Runner<'_>],
    rng: &mut ChaCha8Rng,
) -> Result<()> {
    let mut live: BTreeSet<usize> = (0..runners.len()).collect();
    if live.is_empty() {
        return Ok(());
    }
    track.choosing.nobody(cx).await?;
    let arms: Vec<Arm> = [track.baseline.clone(), track.control.clone()]
        .into_iter()
        .chain(runners.iter().map(|r| r.arm.clone()))
        // The rival of runner i is the arm after all runners' arms; a runner without one leaves its place empty.
        .chain(
            runners
                .iter()
                .map(|r| r.rival.as_ref().map_or_else(|| track.baseline.clone(), |rival| rival.arm.clone())),
        )
        .collect();
    let raced: BTreeSet<usize> = runners.iter().flat_map(|r| r.impact.measured.iter().copied()).collect();
    let grounds = Grounds { labs: labs(track, runners), arms };
    let raced: Vec<Cell<'_>> = raced.into_iter().map(|cell| track.cells[cell]).collect();
    let raced_ms: Vec<f64> =
        raced.iter().filter(|cell| !cell.cut_off).filter_map(|cell| cell.seen_ms).collect();
    let mut litter = Vec::new();
    for lab in grounds.distinct() {
        let tables = Litter::of(cx, lab, track.brief, raced.iter().copied()).await?;
        if !tables.is_empty() {
            lab.checkpoint(cx).await?;
        }
        litter.push((lab, tables));
    }
    constants(cx, track, &grounds, runners).await?;
    let mut pace = Pace { dear: dear(cx, &grounds, &raced_ms).await?, ..Pace::default() };
    let cut_off = track.cells.iter().enumerate().filter(|(_, cell)| cell.cut_off);
    pace.milliseconds.extend(cut_off.filter_map(|(i, cell)| Some(((BASELINE, i), vec![cell.seen_ms?]))));
    // These warm caches and find how often each statement must run; their samples are not kept.
    let mut warm_up_rounds = 0;
    let mut before = f64::INFINITY;
    loop {
        let shots = schedule(track, runners, &live, &pace, rng);
        let samples = fire(cx, track, &grounds, &shots).await?;
        pace.learn(&shots, &samples);
        clear(cx, track, &mut litter).await?;
        warm_up_rounds += 1;
        // A fork of one's own has caches of its own, in which no other arm reads.
        let own = shots.iter().zip(&samples).filter(|((_, s), _)| grounds.is_apart(s.arm));
        let now: f64 = own.map(|((cell, _), sample)| track.cells[*cell].weight() * unqueued(sample)).sum();
        let cold = now < before * WARM && now > 0.0;
        before = now;
        // The first run may have found cold caches.
        let stopped = warm_up_rounds == 1 && stops(track, &shots, &samples).next().is_some();
        let warming = cold || stopped || still_warming(track, &shots, &samples);
        if warm_up_rounds >= MOST_WARM_UP_ROUNDS || !warming {
            give_up(track, runners, &shots, &samples);
            break;
        }
    }
    for runner in runners.iter_mut() {
        runner.trial.warm_up_rounds = warm_up_rounds;
        runner.trial.error_rate = Some(track.error_rate);
    }
    work::count(cx, track, runners).await?;

    let mut begin = Instant::now();
    for round in 1..=track.options.max_rounds {
        begin += track.choosing.nobody(cx).await?;
        let shots = schedule(track, runners, &live, &pace, rng);
        if shots.is_empty() {
            break;
        }
        let samples = fire(cx, track, &grounds, &shots).await?;
        record(track, runners, &live, &shots, &samples, &pace);
        pace.learn(&shots, &samples);
        clear(cx, track, &mut litter).await?;
        retire(cx, track, runners, &mut live, round);
        cx.emit(Event::Measured {
            agent: track.agent.clone(),
            round,
            rounds: track.options.max_rounds,
            live: live.len(),
        });
        let out_of_time = begin.elapsed().as_secs_f64() > track.options.measuring_seconds
            || cx.time_left().is_some_and(|left| left < begin.elapsed() / round * 2);
        if live.is_empty() || (out_of_time && round >= track.options.min_rounds) {
            break;
        }
    }
    Ok(())
}

async fn clear(cx: &Context, track: &Track<'_>, litter: &mut [(&Lab, Litter)]) -> Result<()> {
    for (lab, tables) in litter {
        tables.clear(cx, lab, track.slot).await?;
    }
    Ok(())
}

/// What the baseline takes for the cells that some runner does not race, warm and by the clock of the race. The
/// inspection saw each once, perhaps from disk, and with the cost of watching each plan node.
async fn constants(
    cx: &Context,
    track: &Track<'_>,
    grounds: &Grounds<'_>,
    runners: &mut [Runner<'_>],
) -> Result<()> {
    let mut pace = Pace::default();
    let mut shots = Vec::new();
    let ending = track.cells.iter().enumerate().filter(|(_, cell)| !cell.cut_off);
    for (cell, seen) in ending.filter_map(|(i, c)| Some((i, c.seen_ms?))) {
        if seen < LONG_MS && runners.iter().any(|r| !r.impact.measured.contains(&cell)) {
            pace.milliseconds.insert((BASELINE, cell), vec![seen]);
            shots.push((cell, shot(track, runners, BASELINE, cell, (&pace, 1))));
        }
    }
    let mut seen: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for _ in 0..CONSTANT_ROUNDS {
        let samples = fire(cx, track, grounds, &shots).await?;
        for ((cell, _), sample) in shots.iter().zip(&samples).filter(|(_, sample)| !sample.timed_out) {
            seen.entry(*cell).or_default().push(unqueued(sample));
        }
    }
    for (cell, ms) in seen {
        for runner in runners.iter_mut().filter(|r| !r.impact.measured.contains(&cell)) {
            runner.trial.samples[cell].baseline_ms.clone_from(&ms);
        }
    }
    Ok(())
}

/// Takes the runners out that have nothing left to learn.
fn retire(
    cx: &Context,
    track: &Track<'_>,
    runners: &mut [Runner<'_>],
    live: &mut BTreeSet<usize>,
    round: u32,
) {
    if round < track.options.min_rounds && runners.iter().all(|r| r.raced().next().is_some()) {
        return;
    }
    let ended = ended(runners.iter().map(|r| &r.trial));
    let ends: Vec<f64> =
        runners.iter().map(|r| upper_end(&r.trial, track.problem, track.error_rate, &ended)).collect();
    live.retain(|&r| {
        let trial = &runners[r].trial;
        let out = match &trial.state {
            // A candidate that was cut off on one statement still shows what it does to the others.
            _ if round < track.options.min_rounds && runners[r].raced().next().is_some() => return true,
            TrialState::Rejected { reason } => Some(reason.clone()),
            _ => match progress(
                trial,
                track.problem,
                track.error_rate,
                Others { ahead: ahead_of(&ends, r), ended: &ended },
            ) {
                Progress::Open => return true,
                Progress::Certified => None,
                Progress::Hopeless(reason) | Progress::Broken(reason) => Some(reason),
            },
        };
        if let Some(reason) = out {
            cx.emit(Event::Eliminated { candidate: trial.candidate.clone(), reason });
        }
        false
    });
}

/// The smallest upper end among those of the other runners.
fn ahead_of(ends: &[f64], runner: usize) -> f64 {
    let others = ends.iter().enumerate().filter(|(other, _)| *other != runner);
    others.map(|(_, end)| *end).fold(f64::INFINITY, f64::min)
}
