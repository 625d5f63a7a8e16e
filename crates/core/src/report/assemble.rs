//! Puts outcomes and verdict together.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::competition::UniverseOutcome;
use crate::context::{Meter, Phase};
use crate::error::{Error, Result};
use crate::promote;
use crate::traits::Judge;
use crate::types::{
    Candidate, CandidateId, CandidateReport, CandidateStatus, Change, ChangeReport, CostModel, CostReport,
    FinalReport, ForkReport, HoldingCost, Problem, PromotionReport, Ranked, Report, StatementReport, Timing,
    Trial, UniverseReport, Verdict, VerdictReport, Workload,
};

/// Version of the report's format.
const FORMAT: u32 = 1;

/// What a report is made of.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) id: String,
    pub(crate) started: String,
    pub(crate) seed: u64,
    pub(crate) problem: &'a Problem,
    pub(crate) workload: &'a Workload,
    pub(crate) backend: &'a str,
    pub(crate) judge: &'a str,
    pub(crate) outcomes: &'a [UniverseOutcome],
    pub(crate) finale: Option<&'a UniverseOutcome>,
    pub(crate) apart: Option<&'a UniverseOutcome>,
    pub(crate) trials: Vec<Trial>,
    pub(crate) verdict: &'a Verdict,
    pub(crate) prices: CostModel,
    pub(crate) meter: &'a Meter,
    pub(crate) total: Duration,
}

/// The report of a competition.
pub(crate) fn assemble(parts: Parts<'_>) -> Result<Report> {
    let mut seen = parts.outcomes.iter().filter_map(|o| o.source.as_ref());
    let mut source = seen.next().cloned().ok_or_else(|| Error::internal("no universe was inspected"))?;
    for object in seen.flat_map(|s| &s.objects) {
        if !source.objects.iter().any(|o| o.schema == object.schema && o.name == object.name) {
            source.objects.push(object.clone());
        }
    }
    let universes: Vec<UniverseReport> =
        parts.outcomes.iter().map(|o| universe(o, parts.backend, &parts.trials, parts.verdict)).collect();
    let winner = parts.verdict.winner.as_ref().and_then(|id| candidate(parts.outcomes, id));
    let promotion = winner.map(|w| {
        let trial = parts.trials.iter().find(|t| t.candidate == w.id);
        let costs = trial.map(|t| t.costs.operations.as_slice()).unwrap_or_default();
        PromotionReport::from(promote::plan(w, costs, &source))
    });
    Ok(Report {
        format: FORMAT,
        id: parts.id,
        started: parts.started,
        seed: parts.seed,
        pgverse: env!("CARGO_PKG_VERSION").to_owned(),
        problem: parts.problem.clone(),
        workload: parts.workload.clone(),
        timing: timing(parts.meter, parts.total),
        verdict: VerdictReport {
            winner: parts.verdict.winner.clone(),
            agent: winner.map(|w| w.agent.clone()),
            ratio: parts.verdict.ratio,
            reason: parts.verdict.reason.clone(),
            noise: parts.verdict.noise,
            drift: parts.verdict.drift,
            judge: parts.judge.to_owned(),
        },
        promotion: promotion.unwrap_or_default(),
        source,
        costs: costs(parts.outcomes.iter().chain(parts.apart).chain(parts.finale), parts.prices),
        grand_final: parts.finale.map(|outcome| FinalReport {
            id: outcome.universe.as_ref().map(|u| u.id.clone()),
            fork: fork(outcome),
            error: outcome.error.clone(),
            candidate: outcome.candidates.first().map(|c| c.id.clone()),
        }),
        universes,
        trials: parts.trials,
    })
}

/// Judges the recorded trials of a report again; everything else stays as it was.
pub fn judge_again(report: &Report, judge: &dyn Judge) -> Result<Report> {
    if report.format != FORMAT {
        return Err(Error::invalid("the report has another format")
            .with("format", report.format)
            .with("known", FORMAT));
    }
    let verdict = judge.judge(&report.problem, &report.trials)?;
    let ranked = by_candidate(&verdict);
    let mut again = report.clone();
    for candidate in again.universes.iter_mut().flat_map(|u| &mut u.candidates) {
        if let Some(ranked) = ranked.get(&candidate.id) {
            apply(candidate, ranked);
        }
    }
    let winner = verdict.winner.as_ref().and_then(|id| {
        again.universes.iter().find_map(|u| Some((u, u.candidates.iter().find(|c| &c.id == id)?)))
    });
    let agent = winner.map(|(u, _)| u.agent.clone());
    again.promotion = winner
        .map(|(u, c)| {
            PromotionReport::from(promote::plan(&candidate_of(u, c), &c.costs.operations, &again.source))
        })
        .unwrap_or_default();
    again.verdict = VerdictReport {
        winner: verdict.winner,
        agent,
        ratio: verdict.ratio,
        reason: verdict.reason,
        noise: verdict.noise,
        drift: verdict.drift,
        judge: judge.name().to_owned(),
    };
    Ok(again)
}

