//! The default judge.

use std::collections::BTreeMap;

use super::bounds::{broken, doubtful_read, doubtful_refreshes, doubtful_writes, effects, sides};
use super::objective::{Ended, Rounds, ended, key};
use super::progress::{NO_LESS, does_no_less};
use crate::error::{Error, Result};
use crate::stats::{hodges_lehmann, median, ratio_interval};
use crate::traits::Judge;
use crate::types::{
    CandidateStatus, Interval, Limits, Objective, PairedSamples, Problem, Ranked, StatementVerdict, Trial,
    TrialState, UniverseId, Verdict,
};

/// Crowns the candidate with the smallest ratio among those that
///
/// 1. keep every bound (answers, regressions, write time, storage, staleness),
/// 2. are certified: the upper end of the ratio's confidence sequence lies below `1 − min_gain`, at this
///    candidate's part of `error_rate` (union bound: universes share it evenly, and so do the measured
///    candidates of each), and
/// 3. gain more than the A/A deviation of their own control, and than any that is certain in the run.
#[derive(Debug, Clone, Copy, Default)]
pub struct PairedJudge;

impl PairedJudge {
    /// Its name in reports.
    pub const NAME: &str = "paired";
}

impl Judge for PairedJudge {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn judge(&self, problem: &Problem, trials: &[Trial]) -> Result<Verdict> {
        let limits = &problem.limits;
        check_limits(limits)?;
        check_objective(problem.objective)?;
        let ended = ended(trials);
        let rounds: Vec<Rounds> =
            trials.iter().map(|t| Rounds::among(t, problem.objective, &ended)).collect();
        let entrants = entrants(trials, &rounds);
        // What was stopped early has few pairs, which say little about the machine.
        let sound =
            || trials.iter().zip(&rounds).filter(|(t, _)| t.state == TrialState::Measured).map(|(_, r)| r);
        let noise = sound().map(deviation).fold(0.0, f64::max);
        let bias = sound().map(|rounds| certain_deviation(rounds, limits)).fold(0.0, f64::max);
        let mut ranking: Vec<Ranked> = trials
            .iter()
            .zip(&rounds)
            .map(|(trial, rounds)| {
                let among = entrants.get(&trial.universe).copied().unwrap_or(1);
                let part = trial.error_rate.unwrap_or_else(|| error_part(limits, entrants.len(), among));
                rank((trial, rounds, &ended), limits, part, bias.max(deviation(rounds)))
            })
            .collect();
        let best = ranking
            .iter()
            .filter(|r| r.status == CandidateStatus::RunnerUp)
            .min_by(|a, b| estimate(a).total_cmp(&estimate(b)))
            .map(|r| (r.candidate.clone(), r.ratio));
        if let Some((winner, _)) = &best {
            for ranked in &mut ranking {
                if ranked.candidate == *winner {
                    ranked.status = CandidateStatus::Crowned;
                } else if ranked.status == CandidateStatus::RunnerUp {
                    ranked.reason = format!("{}; ranked behind {winner}", ranked.reason);
                }
            }
        }
        ranking.sort_by(|a, b| {
            a.status
                .cmp(&b.status)
                .then(estimate(a).total_cmp(&estimate(b)))
                .then(a.candidate.cmp(&b.candidate))
        });
        let reason = match best.as_ref().and(ranking.first()) {
            Some(first) => format!("{}: {}", first.candidate, first.reason),
            None => no_winner(&ranking),
        };
        Ok(Verdict {
            winner: best.as_ref().map(|b| b.0.clone()),
            ratio: best.and_then(|b| b.1),
            reason,
            noise,
            drift: sound().map(drift).fold(0.0, f64::max),
            ranking,
        })
    }
}

/// Measured candidates of each universe that measured any.
fn entrants<'a>(trials: &'a [Trial], rounds: &[Rounds]) -> BTreeMap<&'a UniverseId, usize> {
    let mut entrants = BTreeMap::new();
    for (trial, _) in trials.iter().zip(rounds).filter(|(_, r)| !r.baseline.is_empty()) {
        *entrants.entry(&trial.universe).or_default() += 1;
    }
    entrants
}

/// One candidate's part of the error rate. A universe does not know how many candidates the others have, so each
/// universe gets the same part: what is certified in a race is certified in the end.
#[allow(clippy::cast_precision_loss)] // A handful.
pub(crate) fn error_part(limits: &Limits, universes: usize, entrants: usize) -> f64 {
    limits.error_rate / (universes.max(1) * entrants.max(1)) as f64
}

