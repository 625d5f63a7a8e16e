//! The same rules as the judge's, asked during a race: is anything left to learn?

use super::bounds::{broken, effects, only_slows_reads, suspicious};
use super::objective::{Ended, Rounds};
use super::paired::deviation;
use crate::stats::{hodges_lehmann, ratio_interval};
use crate::types::{Answers, Problem, StatementId, StatementKind, Trial, Work};

/// Width of an interval that is narrow enough to rank candidates by their estimates, as a share of the
/// baseline: half of it is at least four standard errors of the estimate, since the interval holds at any time and
/// for many candidates.
const RANKED: f64 = 0.2;

/// Pairs after which an estimate of no gain, and counters that show no less work, take a candidate out that changes
/// texts, whose gain may lie in the processor's work alone. After six, one in twelve real gains of a tenth looked like none
/// beside a busy process (`make bench-verdict`, power).
const PAIRS_AGAINST_TEXTS: usize = 12;

/// Where a candidate stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Progress {
    /// More pairs may change the outcome.
    Open,
    /// Certified to be faster, and how it ranks is clear: its interval is narrow, or another candidate is certainly
    /// faster still.
    Certified,
    /// Certified to have no useful gain.
    Hopeless(String),
    /// Breaks a bound.
    Broken(String),
}

/// What a candidate races beside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Others<'a> {
    /// The smallest upper end among those of the other candidates.
    pub(crate) ahead: f64,
    /// What ends with one of the candidates and not without.
    pub(crate) ended: &'a Ended,
}

/// Where the candidate of this trial stands. `error_rate` already holds the correction for many candidates.
pub(crate) fn progress(trial: &Trial, problem: &Problem, error_rate: f64, others: Others<'_>) -> Progress {
    let limits = &problem.limits;
    if let Some(reason) = broken(trial, limits) {
        return Progress::Broken(reason);
    }
    let rounds = Rounds::among(trial, problem.objective, others.ended);
    let effects = rounds.effects();
    let (pairs, ratio) = (effects.len(), ratio_interval(&effects, error_rate));
    let wanted = 1.0 - limits.min_gain;
    if ratio.low > wanted {
        return Progress::Hopeless(format!(
            "no useful gain: {:.2} times the time [{:.2}, {:.2}]",
            ratio.estimate, ratio.low, ratio.high
        ));
    }
    let fewest = if trial.answers == Answers::Unchanged { 0 } else { PAIRS_AGAINST_TEXTS };
    if pairs >= fewest && ratio.estimate >= 1.0 && does_no_less(trial) {
        return Progress::Hopeless(format!(
            "{NO_LESS}: {:.2} times the time [{:.2}, {:.2}]",
            ratio.estimate, ratio.low, ratio.high
        ));
    }
    let undecided_rival = || {
        let rival = ratio_interval(&rounds.rival_effects(), error_rate);
        !rounds.rival.is_empty() && rival.low <= 1.0 && rival.high >= 1.0
    };
    if ratio.high < wanted
        && 1.0 - ratio.estimate > deviation(&rounds)
        && (ratio.high - ratio.low < RANKED || ratio.low > others.ahead)
        && !undecided_rival()
        && !suspicious(trial, limits)
    {
        Progress::Certified
    } else {
        Progress::Open
    }
}

/// Why a candidate that does no less work and is no faster is out.
pub(super) const NO_LESS: &str = "the server's own counters show no less work, and the time is no better";

/// Whether every statement that the candidate changes does at least the work that it did: blocks of tables and of
/// temporary files, and log. These counters are the same in each run, however busy the machine; they can take a
/// candidate out early, but none becomes a winner by them.
pub(super) fn does_no_less(trial: &Trial) -> bool {
    let mut changed =
        trial.samples.iter().filter(|s| s.plan_changed && !s.candidate_ms.is_empty()).peekable();
    changed.peek().is_some()
        && changed.all(|s| {
            s.work.is_some_and(|w| {
                let blocks = |w: Work| w.shared_hit_blocks + w.shared_read_blocks + w.temp_blocks;
                blocks(w.candidate) >= blocks(w.baseline) && w.candidate.wal_bytes >= w.baseline.wal_bytes
            })
        })
}

/// Whether the whole or at least one read is certainly faster, no bound is broken, and the whole is not slower: such a
/// candidate may be worth having beside others even where its share of the workload is small.
pub(crate) fn helps_somewhere(trial: &Trial, problem: &Problem) -> bool {
    let limits = &problem.limits;
    let faster = helps_a_read(trial, problem);
    let whole = ratio_interval(&Rounds::of(trial, problem.objective).effects(), limits.error_rate);
    (faster || whole.high < 1.0 - limits.min_gain) && broken(trial, limits).is_none() && whole.estimate < 1.0
}

/// Whether at least one read is certainly faster, and nothing speaks against the candidate but other reads that are slower:
/// beside others it may be worth having, where these keep them from being slower.
pub(crate) fn helps_at_a_price(trial: &Trial, problem: &Problem) -> bool {
    helps_a_read(trial, problem) && only_slows_reads(trial, &problem.limits)
}

fn helps_a_read(trial: &Trial, problem: &Problem) -> bool {
    let limits = &problem.limits;
    trial
        .samples
        .iter()
        .filter(|s| s.kind == StatementKind::Read && s.plan_changed)
        .any(|s| ratio_interval(&effects(s), limits.error_rate).high < 1.0 - limits.min_gain)
}

/// What a statement takes with the change over what it takes without, the mean of its parameter sets; nothing if it was not
/// raced.
pub(crate) fn ratio_of(trial: &Trial, statement: &StatementId) -> Option<f64> {
    let raced = trial.samples.iter().filter(|s| s.statement == *statement && !s.candidate_ms.is_empty());
    let logs: Vec<f64> = raced.map(|s| hodges_lehmann(&effects(s))).collect();
    #[allow(clippy::cast_precision_loss)] // A handful.
    (!logs.is_empty()).then(|| (-logs.iter().sum::<f64>() / logs.len() as f64).exp())
}

/// Whether a candidate is certainly faster than the rival that ran beside it, if there was one.
pub(crate) fn beats_rival(trial: &Trial, problem: &Problem) -> bool {
    let rounds = Rounds::of(trial, problem.objective);
    let rate = trial.error_rate.unwrap_or(problem.limits.error_rate);
    rounds.rival.is_empty() || ratio_interval(&rounds.rival_effects(), rate).high < 1.0
}

/// The upper end of a candidate's interval, where no bound is broken; else infinity.
pub(crate) fn upper_end(trial: &Trial, problem: &Problem, error_rate: f64, ended: &Ended) -> f64 {
    if broken(trial, &problem.limits).is_some() {
        return f64::INFINITY;
    }
    ratio_interval(&Rounds::among(trial, problem.objective, ended).effects(), error_rate).high
}

/// The objective with the change over without it; one if it was not measured.
pub(crate) fn estimate(trial: &Trial, problem: &Problem, ended: &Ended) -> f64 {
    ratio_interval(&Rounds::among(trial, problem.objective, ended).effects(), 0.5).estimate
}
