//! Trying changes out at the workbench, for agents that choose by the clock.

use pgverse_core::traits::{Question, TryOut, Workbench};
use pgverse_core::types::Change;
use pgverse_core::{Context, Result};

/// A run is cut off when it takes this many times as long as what is known, and this many milliseconds more.
pub(crate) const CUT_OFF: (f64, f64) = (1.2, 100.0);
/// The first run of all may take as long as the engine itself allows.
pub(crate) const LONGEST_MS: f64 = 60_000.0;
/// Statements above this are not run a second time without need: it would take too much, and a long run is disturbed less.
pub(crate) const LONG_MS: f64 = 500.0;
/// Runs of each side where two are compared in turns.
pub(crate) const TURNS: usize = 2;
/// Nothing is a difference that is not even this many milliseconds.
pub(crate) const SAME_MS: f64 = 0.05;
/// Statements below this are run three times, since one run of them says little.
const SHORT_MS: f64 = 100.0;
/// Two times within this ratio are the same time.
const SAME: f64 = 1.1;

/// The limit of a run beside one of this many milliseconds, beyond which it has lost.
pub(crate) fn cut_off(known_ms: f64) -> f64 {
    known_ms * CUT_OFF.0 + CUT_OFF.1
}

/// How long a run beside the fastest so far is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Milliseconds.
    pub(crate) limit: f64,
    /// What the statement counts with if it is stopped then, where that says nothing.
    stopped: Option<f64>,
}

impl Patience {
    /// `stopped`: of a statement that did not end as it is, but was stopped after this many milliseconds. As long as nothing
    /// is faster it is not waited for that long again: it would take the time of all others.
    pub(crate) fn beside(fastest: f64, stopped: Option<f64>) -> Self {
        match stopped.filter(|stopped| fastest >= *stopped) {
            Some(ms) => Self { limit: (ms / 4.0).min(LONGEST_MS), stopped: Some(ms) },
            None => Self { limit: cut_off(fastest), stopped: None },
        }
    }

    /// Milliseconds that a run counts with.
    pub(crate) fn seen(self, ms: f64) -> f64 {
        self.stopped.filter(|_| ms >= self.limit).unwrap_or(ms)
    }
}

/// The limit of a run that may be a slow one of the same thing.
pub(crate) fn patient(known_ms: f64) -> f64 {
    known_ms * 10.0 + 1000.0
}

/// Milliseconds of these questions under a change, each with its limit in milliseconds; without the waits for a
/// processor, where they are known.
pub(crate) async fn times(
    cx: &Context,
    bench: &dyn Workbench,
    change: &Change,
    tries: impl IntoIterator<Item = (Question, f64)>,
) -> Result<Vec<f64>> {
    let tries: Vec<TryOut> = tries
        .into_iter()
        .map(|(question, limit)| TryOut {
            question,
            repetitions: if limit < cut_off(SHORT_MS) { 3 } else { 1 },
            timeout_ms: whole(limit),
        })
        .collect();
    if tries.is_empty() {
        return Ok(Vec::new());
    }
    let samples = bench.times(cx, change, &tries).await?;
    Ok(samples.iter().map(|sample| sample.unqueued_ms.unwrap_or(sample.wall_ms)).collect())
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Milliseconds, positive.
fn whole(ms: f64) -> u64 {
    ms.ceil().clamp(1.0, LONGEST_MS) as u64
}

/// How much longer the second takes, as a logarithm; 0 where the clock cannot tell them apart.
pub(crate) fn difference(before: f64, now: f64) -> f64 {
    if (now - before).abs() < SAME_MS || (now < before * SAME && before < now * SAME) {
        0.0
    } else {
        (now.max(SAME_MS) / before.max(SAME_MS)).ln()
    }
}
