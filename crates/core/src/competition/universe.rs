//! One universe from its first byte to its last: fork, inspect, propose, build, race, unite, destroy.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokio::sync::Semaphore;

use super::arms::Built;
use super::construct::construct;
use super::inspect::inspect;
use super::probe::SessionProbe;
use super::propose::{fault, propose};
use super::race::{Runner, Track, race};
use super::screen::{Cell, Impact, Volatile, answers, cells, impact, plans, text};
use super::unite::{unite, without_unused_indexes};
use super::{UniverseOutcome, UniverseTask};
use crate::bench::{Arm, Lab};
use crate::context::{Context, Phase};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::judge::helps_somewhere;
use crate::stats::median;
use crate::traits::{Agent, Benchmarker, ForkBackend};
use crate::types::{
    Answers, Brief, Candidate, CandidateId, Costs, PairedSamples, Plan, SourceReport, Trial, TrialState,
    Universe,
};

/// Candidates over all universes that the racing error rate is corrected for. The judge corrects for the
/// true number; racing with a number that is too large only takes a few pairs more.
const ASSUMED_CANDIDATES: f64 = 40.0;

/// What universes share.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) backend: Arc<dyn ForkBackend>,
    pub(super) benchmarker: Arc<dyn Benchmarker>,
    /// Timing takes this: one at a time on a machine.
    pub(super) slot: Arc<Semaphore>,
    /// Heavy work that is not timed takes this.
    pub(super) builders: Arc<Semaphore>,
}

/// Runs one universe by itself, as a worker on another machine does. The fork is destroyed before this
/// returns, whatever happens. A workload that the server refuses is an error; everything else that goes
/// wrong is told in the outcome.
pub async fn run_universe(
    cx: &Context,
    task: &UniverseTask,
    backend: Arc<dyn ForkBackend>,
    agent: Arc<dyn Agent>,
    benchmarker: Arc<dyn Benchmarker>,
) -> Result<UniverseOutcome> {
    let one = || Arc::new(Semaphore::new(1));
    run(cx, task, agent, &Shared { backend, benchmarker, slot: one(), builders: one() }).await
}

pub(super) async fn run(
    cx: &Context,
    task: &UniverseTask,
    agent: Arc<dyn Agent>,
    shared: &Shared,
) -> Result<UniverseOutcome> {
    let mut outcome = UniverseOutcome::empty(task.agent.clone());
    let born = Instant::now();
    let result = live(cx, task, agent, shared, &mut outcome).await;
    if let Some(universe) = &outcome.universe {
        let cleanup = cx.for_cleanup();
        shared.backend.destroy(&cleanup, &universe.id).await?;
        outcome.lived_seconds = born.elapsed().as_secs_f64();
        cx.emit(Event::UniverseDestroyed { universe: universe.id.clone() });
    }
    if let Err(error) = result {
        cx.check()?;
        if error.kind() == ErrorKind::InvalidInput {
            return Err(error);
        }
        cx.emit(Event::Failed { agent: task.agent.clone(), error: error.to_string() });
        outcome.error = Some(error.to_string());
    }
    Ok(outcome)
}

async fn live(
    cx: &Context,
    task: &UniverseTask,
    agent: Arc<dyn Agent>,
    shared: &Shared,
    outcome: &mut UniverseOutcome,
) -> Result<()> {
    let backend = shared.backend.as_ref();
    let universe = {
        let _forking = cx.meter().enter(Phase::Forking);
        backend.fork(cx).await?
    };
    cx.emit(Event::UniverseSpawned {
        universe: universe.id.clone(),
        agent: task.agent.clone(),
        mechanism: universe.mechanism.clone(),
        seconds: universe.cost.seconds,
    });
    outcome.universe = Some(universe.clone());
    let lab = Lab::open(cx, backend, &universe).await?;

    let heavy = shared.builders.acquire().await.map_err(closed)?;
    let brief = Arc::new(inspect(cx, &lab, task).await?);
    outcome.source = Some(SourceReport::of(&brief.catalog));
    drop(heavy);

    let dsn = backend.dsn(cx, &universe.id).await?;
    let probe = SessionProbe::open(cx, &dsn, task.options.statement_timeout_seconds).await?;
    let proposed = propose(cx, agent, Box::new(probe), Arc::clone(&brief), &task.options).await?;
    for candidate in &proposed {
        cx.emit(Event::Proposed {
            agent: task.agent.clone(),
            candidate: candidate.id.clone(),
            title: candidate.title.clone(),
        });
    }
    let stage =
        Stage { cx, task, shared, lab: &lab, universe: &universe, brief: &brief, cells: &cells(&brief) };
    stage.compete(proposed, outcome).await
}

