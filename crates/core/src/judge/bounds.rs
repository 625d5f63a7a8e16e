//! Bounds that no winner may break, whatever it gains.

use super::objective::effects_on;
use super::writes::{write_effects, writes};
use crate::stats::{hodges_lehmann, log_ratios, median, ratio_interval};
use crate::types::{Answers, Interval, Limits, PairedSamples, StatementKind, Trial, TrialState, WriteSource};

/// A slowdown of less than this many milliseconds is not a regression that anyone can see; planning one more
/// index costs about as much.
const VISIBLE_MS: f64 = 0.05;

/// Why this trial cannot win, if it cannot.
pub(super) fn broken(trial: &Trial, limits: &Limits) -> Option<String> {
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
    regression(trial, limits).or_else(|| slow_writes(trial, limits))
}

fn first_reason(trial: &Trial, answers: Answers) -> String {
    trial
        .checks
        .iter()
        .find(|c| c.answers == answers)
        .map_or_else(String::new, |c| format!("{} with {}: {}", c.statement, c.parameter_set, c.reason))
}

/// The worst read statement that became slower than allowed. Both must hold: the estimate is beyond the
/// bound, and the interval says that it is a slowdown at all.
fn regression(trial: &Trial, limits: &Limits) -> Option<String> {
    trial
        .samples
        .iter()
        .filter(|s| s.kind == StatementKind::Read && s.plan_changed && !s.candidate_ms.is_empty())
        .filter_map(|s| {
            let slowdown = slowdown(s, limits)?;
            (slowdown > 1.0 + limits.max_regression).then_some((s, slowdown))
        })
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(s, slowdown)| {
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

/// Whether a read or the writes look slower than allowed, without being certain to be slower at all: more pairs
/// will tell.
pub(super) fn suspicious(trial: &Trial, limits: &Limits) -> bool {
    doubtful_writes(trial, limits).is_some()
        || trial.samples.iter().filter(|s| s.kind == StatementKind::Read && s.plan_changed).any(|s| {
            let effects = log_ratios(s.baseline().iter().zip(s.candidate()));
            (-hodges_lehmann(&effects)).exp() > 1.0 + limits.max_regression
                && median(s.candidate()) - median(s.baseline()) >= VISIBLE_MS
                && slowdown(s, limits).is_none()
        })
}

fn slowdown(samples: &PairedSamples, limits: &Limits) -> Option<f64> {
    if median(samples.candidate()) - median(samples.baseline()) < VISIBLE_MS {
        return None;
    }
    let interval =
        ratio_interval(&log_ratios(samples.baseline().iter().zip(samples.candidate())), limits.error_rate);
    (interval.low > 1.0 || samples.cut_off()).then_some(interval.estimate)
}

/// Writes that certainly became slower, and by more than allowed.
fn slow_writes(trial: &Trial, limits: &Limits) -> Option<String> {
    let interval = write_interval(trial, limits)?;
    (interval.low > 1.0 && interval.estimate > limits.max_write_slowdown)
        .then(|| too_slow(trial, limits, interval, ""))
}

/// Writes that seem to be slower than allowed. While a race lasts more pairs may tell; in the end the bound has
/// to be kept by the estimate.
pub(super) fn doubtful_writes(trial: &Trial, limits: &Limits) -> Option<String> {
    let interval = write_interval(trial, limits)?;
    (interval.estimate > limits.max_write_slowdown)
        .then(|| too_slow(trial, limits, interval, ", as far as the pairs tell"))
}

fn write_interval(trial: &Trial, limits: &Limits) -> Option<Interval> {
    let effects = write_effects(trial);
    (!effects.is_empty()).then(|| ratio_interval(&effects, limits.error_rate))
}

fn too_slow(trial: &Trial, limits: &Limits, interval: Interval, remark: &str) -> String {
    let which = match writes(trial) {
        Some((WriteSource::Generated, _)) => "generated writes",
        _ => "writes",
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