/// A candidate as its agent proposed it, from what the report says of it.
pub(crate) fn candidate_of(universe: &UniverseReport, report: &CandidateReport) -> Candidate {
    let operations = report.change.iter().map(|change| change.operation.clone()).collect();
    let mut candidate = Candidate::new(report.title.clone(), Change { operations });
    candidate.id = report.id.clone();
    candidate.agent = universe.agent.clone();
    candidate
}

fn by_candidate(verdict: &Verdict) -> BTreeMap<&CandidateId, &Ranked> {
    verdict.ranking.iter().map(|r| (&r.candidate, r)).collect()
}

fn candidate<'a>(outcomes: &'a [UniverseOutcome], id: &CandidateId) -> Option<&'a Candidate> {
    outcomes.iter().flat_map(|o| &o.candidates).find(|c| &c.id == id)
}

fn universe(outcome: &UniverseOutcome, backend: &str, trials: &[Trial], verdict: &Verdict) -> UniverseReport {
    let ranked = by_candidate(verdict);
    let candidates = outcome.candidates.iter().map(|candidate| {
        let trial = trials.iter().find(|t| t.candidate == candidate.id);
        let mut report = CandidateReport {
            id: candidate.id.clone(),
            title: candidate.title.clone(),
            rationale: candidate.rationale.clone(),
            status: CandidateStatus::Failed,
            reason: String::new(),
            change: ChangeReport::of(candidate),
            predicted_ratio: trial.and_then(|t| t.predicted_ratio.or(t.planned_ratio)),
            answers: trial.map_or(crate::types::Answers::Unchanged, |t| t.answers),
            ratio: None,
            statements: Vec::new(),
            costs: trial.map(|t| t.costs.clone()).unwrap_or_default(),
        };
        if let Some(ranked) = ranked.get(&candidate.id) {
            apply(&mut report, ranked);
        }
        report
    });
    UniverseReport {
        id: outcome.universe.as_ref().map(|u| u.id.clone()),
        agent: outcome.agent.clone(),
        backend: backend.to_owned(),
        fork: fork(outcome),
        error: outcome.error.clone(),
        candidates: candidates.collect(),
    }
}

fn fork(outcome: &UniverseOutcome) -> ForkReport {
    outcome.universe.as_ref().map_or_else(ForkReport::default, |u| ForkReport {
        seconds: u.cost.seconds,
        bytes: u.cost.bytes,
        memory_bytes: outcome.memory_bytes,
        mechanism: u.mechanism.clone(),
    })
}

fn apply(report: &mut CandidateReport, ranked: &Ranked) {
    report.status = ranked.status;
    report.reason.clone_from(&ranked.reason);
    report.ratio = ranked.ratio;
    report.statements = ranked
        .statements
        .iter()
        .map(|s| StatementReport {
            id: s.statement.clone(),
            parameter_set: s.parameter_set.clone(),
            pairs: s.pairs,
            baseline_ms: s.baseline_ms,
            baseline_cut_off: s.baseline_cut_off,
            candidate_ms: s.candidate_ms,
            baseline_cpu_ms: s.baseline_cpu_ms,
            candidate_cpu_ms: s.candidate_cpu_ms,
            baseline_wall_ms: s.baseline_wall_ms,
            candidate_wall_ms: s.candidate_wall_ms,
            ratio: s.ratio,
        })
        .collect();
}

fn timing(meter: &Meter, total: Duration) -> Timing {
    let seconds = |phase| meter.total(phase).as_secs_f64();
    let total_seconds = total.as_secs_f64();
    Timing {
        total_seconds,
        forking_seconds: seconds(Phase::Forking),
        building_seconds: seconds(Phase::Building),
        measuring_seconds: seconds(Phase::Measuring),
        postgres_seconds: seconds(Phase::Postgres),
        postgres_share: if total_seconds > 0.0 { seconds(Phase::Postgres) / total_seconds } else { 0.0 },
    }
}

#[allow(clippy::cast_precision_loss)] // Bytes as GiB for people to read.
fn costs<'a>(outcomes: impl Iterator<Item = &'a UniverseOutcome>, prices: CostModel) -> CostReport {
    const GIB: f64 = (1_u64 << 30) as f64;
    let mut forks = HoldingCost::default();
    let mut clones = HoldingCost::default();
    let held = outcomes.flat_map(|o| {
        let own = o.universe.as_ref().map(|universe| (universe, o.lived_seconds));
        own.into_iter().chain(o.further.iter().map(|(universe, seconds)| (universe, *seconds)))
    });
    for (universe, hours) in held.map(|(universe, seconds)| (universe, seconds / 3600.0)) {
        for (holding, bytes) in [(&mut forks, universe.cost.bytes), (&mut clones, universe.cost.full_bytes)] {
            holding.count += 1;
            holding.bytes += bytes;
            holding.gib_hours += bytes as f64 / GIB * hours;
            holding.running_hours += hours;
        }
    }
    for holding in [&mut forks, &mut clones] {
        holding.price =
            holding.gib_hours * prices.per_gib_hour + holding.running_hours * prices.per_fork_hour;
    }
    let formula = format!(
        "price = GiB × hours × {} + running hours × {}; bytes and hours are measured, and a full clone is taken to live as long as its fork",
        prices.per_gib_hour, prices.per_fork_hour
    );
    CostReport { forks, full_clones: clones, formula }
}
