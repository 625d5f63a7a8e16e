//! Every distinct plan of every statement, run in rounds of random order.

use std::collections::BTreeMap;

use pgverse::traits::{Question, TryOut, Workbench};
use pgverse::types::{Brief, Change, Operation, StatementKind, Switch};
use pgverse::{Context, Result};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::Options;
use crate::sets::Set;

/// Longest run that is waited for, milliseconds.
const CAP_MS: u64 = 60_000;

/// What a set does.
#[derive(Debug)]
pub(crate) struct Row {
    /// Milliseconds of each statement, in the order of the workload; the median of the rounds.
    pub(crate) ms: Vec<f64>,
    /// The planner's cost of all reads.
    pub(crate) planned: f64,
    pub(crate) bytes: i64,
    pub(crate) build_seconds: f64,
    /// Indexes that no plan uses.
    pub(crate) unused: usize,
}

/// Times each set. Sets that give a statement the same plan share its runs: nothing but noise could differ. Writes
/// are run with every set.
pub(crate) async fn measure(
    cx: &Context,
    bench: &dyn Workbench,
    brief: &Brief,
    sets: &[Set],
    options: &Options,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for set in sets {
        rows.push(build(cx, bench, &set.change).await?);
    }
    let questions: Vec<Question> = brief
        .workload
        .statements
        .iter()
        .flat_map(|s| s.parameter_sets.iter().map(move |set| (s, set)))
        .map(|(s, set)| Question { statement: s.id.clone(), parameter_set: set.id.clone() })
        .collect();
    let writes =
        |q: &Question| brief.workload.statement(&q.statement).is_some_and(|s| s.kind == StatementKind::Write);
    // Plan of a statement with a set; the first set that has it runs it.
    let mut plans: BTreeMap<(usize, String), (usize, Vec<f64>)> = BTreeMap::new();
    let mut keys: Vec<Vec<String>> = Vec::new();
    for (at, set) in sets.iter().enumerate() {
        let with = bench.plans(cx, &set.change, &questions).await?;
        rows[at].unused = set.change.operations.iter().filter(|o| !used(o, &with)).count();
        let reads = questions.iter().zip(&with).filter(|(q, _)| !writes(q));
        rows[at].planned = reads.map(|(_, plan)| plan.root.total_cost).sum();
        let key = |(q, plan): (&Question, &pgverse::types::Plan)| {
            if writes(q) { format!("with {at}") } else { plan.shape() }
        };
        let key: Vec<String> = questions.iter().zip(&with).map(key).collect();
        for (question, key) in key.iter().enumerate() {
            plans.entry((question, key.clone())).or_insert((at, Vec::new()));
        }
        keys.push(key);
    }
    println!("{} sets, {} statements, {} distinct plans", sets.len(), questions.len(), plans.len());
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    for round in 1..=options.rounds {
        let mut order: Vec<usize> = (0..sets.len()).collect();
        order.shuffle(&mut rng);
        for set in order {
            let mut mine: Vec<(usize, &mut Vec<f64>)> = plans
                .iter_mut()
                .filter(|(_, (owner, _))| *owner == set)
                .map(|((question, _), (_, runs))| (*question, runs))
                .collect();
            mine.shuffle(&mut rng);
            let tries: Vec<TryOut> = mine
                .iter()
                .map(|(question, runs)| TryOut {
                    question: questions[*question].clone(),
                    repetitions: if runs.last().is_some_and(|ms| *ms < 100.0) { 3 } else { 1 },
                    timeout_ms: CAP_MS,
                })
                .collect();
            let samples = bench.times(cx, &sets[set].change, &tries).await?;
            for ((_, runs), sample) in mine.iter_mut().zip(samples) {
                runs.push(sample.unqueued_ms.unwrap_or(sample.wall_ms));
            }
        }
        println!("round {round} of {}", options.rounds);
    }
    for (row, key) in rows.iter_mut().zip(keys) {
        let runs = key.into_iter().enumerate().filter_map(|at| plans.get(&at));
        row.ms = runs.map(|(_, runs)| median(runs)).collect();
    }
    Ok(rows)
}

async fn build(cx: &Context, bench: &dyn Workbench, change: &Change) -> Result<Row> {
    let mut row = Row { ms: Vec::new(), planned: 0.0, bytes: 0, build_seconds: 0.0, unused: 0 };
    // What cannot be built ahead is entered when it is timed.
    for operation in change.operations.iter().filter(|o| matches!(o.switch(), Switch::Hide(_))) {
        let cost = bench.build(cx, operation).await?;
        row.bytes += cost.bytes;
        row.build_seconds += cost.seconds;
    }
    Ok(row)
}

fn used(operation: &Operation, plans: &[pgverse::types::Plan]) -> bool {
    let Operation::CreateIndex { name, .. } = operation else { return true };
    plans.iter().any(|plan| plan.uses_index(name))
}

/// The lower one of an even number.
fn median(runs: &[f64]) -> f64 {
    let mut runs = runs.to_vec();
    runs.sort_by(f64::total_cmp);
    runs.get(runs.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}
