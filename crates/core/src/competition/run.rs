//! All universes of a competition, then one verdict over their trials.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::apart::APART;
use super::builder::CompetitionBuilder;
use super::choosing::Choosing;
use super::finale::{FINAL, Finalists};
use super::inspect::Endless;
use super::universe::{self, Ended, Job, Shared, sort_key};
use super::{UniverseOutcome, UniverseTask};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::report;
use crate::traits::{Agent, ForkBackend};
use crate::types::{AgentName, Candidate, Report, Trial};

/// The final may measure this many times as long as a universe: what it decides is promoted, and two that are both fast
/// are harder to tell apart than one of them and the baseline.
const FINAL_TIMES: f64 = 3.0;

/// Runs the universes, or takes what came out of them on other machines, and ends with a verdict.
pub(super) async fn run(
    cx: Context,
    backend: Arc<dyn ForkBackend>,
    parts: CompetitionBuilder,
    elsewhere: Option<Vec<UniverseOutcome>>,
) -> Result<Report> {
    let begin = Instant::now();
    let result = compete(&cx, backend, &parts, elsewhere, begin).await;
    cx.emit(Event::Finished { seconds: begin.elapsed().as_secs_f64() });
    result
}

async fn compete(
    cx: &Context,
    backend: Arc<dyn ForkBackend>,
    parts: &CompetitionBuilder,
    elsewhere: Option<Vec<UniverseOutcome>>,
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
    let mut outcomes = if let Some(outcomes) = elsewhere {
        gathered(parts, outcomes)?
    } else {
        let ended = universes(cx, &shared, parts).await?;
        require_result(cx, &ended)?;
        ended.into_iter().map(|ended| ended.outcome).collect()
    };
    let apart = apart(cx, &shared, parts, &mut outcomes).await?;
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
        judge: parts.judge.name(),
        outcomes: &outcomes,
        finale: finale.as_ref(),
        apart: apart.as_ref(),
        trials,
        verdict: &verdict,
        prices: parts.costs,
        meter: cx.meter(),
        total: begin.elapsed(),
    })
}

fn share(backend: Arc<dyn ForkBackend>, parts: &CompetitionBuilder) -> Shared {
    let places = parts.parallel.min(backend.capability().parallel).clamp(1, Semaphore::MAX_PERMITS);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Shared {
        backend,
        benchmarker: Arc::clone(&parts.benchmarker),
        slot: Arc::new(Semaphore::new(1)),
        choosing: Choosing::new(),
        // One core is left to whoever holds the timing slot.
        builders: Arc::new(Semaphore::new(cores.saturating_sub(1).max(1))),
        places,
        endless: Endless::default(),
    }
}

/// What came out of universes elsewhere, in the order of the agents: one for each of them, of which at least one came up.
fn gathered(parts: &CompetitionBuilder, outcomes: Vec<UniverseOutcome>) -> Result<Vec<UniverseOutcome>> {
    let mut found: BTreeMap<AgentName, UniverseOutcome> = BTreeMap::new();
    for outcome in outcomes {
        let agent = outcome.agent.clone();
        if found.insert(agent.clone(), outcome).is_some() {
            return Err(Error::invalid("two outcomes are of the same agent").with("agent", agent));
        }
    }
    let own = |agent: &Arc<dyn Agent>| {
        found.remove(&AgentName::from(agent.name())).ok_or_else(|| {
            Error::invalid("an agent has no outcome")
                .with("agent", agent.name())
                .hint("run the task of each agent, and give what came out of all of them")
        })
    };
    let outcomes = parts.agents.iter().map(own).collect::<Result<Vec<_>>>()?;
    if let Some(stranger) = found.keys().next() {
        return Err(
            Error::invalid("an outcome is of an agent that does not take part").with("agent", stranger)
        );
    }
    if outcomes.iter().all(|outcome| outcome.source.is_none()) {
        let mut reasons: Vec<&str> = outcomes.iter().filter_map(|o| o.error.as_deref()).collect();
        reasons.dedup();
        return Err(Error::new(ErrorKind::Process, format!("every universe failed: {}", reasons.join("; "))));
    }
    Ok(outcomes)
}

pub(super) fn task(parts: &CompetitionBuilder, agent: AgentName) -> UniverseTask {
    UniverseTask {
        agent,
        problem: parts.problem.clone(),
        workload: parts.workload.clone(),
        options: parts.options.clone(),
        // The final's, and that of candidates with forks of their own.
        universes: parts.agents.len() + 2,
        seed: parts.seed,
    }
}

/// Measures the candidates that need forks of their own, once all universes are gone and there is place for them.
/// They go back to the agents that proposed them.
async fn apart(
    cx: &Context,
    shared: &Shared,
    parts: &CompetitionBuilder,
    outcomes: &mut [UniverseOutcome],
) -> Result<Option<UniverseOutcome>> {
    let candidates: Vec<Candidate> = outcomes.iter_mut().flat_map(|o| std::mem::take(&mut o.apart)).collect();
    if candidates.is_empty() {
        return Ok(None);
    }
    let job = Job::Apart(candidates.clone());
    let mut ended = universe::run(cx, &task(parts, APART.into()), job, shared).await?;
    ended.announce(cx);
    if let Some(failure) = &ended.failure {
        ended.outcome.miss(candidates, failure);
    }
    let outcome = ended.outcome;
    for (candidate, trial) in outcome.candidates.iter().zip(&outcome.trials) {
        if let Some(own) = outcomes.iter_mut().find(|o| o.agent == candidate.agent) {
            own.candidates.push(candidate.clone());
            own.trials.push(trial.clone());
            own.candidates.sort_by_key(|c| sort_key(&c.id));
            own.trials.sort_by_key(|t| sort_key(&t.candidate));
        }
    }
    Ok(Some(outcome))
}

