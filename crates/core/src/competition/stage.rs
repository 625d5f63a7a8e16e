//! A universe that is up: build, screen, race, unite.

use std::collections::BTreeSet;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::UniverseOutcome;
use super::UniverseTask;
use super::apart::FORKS;
use super::arms::Built;
use super::construct::{Need, construct, need};
use super::finale::{FINAL, Finalists, Verified};
use super::propose::fault;
use super::race::{Rival, Runner, Track, race};
use super::refute::Refuter;
use super::screen::{Cell, Impact, answers, impact, overall, plans, text};
use super::unite::{Union, unused_indexes};
use super::universe::{Shared, closed, sort_key};
use super::writes;
use crate::answers::Volatile;
use crate::bench::{Arm, Lab};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::judge::error_part;
use crate::stats::median;
use crate::types::{
    Answers, Brief, Candidate, Costs, PairedSamples, Plan, Trial, TrialState, Universe, Unqueued,
};

/// A universe that is up, with everything known of it.
pub(super) struct Stage<'a> {
    pub(super) cx: &'a Context,
    pub(super) task: &'a UniverseTask,
    pub(super) shared: &'a Shared,
    pub(super) lab: &'a Lab,
    pub(super) universe: &'a Universe,
    pub(super) brief: &'a Brief,
    pub(super) cells: &'a [Cell<'a>],
    pub(super) refuter: Refuter<'a>,
    /// What was found the same elsewhere.
    pub(super) verified: Vec<Verified>,
}

