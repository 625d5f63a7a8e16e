//! Who runs when in a round, and how often.

use std::collections::{BTreeMap, BTreeSet};

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::runner::{Runner, Track};
use crate::bench::Shot;
use crate::competition::screen::{Cell, text};
use crate::stats::median;
use crate::traits::Sample;
use crate::types::StatementKind;

pub(super) const BASELINE: usize = 0;
pub(super) const CONTROL: usize = 1;
pub(super) const FIRST_CANDIDATE: usize = 2;
/// Milliseconds that the runs of a cell under one arm should last in a round, so that they are long against the clock,
/// the round trip, and a short disturbance.
const ROUND_MS: f64 = 12.0;
const MAX_RUNS: f64 = 9.0;
/// Runs of a round are spread over this many passes, each in an order of its own: what disturbs the machine for some
/// milliseconds then meets all arms alike, where runs in a row would put it all on one.
const PASSES: u32 = 3;
/// A candidate that takes this many times as long as the baseline, and this much longer, is cut off.
const CUT_OFF: (f64, f64) = (3.0, 100.0);
/// The same for a write, in times of what is allowed.
const BEYOND: f64 = 1.5;

/// How often a read or write of so many milliseconds runs in one round, by the clock and the round trip.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Between 1 and MAX_RUNS.
fn runs_of(ms: f64) -> u32 {
    // An odd number has a median that was measured, and not the slower of two.
    (ROUND_MS / ms.max(1e-3)).ceil().clamp(1.0, MAX_RUNS) as u32 | 1
}

/// How often an arm that is not dear is switched on for a cell of so many milliseconds.
pub(super) fn switches(ms: f64) -> u32 {
    runs_of(ms).min(PASSES)
}

/// Whether neither of two times is far from the other.
fn alike(a: f64, b: f64) -> bool {
    a.max(b) <= a.min(b) * CUT_OFF.0
}

/// What earlier shots taught: how long each cell takes under each arm.
#[derive(Debug, Default)]
pub(super) struct Pace {
    pub(super) milliseconds: BTreeMap<(usize, usize), Vec<f64>>,
    pub(super) dear: BTreeSet<usize>,
}

impl Pace {
    pub(super) fn learn(&mut self, shots: &[(usize, Shot)], samples: &[Sample]) {
        for ((cell, shot), sample) in shots.iter().zip(samples) {
            self.milliseconds.entry((shot.arm, *cell)).or_default().push(sample.wall_ms);
        }
    }

    fn typical(&self, arm: usize, cell: usize) -> Option<f64> {
        self.milliseconds.get(&(arm, cell)).map(|ms| median(ms))
    }

