//! Indexes, rewrites and views together: the winners of whole competitions, beside what was made by hand.

use std::sync::Arc;
use std::time::Instant;

use pgverse::agents;
use pgverse::competition::{Competition, RaceOptions};
use pgverse::traits::ForkBackend;
use pgverse::types::{Change, Limits, Objective, Operation, Problem, Workload};
use pgverse::{Error, Result};

use crate::Options;
use crate::advisor::Budget;
use crate::by_hand::STALENESS;
use crate::sets::Set;

/// Longest time of measuring in one universe, seconds.
const MEASURING: f64 = 120.0;

/// Calls of each statement in a minute, against which the refreshes of views are weighed.
const CALLS: f64 = 60.0;

/// Longest time of each agent, seconds: all of them think at once, and each of their runs is long here.
const THINKING: f64 = 480.0;

/// The winners of all agents within each budget, with every answer current and with old ones allowed, unless only one of
/// them is wanted.
pub(crate) async fn winners(
    workload: &Workload,
    backend: &Arc<dyn ForkBackend>,
    options: &Options,
) -> Result<Vec<Set>> {
    let storage: Vec<Option<u64>> = match options.budgets.as_slice() {
        [] => vec![None],
        budgets => budgets.iter().map(|budget| bytes(*budget).map(Some)).collect::<Result<_>>()?,
    };
    let mut ages = vec![("ours", None), ("ours, a minute old", Some(STALENESS))];
    ages.retain(|(_, staleness)| if staleness.is_some() { !options.current } else { !options.old });
    let mut workload = workload.clone();
    for statement in &mut workload.statements {
        statement.weight = CALLS;
    }
    let mut found = Vec::new();
    for (max_storage_bytes, (name, staleness)) in
        storage.into_iter().flat_map(|bytes| ages.iter().map(move |age| (bytes, *age)))
    {
        let name = match max_storage_bytes {
            Some(bytes) => format!("{name}, {} MB", bytes / 1_000_000),
            None => name.to_owned(),
        };
        let limits = Limits {
            max_staleness_seconds: staleness,
            max_write_slowdown: options.writes,
            max_storage_bytes,
            ..Limits::default()
        };
        let verbose = options.verbose;
        // The statements take seconds, so that the usual time holds few rounds.
        let race = RaceOptions {
            measuring_seconds: MEASURING,
            agent_timeout_seconds: THINKING,
            ..RaceOptions::default()
        };
        let begin = Instant::now();
        let report = Competition::builder()
            .workload(workload.clone())
            .problem(Problem { limits, objective: Objective::GeometricMean, ..Problem::default() })
            .backend(Arc::clone(backend))
            .agents(agents::all())
            .options(race)
            .build()?
            .run()
            .await?;
        let operations: Vec<Operation> =
            report.promotion.steps.iter().map(|step| step.operation.clone()).collect();
        let mut set = Set::new(&name, Change { operations });
        set.advisor_seconds = Some(begin.elapsed().as_secs_f64());
        set.rationale.clone_from(&report.verdict.reason);
        println!("{name}: {:?}, {}", report.verdict.winner, report.verdict.reason);
        for universe in &report.universes {
            let measured = universe.candidates.iter().filter(|c| c.ratio.is_some()).count();
            println!(
                "  {}: {} candidates, {measured} measured{}",
                universe.agent,
                universe.candidates.len(),
                universe.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default()
            );
            for candidate in &universe.candidates {
                let ratio =
                    candidate.ratio.as_ref().map_or_else(String::new, |r| format!(" {:.3}", r.estimate));
                println!("    {}{ratio}: {}", candidate.title, candidate.reason);
                if verbose && universe.agent.as_str() == "index" {
                    println!("{}", candidate.rationale);
                }
            }
        }
        found.push(set);
    }
    Ok(found)
}

fn bytes(budget: Budget) -> Result<u64> {
    let no = || {
        Error::invalid("a whole competition knows no budget in percent").hint("give megabytes, as in 500MB")
    };
    budget.absolute().ok_or_else(no)
}
