//! The plan and its hash.

use crate::error::{Error, ErrorKind, Result};
use crate::report::candidate_of;
use crate::types::{
    Candidate, Grounds, Operation, OperationCost, PromotionPlan, PromotionStep, Report, SourceReport,
};

/// The plan of a candidate: additions first, drops last. `costs` are those of its operations, in their order.
pub fn plan(candidate: &Candidate, costs: &[OperationCost], source: &SourceReport) -> PromotionPlan {
    let operations = candidate.change.operations.iter().enumerate();
    let (drops, additions): (Vec<_>, Vec<_>) =
        operations.partition(|(_, o)| matches!(o, Operation::DropIndex { .. }));
    let steps =
        additions.into_iter().chain(drops).map(|(number, operation)| step(operation, costs.get(number)));
    let grounds = Grounds {
        database: source.database.clone(),
        server_version: source.server_version,
        search_path: source.search_path.clone(),
        objects: source.objects.clone(),
    };
    let mut plan = PromotionPlan {
        candidate: candidate.id.clone(),
        hash: String::new(),
        steps: steps.collect(),
        grounds,
    };
    plan.hash = hash(&plan);
    plan
}

/// The plan of a report's winner, made anew from the winner's operations and from what was measured.
///
/// # Errors
/// `NotFound` without a winner; `InvalidInput` if the report says another hash or other steps, because it was
/// changed after it was written or comes from another version.
pub fn promotion_of(report: &Report) -> Result<PromotionPlan> {
    let Some(id) = &report.verdict.winner else {
        return Err(Error::new(ErrorKind::NotFound, "nothing to promote: the report names no winner")
            .with("report", &report.id)
            .with("reason", &report.verdict.reason));
    };
    let found = report.universes.iter().find_map(|u| Some((u, u.candidates.iter().find(|c| &c.id == id)?)));
    let Some((universe, winner)) = found else {
        return Err(Error::invalid("the report has no candidate of the winner's name").with("winner", id));
    };
    let plan = plan(&candidate_of(universe, winner), &winner.costs.operations, &report.source);
    if plan.hash != report.promotion.hash || plan.steps != report.promotion.steps {
        return Err(Error::invalid("the report's plan and its hash do not belong together")
            .with("hash of the report", &report.promotion.hash)
            .with("hash of its winner's plan", &plan.hash)
            .hint("the report was changed after it was written, or by another version; run the competition again"));
    }
    Ok(plan)
}

/// BLAKE3 over the plan in JSON with an empty hash, hexadecimal.
pub(super) fn hash(plan: &PromotionPlan) -> String {
    let bare = PromotionPlan { hash: String::new(), ..plan.clone() };
    let bytes = serde_json::to_vec(&bare).unwrap_or_default();
    blake3::hash(&bytes).to_hex().to_string()
}

fn step(operation: &Operation, cost: Option<&OperationCost>) -> PromotionStep {
    PromotionStep {
        title: title(operation),
        up: operation.online(),
        down: operation.undo_online(),
        lock: operation.lock(),
        transactional: operation.transactional(),
        cost: cost.copied(),
        operation: operation.clone(),
    }
}

fn title(operation: &Operation) -> String {
    match operation {
        Operation::CreateIndex { name, partitions: Some(_), .. } => format!(
            "build index {name} concurrently on each partition and attach it; the partitioned table itself is locked for an instant, as share, and when this is undone as access exclusive"
        ),
        Operation::DropIndex { name, partitions: Some(_), .. } => {
            format!("drop index {name} of a partitioned table, which is locked for an instant")
        }
        Operation::CreateIndex { name, .. } => format!("build index {name} concurrently"),
        Operation::DropIndex { name, .. } => format!("drop index {name} concurrently"),
        Operation::CreateStatistics { name, .. } => format!("create statistics {name} and analyze"),
        Operation::SetStatisticsTarget { table, column, .. } => {
            format!("raise the statistics target of {table}.{column} and analyze")
        }
        Operation::Analyze { table, .. } => format!("analyze {table}"),
        Operation::Setting { name, value, .. } => format!("set {name} to {value}"),
        Operation::AddConstraint { table, name, .. } => {
            format!("add constraint {name} to {table} for new rows, then check the others")
        }
        Operation::CreateMaterializedView { name, refresh, .. } => {
            format!("create materialized view {name}; refresh it every {} s", refresh.every_seconds)
        }
        Operation::RewriteStatement { statement, rule, sql } => {
            format!("in the application, replace the text of {statement} (rule {rule}) by: {sql}")
        }
        Operation::Sql { .. } => "run the agent's SQL".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Catalog, Change, IndexKey};

    fn candidate(table: &str) -> Candidate {
        let drop = Operation::DropIndex {
            schema: "public".into(),
            name: "old".into(),
            definition: "CREATE INDEX old ON public.t USING btree (a)".into(),
            partitions: None,
        };
        let create = Operation::CreateIndex {
            schema: "public".into(),
            table: table.into(),
            name: "new".into(),
            method: "btree".into(),
            keys: vec![IndexKey::column("a")],
            include: Vec::new(),
            predicate: None,
            partitions: None,
        };
        Candidate::new("x", Change { operations: vec![drop, create] })
    }

    #[test]
    fn drops_come_last_with_their_own_costs_and_the_hash_covers_everything() {
        let source = SourceReport::of(&Catalog::default());
        let costs =
            [OperationCost { seconds: 0.0, bytes: -8192 }, OperationCost { seconds: 1.5, bytes: 16384 }];
        let first = plan(&candidate("t"), &costs, &source);
        assert_eq!(first.steps[0].up, ["CREATE INDEX CONCURRENTLY new ON public.t USING btree (a)"]);
        assert_eq!(first.steps[0].cost, Some(costs[1]));
        assert_eq!(first.steps[1].down, ["CREATE INDEX CONCURRENTLY old ON public.t USING btree (a)"]);
        assert_eq!(first.steps[1].cost, Some(costs[0]));
        assert_eq!(first.hash, plan(&candidate("t"), &costs, &source).hash);
        let elsewhere = SourceReport { database: "other".into(), ..source.clone() };
        for other in [
            plan(&candidate("u"), &costs, &source),
            plan(&candidate("t"), &[], &source),
            plan(&candidate("t"), &costs, &elsewhere),
        ] {
            assert_ne!(first.hash, other.hash);
        }
    }

    #[test]
    fn a_plan_survives_json_with_its_hash() {
        let plan = plan(
            &candidate("t"),
            &[OperationCost { seconds: 0.123_456_789, bytes: 1 }],
            &SourceReport::of(&Catalog::default()),
        );
        let text = serde_json::to_string(&plan).unwrap();
        assert_eq!(hash(&serde_json::from_str(&text).unwrap()), plan.hash);
    }
}