fn check_limits(limits: &Limits) -> Result<()> {
    let wrong = |name: &str, value: f64, range: &str| {
        Err(Error::invalid(format!("{name} must be {range}")).with("given", value))
    };
    if !(limits.error_rate > 0.0 && limits.error_rate < 1.0) {
        return wrong("error_rate", limits.error_rate, "between 0 and 1");
    }
    if !(0.0..1.0).contains(&limits.min_gain) {
        return wrong("min_gain", limits.min_gain, "at least 0 and below 1");
    }
    if limits.max_regression.is_nan() || limits.max_regression < 0.0 {
        return wrong("max_regression", limits.max_regression, "at least 0");
    }
    if limits.max_write_slowdown.is_nan() || limits.max_write_slowdown < 1.0 {
        return wrong("max_write_slowdown", limits.max_write_slowdown, "at least 1");
    }
    Ok(())
}

fn check_objective(objective: Objective) -> Result<()> {
    match objective {
        Objective::TailTime { share } if !(share > 0.0 && share <= 1.0) => {
            Err(Error::invalid("the tail's share must be above 0 and at most 1").with("given", share))
        }
        _ => Ok(()),
    }
}

/// How far the A/A control of a trial lies from one, as a share.
pub(super) fn deviation(rounds: &Rounds) -> f64 {
    let effects = rounds.control_effects();
    if effects.len() < 2 { 0.0 } else { (hodges_lehmann(&effects).abs()).exp_m1() }
}

/// How far the baseline itself moved between the first and the last third of the rounds, as a share. Pairs of one round
/// share it, so it costs precision and no truth.
fn drift(rounds: &Rounds) -> f64 {
    let baseline = &rounds.baseline;
    let third = baseline.len() / 3;
    if third < 2 {
        return 0.0;
    }
    let (first, last) = (median(&baseline[..third]), median(&baseline[baseline.len() - third..]));
    (last / first).ln().abs().exp_m1()
}

/// The same where the control is certainly not like the baseline, which no chance explains; else zero.
fn certain_deviation(rounds: &Rounds, limits: &Limits) -> f64 {
    let interval = ratio_interval(&rounds.control_effects(), limits.error_rate);
    if interval.low > 1.0 || interval.high < 1.0 { deviation(rounds) } else { 0.0 }
}

fn rank(
    (trial, rounds, ended): (&Trial, &Rounds, &Ended),
    limits: &Limits,
    error_rate: f64,
    noise: f64,
) -> Ranked {
    let effects = rounds.effects();
    let ratio = (!effects.is_empty()).then(|| ratio_interval(&effects, error_rate));
    let rival = (!rounds.rival.is_empty()).then(|| ratio_interval(&rounds.rival_effects(), error_rate));
    let (status, mut reason) = decide(trial, ratio, rival, effects.len(), limits, noise);
    if matches!(status, CandidateStatus::RunnerUp | CandidateStatus::Eliminated) {
        reason.push_str(&endless(trial, ended));
    }
    Ranked {
        candidate: trial.candidate.clone(),
        status,
        reason,
        ratio,
        statements: statements(trial, limits),
    }
}

fn decide(
    trial: &Trial,
    ratio: Option<Interval>,
    rival: Option<Interval>,
    pairs: usize,
    limits: &Limits,
    noise: f64,
) -> (CandidateStatus, String) {
    if let TrialState::Failed { error } = &trial.state {
        return (CandidateStatus::Failed, error.clone());
    }
    if let Some(reason) = broken(trial, limits).or_else(|| doubtful_writes(trial, limits)) {
        return (CandidateStatus::Rejected, reason);
    }
    let Some(ratio) = ratio else {
        return (CandidateStatus::Eliminated, "it was not measured".to_owned());
    };
    let wanted = 1.0 - limits.min_gain;
    let sides = sides(trial).map_or_else(String::new, |sides| format!("; {sides}"));
    let found = format!("{} after {pairs} pairs{sides}", describe(ratio));
    let certified = ratio.high < wanted && 1.0 - ratio.estimate > noise;
    let doubts = || doubtful_read(trial, limits).or_else(|| doubtful_refreshes(trial, limits));
    if certified && let Some(reason) = doubts() {
        return (CandidateStatus::Rejected, reason);
    }
    match (certified, &trial.rival, rival) {
        (true, None, _) => return (CandidateStatus::RunnerUp, format!("certified: {found}")),
        (true, Some(name), Some(rival)) if rival.high < 1.0 => {
            return (
                CandidateStatus::RunnerUp,
                format!("certified: {found}; {} that of {name}", describe(rival)),
            );
        }
        (true, Some(name), rival) => {
            let against = rival.map_or_else(String::new, |r| format!(": {} that of {name}", describe(r)));
            return (
                CandidateStatus::Eliminated,
                format!("{found}, but not certainly faster than {name} alone{against}"),
            );
        }
        (false, ..) => {}
    }
    let unused = trial.samples.iter().all(|s| !s.plan_changed);
    let why = if ratio.high < wanted {
        format!("{found}; not more than the {:.1} % that the A/A control shows", noise * 100.0)
    } else if unused {
        format!("no plan uses it: {found}")
    } else if ratio.low > wanted {
        format!("no useful gain: {found}{}", small_share(trial, limits))
    } else if ratio.estimate >= 1.0 && does_no_less(trial) {
        format!("{NO_LESS}: {found}")
    } else {
        format!("a gain of {:.0} % is not certain: {found}", limits.min_gain * 100.0)
    };
    (CandidateStatus::Eliminated, why)
}

