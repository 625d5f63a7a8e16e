//! Wires the parts of a competition together.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::Stream;

use super::run::task;
use super::{RaceOptions, UniverseOutcome, UniverseTask, run_universe};
use crate::bench::TransactionBenchmarker;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, EventLog};
use crate::judge::PairedJudge;
use crate::traits::{Agent, Benchmarker, ForkBackend, Judge};
use crate::types::{AgentName, CostModel, Problem, Report, Workload};

/// Collects the parts; nothing fails before [`CompetitionBuilder::build`].
#[derive(Debug)]
pub struct CompetitionBuilder {
    pub(super) problem: Problem,
    pub(super) workload: Workload,
    pub(super) backend: Option<Arc<dyn ForkBackend>>,
    pub(super) agents: Vec<Arc<dyn Agent>>,
    pub(super) benchmarker: Arc<dyn Benchmarker>,
    pub(super) judge: Arc<dyn Judge>,
    pub(super) options: RaceOptions,
    pub(super) parallel: usize,
    pub(super) seed: u64,
    pub(super) deadline: Option<Duration>,
    pub(super) costs: CostModel,
}

impl CompetitionBuilder {
    /// What is to be made better, and within which bounds.
    #[must_use]
    pub fn problem(mut self, problem: Problem) -> Self {
        self.problem = problem;
        self
    }

    /// The statements that matter.
    #[must_use]
    pub fn workload(mut self, workload: Workload) -> Self {
        self.workload = workload;
        self
    }

    /// Where universes come from.
    #[must_use]
    pub fn backend(mut self, backend: Arc<dyn ForkBackend>) -> Self {
        self.backend = Some(backend);
        self
    }

    /// Adds an agent; each gets a universe of its own.
    #[must_use]
    pub fn agent(mut self, agent: Arc<dyn Agent>) -> Self {
        self.agents.push(agent);
        self
    }

    /// Adds agents.
    #[must_use]
    pub fn agents(mut self, agents: impl IntoIterator<Item = Arc<dyn Agent>>) -> Self {
        self.agents.extend(agents);
        self
    }

    /// Another benchmarker than [`TransactionBenchmarker`].
    #[must_use]
    pub fn benchmarker(mut self, benchmarker: Arc<dyn Benchmarker>) -> Self {
        self.benchmarker = benchmarker;
        self
    }

    /// Another judge than [`PairedJudge`].
    #[must_use]
    pub fn judge(mut self, judge: Arc<dyn Judge>) -> Self {
        self.judge = judge;
        self
    }

    /// Bounds of each race.
    #[must_use]
    pub fn options(mut self, options: RaceOptions) -> Self {
        self.options = options;
        self
    }

    /// Universes alive at once, at the most.
    #[must_use]
    pub fn parallel(mut self, universes: usize) -> Self {
        self.parallel = universes;
        self
    }

    /// One universe after the other: create, run, destroy, next.
    #[must_use]
    pub fn sequential(self, sequential: bool) -> Self {
        if sequential { self.parallel(1) } else { self }
    }

    /// Seed of every random order.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Time for the whole run, but for destroying the forks and judging. What was measured by then is judged; if
    /// that is nothing, the run fails.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Prices for the comparison with full clones.
    #[must_use]
    pub fn cost_model(mut self, costs: CostModel) -> Self {
        self.costs = costs;
        self
    }

    /// The competition, ready to run.
    pub fn build(self) -> Result<Competition> {
        if self.workload.statements.is_empty() {
            return Err(Error::invalid("the workload has no statements").hint("give at least one SELECT"));
        }
        if self.agents.is_empty() {
            return Err(Error::invalid("no agent takes part").hint("name at least one, such as index"));
        }
        if self.parallel == 0 {
            return Err(Error::invalid("at least one universe must be allowed at a time"));
        }
        let mut names: Vec<&str> = self.agents.iter().map(|a| a.name()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::invalid("two agents have the same name").with("agent", pair[0]));
        }
        let Some(backend) = self.backend.clone() else {
            return Err(Error::invalid("no fork backend was given"));
        };
        let events = EventLog::default();
        let mut cx = Context::new().with_seed(self.seed).with_events(events);
        if let Some(deadline) = self.deadline {
            cx = cx.with_deadline(deadline);
        }
        Ok(Competition { cx, backend, parts: Mutex::new(Some(self)) })
    }
}

