//! Asks an agent, and lets nothing that goes wrong in it reach anybody else.

use std::sync::Arc;

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::traits::{Agent, Probe};
use crate::types::{AgentName, Brief, Candidate, CandidateId, Operation, StatementKind};
use crate::workload::kind_of;

use super::RaceOptions;
use super::allowance::Allowance;

/// The agent's candidates with final ids. A panic, an error or silence beyond the time-out is an
/// [`ErrorKind::Agent`] error.
pub(super) async fn propose(
    cx: &Context,
    agent: Arc<dyn Agent>,
    probe: Box<dyn Probe>,
    brief: Arc<Brief>,
    allowance: &Allowance,
    options: &RaceOptions,
) -> Result<Vec<Candidate>> {
    let name = AgentName::from(agent.name());
    let (inner, told) = (cx.clone(), Arc::clone(&brief));
    // A task of its own: a panic in it comes back as an error.
    let mut task = tokio::spawn(async move { agent.propose(&inner, probe.as_ref(), &told).await });
    let answer = async {
        loop {
            let left = allowance.left();
            if left.is_zero() {
                return Ok(None);
            }
            // It may have waited meanwhile, and have more time again.
            if let Ok(joined) = tokio::time::timeout(left, &mut task).await {
                return Ok(Some(joined));
            }
        }
    };
    let joined = match cx.guard(answer).await {
        Ok(Some(joined)) => joined,
        Ok(None) => {
            task.abort();
            return Err(
                failed(&name, "did not answer in time").with("seconds", options.agent_timeout_seconds)
            );
        }
        Err(error) => {
            task.abort();
            return Err(error);
        }
    };
    let mut candidates = match joined {
        Ok(Ok(candidates)) => candidates,
        Ok(Err(error)) => return Err(failed(&name, "failed").caused_by(error)),
        Err(panic) => return Err(failed(&name, "panicked").caused_by(panic)),
    };
    candidates.truncate(options.max_candidates);
    for (number, candidate) in candidates.iter_mut().enumerate() {
        candidate.id = CandidateId::from(format!("{name}-{}", number + 1));
        candidate.agent = name.clone();
        candidate.change.see_catalog(&brief.catalog);
    }
    Ok(candidates)
}

fn failed(name: &AgentName, what: &str) -> Error {
    Error::new(ErrorKind::Agent, format!("agent {name} {what}"))
}

/// What is wrong with a proposal before anything is built.
pub(super) fn fault(candidate: &Candidate, brief: &Brief) -> Option<String> {
    if candidate.change.is_empty() {
        return Some("it changes nothing".to_owned());
    }
    candidate.change.operations.iter().find_map(|operation| match operation {
        Operation::RewriteStatement { statement, sql, .. } => match brief.workload.statement(statement) {
            None => Some(format!("it rewrites statement {statement}, which the workload does not have")),
            // Equal answers are proved of reads alone.
            Some(known) if known.kind == StatementKind::Write => {
                Some(format!("it rewrites statement {statement}, which changes data"))
            }
            Some(_) => match kind_of(sql) {
                Ok(StatementKind::Read) => None,
                Ok(StatementKind::Write) => Some(format!("it makes statement {statement} change data")),
                Err(error) => Some(format!("its text for statement {statement} is no query: {error}")),
            },
        },
        _ => None,
    })
}