/// The statement that it does help, where the whole hardly notices.
fn small_share(trial: &Trial, limits: &Limits) -> String {
    let helped = trial
        .samples
        .iter()
        .filter(|s| s.plan_changed && !s.candidate_ms.is_empty())
        .map(|s| (s, ratio_interval(&effects(s), limits.error_rate)));
    helped
        .filter(|(_, ratio)| ratio.high < 1.0 - limits.min_gain)
        .min_by(|a, b| a.1.estimate.total_cmp(&b.1.estimate))
        .map_or_else(String::new, |(s, ratio)| {
            format!("; {} with {} takes {}", s.statement, s.parameter_set, describe(ratio))
        })
}

/// What the baseline did not end, and how it counts.
fn endless(trial: &Trial, ended: &Ended) -> String {
    let named = |of: &dyn Fn(&PairedSamples) -> bool| -> Vec<&str> {
        let cut_off = trial.samples.iter().filter(|s| s.baseline_cut_off && of(s));
        cut_off.map(|s| s.statement.as_str()).collect()
    };
    let raced = |s: &PairedSamples| !s.candidate_ms.is_empty();
    let elsewhere = |s: &PairedSamples| ended.contains(&key(s));
    let kinds = [
        (named(&raced), "did not end without it and counts with the time-out there"),
        (
            named(&|s| !raced(s) && elsewhere(s)),
            "ends neither with nor without it, but with another candidate, and counts with the time-out",
        ),
        (named(&|s| !raced(s) && !elsewhere(s)), "ends neither with nor without it and is left out"),
    ];
    let told = kinds.iter().filter(|(statements, _)| !statements.is_empty());
    told.map(|(statements, what)| format!("; {} {what}", statements.join(", "))).collect()
}

/// The ratio in words that a reader of reports knows.
fn describe(ratio: Interval) -> String {
    if ratio.high >= f64::MAX {
        return format!("{:.2} times the time (too few pairs for an interval)", ratio.estimate);
    }
    format!("{} times the time [{}, {}]", digits(ratio.estimate), digits(ratio.low), digits(ratio.high))
}

/// Two decimals, or two significant digits where that would show zero.
fn digits(value: f64) -> String {
    if value < 0.1 { format!("{value:.4}") } else { format!("{value:.2}") }
}

fn statements(trial: &Trial, limits: &Limits) -> Vec<StatementVerdict> {
    trial
        .samples
        .iter()
        // What was to be raced and never was has nothing to show.
        .filter(|s| !s.baseline_ms.is_empty())
        .map(|s| {
            let pairs = s.baseline_ms.len().min(s.candidate_ms.len());
            let (candidate_ms, ratio) = if pairs == 0 {
                (median(s.baseline()), Interval::ONE)
            } else {
                (median(s.candidate()), ratio_interval(&effects(s), limits.error_rate))
            };
            StatementVerdict {
                statement: s.statement.clone(),
                parameter_set: s.parameter_set.clone(),
                pairs,
                baseline_ms: median(s.baseline()),
                baseline_cut_off: s.baseline_cut_off,
                candidate_ms,
                baseline_cpu_ms: cpu(&s.baseline_cpu_ms),
                candidate_cpu_ms: cpu(&s.candidate_cpu_ms),
                baseline_wall_ms: s.has_unqueued().then(|| median(&s.baseline_ms)),
                candidate_wall_ms: s.has_unqueued().then(|| median(&s.candidate_ms)),
                ratio,
            }
        })
        .collect()
}

fn cpu(samples: &[f64]) -> Option<f64> {
    (!samples.is_empty()).then(|| median(samples))
}

fn estimate(ranked: &Ranked) -> f64 {
    ranked.ratio.map_or(f64::MAX, |r| r.estimate)
}

fn no_winner(ranking: &[Ranked]) -> String {
    match ranking.iter().find(|r| r.ratio.is_some()) {
        None if ranking.is_empty() => "no agent had anything to propose".to_owned(),
        None => {
            let first = ranking.first().map_or("", |r| r.reason.as_str());
            format!("none of {} candidates could be measured: {first}", ranking.len())
        }
        Some(best) => format!(
            "no candidate is certain to make the workload faster within the bounds; the nearest, {}, was {:?}: {}",
            best.candidate, best.status, best.reason
        )
        .replace("RunnerUp", "certified")
        .replace("Eliminated", "eliminated")
        .replace("Rejected", "rejected")
        .replace("Failed", "failed"),
    }
}
