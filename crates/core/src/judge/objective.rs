//! The objective of each round: workload time without and with the change.

use std::collections::BTreeSet;

use crate::stats::log_ratios;
use crate::types::{Objective, PairedSamples, ParameterSetId, StatementId, StatementKind, Trial};

/// Statements with parameter sets that end with some change and not without any.
pub(crate) type Ended = BTreeSet<(StatementId, ParameterSetId)>;

/// Those that one of these trials shows to end.
pub(crate) fn ended<'a>(trials: impl IntoIterator<Item = &'a Trial>) -> Ended {
    let samples = trials.into_iter().flat_map(|t| &t.samples);
    let ends = samples.filter(|s| s.baseline_cut_off && !s.candidate_ms.is_empty());
    ends.map(key).collect()
}

/// What a sample is of.
pub(super) fn key(samples: &PairedSamples) -> (StatementId, ParameterSetId) {
    (samples.statement.clone(), samples.parameter_set.clone())
}

/// The objective of each round, in milliseconds or weight × milliseconds.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Rounds {
    pub(super) baseline: Vec<f64>,
    pub(super) candidate: Vec<f64>,
    pub(super) control: Vec<f64>,
    pub(super) rival: Vec<f64>,
}

impl Rounds {
    /// Sums the samples of each round. Statements whose work is the same under both arms were not run in
    /// pairs; they count with the longest of what the baseline took, on both sides. What ended on neither side is not known
    /// and left out, unless it `ended` with another candidate: then all are measured by the same statements. A view's
    /// refresh is charged to the candidate once for each period.
    pub(super) fn among(trial: &Trial, objective: Objective, ended: &Ended) -> Self {
        let (paired, unpaired): (Vec<_>, Vec<_>) =
            trial.samples.iter().partition(|s| !s.candidate_ms.is_empty());
        if paired.is_empty() {
            return Self::default();
        }
        let constant: Vec<(f64, f64)> = unpaired
            .iter()
            .filter(|s| !s.baseline_cut_off || ended.contains(&key(s)))
            // What is not raced makes a gain look smaller, never larger: the longest of its runs.
            .map(|s| (s.weight, s.baseline().iter().copied().fold(f64::NEG_INFINITY, f64::max)))
            .filter(|(_, ms)| ms.is_finite())
            .collect();
        let charge = refresh_charge(trial, objective);
        let rounds = shortest(&paired, |s| s.baseline().len().min(s.candidate().len()));
        let rivals = shortest(&paired, |s| s.candidate().len().min(s.rival().len()));
        let controls = shortest(&paired, |s| s.baseline().len().min(s.control().len()));
        let sum = |round: usize, of: fn(&PairedSamples) -> &[f64]| -> f64 {
            let executions = paired.iter().map(|s| (s.weight, of(s)[round]));
            weighted_time(executions.chain(constant.iter().copied()), objective)
        };
        Self {
            baseline: (0..rounds).map(|r| sum(r, PairedSamples::baseline)).collect(),
            candidate: (0..rounds).map(|r| charge + sum(r, PairedSamples::candidate)).collect(),
            control: (0..controls).map(|r| sum(r, PairedSamples::control)).collect(),
            // The rival's own refreshes are not charged here: that only makes it harder to beat.
            rival: (0..rivals).map(|r| sum(r, PairedSamples::rival)).collect(),
        }
    }

    /// The same for a candidate by itself.
    pub(super) fn of(trial: &Trial, objective: Objective) -> Self {
        Self::among(trial, objective, &Ended::new())
    }

    /// `ln(baseline / candidate)` of each round.
    pub(super) fn effects(&self) -> Vec<f64> {
        log_ratios(self.baseline.iter().zip(&self.candidate))
    }

    /// `ln(rival / candidate)` of each round; empty without a rival.
    pub(super) fn rival_effects(&self) -> Vec<f64> {
        log_ratios(self.rival.iter().zip(&self.candidate))
    }

    /// `ln(baseline / control)` of each round: what nothing at all looks like.
    pub(super) fn control_effects(&self) -> Vec<f64> {
        log_ratios(self.baseline.iter().zip(&self.control))
    }
}

fn shortest(samples: &[&PairedSamples], length: impl Fn(&PairedSamples) -> usize) -> usize {
    samples.iter().map(|s| length(s)).min().unwrap_or(0)
}

/// Executions below this many milliseconds count as taking so long where times are multiplied: the clock and the round
/// trip are as long.
const SHORTEST_MS: f64 = 0.05;

/// What the objective makes of the executions of a round, given as weights and milliseconds.
fn weighted_time(executions: impl Iterator<Item = (f64, f64)>, objective: Objective) -> f64 {
    match objective {
        Objective::TotalTime => executions.map(|(weight, ms)| weight * ms).sum(),
        Objective::GeometricMean => {
            let (mut weights, mut logs) = (0.0, 0.0);
            for (weight, ms) in executions {
                weights += weight;
                logs += weight * ms.max(SHORTEST_MS).ln();
            }
            if weights > 0.0 { (logs / weights).exp() } else { 0.0 }
        }
        Objective::TailTime { share } => {
            let mut executions: Vec<(f64, f64)> = executions.collect();
            executions.sort_by(|a, b| b.1.total_cmp(&a.1));
            let mut left = share * executions.iter().map(|(weight, _)| weight).sum::<f64>();
            let mut time = 0.0;
            for (weight, ms) in executions {
                let counted = weight.min(left);
                time += counted * ms;
                left -= counted;
            }
            time
        }
    }
}

/// Milliseconds of refreshing per minute, the unit of the weights.
fn refresh_charge(trial: &Trial, objective: Objective) -> f64 {
    match (trial.costs.refresh_seconds, trial.staleness_seconds) {
        (Some(refresh), Some(every)) if every > 0.0 && objective == Objective::TotalTime => {
            refresh * 1e3 * 60.0 / every
        }
        _ => 0.0,
    }
}

/// `ln(baseline / candidate)` of the weighted statements of this kind of each round; empty where none was
/// measured.
pub(super) fn effects_on(trial: &Trial, kind: StatementKind) -> Vec<f64> {
    let paired: Vec<&PairedSamples> =
        trial.samples.iter().filter(|s| s.kind == kind && !s.candidate_ms.is_empty()).collect();
    round_effects(&paired)
}

/// `ln(baseline / candidate)` of the weighted sum of each round.
pub(super) fn round_effects(paired: &[&PairedSamples]) -> Vec<f64> {
    let rounds = shortest(paired, |s| s.baseline().len().min(s.candidate().len()));
    let total = |round: usize, of: fn(&PairedSamples) -> &[f64]| -> f64 {
        paired.iter().map(|s| s.weight * of(s)[round]).sum()
    };
    let baseline: Vec<f64> = (0..rounds).map(|r| total(r, PairedSamples::baseline)).collect();
    let candidate: Vec<f64> = (0..rounds).map(|r| total(r, PairedSamples::candidate)).collect();
    log_ratios(baseline.iter().zip(&candidate))
}
