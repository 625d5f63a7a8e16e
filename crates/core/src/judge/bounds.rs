//! Bounds that no winner may break, whatever it gains.

use super::objective::{Rounds, effects_on};
use super::writes::write_effects;
use crate::stats::{hodges_lehmann, log_ratios, median, ratio_interval};
use crate::types::{
    Answers, Interval, Limits, Objective, PairedSamples, StatementKind, Trial, TrialState, WriteSource,
};

/// A slowdown of one execution by less than this many milliseconds is no regression: planning with one more index costs
/// about as much. In the objective it counts like any other.
pub(crate) const VISIBLE_MS: f64 = 0.05;

/// Why this trial cannot win, if it cannot.
pub(super) fn broken(trial: &Trial, limits: &Limits) -> Option<String> {
    broken_at_large(trial, limits).or_else(|| regression(trial, limits))
}

/// Whether nothing speaks against this trial but reads that became slower than allowed.
pub(super) fn only_slows_reads(trial: &Trial, limits: &Limits) -> bool {
    let mut slower = slower(trial, limits).peekable();
    broken_at_large(trial, limits).is_none()
        && slower.peek().is_some()
        && slower.all(|(s, _)| s.kind == StatementKind::Read)
}

/// The same as far as it is not a single statement that is slower.
fn broken_at_large(trial: &Trial, limits: &Limits) -> Option<String> {
    if let TrialState::Rejected { reason } = &trial.state {
        return Some(reason.clone());
    }
    match trial.answers {
        Answers::Differs => {
            return Some(format!("changes answers: {}", first_reason(trial, Answers::Differs)));
        }
        Answers::Unverifiable => {
            return Some(format!(
                "answers cannot be compared: {}",
                first_reason(trial, Answers::Unverifiable)
            ));
        }
        Answers::Same | Answers::Unchanged => {}
    }
    if let Some(age) = trial.staleness_seconds
        && limits.max_staleness_seconds.is_none_or(|allowed| age > allowed)
    {
        let allowed = limits.max_staleness_seconds.map_or("none".to_owned(), |s| format!("{s} s"));
        return Some(format!("answers may be {age} s old; allowed: {allowed}"));
    }
    if let Some(max) = limits.max_storage_bytes
        && trial.costs.bytes > 0
        && trial.costs.bytes.unsigned_abs() > max
    {
        return Some(format!("takes {} bytes; allowed: {max}", trial.costs.bytes));
    }
    slow_writes(trial, limits).or_else(|| dear_refreshes(trial, limits))
}

fn first_reason(trial: &Trial, answers: Answers) -> String {
    trial
        .checks
        .iter()
        .find(|c| c.answers == answers)
        .map_or_else(String::new, |c| format!("{} with {}: {}", c.statement, c.parameter_set, c.reason))
}

/// The worst statement that certainly became slower than allowed: the estimate is beyond the bound, and the interval says
/// that it is a slowdown at all. A single write is held to the bound of all writes.
fn regression(trial: &Trial, limits: &Limits) -> Option<String> {
    slower(trial, limits).max_by(|a, b| a.1.total_cmp(&b.1)).map(|(s, slowdown)| {
        format!(
            "makes {} with {} slower: {:.2} times its time ({:.2} ms instead of {:.2} ms)",
            s.statement,
            s.parameter_set,
            slowdown,
            median(s.candidate()),
            median(s.baseline())
        )
    })
}

/// The statements that certainly became slower than allowed, with how many times their time they take.
fn slower<'a>(trial: &'a Trial, limits: &Limits) -> impl Iterator<Item = (&'a PairedSamples, f64)> {
    raced(trial).filter_map(|s| {
        let slowdown = slowdown(s, limits)?;
        (slowdown > allowed(s, limits)).then_some((s, slowdown))
    })
}

/// The read that looks slower than allowed without being certain to be slower at all. While a race lasts more pairs
/// may tell; in the end the bound has to be kept by the estimate.
pub(super) fn doubtful_read(trial: &Trial, limits: &Limits) -> Option<String> {
    let doubtful = raced(trial).filter(|s| s.kind == StatementKind::Read).find(|s| {
        (-hodges_lehmann(&effects(s))).exp() > allowed(s, limits)
            && median(s.candidate()) - median(s.baseline()) >= VISIBLE_MS
            && slowdown(s, limits).is_none()
    })?;
    let interval = ratio_interval(&effects(doubtful), limits.error_rate);
    Some(format!(
        "may make {} with {} slower: {:.2} times its time [{:.2}, {:.2}], as far as the pairs tell",
        doubtful.statement, doubtful.parameter_set, interval.estimate, interval.low, interval.high
    ))
}

/// Whether a read or the writes look slower than allowed, or refreshes dearer, without being certain to be so: more
/// pairs will tell.
pub(super) fn suspicious(trial: &Trial, limits: &Limits) -> bool {
    doubtful_writes(trial, limits).is_some()
        || doubtful_read(trial, limits).is_some()
        || doubtful_refreshes(trial, limits).is_some()
}

