//! One universe from its first byte to its last: fork, inspect, propose, build, race, unite, destroy.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Mutex, Semaphore};

use super::allowance::Allowance;
use super::arms::Built;
use super::choosing::Choosing;
use super::finale::Finalists;
use super::inspect::{Endless, inspect};
use super::litter::Litter;
use super::probe::SessionProbe;
use super::propose::propose;
use super::refute::Refuter;
use super::screen::cells;
use super::stage::Stage;
use super::workbench::LabBench;
use super::{UniverseOutcome, UniverseTask};
use crate::bench::Lab;
use crate::context::{Context, Phase};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::traits::{Agent, Benchmarker, ForkBackend};
use crate::types::{Candidate, CandidateId, SourceReport, StatementKind};

/// What universes share.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) backend: Arc<dyn ForkBackend>,
    pub(super) benchmarker: Arc<dyn Benchmarker>,
    /// Timing takes this: one at a time on a machine.
    pub(super) slot: Arc<Semaphore>,
    /// Races wait for those who choose at a workbench.
    pub(super) choosing: Choosing,
    /// Heavy work that is not timed takes this.
    pub(super) builders: Arc<Semaphore>,
    /// Forks alive at once, at the most.
    pub(super) places: usize,
    /// What no universe waits for again.
    pub(super) endless: Endless,
}

/// What a universe is for.
#[derive(Debug)]
pub(super) enum Job {
    /// Ask an agent and race what it proposes.
    Ask(Arc<dyn Agent>),
    /// Race the union of what helped in several universes against the best of them.
    Finale(Finalists),
    /// Measure candidates that need forks of their own.
    Apart(Vec<Candidate>),
}

/// How a universe ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// What came out of it.
    pub(super) outcome: UniverseOutcome,
    /// Why it did not come to its end; the outcome says it too.
    pub(super) failure: Option<Error>,
}

impl Ended {
    pub(super) fn new(mut outcome: UniverseOutcome, failure: Option<Error>) -> Self {
        outcome.error = failure.as_ref().map(Error::to_string);
        Self { outcome, failure }
    }

    /// Tells the events what went wrong.
    pub(super) fn announce(&self, cx: &Context) {
        if let Some(error) = &self.outcome.error {
            cx.emit(Event::Failed { agent: self.outcome.agent.clone(), error: error.clone() });
        }
    }
}

/// Runs one universe by itself, as a worker on another machine does. The fork is destroyed before this
/// returns, whatever happens. A workload that the server refuses is an error; everything else that goes
/// wrong, and a deadline that passes, is told in the outcome, with what was measured by then.
pub async fn run_universe(
    cx: &Context,
    task: &UniverseTask,
    backend: Arc<dyn ForkBackend>,
    agent: Arc<dyn Agent>,
    benchmarker: Arc<dyn Benchmarker>,
) -> Result<UniverseOutcome> {
    let one = || Arc::new(Semaphore::new(1));
    let places = backend.capability().parallel;
    let shared = Shared {
        backend,
        benchmarker,
        slot: one(),
        choosing: Choosing::new(),
        builders: one(),
        places,
        endless: Endless::default(),
    };
    let mut ended = run(cx, task, Job::Ask(agent), &shared).await?;
    let apart = std::mem::take(&mut ended.outcome.apart);
    if !apart.is_empty() && ended.failure.is_none() {
        let other = run(cx, task, Job::Apart(apart), &shared).await?;
        other.announce(cx);
        ended.outcome.candidates.extend(other.outcome.candidates);
        ended.outcome.trials.extend(other.outcome.trials);
        let born = other.outcome.universe.map(|u| (u, other.outcome.lived_seconds));
        ended.outcome.further.extend(born.into_iter().chain(other.outcome.further));
    }
    ended.announce(cx);
    match ended.failure {
        Some(error) if error.kind() == ErrorKind::InvalidInput => Err(error),
        _ => Ok(ended.outcome),
    }
}