impl Stage<'_> {
    /// Builds, screens and races the candidates, then their union; some of it may be built already. Whatever was
    /// learned before a failure is in the outcome, and so is every candidate.
    pub(super) async fn compete(
        &self,
        proposed: Vec<Candidate>,
        built: Built,
        outcome: &mut UniverseOutcome,
    ) -> Result<()> {
        let result = Box::pin(self.hold(proposed.clone(), built, outcome)).await;
        if let Err(error) = &result {
            for candidate in proposed {
                let known = outcome.candidates.iter().chain(&outcome.apart);
                if known.into_iter().all(|known| known.id != candidate.id) {
                    self.drop_out(outcome, candidate, self.not_measured(error));
                }
            }
        }
        outcome.candidates.sort_by_key(|c| sort_key(&c.id));
        outcome.trials.sort_by_key(|t| sort_key(&t.candidate));
        result
    }

    async fn hold(
        &self,
        proposed: Vec<Candidate>,
        mut built: Built,
        outcome: &mut UniverseOutcome,
    ) -> Result<()> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.task.seed ^ fold(self.task.agent.as_str()));
        let mut standing: Vec<(Candidate, Costs)> = Vec::new();
        for candidate in proposed {
            match self.needs_forks(&candidate).await {
                Ok(false) => {}
                Ok(true) => {
                    outcome.apart.push(candidate);
                    continue;
                }
                Err(error) => {
                    self.cx.check()?;
                    self.drop_out(outcome, candidate, refused(&error));
                    continue;
                }
            }
            match self.build(&mut built, &candidate).await {
                Ok(costs) => standing.push((candidate, costs)),
                Err(error) => {
                    self.cx.check()?;
                    self.drop_out(outcome, candidate, TrialState::Failed { error: error.to_string() });
                }
            }
        }
        let heavy = self.shared.builders.acquire().await.map_err(closed)?;
        let baseline_plans = self.baseline_plans(&built).await?;
        let mut runners = Vec::new();
        for (candidate, costs) in standing {
            if let Some(runner) = self.screen(&built, candidate, costs, &baseline_plans, outcome).await? {
                runners.push(runner);
            }
        }
        drop(heavy);
        let entrants = runners.len() + 1;
        let mut result = Box::pin(self.race(&built, &mut runners, (entrants, self.lab), &mut rng)).await;
        let trials = || runners.iter().map(|r| (&r.candidate, &r.trial));
        if let (Ok(()), Some(finalists)) = (&result, Finalists::of(trials(), &self.task.problem)) {
            let entered = outcome.candidates.iter().chain(&outcome.apart);
            let numbers = runners.iter().map(|r| &r.candidate).chain(entered).map(|c| sort_key(&c.id).1);
            let number = numbers.max().unwrap_or(0) + 1;
            result = Box::pin(self.race_union(&mut built, &finalists, (number, entrants), outcome, &mut rng))
                .await;
        }
        for runner in runners {
            self.enter(outcome, runner, result.as_ref().err());
        }
        result
    }

    /// Writes a runner into the outcome; one that a failure kept from its first round says so.
    pub(super) fn enter(&self, outcome: &mut UniverseOutcome, runner: Runner<'_>, failure: Option<&Error>) {
        let Runner { candidate, mut trial, .. } = runner;
        if let Some(error) = failure.filter(|_| trial.state == TrialState::Measured && !trial.is_measured()) {
            trial.state = self.not_measured(error);
        }
        outcome.candidates.push(candidate);
        outcome.trials.push(trial);
    }

    /// What became of a candidate whose turn never came.
    pub(super) fn not_measured(&self, error: &Error) -> TrialState {
        let late = self.cx.check().err();
        let why = late.as_ref().unwrap_or(error).message();
        TrialState::Failed { error: format!("it was not measured: {why}") }
    }

    /// Whether a candidate is to be measured on forks of its own. [`ErrorKind::Unsupported`] if it has to be and too few
    /// are allowed.
    async fn needs_forks(&self, candidate: &Candidate) -> Result<bool> {
        if fault(candidate, self.brief).is_some() {
            return Ok(false);
        }
        let enough = self.shared.places >= FORKS;
        match need(self.cx, self.lab, candidate).await? {
            Need::None => Ok(false),
            Need::Better => Ok(enough),
            Need::Must if enough => Ok(true),
            Need::Must => Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "it cannot be switched inside a transaction and needs {FORKS} forks at once; {} allowed here",
                    self.shared.places
                ),
            )
            .hint("run without --sequential, or with --parallel 3, on a backend that allows as many")),
        }
    }

    async fn build(&self, built: &mut Built, candidate: &Candidate) -> Result<Costs> {
        if let Some(fault) = fault(candidate, self.brief) {
            return Err(Error::new(ErrorKind::Agent, fault));
        }
        let _heavy = self.shared.builders.acquire().await.map_err(closed)?;
        let costs = construct(self.cx, self.lab, built, candidate).await?;
        self.cx.emit(Event::Applied {
            candidate: candidate.id.clone(),
            seconds: costs.build_seconds,
            bytes: u64::try_from(costs.bytes).unwrap_or(0),
        });
        Ok(costs)
    }

    pub(super) async fn baseline_plans(&self, built: &Built) -> Result<Vec<Plan>> {
        plans(self.cx, self.lab, &built.baseline("baseline"), self.cells, |cell| &cell.statement.sql).await
    }

    /// Finds what a candidate changes and whether its answers are the same; `None` if it is out.
    async fn screen(
        &self,
        built: &Built,
        candidate: Candidate,
        costs: Costs,
        baseline_plans: &[Plan],
        outcome: &mut UniverseOutcome,
    ) -> Result<Option<Runner<'_>>> {
        let arm = built.arm(candidate.id.as_str(), &candidate.change);
        self.screen_at(candidate, (self.lab, arm), costs, baseline_plans, outcome, built).await
    }

    /// The same where the candidate's arm is on this fork.
    pub(super) async fn screen_at(
        &self,
        candidate: Candidate,
        changed: (&Lab, Arm),
        costs: Costs,
        baseline_plans: &[Plan],
        outcome: &mut UniverseOutcome,
        built: &Built,
    ) -> Result<Option<Runner<'_>>> {
        match self.try_screen(built, &candidate, changed, costs, baseline_plans).await {
            Ok(runner) if matches!(runner.trial.answers, Answers::Differs | Answers::Unverifiable) => {
                let reason = runner
                    .trial
                    .checks
                    .iter()
                    .find(|c| c.answers == runner.trial.answers)
                    .map_or_else(String::new, |c| {
                        format!("{} with {}: {}", c.statement, c.parameter_set, c.reason)
                    });
                self.cx.emit(Event::Eliminated { candidate: candidate.id.clone(), reason });
                outcome.candidates.push(candidate);
                outcome.trials.push(runner.trial);
                Ok(None)
            }
            Ok(runner) => Ok(Some(runner)),
            Err(error) => {
                self.cx.check()?;
                let state = match error.kind() {
                    ErrorKind::Connection => return Err(error),
                    ErrorKind::Timeout => {
                        TrialState::Rejected { reason: format!("far slower than the original: {error}") }
                    }
                    _ => TrialState::Failed { error: error.to_string() },
                };
                self.drop_out(outcome, candidate, state);
                Ok(None)
            }
        }
    }

    async fn try_screen(
        &self,
        built: &Built,
        candidate: &Candidate,
        (lab, arm): (&Lab, Arm),
        costs: Costs,
        baseline_plans: &[Plan],
    ) -> Result<Runner<'_>> {
        let plans = plans(self.cx, lab, &arm, self.cells, |cell| text(cell, candidate)).await?;
        let mut impact = impact(self.cells, baseline_plans, &plans, candidate, &self.brief.catalog);
        if !std::ptr::eq(lab, self.lab) {
            // On a fork of its own the same plan may do other work.
            impact.changed = (0..self.cells.len()).collect();
            impact.measured.clone_from(&impact.changed);
        }
        let baseline = built.baseline("baseline");
        let mut texts: BTreeSet<&str> = self.cells.iter().map(|c| c.statement.sql.as_str()).collect();
        texts.extend(self.cells.iter().map(|c| text(*c, candidate)));
        let volatile = Volatile::look_up(self.cx, self.lab, texts).await?;
        let indexed = built.indexed("indexed");
        let arms = ((self.lab, &baseline, &indexed), (lab, &arm));
        let mut checks =
            answers(self.cx, self.cells, &impact, candidate, arms, (&volatile, &self.verified)).await?;
        self.refuter.refute(self.cx, self.lab, self.cells, candidate, &mut checks).await?;
        let mut trial = self.blank_trial(candidate, TrialState::Measured);
        trial.answers = overall(&checks, candidate);
        trial.checks = checks;
        trial.costs = costs;
        trial.planned_ratio = impact.planned_ratio;
        trial.samples = self.blank_samples(&impact);
        Ok(Runner { candidate: candidate.clone(), impact, arm, trial, rival: None, fork: None })
    }

    pub(super) fn drop_out(&self, outcome: &mut UniverseOutcome, candidate: Candidate, state: TrialState) {
        if let TrialState::Failed { error } | TrialState::Rejected { reason: error } = &state {
            self.cx.emit(Event::Eliminated { candidate: candidate.id.clone(), reason: error.clone() });
        }
        outcome.trials.push(self.blank_trial(&candidate, state));
        outcome.candidates.push(candidate);
    }

    fn blank_trial(&self, candidate: &Candidate, state: TrialState) -> Trial {
        Trial::blank(candidate, self.universe.id.clone(), state)
    }

    /// One entry for each cell; those that will not be run in pairs hold what the baseline took once.
    fn blank_samples(&self, impact: &Impact) -> Vec<PairedSamples> {
        self.cells
            .iter()
            .enumerate()
            .map(|(i, cell)| PairedSamples {
                statement: cell.statement.id.clone(),
                parameter_set: cell.set.id.clone(),
                kind: cell.statement.kind,
                weight: cell.weight(),
                plan_changed: impact.changed.contains(&i),
                baseline_ms: if impact.measured.contains(&i) {
                    Vec::new()
                } else {
                    cell.seen_ms.into_iter().collect()
                },
                candidate_ms: Vec::new(),
                control_ms: Vec::new(),
                rival_ms: Vec::new(),
                baseline_cpu_ms: Vec::new(),
                candidate_cpu_ms: Vec::new(),
                unqueued: Unqueued::default(),
                work: None,
                timeout_ms: self.task.options.statement_timeout_seconds * 1e3,
                cut_offs: 0,
                baseline_cut_off: cell.cut_off,
            })
            .collect()
    }

    /// Races these runners; the universe has `entrants` in all, a union that may come included.
    pub(super) async fn race(
        &self,
        built: &Built,
        runners: &mut [Runner<'_>],
        (entrants, control_lab): (usize, &Lab),
        rng: &mut ChaCha8Rng,
    ) -> Result<()> {
        let track = Track {
            lab: self.lab,
            benchmarker: self.shared.benchmarker.as_ref(),
            slot: &self.shared.slot,
            choosing: &self.shared.choosing,
            cells: self.cells,
            brief: self.brief,
            baseline: built.baseline("baseline"),
            control: built.baseline("control"),
            control_lab,
            problem: &self.task.problem,
            options: &self.task.options,
            agent: self.task.agent.clone(),
            error_rate: error_part(&self.task.problem.limits, self.task.universes, entrants),
        };
        let mut result = race(self.cx, &track, runners, rng).await;
        if result.is_ok() {
            result = Box::pin(writes::measure(self.cx, &track, runners, rng)).await;
        }
        share_baselines(runners);
        for runner in runners {
            crate::judge::enter_write_costs(&mut runner.trial);
        }
        result
    }

    /// Races the union of those that help, if there are at least two that go together. `rivals` are raced
    /// already; the best of them runs beside the union, which must beat it. With the
    /// union's number goes how many entrants the universe has in all. The union is in the outcome afterwards.
    pub(super) async fn race_union(
        &self,
        built: &mut Built,
        finalists: &Finalists,
        (number, entrants): (u64, usize),
        outcome: &mut UniverseOutcome,
        rng: &mut ChaCha8Rng,
    ) -> Result<()> {
        let members: Vec<&Candidate> = finalists.members.iter().collect();
        let Some(mut union) = Union::of(&members) else { return Ok(()) };
        let Some(united) = union.candidate(number) else { return Ok(()) };
        construct(self.cx, self.lab, built, &united).await?;
        construct(self.cx, self.lab, built, &finalists.best).await?;
        let arm = built.arm(united.id.as_str(), &united.change);
        let together = plans(self.cx, self.lab, &arm, self.cells, |cell| text(cell, &united)).await?;
        union.take_out(
            &unused_indexes(self.cx, self.lab, &self.brief.catalog, &united.change, &together).await?,
        );
        match Box::pin(self.mend(built, &mut union, number)).await {
            Err(error) if matches!(error.kind(), ErrorKind::Connection | ErrorKind::Cancelled) => {
                return Err(error);
            }
            Err(error) => {
                self.cx.check()?;
                tracing::debug!(%error, "the union is raced as it is");
            }
            Ok(()) => {}
        }
        let Some(united) = union.candidate(number) else { return Ok(()) };
        if same_operations(&finalists.best, &united)
            || finalists.members.iter().any(|m| same_operations(m, &united))
        {
            return Ok(());
        }
        self.cx.emit(Event::Proposed {
            agent: self.task.agent.clone(),
            candidate: united.id.clone(),
            title: united.title.clone(),
        });
        // Everything is built by now, so this only adds up what it cost.
        let costs = construct(self.cx, self.lab, built, &united).await?;
        let baseline_plans = self.baseline_plans(built).await?;
        let Some(mut runner) = self.screen(built, united, costs, &baseline_plans, outcome).await? else {
            return Ok(());
        };
        runner.trial.rival = Some(finalists.best.id.clone());
        runner.rival = Some(Rival {
            candidate: finalists.best.clone(),
            arm: built.arm(finalists.best.id.as_str(), &finalists.best.change),
        });
        let mut union = [runner];
        let result = Box::pin(self.race(built, &mut union, (entrants, self.lab), rng)).await;
        let [runner] = union;
        self.enter(outcome, runner, result.as_ref().err());
        result
    }

    /// The grand final: builds what helped in other universes and races its union.
    pub(super) async fn finale(&self, finalists: Finalists, outcome: &mut UniverseOutcome) -> Result<()> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.task.seed ^ fold(FINAL));
        let mut built = Built::default();
        Box::pin(self.race_union(&mut built, &finalists, (finalists.number, 1), outcome, &mut rng)).await
    }
}