fn raced(trial: &Trial) -> impl Iterator<Item = &PairedSamples> {
    trial.samples.iter().filter(|s| !s.candidate_ms.is_empty())
}

/// `ln(baseline / candidate)` of each pair of a statement.
pub(super) fn effects(samples: &PairedSamples) -> Vec<f64> {
    log_ratios(samples.baseline().iter().zip(samples.candidate()))
}

/// How many times its time a statement may take.
fn allowed(samples: &PairedSamples, limits: &Limits) -> f64 {
    match samples.kind {
        StatementKind::Read => 1.0 + limits.max_regression,
        StatementKind::Write => limits.max_write_slowdown,
    }
}

fn slowdown(samples: &PairedSamples, limits: &Limits) -> Option<f64> {
    if median(samples.candidate()) - median(samples.baseline()) < VISIBLE_MS {
        return None;
    }
    let interval = ratio_interval(&effects(samples), limits.error_rate);
    (interval.low > 1.0 || samples.cut_off()).then_some(interval.estimate)
}

/// Writes that certainly became slower, and by more than allowed.
fn slow_writes(trial: &Trial, limits: &Limits) -> Option<String> {
    write_intervals(trial, limits)
        .find(|(_, interval)| interval.low > 1.0 && interval.estimate > limits.max_write_slowdown)
        .map(|(source, interval)| too_slow(trial, limits, source, interval, ""))
}

/// Writes that seem to be slower than allowed. While a race lasts more pairs may tell; in the end the bound has
/// to be kept by the estimate.
pub(super) fn doubtful_writes(trial: &Trial, limits: &Limits) -> Option<String> {
    write_intervals(trial, limits)
        .find(|(_, interval)| interval.estimate > limits.max_write_slowdown)
        .map(|(source, interval)| too_slow(trial, limits, source, interval, ", as far as the pairs tell"))
}

/// Refreshes that certainly take more than the reads save. The total time holds them anyway; other objectives do not.
fn dear_refreshes(trial: &Trial, limits: &Limits) -> Option<String> {
    let interval = whole_time(trial, limits).filter(|interval| interval.low > 1.0)?;
    Some(too_dear(trial, interval, ""))
}

/// Refreshes that seem to take more than the reads save.
pub(super) fn doubtful_refreshes(trial: &Trial, limits: &Limits) -> Option<String> {
    let interval = whole_time(trial, limits).filter(|interval| interval.estimate >= 1.0)?;
    Some(too_dear(trial, interval, ", as far as the pairs tell"))
}

/// The total time of all calls and refreshes of a candidate that is refreshed, over that without it.
fn whole_time(trial: &Trial, limits: &Limits) -> Option<Interval> {
    trial.costs.refresh_seconds?;
    let effects = Rounds::of(trial, Objective::TotalTime).effects();
    (!effects.is_empty()).then(|| ratio_interval(&effects, limits.error_rate))
}

fn too_dear(trial: &Trial, interval: Interval, remark: &str) -> String {
    format!(
        "refreshing takes more than the reads save{remark}: with {:.1} s of refreshing every {} s all calls together take \
         {:.2} times their time",
        trial.costs.refresh_seconds.unwrap_or_default(),
        trial.staleness_seconds.unwrap_or_default(),
        interval.estimate,
    )
}

/// What all writes of one source together take: the workload's own, and those that were made up for other tables.
fn write_intervals(trial: &Trial, limits: &Limits) -> impl Iterator<Item = (WriteSource, Interval)> {
    let sources = [WriteSource::Workload, WriteSource::Generated].into_iter();
    let effects = sources.map(|source| (source, write_effects(trial, source)));
    effects
        .filter(|(_, effects)| !effects.is_empty())
        .map(|(source, effects)| (source, ratio_interval(&effects, limits.error_rate)))
}

fn too_slow(trial: &Trial, limits: &Limits, source: WriteSource, interval: Interval, remark: &str) -> String {
    let which = match source {
        WriteSource::Generated => "generated writes",
        WriteSource::Workload => "writes",
    };
    format!(
        "{which} take {:.2} times their time{remark}; allowed: {}{}",
        interval.estimate,
        limits.max_write_slowdown,
        sides(trial).map_or_else(String::new, |sides| format!(" ({sides})"))
    )
}

/// What the touched reads and writes gain and lose, in words, where both were measured.
pub(super) fn sides(trial: &Trial) -> Option<String> {
    let ratio = |kind| {
        let effects = effects_on(trial, kind);
        (!effects.is_empty()).then(|| (-hodges_lehmann(&effects)).exp())
    };
    let (reads, writes) = (ratio(StatementKind::Read)?, ratio(StatementKind::Write)?);
    Some(format!("reads that it touches take {reads:.2} times their time, writes {writes:.2} times"))
}