/// Only a cancelled universe, or one that cannot be destroyed, is an error.
pub(super) async fn run(cx: &Context, task: &UniverseTask, job: Job, shared: &Shared) -> Result<Ended> {
    let mut outcome = UniverseOutcome::empty(task.agent.clone());
    let born = Instant::now();
    let result = Box::pin(live(cx, task, job, shared, &mut outcome)).await;
    if let Some(universe) = &outcome.universe {
        let cleanup = cx.for_cleanup();
        outcome.memory_bytes = shared.backend.memory(&universe.id).await;
        shared.backend.destroy(&cleanup, &universe.id).await?;
        outcome.lived_seconds = born.elapsed().as_secs_f64();
        cx.emit(Event::UniverseDestroyed { universe: universe.id.clone() });
    }
    // A statement that failed because the time was up is not at fault.
    let failure = match result {
        Err(error) if error.kind() != ErrorKind::InvalidInput => Some(cx.check().err().unwrap_or(error)),
        other => other.err(),
    };
    if failure.is_some() {
        cx.check_cancelled()?;
    }
    Ok(Ended::new(outcome, failure))
}

async fn live(
    cx: &Context,
    task: &UniverseTask,
    job: Job,
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
    let mut brief = inspect(cx, &lab, task, &shared.endless).await?;
    if let Some(name) = backend.source_database() {
        name.clone_into(&mut brief.catalog.database);
    }
    let brief = Arc::new(brief);
    // The writes were run too, and whoever tries something out first would find what they left.
    let written = brief.workload.of_kind(StatementKind::Write);
    Litter::of_writes(cx, &lab, &brief, written).await?.vacuum(cx, &lab).await?;
    let mut source = SourceReport::of(&brief.catalog);
    let nodes = brief.plans.iter().flat_map(|p| p.plan.nodes());
    source.note(
        &brief.catalog,
        nodes.filter_map(|node| Some((node.schema.as_deref()?, node.relation_name.as_deref()?))),
    );
    outcome.source = Some(source);
    drop(heavy);

    let verified = match &job {
        Job::Finale(finalists) => finalists.verified.clone(),
        Job::Ask(_) | Job::Apart(_) => Vec::new(),
    };
    let stage = Stage {
        verified,
        cx,
        task,
        shared,
        lab: &lab,
        universe: &universe,
        brief: &brief,
        cells: &cells(&brief, &task.options),
        refuter: Refuter::new(&brief.catalog, task.options.falsification_databases, task.seed),
    };
    let agent = match job {
        Job::Ask(agent) => agent,
        Job::Apart(candidates) => return Box::pin(stage.apart(candidates, outcome)).await,
        Job::Finale(finalists) => return Box::pin(stage.finale(finalists, outcome)).await,
    };
    let dsn = backend.dsn(cx, &universe.id).await?;
    let built = Arc::new(Mutex::new(Built::default()));
    let allowance = Arc::new(Allowance::new(task.options.agent_timeout_seconds));
    let bench = LabBench::new(
        Lab::open(cx, backend, &universe).await?,
        Arc::clone(&brief),
        shared,
        Arc::clone(&built),
        Arc::clone(&allowance),
    );
    let probe = SessionProbe::open(cx, &dsn, task.options.statement_timeout_seconds, bench).await?;
    let proposed = propose(cx, agent, Box::new(probe), Arc::clone(&brief), &allowance, &task.options).await?;
    let mut built = std::mem::take(&mut *built.lock().await);
    built.keep_only(cx, &lab, &proposed).await?;
    if let Some(source) = &mut outcome.source {
        let operations = proposed.iter().flat_map(|c| &c.change.operations);
        let tables: Vec<_> = operations.flat_map(|o| o.tables(&brief.catalog)).collect();
        source.note(&brief.catalog, tables.iter().map(|(schema, table)| (schema.as_str(), table.as_str())));
    }
    for candidate in &proposed {
        cx.emit(Event::Proposed {
            agent: task.agent.clone(),
            candidate: candidate.id.clone(),
            title: candidate.title.clone(),
        });
    }
    Box::pin(stage.compete(proposed, built, outcome)).await
}

pub(super) fn closed(error: tokio::sync::AcquireError) -> Error {
    Error::internal("a semaphore of the competition is closed").caused_by(error)
}

/// Ids sort by agent and number, not by text.
pub(super) fn sort_key(id: &CandidateId) -> (String, u64) {
    let (agent, number) = id.as_str().rsplit_once('-').unwrap_or((id.as_str(), "0"));
    (agent.to_owned(), number.parse().unwrap_or(0))
}