/// A cell that one runner did not race was perhaps raced by another: its warm baseline is a better constant
/// than the one execution of the inspection.
fn share_baselines(runners: &mut [Runner<'_>]) {
    let raced: Vec<PairedSamples> = runners
        .iter()
        .flat_map(|r| &r.trial.samples)
        .filter(|s| !s.candidate_ms.is_empty())
        .cloned()
        .collect();
    for samples in runners.iter_mut().flat_map(|r| &mut r.trial.samples).filter(|s| s.candidate_ms.is_empty())
    {
        let same =
            |s: &&PairedSamples| s.statement == samples.statement && s.parameter_set == samples.parameter_set;
        if let Some(other) = raced.iter().find(same) {
            samples.baseline_ms = vec![median(other.baseline())];
        }
    }
}

/// A change that cannot be measured here is no failure of the change.
fn refused(error: &Error) -> TrialState {
    match (error.kind(), error.way_out()) {
        (ErrorKind::Unsupported, Some(way_out)) => {
            TrialState::Rejected { reason: format!("{}; {way_out}", error.message()) }
        }
        _ => TrialState::Failed { error: error.to_string() },
    }
}

fn same_operations(a: &Candidate, b: &Candidate) -> bool {
    a.change.operations.len() == b.change.operations.len()
        && a.change.operations.iter().all(|o| b.change.operations.contains(o))
}

/// A number from a name, so that each agent's random order is its own and does not depend on the others.
pub(super) fn fold(name: &str) -> u64 {
    let hash = blake3::hash(name.as_bytes());
    let mut eight = [0_u8; 8];
    eight.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(eight)
}
