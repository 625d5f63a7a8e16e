//! Who runs when in a round, and how often.

use std::collections::{BTreeMap, BTreeSet};

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::runner::{Runner, Track};
use crate::bench::Shot;
use crate::competition::screen::{Cell, text};
use crate::stats::median;
use crate::traits::Sample;

pub(super) const BASELINE: usize = 0;
pub(super) const CONTROL: usize = 1;
pub(super) const FIRST_CANDIDATE: usize = 2;
/// Milliseconds that a shot should last, so that it is long against the clock and the round trip.
const SHOT_MS: f64 = 4.0;
const MAX_REPETITIONS: f64 = 9.0;
/// A candidate that takes this many times as long as the baseline, and this much longer, is cut off.
const CUT_OFF: (f64, f64) = (3.0, 100.0);

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

    /// How often a cell runs in one shot: the same under every arm, since the second run of a statement is faster
    /// than the first, and what runs more often would look faster. Only an arm that is far slower anyway runs less.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Between 1 and MAX_REPETITIONS.
    fn repetitions(&self, arm: usize, cell: usize) -> u32 {
        let Some(baseline) = self.typical(BASELINE, cell) else { return 1 };
        let own = self.typical(arm, cell).unwrap_or(baseline);
        let ms = if own > baseline * CUT_OFF.0 { own } else { baseline };
        // An odd number has a median that was measured, and not the slower of two.
        (SHOT_MS / ms.max(1e-3)).ceil().clamp(1.0, MAX_REPETITIONS) as u32 | 1
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    pub(super) fn timeout_ms(&self, arm: usize, cell: usize, track: &Track<'_>) -> u64 {
        let first = track.cells[cell].first_timeout_ms as f64;
        let longest = track.options.statement_timeout_seconds * 1e3;
        let bound = match self.typical(BASELINE, cell) {
            _ if arm < FIRST_CANDIDATE => longest,
            Some(ms) => (ms * CUT_OFF.0).max(ms + CUT_OFF.1),
            None => first,
        };
        bound.min(longest).ceil() as u64
    }
}

/// The shots of one round, each with its cell: cells in random order, arms in random order within a cell.
/// An arm that is dear to switch on has all its cells in one block at a random place.
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
        let mut arms = vec![BASELINE, CONTROL];
        arms.extend(
            live.iter()
                .filter(|&&r| {
                    runners[r].raced().any(|own| own == cell) && !pace.dear.contains(&(r + FIRST_CANDIDATE))
                })
                .map(|r| r + FIRST_CANDIDATE),
        );
        arms.extend(
            live.iter()
                .filter(|&&r| runners[r].rival.is_some() && runners[r].raced().any(|own| own == cell))
                .map(|r| rival_arm(runners, *r)),
        );
        arms.shuffle(rng);
        blocks.push(arms.into_iter().map(|arm| (cell, shot(track, runners, arm, cell, pace))).collect());
    }
    for &runner in live.iter().filter(|&&r| pace.dear.contains(&(r + FIRST_CANDIDATE))) {
        let arm = runner + FIRST_CANDIDATE;
        let cells = runners[runner].raced();
        blocks.push(cells.map(|cell| (cell, shot(track, runners, arm, cell, pace))).collect());
    }
    blocks.shuffle(rng);
    blocks.into_iter().flatten().collect()
}

pub(super) fn shot(track: &Track<'_>, runners: &[Runner<'_>], arm: usize, cell: usize, pace: &Pace) -> Shot {
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
        repetitions: pace.repetitions(arm, cell),
        timeout_ms: pace.timeout_ms(arm, cell, track),
    }
}

pub(super) fn rival_arm(runners: &[Runner<'_>], runner: usize) -> usize {
    FIRST_CANDIDATE + runners.len() + runner
}