    /// How often a cell runs in one round under this arm and, with a rival's, the one that it runs beside: as often as under
    /// what it is compared with, since the second run of a statement is faster than the first, and what runs more often
    /// would look faster. Only an arm that is far slower anyway runs less, and one that is far faster runs more: a single
    /// run of so short a time says little.
    fn runs(&self, arm: usize, beside: Option<usize>, cell: usize) -> u32 {
        let Some(baseline) = self.typical(BASELINE, cell) else { return 1 };
        let own = |arm: usize| self.typical(arm, cell).unwrap_or(baseline);
        let like = |arm: usize, others: f64| if alike(own(arm), others) { others } else { own(arm) };
        runs_of(match beside.map(|union| like(union, baseline)) {
            Some(unions) if alike(own(arm), unions) => unions,
            _ => like(arm, baseline),
        })
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    pub(super) fn timeout_ms(&self, arm: usize, cell: usize, track: &Track<'_>) -> u64 {
        let first = track.cells[cell].first_timeout_ms as f64;
        let longest = track.options.statement_timeout_seconds * 1e3;
        // What the problem allows is not cut off.
        let most = match track.cells[cell].statement.kind {
            StatementKind::Read => CUT_OFF.0,
            StatementKind::Write => CUT_OFF.0.max(track.problem.limits.max_write_slowdown * BEYOND),
        };
        let bound = match self.typical(BASELINE, cell) {
            _ if arm < FIRST_CANDIDATE => longest,
            Some(ms) => (ms * most).max(ms + CUT_OFF.1),
            None => first,
        };
        bound.min(longest).ceil() as u64
    }
}

/// The shots of one round, each with its cell: cells in random order, arms in random order within each pass of a cell.
/// An arm that is dear to switch on has all its cells in one block at a random place, and no passes; nor have the arms
/// beside it there, lest it be the only one whose runs follow each other. Writes come after all reads: what a write
/// leaves in its table would slow the reads that happen to come after it.
pub(super) fn schedule(
    track: &Track<'_>,
    runners: &[Runner<'_>],
    live: &BTreeSet<usize>,
    pace: &Pace,
    rng: &mut ChaCha8Rng,
) -> Vec<(usize, Shot)> {
    let mut wanted: Vec<usize> = live.iter().flat_map(|&r| runners[r].raced()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut blocks: Vec<Vec<(usize, Shot)>> = Vec::new();
    for &cell in &wanted {
        let changed: Vec<usize> = live.iter().flat_map(|&r| arms_at(runners, r, cell)).collect();
        let mut arms: Vec<usize> = changed.iter().copied().filter(|arm| !pace.dear.contains(arm)).collect();
        let beside_dear = arms.len() < changed.len();
        // What does not end is not waited for again.
        if !track.cells[cell].cut_off {
            arms.extend([BASELINE, CONTROL]);
        }
        let passes = if beside_dear { 1 } else { pace.runs(BASELINE, None, cell).min(PASSES) };
        let mut block = Vec::new();
        for pass in 0..passes {
            arms.shuffle(rng);
            let due = arms.iter().filter(|&&arm| pass < pace.runs(arm, beside(runners, arm), cell));
            block.extend(due.map(|&arm| (cell, shot(track, runners, arm, cell, (pace, passes)))));
        }
        blocks.push(block);
    }
    for &dear in &pace.dear {
        let own =
            wanted.iter().filter(|&&cell| live.iter().any(|&r| arms_at(runners, r, cell).any(|a| a == dear)));
        let (reads, writes): (Vec<_>, Vec<_>) = own
            .map(|&cell| (cell, shot(track, runners, dear, cell, (pace, 1))))
            .partition(|(_, s)| !is_write(s));
        blocks.extend([reads, writes]);
    }
    blocks.retain(|block| !block.is_empty());
    blocks.shuffle(rng);
    blocks.sort_by_key(|block| block.iter().any(|(_, shot)| is_write(shot)));
    blocks.into_iter().flatten().collect()
}

fn is_write(shot: &Shot) -> bool {
    shot.kind == StatementKind::Write
}

/// The arms of a runner that a cell runs under: its own, and its rival's.
fn arms_at(runners: &[Runner<'_>], runner: usize, cell: usize) -> impl Iterator<Item = usize> {
    let raced = runners[runner].raced().any(|own| own == cell);
    let own = (!runners[runner].is_stopped(cell)).then_some(runner + FIRST_CANDIDATE);
    let rival = runners[runner].rival.is_some().then(|| rival_arm(runners, runner));
    [own, rival].into_iter().flatten().filter(move |_| raced)
}

/// One arm's shot at a cell, in one of so many passes.
pub(super) fn shot(
    track: &Track<'_>,
    runners: &[Runner<'_>],
    arm: usize,
    cell: usize,
    (pace, passes): (&Pace, u32),
) -> Shot {
    let Cell { statement, set, .. } = track.cells[cell];
    let sql = match arm.checked_sub(FIRST_CANDIDATE) {
        None => &statement.sql,
        Some(place) => match (runners.get(place), runners.get(place.saturating_sub(runners.len()))) {
            (Some(runner), _) => text(track.cells[cell], &runner.candidate),
            (None, Some(Runner { rival: Some(rival), .. })) => text(track.cells[cell], &rival.candidate),
            _ => &statement.sql,
        },
    };
    Shot {
        arm,
        statement: statement.id.clone(),
        parameter_set: set.id.clone(),
        sql: sql.to_owned(),
        values: set.values.clone(),
        kind: statement.kind,
        repetitions: (pace.runs(arm, beside(runners, arm), cell) / passes).max(1) | 1,
        timeout_ms: pace.timeout_ms(arm, cell, track),
    }
}

pub(super) fn rival_arm(runners: &[Runner<'_>], runner: usize) -> usize {
    FIRST_CANDIDATE + runners.len() + runner
}

/// The arm of the union that a rival runs beside; no other arm has one.
fn beside(runners: &[Runner<'_>], arm: usize) -> Option<usize> {
    arm.checked_sub(runners.len()).filter(|union| *union >= FIRST_CANDIDATE)
}
