//! A custom agent against a built-in one, on a small demo shop:
//! `cargo run -p pgverse-examples --bin custom_agent`.

#![allow(clippy::print_stdout, reason = "a program speaks on standard output")]

use std::sync::Arc;

use async_trait::async_trait;
use pgverse::backends::{Origin, Tenure, backend};
use pgverse::competition::Competition;
use pgverse::demo::Demo;
use pgverse::traits::{Agent, Probe};
use pgverse::types::{Brief, Candidate, Change, IndexKey, Operation, Plan, PlanNode};
use pgverse::{Context, Result};

/// Looks for statements without parameters that filter nearly every row away, and proposes an index of
/// exactly the rows that the filter keeps.
#[derive(Debug)]
struct PartialIndexes;

#[async_trait]
impl Agent for PartialIndexes {
    fn name(&self) -> &str {
        "partial"
    }

    async fn propose(&self, _: &Context, _: &dyn Probe, brief: &Brief) -> Result<Vec<Candidate>> {
        let fixed = brief.plans.iter().filter(|p| {
            let statement = brief.workload.statement(&p.statement);
            statement.is_some_and(|s| s.parameter_sets.iter().all(|set| set.values.is_empty()))
        });
        let mut candidates: Vec<Candidate> = Vec::new();
        for plan in fixed {
            for node in wasteful_scans(&plan.plan) {
                let number = candidates.len() + 1;
                candidates.extend(
                    index_of_the_rest(brief, node, number).map(|c| c.helping([plan.statement.clone()])),
                );
            }
        }
        Ok(candidates)
    }
}

/// Scans that throw away a hundred rows for each row that they keep.
fn wasteful_scans(plan: &Plan) -> Vec<&PlanNode> {
    let mut nodes = vec![&plan.root];
    let mut found = Vec::new();
    while let Some(node) = nodes.pop() {
        nodes.extend(&node.plans);
        if node.filter.is_some() && node.rows_removed_by_filter > 100.0 * node.actual_rows.unwrap_or_default()
        {
            found.push(node);
        }
    }
    found
}

/// The primary key as an index with the node's filter as its predicate.
fn index_of_the_rest(brief: &Brief, node: &PlanNode, number: usize) -> Option<Candidate> {
    let (name, predicate) = (node.relation_name.as_ref()?, node.filter.as_ref()?);
    // The plan names columns by the alias; in an index only the table's own name is known.
    if node.alias.as_ref() != Some(name) {
        return None;
    }
    let table = brief.catalog.resolve(node.schema.as_deref(), name)?;
    let keys: Vec<IndexKey> = table.indexes.iter().find(|index| index.primary)?.keys.clone();
    let index = Operation::CreateIndex {
        schema: table.schema.clone(),
        table: table.name.clone(),
        name: format!("{}_partial_{number}", table.name),
        method: "btree".into(),
        keys,
        include: Vec::new(),
        predicate: Some(predicate.clone()),
        partitions: None,
    };
    let kept = node.actual_rows.unwrap_or_default();
    let why = format!("the scan keeps {kept} rows and throws away {}", node.rows_removed_by_filter);
    Some(Candidate::new(format!("partial index on {name} where {predicate}"), Change::of(index)).because(why))
}

#[tokio::main]
async fn main() -> Result<()> {
    let demo = Demo::new(0.1)?;
    let report = Competition::builder()
        .problem(demo.problem())
        .workload(demo.workload()?)
        .backend(backend("local", &Origin::Demo(demo), Tenure::Run)?)
        .agent(Arc::new(PartialIndexes))
        .agent(pgverse::agents::by_name("schema")?)
        .build()?
        .run()
        .await?;
    for candidate in report.universes.iter().flat_map(|universe| &universe.candidates) {
        let ratio = candidate.ratio.map_or("not measured".to_owned(), |r| format!("{:.3}", r.estimate));
        println!(
            "{} | {} | {:?} | {ratio} | {}",
            candidate.id, candidate.title, candidate.status, candidate.reason
        );
    }
    println!("{}", report.verdict.reason);
    Ok(())
}