/// A competition that can be watched, cancelled, and run once.
#[derive(Debug)]
pub struct Competition {
    cx: Context,
    backend: Arc<dyn ForkBackend>,
    parts: Mutex<Option<CompetitionBuilder>>,
}

impl Competition {
    /// Starts to collect the parts.
    pub fn builder() -> CompetitionBuilder {
        CompetitionBuilder {
            problem: Problem::default(),
            workload: Workload::default(),
            backend: None,
            agents: Vec::new(),
            benchmarker: Arc::new(TransactionBenchmarker),
            judge: Arc::new(PairedJudge),
            options: RaceOptions::default(),
            parallel: usize::MAX,
            seed: 0,
            deadline: None,
            costs: CostModel::default(),
        }
    }

    /// All events from the first one on, also those before the call; ends when the run ends.
    pub fn events(&self) -> impl Stream<Item = Event> + Send + use<> {
        self.cx.events().subscribe()
    }

    /// Stops the run; every fork is destroyed before [`Competition::run`] returns.
    pub fn cancel(&self) {
        self.cx.cancellation().cancel();
    }

    /// Runs the competition. It runs on a task of its own: if the returned future is dropped, the run is
    /// cancelled and its forks are still destroyed.
    pub async fn run(&self) -> Result<Report> {
        self.to_the_verdict(None).await
    }

    /// One task for each agent's universe, as data. Workers on other machines, each with a competition built alike, run
    /// them by [`Competition::run_universe`]; [`Competition::conclude`] judges what comes out.
    ///
    /// # Errors
    /// `InvalidInput` if the competition has run.
    pub fn tasks(&self) -> Result<Vec<UniverseTask>> {
        self.peek(|parts| parts.agents.iter().map(|a| task(parts, AgentName::from(a.name()))).collect())
    }

    /// Runs one universe, whose fork is destroyed before this returns.
    ///
    /// # Errors
    /// `NotFound` if the task's agent does not take part; otherwise as [`run_universe`].
    pub async fn run_universe(&self, task: &UniverseTask) -> Result<UniverseOutcome> {
        let (agent, benchmarker) = self.peek(|parts| {
            let agent = parts.agents.iter().find(|a| task.agent.as_str() == a.name()).cloned();
            (agent, Arc::clone(&parts.benchmarker))
        })?;
        let agent = agent.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "the task's agent does not take part here")
                .with("agent", &task.agent)
        })?;
        self.backend.prepare(&self.cx).await?;
        run_universe(&self.cx, task, Arc::clone(&self.backend), agent, benchmarker).await
    }

    /// The verdict over universes that ran elsewhere; the grand final, if there is one, runs here.
    ///
    /// # Errors
    /// `InvalidInput` unless there is one outcome for each agent; otherwise as [`Competition::run`].
    pub async fn conclude(&self, outcomes: Vec<UniverseOutcome>) -> Result<Report> {
        self.to_the_verdict(Some(outcomes)).await
    }

    fn peek<T>(&self, look: impl FnOnce(&CompetitionBuilder) -> T) -> Result<T> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.as_ref().map(look).ok_or_else(has_run)
    }

    async fn to_the_verdict(&self, elsewhere: Option<Vec<UniverseOutcome>>) -> Result<Report> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or_else(has_run)?;
        let stop_if_dropped = self.cx.cancellation().clone().drop_guard();
        let run = super::run::run(self.cx.clone(), Arc::clone(&self.backend), parts, elsewhere);
        let result =
            tokio::spawn(run).await.map_err(|e| Error::internal("the engine panicked").caused_by(e))?;
        stop_if_dropped.disarm();
        result
    }
}

fn has_run() -> Error {
    Error::invalid("this competition has already run").hint("build another one")
}
