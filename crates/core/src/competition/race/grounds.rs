//! Where each arm runs, and its shots there.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::runner::{Runner, Track};
use super::schedule::{BASELINE, FIRST_CANDIDATE, switches};
use crate::bench::{Arm, Lab, Round, Shot};
use crate::competition::universe::closed;
use crate::context::{Context, Phase};
use crate::error::{Error, Result};
use crate::traits::Sample;

/// Switching on an arm by statements slower than this is done once in a round, not once for each cell.
const DEAR_SWITCH: Duration = Duration::from_millis(20);

/// Unless all switches of a round take less than this share of what the baseline takes.
const DEAR_SHARE: f64 = 0.5;

/// The arms, and the fork on which each runs.
pub(super) struct Grounds<'a> {
    pub(super) arms: Vec<Arm>,
    pub(super) labs: Vec<&'a Lab>,
}

impl<'a> Grounds<'a> {
    /// Whether an arm runs on another fork than the baseline.
    pub(super) fn is_apart(&self, arm: usize) -> bool {
        !std::ptr::eq(self.labs[arm], self.labs[BASELINE])
    }

    /// Each fork once.
    pub(super) fn distinct(&self) -> Vec<&'a Lab> {
        let mut distinct: Vec<&Lab> = Vec::new();
        for lab in &self.labs {
            if distinct.iter().all(|known| !std::ptr::eq(*known, *lab)) {
                distinct.push(lab);
            }
        }
        distinct
    }
}

/// The fork of each arm; a rival is no change that needs a fork of its own.
pub(super) fn labs<'a>(track: &Track<'a>, runners: &[Runner<'a>]) -> Vec<&'a Lab> {
    [track.lab, track.control_lab]
        .into_iter()
        .chain(runners.iter().map(|r| r.lab(track)))
        .chain(runners.iter().map(|_| track.lab))
        .collect()
}

/// The arms that are dear to switch on: where cells of these milliseconds are raced, switching for each of them would take
/// much of the round.
pub(super) async fn dear(cx: &Context, grounds: &Grounds<'_>, raced_ms: &[f64]) -> Result<BTreeSet<usize>> {
    let switches: u32 = raced_ms.iter().map(|ms| switches(*ms)).sum();
    let round = Duration::from_secs_f64(raced_ms.iter().sum::<f64>() / 1e3);
    let mut dear = BTreeSet::new();
    for (arm, (switch, lab)) in grounds.arms.iter().zip(&grounds.labs).enumerate().skip(FIRST_CANDIDATE) {
        let took = switching(cx, lab, switch).await?;
        if took > DEAR_SWITCH && took * switches > round.mul_f64(DEAR_SHARE) {
            dear.insert(arm);
        }
    }
    Ok(dear)
}

/// Whether an arm is dear to switch on for something short.
pub(in crate::competition) async fn is_dear(cx: &Context, lab: &Lab, arm: &Arm) -> Result<bool> {
    Ok(switching(cx, lab, arm).await? > DEAR_SWITCH)
}

/// What switching to an arm takes.
async fn switching(cx: &Context, lab: &Lab, arm: &Arm) -> Result<Duration> {
    if arm.enter.is_empty() {
        return Ok(Duration::ZERO);
    }
    let begin = Instant::now();
    lab.enter(cx, arm).await?;
    let took = begin.elapsed();
    lab.leave(cx).await?;
    Ok(took)
}

/// Runs the shots while holding the timing slot.
pub(super) async fn fire(
    cx: &Context,
    track: &Track<'_>,
    grounds: &Grounds<'_>,
    shots: &[(usize, Shot)],
) -> Result<Vec<Sample>> {
    let permit = track.slot.acquire().await.map_err(closed)?;
    let _measuring = cx.meter().enter(Phase::Measuring);
    let begin = Instant::now();
    let mut samples = Vec::with_capacity(shots.len());
    for same in shots.chunk_by(|(_, a), (_, b)| std::ptr::eq(grounds.labs[a.arm], grounds.labs[b.arm])) {
        let Some((_, first)) = same.first() else { continue };
        let round =
            Round { arms: grounds.arms.clone(), shots: same.iter().map(|(_, s)| s.clone()).collect() };
        samples.extend(track.benchmarker.measure(cx, grounds.labs[first.arm], &round).await?);
    }
    drop(permit);
    tracing::debug!(agent = %track.agent, shots = shots.len(), ms = begin.elapsed().as_millis(), "fired");
    if samples.len() != shots.len() {
        return Err(Error::internal("the benchmarker did not return one sample for each shot")
            .with("shots", shots.len())
            .with("samples", samples.len()));
    }
    Ok(samples)
}
