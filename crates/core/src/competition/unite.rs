//! Winners of one universe that go together become one more candidate, which must win by itself.

use crate::types::{Candidate, CandidateId, Change, Operation, Plan};

/// Unites the changes, best first; one that collides with what is already in is left out. `None` with fewer
/// than two members.
pub(super) fn unite(number: usize, winners: &[&Candidate]) -> Option<Candidate> {
    let mut members: Vec<&Candidate> = Vec::new();
    let mut change = Change::default();
    for winner in winners {
        if !collides(&change, &winner.change) && winner.change.union(&change) != change {
            change = change.union(&winner.change);
            members.push(winner);
        }
    }
    let (first, rest) = members.split_first()?;
    if rest.is_empty() {
        return None;
    }
    let ids: Vec<&str> = members.iter().map(|m| m.id.as_str()).collect();
    let mut united = Candidate::new(format!("{} together", ids.join(" + ")), change)
        .because(format!(
            "each of {} was faster by itself; only the union is worth promoting",
            ids.join(", ")
        ))
        .helping(members.iter().flat_map(|m| m.statements.clone()));
    united.statements.sort();
    united.statements.dedup();
    united.id = CandidateId::from(format!("{}-{number}", first.agent));
    united.agent = first.agent.clone();
    Some(united)
}

/// Whether both change the same thing in different ways.
fn collides(a: &Change, b: &Change) -> bool {
    b.operations.iter().filter(|o| !a.operations.contains(o)).any(|new| {
        let key = target(new);
        key.is_some() && a.operations.iter().any(|old| target(old) == key)
    })
}

/// What an operation is about; two operations about the same thing exclude each other.
fn target(operation: &Operation) -> Option<(u8, String, String)> {
    Some(match operation {
        Operation::CreateIndex { schema, name, .. } | Operation::DropIndex { schema, name, .. } => {
            (0, schema.clone(), name.clone())
        }
        Operation::CreateMaterializedView { schema, name, .. } => (0, schema.clone(), name.clone()),
        Operation::CreateStatistics { schema, name, .. } => (1, schema.clone(), name.clone()),
        Operation::SetStatisticsTarget { schema, table, column, .. } => {
            (2, format!("{schema}.{table}"), column.clone())
        }
        Operation::Setting { name, .. } => (3, String::new(), name.clone()),
        Operation::RewriteStatement { statement, .. } => (4, String::new(), statement.to_string()),
        Operation::Analyze { .. } | Operation::Sql { .. } => return None,
    })
}

/// The same candidate without indexes that none of the plans uses.
pub(super) fn without_unused_indexes(mut candidate: Candidate, plans: &[Plan]) -> Candidate {
    candidate.change.operations.retain(|operation| match operation {
        Operation::CreateIndex { name, .. } => plans.iter().any(|plan| plan.uses_index(name)),
        _ => true,
    });
    candidate
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::IndexKey;

    fn index(name: &str) -> Operation {
        Operation::CreateIndex {
            schema: "public".into(),
            table: "t".into(),
            name: name.into(),
            method: "btree".into(),
            keys: vec![IndexKey::column("a")],
            include: Vec::new(),
            predicate: None,
            partitions: None,
        }
    }

    fn rewrite(sql: &str) -> Operation {
        Operation::RewriteStatement { statement: "s".into(), sql: sql.into(), rule: "r".into() }
    }

    fn candidate(id: &str, operations: Vec<Operation>) -> Candidate {
        let mut candidate = Candidate::new(id, Change { operations });
        candidate.id = id.into();
        candidate.agent = "index".into();
        candidate
    }

    #[test]
    fn compatible_winners_unite_and_colliding_ones_do_not() {
        let (a, b) = (candidate("index-1", vec![index("i")]), candidate("index-2", vec![index("j")]));
        let united = unite(3, &[&a, &b]).unwrap();
        assert_eq!(united.id.as_str(), "index-3");
        assert_eq!(united.change.operations.len(), 2);

        let (a, b) = (candidate("q-1", vec![rewrite("x")]), candidate("q-2", vec![rewrite("y")]));
        assert!(unite(3, &[&a, &b]).is_none());
        assert!(unite(3, &[&a]).is_none());
        assert!(unite(3, &[&a, &a]).is_none());
    }
}
