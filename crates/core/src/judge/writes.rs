//! What writes cost: the workload's own where it has any, else generated ones.

use super::objective::{effects_on, round_effects};
use crate::stats::hodges_lehmann;
use crate::types::{HotUpdates, PairedSamples, StatementKind, Trial, WriteLog, WriteSource};

/// The samples of the workload's own writes that were raced, or of those that were made up for the tables to which it
/// does not write.
fn writes(trial: &Trial, source: WriteSource) -> Vec<&PairedSamples> {
    let raced = |s: &&PairedSamples| !s.candidate_ms.is_empty();
    match source {
        WriteSource::Workload => {
            trial.samples.iter().filter(|s| s.kind == StatementKind::Write).filter(raced).collect()
        }
        WriteSource::Generated => trial.generated_writes.iter().map(|w| &w.samples).filter(raced).collect(),
    }
}

/// `ln(baseline / candidate)` of each round of these writes: the workload's own by their weights, of the generated ones
/// one execution of each.
pub(super) fn write_effects(trial: &Trial, source: WriteSource) -> Vec<f64> {
    match source {
        WriteSource::Workload => effects_on(trial, StatementKind::Write),
        WriteSource::Generated => round_effects(&writes(trial, source)),
    }
}

/// Sums up what writes cost: the workload's own where any was raced, else generated ones.
pub(crate) fn enter_write_costs(trial: &mut Trial) {
    let found = [WriteSource::Workload, WriteSource::Generated].into_iter().find_map(|source| {
        let effects = write_effects(trial, source);
        (!effects.is_empty()).then_some((source, effects))
    });
    let Some((source, effects)) = found else { return };
    let samples = writes(trial, source);
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
