//! What writes cost: the workload's own where it has any, else generated ones.

use super::objective::{effects_on, round_effects};
use crate::stats::hodges_lehmann;
use crate::types::{HotUpdates, PairedSamples, StatementKind, Trial, WriteLog, WriteSource};

/// The samples that tell what writes cost, and where they come from: the workload's own writes, weighted, if any was
/// raced; else the generated ones, one execution of each.
pub(super) fn writes(trial: &Trial) -> Option<(WriteSource, Vec<&PairedSamples>)> {
    let own: Vec<&PairedSamples> = trial
        .samples
        .iter()
        .filter(|s| s.kind == StatementKind::Write && !s.candidate_ms.is_empty())
        .collect();
    if !own.is_empty() {
        return Some((WriteSource::Workload, own));
    }
    let generated: Vec<&PairedSamples> =
        trial.generated_writes.iter().map(|w| &w.samples).filter(|s| !s.candidate_ms.is_empty()).collect();
    (!generated.is_empty()).then_some((WriteSource::Generated, generated))
}

/// `ln(baseline / candidate)` of each round of these writes.
pub(super) fn write_effects(trial: &Trial) -> Vec<f64> {
    match writes(trial) {
        Some((WriteSource::Workload, _)) => effects_on(trial, StatementKind::Write),
        Some((WriteSource::Generated, generated)) => round_effects(&generated),
        None => Vec::new(),
    }
}

/// Sums up what writes cost.
pub(crate) fn enter_write_costs(trial: &mut Trial) {
    let effects = write_effects(trial);
    let Some((source, samples)) = writes(trial).filter(|_| !effects.is_empty()) else { return };
    let works: Vec<_> = samples.iter().filter_map(|s| s.work).collect();
    let log = WriteLog {
        baseline_bytes: works.iter().map(|w| w.baseline.wal_bytes).sum(),
        candidate_bytes: works.iter().map(|w| w.candidate.wal_bytes).sum(),
    };
    let hot = HotUpdates {
        updated: works.iter().map(|w| w.baseline.updated_rows).sum(),
        baseline: works.iter().map(|w| w.baseline.hot_updated_rows).sum(),
        candidate: works.iter().map(|w| w.candidate.hot_updated_rows).sum(),
    };
    let costs = &mut trial.costs;
    costs.write_ratio = Some((-hodges_lehmann(&effects)).exp());
    costs.write_source = Some(source);
    costs.write_log = (!works.is_empty()).then_some(log);
    costs.hot_updates = (hot.updated > 0.0).then_some(hot);
}