fn closed(error: tokio::sync::AcquireError) -> Error {
    Error::internal("a semaphore of the competition is closed").caused_by(error)
}

/// A universe that is up, with everything known of it.
struct Stage<'a> {
    cx: &'a Context,
    task: &'a UniverseTask,
    shared: &'a Shared,
    lab: &'a Lab,
    universe: &'a Universe,
    brief: &'a Brief,
    cells: &'a [Cell<'a>],
}

impl Stage<'_> {
    /// Builds, screens and races the candidates, then their union. Whatever was learned before a failure is
    /// in the outcome.
    async fn compete(&self, proposed: Vec<Candidate>, outcome: &mut UniverseOutcome) -> Result<()> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.task.seed ^ fold(self.task.agent.as_str()));
        let mut built = Built::default();
        let mut standing: Vec<(Candidate, Costs)> = Vec::new();
        for candidate in proposed {
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
        let raced = self.race(&built, &mut runners, &mut rng).await;
        let united = match raced {
            Ok(()) => self.race_union(&built, &runners, &baseline_plans, outcome, &mut rng).await,
            Err(error) => Err(error),
        };
        for runner in runners {
            outcome.candidates.push(runner.candidate);
            outcome.trials.push(runner.trial);
        }
        let union = united?;
        outcome.candidates.extend(union.iter().map(|r| r.candidate.clone()));
        outcome.trials.extend(union.map(|r| r.trial));
        Ok(())
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

    async fn baseline_plans(&self, built: &Built) -> Result<Vec<Plan>> {
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
    ) -> Result<Option<Runner>> {
        match self.try_screen(built, &candidate, costs, baseline_plans).await {
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
                if error.kind() == ErrorKind::Connection {
                    return Err(error);
                }
                self.drop_out(outcome, candidate, TrialState::Failed { error: error.to_string() });
                Ok(None)
            }
        }
    }

    async fn try_screen(
        &self,
        built: &Built,
        candidate: &Candidate,
        costs: Costs,
        baseline_plans: &[Plan],
    ) -> Result<Runner> {
        let arm = built.arm(candidate.id.as_str(), &candidate.change);
        let plans = plans(self.cx, self.lab, &arm, self.cells, |cell| text(cell, candidate)).await?;
        let impact = impact(self.cells, baseline_plans, &plans, candidate, &self.brief.catalog);
        let baseline = built.baseline("baseline");
        let mut texts: BTreeSet<&str> = self.cells.iter().map(|c| c.statement.sql.as_str()).collect();
        texts.extend(self.cells.iter().map(|c| text(*c, candidate)));
        let volatile = Volatile::look_up(self.cx, self.lab, texts).await?;
        let (checks, answers) =
            answers(self.cx, self.lab, self.cells, &impact, candidate, (&baseline, &arm), &volatile).await?;
        let mut trial = self.blank_trial(candidate, TrialState::Measured);
        trial.answers = answers;
        trial.checks = checks;
        trial.costs = costs;
        trial.planned_ratio = impact.planned_ratio;
        trial.samples = self.blank_samples(&impact);
        Ok(Runner { candidate: candidate.clone(), impact, arm, trial })
    }

    fn drop_out(&self, outcome: &mut UniverseOutcome, candidate: Candidate, state: TrialState) {
        if let TrialState::Failed { error } | TrialState::Rejected { reason: error } = &state {
            self.cx.emit(Event::Eliminated { candidate: candidate.id.clone(), reason: error.clone() });
        }
        outcome.trials.push(self.blank_trial(&candidate, state));
        outcome.candidates.push(candidate);
    }

    fn blank_trial(&self, candidate: &Candidate, state: TrialState) -> Trial {
        Trial {
            candidate: candidate.id.clone(),
            universe: self.universe.id.clone(),
            state,
            answers: Answers::Unchanged,
            checks: Vec::new(),
            samples: Vec::new(),
            costs: Costs::default(),
            planned_ratio: None,
            predicted_ratio: candidate.predicted,
            staleness_seconds: candidate.change.staleness_seconds(),
        }
    }

    /// One entry for each cell; those that will not be run in pairs hold what the baseline took once.
    fn blank_samples(&self, impact: &Impact) -> Vec<PairedSamples> {
        let once = |cell: &Cell<'_>| {
            self.brief
                .plans_of(&cell.statement.id)
                .find(|p| p.parameter_set == cell.set.id)
                .and_then(|p| Some(p.plan.execution_ms? + p.plan.planning_ms.unwrap_or(0.0)))
        };
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
                    once(cell).into_iter().collect()
                },
                candidate_ms: Vec::new(),
                control_ms: Vec::new(),
                timeout_ms: self.task.options.statement_timeout_seconds * 1e3,
            })
            .collect()
    }

    async fn race(&self, built: &Built, runners: &mut [Runner], rng: &mut ChaCha8Rng) -> Result<()> {
        let track = Track {
            lab: self.lab,
            benchmarker: self.shared.benchmarker.as_ref(),
            slot: &self.shared.slot,
            cells: self.cells,
            baseline: built.baseline("baseline"),
            control: Arm { name: "control".to_owned(), ..built.baseline("control") },
            limits: &self.task.problem.limits,
            options: &self.task.options,
            agent: self.task.agent.clone(),
            error_rate: self.task.problem.limits.error_rate / ASSUMED_CANDIDATES,
        };
        race(self.cx, &track, runners, rng).await?;
        share_baselines(runners);
        for runner in runners {
            runner.trial.costs.write_ratio = crate::judge::write_ratio(&runner.trial);
        }
        Ok(())
    }

    /// Races the union of those that help, if there are at least two that go together.
    async fn race_union(
        &self,
        built: &Built,
        runners: &[Runner],
        baseline_plans: &[Plan],
        outcome: &mut UniverseOutcome,
        rng: &mut ChaCha8Rng,
    ) -> Result<Option<Runner>> {
        let limits = &self.task.problem.limits;
        let mut helpful: Vec<(&Runner, f64)> = runners
            .iter()
            .filter(|r| helps_somewhere(&r.trial, limits))
            .map(|r| (r, crate::judge::estimate(&r.trial)))
            .collect();
        helpful.sort_by(|a, b| a.1.total_cmp(&b.1));
        let helpful: Vec<&Candidate> = helpful.into_iter().map(|(r, _)| &r.candidate).collect();
        let number = runners.len() + outcome.candidates.len() + 1;
        let Some(united) = unite(number, &helpful) else { return Ok(None) };
        let arm = built.arm(united.id.as_str(), &united.change);
        let together = plans(self.cx, self.lab, &arm, self.cells, |cell| text(cell, &united)).await?;
        let united = without_unused_indexes(united, &together);
        if runners.iter().any(|r| same_operations(&r.candidate, &united)) {
            return Ok(None);
        }
        let costs = self.sum_costs(built, &united, runners);
        self.cx.emit(Event::Proposed {
            agent: self.task.agent.clone(),
            candidate: united.id.clone(),
            title: united.title.clone(),
        });
        let Some(runner) = self.screen(built, united, costs, baseline_plans, outcome).await? else {
            return Ok(None);
        };
        let mut union = [runner];
        self.race(built, &mut union, rng).await?;
        Ok(union.into_iter().next())
    }

    /// Costs of a union: built objects as they were measured, everything else from the member that has it.
    fn sum_costs(&self, built: &Built, united: &Candidate, runners: &[Runner]) -> Costs {
        let mut costs = Costs { wal_bytes: self.lab.own_server().then_some(0), ..Costs::default() };
        for operation in &united.change.operations {
            if let Some(cost) = built.cost_of(operation) {
                costs.build_seconds += cost.seconds;
                costs.bytes += cost.bytes;
                costs.wal_bytes = costs.wal_bytes.map(|sum| sum + cost.wal_bytes);
                costs.refresh_seconds = match (costs.refresh_seconds, cost.refresh_seconds) {
                    (Some(a), Some(b)) => Some(a + b),
                    (a, b) => a.or(b),
                };
            } else if let Some(member) = runners
                .iter()
                .find(|r| r.candidate.change.operations.as_slice() == std::slice::from_ref(operation))
            {
                costs.build_seconds += member.trial.costs.build_seconds;
                costs.bytes += member.trial.costs.bytes;
                costs.wal_bytes = costs.wal_bytes.zip(member.trial.costs.wal_bytes).map(|(a, b)| a + b);
            }
        }
        costs
    }
}

/// A cell that one runner did not race was perhaps raced by another: its warm baseline is a better constant
/// than the one execution of the inspection.
fn share_baselines(runners: &mut [Runner]) {
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
            samples.baseline_ms = vec![median(&other.baseline_ms)];
        }
    }
}

fn same_operations(a: &Candidate, b: &Candidate) -> bool {
    a.change.operations.len() == b.change.operations.len()
        && a.change.operations.iter().all(|o| b.change.operations.contains(o))
}

/// A number from a name, so that each agent's random order is its own and does not depend on the others.
fn fold(name: &str) -> u64 {
    let hash = blake3::hash(name.as_bytes());
    let mut eight = [0_u8; 8];
    eight.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(eight)
}

/// Ids sort by agent and number, not by text.
pub(super) fn sort_key(id: &CandidateId) -> (String, u64) {
    let (agent, number) = id.as_str().rsplit_once('-').unwrap_or((id.as_str(), "0"));
    (agent.to_owned(), number.parse().unwrap_or(0))
}
