//! What the samples of a round say.

use std::collections::{BTreeMap, BTreeSet};

use super::runner::{Runner, Track};
use super::schedule::{BASELINE, CONTROL, FIRST_CANDIDATE, Pace, rival_arm};
use crate::bench::Shot;
use crate::competition::screen::Cell;
use crate::stats::median;
use crate::traits::Sample;
use crate::types::{PairedSamples, TrialState};

/// The later runs of a warm round take more than this share of what the earlier ones take.
pub(super) const WARM: f64 = 0.95;

/// Adds the samples of a round to the trials of the live runners.
pub(super) fn record(
    track: &Track<'_>,
    runners: &mut [Runner<'_>],
    live: &BTreeSet<usize>,
    shots: &[(usize, Shot)],
    samples: &[Sample],
    pace: &Pace,
) {
    let by_place = middles(shots, samples);
    for &r in live {
        let arm = r + FIRST_CANDIDATE;
        let rival = rival_arm(runners, r);
        let runner = &mut runners[r];
        for &cell in &runner.impact.measured {
            let Cell { statement, set, .. } = track.cells[cell];
            let stopped = stopped(track.cells[cell]);
            // What was stopped again and again is not run once more.
            let own = by_place.get(&(arm, cell)).copied();
            let Some(candidate) = own.or(stopped.as_ref()) else { continue };
            let same = |arm| stopped.as_ref().or_else(|| by_place.get(&(arm, cell)).copied());
            let (Some(baseline), Some(control)) = (same(BASELINE), same(CONTROL)) else { continue };
            let Some(paired) = runner
                .trial
                .samples
                .iter_mut()
                .find(|s| s.statement == statement.id && s.parameter_set == set.id)
            else {
                continue;
            };
            push(paired, baseline, candidate, control, by_place.get(&(rival, cell)).copied());
            #[allow(clippy::cast_precision_loss)] // Milliseconds.
            if candidate.timed_out {
                paired.timeout_ms = pace.timeout_ms(arm, cell, track) as f64;
                paired.cut_offs += 1;
            }
            // One slow run may be the machine's fault.
            if candidate.timed_out && paired.cut_off() {
                runner.trial.state = TrialState::Rejected {
                    reason: format!(
                        "makes {} with {} slower: stopped after {:.0} ms; the baseline takes {:.1} ms",
                        statement.id,
                        set.id,
                        paired.timeout_ms,
                        median(paired.baseline())
                    ),
                };
            }
        }
    }
}

/// What the baseline of a cell counts with that does not end: the time-out, by any clock.
fn stopped(cell: Cell<'_>) -> Option<Sample> {
    let wall_ms = cell.seen_ms.filter(|_| cell.cut_off)?;
    Some(Sample { wall_ms, cpu_ms: None, unqueued_ms: Some(wall_ms), timed_out: true })
}

/// The arms with cells that ended neither with them nor without.
pub(super) fn stops(
    track: &Track<'_>,
    shots: &[(usize, Shot)],
    samples: &[Sample],
) -> impl Iterator<Item = (usize, usize)> {
    let stopped =
        shots.iter().zip(samples).filter(|((cell, _), s)| s.timed_out && track.cells[*cell].cut_off);
    stopped.map(|((cell, shot), _)| (shot.arm, *cell))
}

/// Takes the cells out of the race that end neither without a runner's change nor with it, nor with that of its rival.
pub(super) fn give_up(
    track: &Track<'_>,
    runners: &mut [Runner<'_>],
    shots: &[(usize, Shot)],
    samples: &[Sample],
) {
    let stopped: BTreeSet<(usize, usize)> = stops(track, shots, samples).collect();
    for r in 0..runners.len() {
        let rival = runners[r].rival.is_some().then(|| rival_arm(runners, r));
        let runner = &mut runners[r];
        let hopeless = |cell: usize| {
            stopped.contains(&(r + FIRST_CANDIDATE, cell))
                && rival.is_none_or(|arm| stopped.contains(&(arm, cell)))
        };
        let gone: Vec<usize> =
            runner.impact.measured.iter().copied().filter(|&cell| hopeless(cell)).collect();
        for cell in gone {
            runner.impact.measured.remove(&cell);
            runner.trial.samples[cell].baseline_ms = track.cells[cell].seen_ms.into_iter().collect();
        }
    }
}

/// The sample in the middle of those that an arm has for a cell, one from each pass.
fn middles<'a>(shots: &[(usize, Shot)], samples: &'a [Sample]) -> BTreeMap<(usize, usize), &'a Sample> {
    let mut passes: BTreeMap<(usize, usize), Vec<&Sample>> = BTreeMap::new();
    for ((cell, shot), sample) in shots.iter().zip(samples) {
        passes.entry((shot.arm, *cell)).or_default().push(sample);
    }
    let middle = |mut samples: Vec<&'a Sample>| {
        samples.sort_unstable_by(|a, b| unqueued(a).total_cmp(&unqueued(b)));
        samples.get((samples.len().saturating_sub(1)) / 2).copied()
    };
    passes.into_iter().filter_map(|(place, samples)| Some((place, middle(samples)?))).collect()
}

fn push(
    paired: &mut PairedSamples,
    baseline: &Sample,
    candidate: &Sample,
    control: &Sample,
    rival: Option<&Sample>,
) {
    paired.baseline_ms.push(baseline.wall_ms);
    paired.candidate_ms.push(candidate.wall_ms);
    paired.control_ms.push(control.wall_ms);
    paired.rival_ms.extend(rival.map(|r| r.wall_ms));
    paired.unqueued.baseline_ms.extend(baseline.unqueued_ms);
    paired.unqueued.candidate_ms.extend(candidate.unqueued_ms);
    paired.unqueued.control_ms.extend(control.unqueued_ms);
    paired.unqueued.rival_ms.extend(rival.and_then(|r| r.unqueued_ms));
    if let (Some(before), Some(after)) = (baseline.cpu_ms, candidate.cpu_ms) {
        paired.baseline_cpu_ms.push(before);
        paired.candidate_cpu_ms.push(after);
    }
}

/// Milliseconds without waits for a processor, where they are known.
pub(in crate::competition) fn unqueued(sample: &Sample) -> f64 {
    sample.unqueued_ms.unwrap_or(sample.wall_ms)
}

/// Whether caches are not warm yet: of the two runs of the baseline that each statement had in this round, the
/// later ones still took less, in the objective's own measure.
pub(super) fn still_warming(track: &Track<'_>, shots: &[(usize, Shot)], samples: &[Sample]) -> bool {
    let mut first: BTreeMap<usize, f64> = BTreeMap::new();
    let (mut earlier, mut later) = (0.0, 0.0);
    for ((cell, _), sample) in shots.iter().zip(samples).filter(|((_, s), _)| s.arm < FIRST_CANDIDATE) {
        let ms = track.cells[*cell].weight() * unqueued(sample);
        match first.remove(cell) {
            None => {
                first.insert(*cell, ms);
            }
            Some(before) => {
                earlier += before;
                later += ms;
            }
        }
    }
    later < earlier * WARM
}