/// Races the union of what helped in several universes, in a universe of its own. Its candidate and trial go
/// to the leading agent. Without a final, or if it fails, the universes' own results stand.
async fn finale(
    cx: &Context,
    shared: &Shared,
    parts: &CompetitionBuilder,
    outcomes: &mut [UniverseOutcome],
) -> Result<Option<UniverseOutcome>> {
    let Some(finalists) = Finalists::across(outcomes, &parts.problem).filter(|_| !cx.is_late()) else {
        return Ok(None);
    };
    let mut task = task(parts, FINAL.into());
    task.options.measuring_seconds *= FINAL_TIMES;
    let ended = universe::run(cx, &task, Job::Finale(finalists), shared).await?;
    ended.announce(cx);
    let outcome = ended.outcome;
    for (candidate, trial) in outcome.candidates.iter().zip(&outcome.trials) {
        if let Some(leader) = outcomes.iter_mut().find(|o| o.agent == candidate.agent) {
            leader.candidates.push(candidate.clone());
            leader.trials.push(trial.clone());
        }
    }
    Ok(Some(outcome))
}

/// Runs every universe, as many at once as allowed. Comes back when all forks are gone.
async fn universes(cx: &Context, shared: &Shared, parts: &CompetitionBuilder) -> Result<Vec<Ended>> {
    let alive = Arc::new(Semaphore::new(shared.places));
    // Ends the others alone: why, is still to be told under the run's own context.
    let all = cx.child();
    let mut running = JoinSet::new();
    for (place, agent) in parts.agents.iter().enumerate() {
        let task = task(parts, AgentName::from(agent.name()));
        let (cx, agent, shared, alive) = (all.clone(), Arc::clone(agent), shared.clone(), Arc::clone(&alive));
        running.spawn(async move {
            let place_found = cx.guard(async { alive.acquire().await.map_err(universe::closed) }).await;
            let ended = match place_found {
                Ok(_permit) => universe::run(&cx, &task, Job::Ask(agent), &shared).await,
                Err(error) => {
                    cx.check_cancelled().map(|()| Ended::new(UniverseOutcome::empty(task.agent), Some(error)))
                }
            };
            (place, ended)
        });
    }
    let mut outcomes: Vec<(usize, Ended)> = Vec::new();
    let mut announced = 0;
    let mut first_error: Option<Error> = None;
    let mut keep = |error: Error| {
        if first_error.as_ref().is_none_or(|e| e.kind() == ErrorKind::Cancelled) {
            first_error = Some(error);
        }
    };
    while let Some(joined) = running.join_next().await {
        match joined {
            // A wrong workload is wrong in every universe; the others need not find out for themselves.
            Ok((_, Ok(Ended { failure: Some(error), .. }))) if error.kind() == ErrorKind::InvalidInput => {
                all.cancellation().cancel();
                keep(error);
            }
            Ok((place, Ok(ended))) => outcomes.push((place, ended)),
            Ok((_, Err(error))) => keep(error),
            Err(panic) => {
                all.cancellation().cancel();
                keep(Error::internal("a universe panicked").caused_by(panic));
            }
        }
        // Until a universe comes up, failures may all be the same one, which is told once at the end.
        if outcomes.iter().any(|(_, ended)| ended.outcome.source.is_some()) {
            outcomes[announced..].iter().for_each(|(_, ended)| ended.announce(cx));
            announced = outcomes.len();
        }
    }
    if let Some(error) = first_error {
        return Err(error);
    }
    // Completion order must not matter.
    outcomes.sort_by_key(|(place, _)| *place);
    Ok(outcomes.into_iter().map(|(_, ended)| ended).collect())
}

/// An error if there is nothing to judge: no universe came up, or the time ended before anything was measured.
fn require_result(cx: &Context, ended: &[Ended]) -> Result<()> {
    let failures: Vec<&Error> = ended.iter().filter_map(|e| e.failure.as_ref()).collect();
    let measured = ended.iter().flat_map(|e| &e.outcome.trials).any(Trial::is_measured);
    if cx.is_late() && !measured && !failures.is_empty() {
        return Err(Error::new(
            ErrorKind::Timeout,
            "the deadline of the run has passed before anything was measured",
        )
        .hint("give it more time with --deadline"));
    }
    if ended.iter().any(|e| e.outcome.source.is_some()) {
        return Ok(());
    }
    Err(everywhere(&failures))
}

/// Every universe failed before it was looked at. What all of them say is said once.
fn everywhere(failures: &[&Error]) -> Error {
    let Some(first) = failures.first() else { return Error::internal("no universe was inspected") };
    let mut reasons: Vec<String> = failures.iter().map(|error| without_context(error)).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let mut error = Error::new(first.kind(), format!("every universe failed: {}", reasons.join("; ")));
    if reasons.len() == 1 {
        for (key, value) in first.context().iter().filter(|(key, _)| *key != "fork") {
            error = error.with(key, value);
        }
    }
    match failures.iter().find_map(|error| error.way_out()) {
        Some(way_out) => error.hint(way_out),
        None => error,
    }
}

fn without_context(error: &Error) -> String {
    let mut text = error.message().to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let ours = error.downcast_ref::<Error>().map(|error| error.message().to_owned());
        let words = ours.unwrap_or_else(|| error.to_string());
        if !text.contains(&words) {
            text.push_str(&format!(": {words}"));
        }
        cause = error.source();
    }
    text
}

fn sorted_trials(outcomes: &[UniverseOutcome]) -> Vec<Trial> {
    let mut trials: Vec<Trial> = outcomes.iter().flat_map(|o| o.trials.iter().cloned()).collect();
    trials.sort_by_key(|t| sort_key(&t.candidate));
    trials
}
