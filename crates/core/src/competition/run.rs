//! All universes of a competition, then one verdict over their trials.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::builder::CompetitionBuilder;
use super::finale::{FINAL, Finalists};
use super::universe::{self, Job, Shared, sort_key};
use super::{UniverseOutcome, UniverseTask};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::report;
use crate::traits::ForkBackend;
use crate::types::{AgentName, Report, Trial};

pub(super) async fn run(
    cx: Context,
    backend: Arc<dyn ForkBackend>,
    parts: CompetitionBuilder,
) -> Result<Report> {
    let begin = Instant::now();
    let result = compete(&cx, backend, &parts, begin).await;
    cx.emit(Event::Finished { seconds: begin.elapsed().as_secs_f64() });
    result
}

async fn compete(
    cx: &Context,
    backend: Arc<dyn ForkBackend>,
    parts: &CompetitionBuilder,
    begin: Instant,
) -> Result<Report> {
    let started = jiff::Timestamp::now();
    let id = format!("competition-{}", started.strftime("%Y%m%dT%H%M%S%3fZ"));
    let agents: Vec<AgentName> = parts.agents.iter().map(|a| AgentName::from(a.name())).collect();
    cx.emit(Event::Started {
        id: id.clone(),
        agents: agents.clone(),
        statements: parts.workload.statements.len(),
    });
    backend.prepare(cx).await?;
    let shared = share(Arc::clone(&backend), parts);
    let mut outcomes = universes(cx, &shared, parts).await?;
    let finale = finale(cx, &shared, parts, &mut outcomes).await?;

    let trials = sorted_trials(&outcomes);
    let verdict = parts.judge.judge(&parts.problem, &trials)?;
    match (&verdict.winner, verdict.ratio) {
        (Some(winner), Some(ratio)) => cx.emit(Event::Crowned { candidate: winner.clone(), ratio }),
        _ => cx.emit(Event::NoWinner { reason: verdict.reason.clone() }),
    }
    report::assemble(report::Parts {
        id,
        started: started.to_string(),
        seed: parts.seed,
        problem: &parts.problem,
        workload: &parts.workload,
        backend: backend.scheme(),
        outcomes: &outcomes,
        finale: finale.as_ref(),
        trials,
        verdict: &verdict,
        prices: parts.costs,
        meter: cx.meter(),
        total: begin.elapsed(),
    })
}

fn share(backend: Arc<dyn ForkBackend>, parts: &CompetitionBuilder) -> Shared {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Shared {
        backend,
        benchmarker: Arc::clone(&parts.benchmarker),
        slot: Arc::new(Semaphore::new(1)),
        // One core is left to whoever holds the timing slot.
        builders: Arc::new(Semaphore::new(cores.saturating_sub(1).max(1))),
    }
}

fn task(parts: &CompetitionBuilder, agent: AgentName) -> UniverseTask {
    UniverseTask {
        agent,
        problem: parts.problem.clone(),
        workload: parts.workload.clone(),
        options: parts.options.clone(),
        universes: parts.agents.len() + 1,
        seed: parts.seed,
    }
}

/// Races the union of what helped in several universes, in a universe of its own. Its candidate and trial go
/// to the leading agent. Without a final, or if it fails, the universes' own results stand.
async fn finale(
    cx: &Context,
    shared: &Shared,
    parts: &CompetitionBuilder,
    outcomes: &mut [UniverseOutcome],
) -> Result<Option<UniverseOutcome>> {
    let Some(finalists) = Finalists::across(outcomes, &parts.problem) else { return Ok(None) };
    let outcome = universe::run(cx, &task(parts, FINAL.into()), Job::Finale(finalists), shared).await?;
    for (candidate, trial) in outcome.candidates.iter().zip(&outcome.trials) {
        if let Some(leader) = outcomes.iter_mut().find(|o| o.agent == candidate.agent) {
            leader.candidates.push(candidate.clone());
            leader.trials.push(trial.clone());
        }
    }
    Ok(Some(outcome))
}

/// Runs every universe, as many at once as allowed. Comes back when all forks are gone.
async fn universes(
    cx: &Context,
    shared: &Shared,
    parts: &CompetitionBuilder,
) -> Result<Vec<UniverseOutcome>> {
    let places = parts.parallel.min(shared.backend.capability().parallel).clamp(1, Semaphore::MAX_PERMITS);
    let alive = Arc::new(Semaphore::new(places));
    let mut running = JoinSet::new();
    for (place, agent) in parts.agents.iter().enumerate() {
        let task = task(parts, AgentName::from(agent.name()));
        let (cx, agent, shared, alive) = (cx.clone(), Arc::clone(agent), shared.clone(), Arc::clone(&alive));
        running.spawn(async move {
            let _place =
                cx.guard(async { alive.acquire().await.map_err(|e| Error::internal("closed").caused_by(e)) });
            let result = match _place.await {
                Ok(_permit) => universe::run(&cx, &task, Job::Ask(agent), &shared).await,
                Err(error) => Err(error),
            };
            (place, result)
        });
    }
    let mut outcomes = Vec::new();
    let mut first_error: Option<Error> = None;
    while let Some(joined) = running.join_next().await {
        match joined {
            Ok((place, Ok(outcome))) => outcomes.push((place, outcome)),
            Ok((_, Err(error))) => {
                // A wrong workload is wrong in every universe; the others need not find out for themselves.
                if error.kind() == ErrorKind::InvalidInput {
                    cx.cancellation().cancel();
                }
                let better = first_error.as_ref().is_none_or(|e| e.kind() == ErrorKind::Cancelled);
                if better {
                    first_error = Some(error);
                }
            }
            Err(panic) => {
                cx.cancellation().cancel();
                first_error = Some(Error::internal("a universe panicked").caused_by(panic));
            }
        }
    }
    if let Some(error) = first_error {
        return Err(error);
    }
    // Completion order must not matter.
    outcomes.sort_by_key(|(place, _)| *place);
    let outcomes: Vec<UniverseOutcome> = outcomes.into_iter().map(|(_, outcome)| outcome).collect();
    nothing_forked(&outcomes)?;
    Ok(outcomes)
}

/// A competition without a single fork is no competition.
fn nothing_forked(outcomes: &[UniverseOutcome]) -> Result<()> {
    if outcomes.iter().any(|o| o.universe.is_some()) {
        return Ok(());
    }
    let why = outcomes.iter().find_map(|o| o.error.clone()).unwrap_or_default();
    Err(Error::new(ErrorKind::Process, format!("no universe could be made: {why}")))
}

fn sorted_trials(outcomes: &[UniverseOutcome]) -> Vec<Trial> {
    let mut trials: Vec<Trial> = outcomes.iter().flat_map(|o| o.trials.iter().cloned()).collect();
    trials.sort_by_key(|t| sort_key(&t.candidate));
    trials
}
