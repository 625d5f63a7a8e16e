//! From a winner to a plan: what would be done to the source, step by step, and the hash that approves it.

use crate::types::{Candidate, Operation, PromotionPlan, PromotionStep};

/// The plan of a candidate: additions first, drops last.
pub fn plan(candidate: &Candidate) -> PromotionPlan {
    let (drops, additions): (Vec<&Operation>, Vec<&Operation>) =
        candidate.change.operations.iter().partition(|o| matches!(o, Operation::DropIndex { .. }));
    let steps: Vec<PromotionStep> = additions.into_iter().chain(drops).map(step).collect();
    PromotionPlan { candidate: candidate.id.clone(), hash: hash(candidate, &steps), steps }
}

fn step(operation: &Operation) -> PromotionStep {
    PromotionStep {
        title: title(operation),
        up: operation.online(),
        down: operation.undo_online(),
        lock: operation.lock(),
        transactional: operation.transactional(),
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
        Operation::CreateMaterializedView { name, refresh, .. } => {
            format!("create materialized view {name}; refresh it every {} s", refresh.every_seconds)
        }
        Operation::RewriteStatement { statement, rule, sql } => {
            format!("in the application, replace the text of {statement} (rule {rule}) by: {sql}")
        }
        Operation::Sql { .. } => "run the agent's SQL".to_owned(),
    }
}

/// BLAKE3 over the candidate's id and its steps in JSON, hexadecimal.
fn hash(candidate: &Candidate, steps: &[PromotionStep]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(candidate.id.as_str().as_bytes());
    for step in steps {
        for text in std::iter::once(&step.title).chain(&step.up).chain(&step.down) {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Change, IndexKey};

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
    fn drops_come_last_and_the_hash_covers_the_steps() {
        let first = plan(&candidate("t"));
        assert_eq!(first.steps[0].up, ["CREATE INDEX CONCURRENTLY new ON public.t USING btree (a)"]);
        assert_eq!(first.steps[1].down, ["CREATE INDEX CONCURRENTLY old ON public.t USING btree (a)"]);
        assert_eq!(first.hash, plan(&candidate("t")).hash);
        assert_ne!(first.hash, plan(&candidate("u")).hash);
    }
}
