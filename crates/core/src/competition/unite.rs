//! Winners of one universe that go together become one more candidate, which must win by itself.

use super::tree;
use crate::bench::Lab;
use crate::context::Context;
use crate::error::Result;
use crate::pg::quote::qualified;
use crate::types::{
    Candidate, CandidateId, Catalog, Change, Constraint, IndexKey, Operation, Plan, Reference,
};

/// Candidates that go together.
#[derive(Debug)]
pub(super) struct Union<'a> {
    /// Best first.
    members: Vec<&'a Candidate>,
    change: Change,
}

impl<'a> Union<'a> {
    /// Unites the changes, best first; one that collides with what is already in is left out, and so is an index
    /// that another one contains. `None` with fewer than two members.
    pub(super) fn of(winners: &[&'a Candidate]) -> Option<Self> {
        let mut union = Self { members: Vec::new(), change: Change::default() };
        for &winner in winners {
            let change = &union.change;
            if !collides(change, &winner.change) && winner.change.union(change) != *change {
                union.change = change.union(&winner.change);
                union.members.push(winner);
            }
        }
        union.take_out(&redundant(&union.change));
        (union.left().count() > 1).then_some(union)
    }

    /// Goes on without these operations.
    pub(super) fn take_out(&mut self, operations: &[Operation]) {
        self.change.operations.retain(|o| !operations.contains(o));
    }

    /// The members of which something is in the change.
    fn left(&self) -> impl Iterator<Item = &'a Candidate> {
        let is_in = |m: &Candidate| m.change.operations.iter().any(|o| self.change.operations.contains(o));
        self.members.iter().copied().filter(move |m| is_in(m))
    }

    /// The candidate that it makes, under this number of the leading agent; `None` if nothing is left.
    pub(super) fn candidate(&self, number: u64) -> Option<Candidate> {
        if self.change.is_empty() {
            return None;
        }
        let ids: Vec<&str> = self.left().map(|m| m.id.as_str()).collect();
        let (title, rationale) = if let [only] = ids[..] {
            (
                format!("{only} without indexes that no plan uses"),
                format!("{only} was faster; what no plan uses only costs writes and space"),
            )
        } else {
            (
                format!("{} together", ids.join(" + ")),
                format!("each of {} was faster by itself; only the union is worth promoting", ids.join(", ")),
            )
        };
        let leader = &self.members.first()?.agent;
        let mut united = Candidate::new(title, self.change.clone())
            .because(rationale)
            .helping(self.members.iter().flat_map(|m| m.statements.clone()));
        united.statements.sort();
        united.statements.dedup();
        united.id = CandidateId::from(format!("{leader}-{number}"));
        united.agent = leader.clone();
        Some(united)
    }
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
        Operation::AddConstraint { schema, table, name, .. } => {
            (5, format!("{schema}.{table}"), name.clone())
        }
        Operation::RewriteStatement { statement, .. } => (4, String::new(), statement.to_string()),
        Operation::Analyze { .. } | Operation::Sql { .. } => return None,
    })
}

/// The indexes that another index of the same change contains.
fn redundant(change: &Change) -> Vec<Operation> {
    let mut kept: Vec<&Operation> = change.operations.iter().collect();
    // From the end, so that of two equal ones the better member's stays.
    for index in change.operations.iter().rev() {
        if kept.iter().any(|other| *other != index && contains(other, index)) {
            kept.retain(|o| *o != index);
        }
    }
    change.operations.iter().filter(|o| !kept.contains(o)).cloned().collect()
}

/// Whether an index finds and returns whatever the other does: its keys begin with the other's, and it holds all
/// of its columns. Only B-trees are ordered by their keys.
fn contains(index: &Operation, other: &Operation) -> bool {
    let (
        Operation::CreateIndex { schema, table, method, keys, include, predicate, .. },
        Operation::CreateIndex {
            schema: other_schema,
            table: other_table,
            method: other_method,
            keys: other_keys,
            include: other_include,
            predicate: other_predicate,
            ..
        },
    ) = (index, other)
    else {
        return false;
    };
    let holds = |c: &String| include.contains(c) || keys.iter().any(|k| k.column.as_ref() == Some(c));
    (schema, table, predicate) == (other_schema, other_table, other_predicate)
        && method == "btree"
        && other_method == "btree"
        && keys.len() >= other_keys.len()
        && keys.iter().zip(other_keys).all(|(a, b)| same_key(a, b))
        && other_include.iter().all(holds)
}

fn same_key(a: &IndexKey, b: &IndexKey) -> bool {
    // NULLS LAST is the default of an ascending key, NULLS FIRST that of a descending one.
    let nulls_first = |k: &IndexKey| k.nulls_first.unwrap_or(k.descending);
    (&a.column, &a.expression, &a.opclass, a.descending, nulls_first(a))
        == (&b.column, &b.expression, &b.opclass, b.descending, nulls_first(b))
}

/// The indexes of a change, all of them built, that none of the plans uses, nor the check of a foreign key.
pub(super) async fn unused_indexes(
    cx: &Context,
    lab: &Lab,
    catalog: &Catalog,
    change: &Change,
    plans: &[Plan],
) -> Result<Vec<Operation>> {
    let mut unused = Vec::new();
    for operation in &change.operations {
        if let Operation::CreateIndex { schema, name, .. } = operation {
            let names = tree::index_names(cx, lab, &qualified(schema, name)).await?;
            if !names.iter().any(|name| plans.iter().any(|plan| plan.uses_index(name)))
                && !finds_references(catalog, operation, plans)
            {
                unused.push(operation.clone());
            }
        }
    }
    Ok(unused)
}

/// Whether an index finds the rows that point at rows which one of the plans deletes: triggers do that, which are in no plan.
fn finds_references(catalog: &Catalog, index: &Operation, plans: &[Plan]) -> bool {
    let Operation::CreateIndex { schema, table, keys, .. } = index else { return false };
    let deleted =
        |target: &Reference| plans.iter().any(|p| p.deletion_from(&target.schema, &target.table).is_some());
    let found = |constraint: &Constraint| {
        let first = keys.iter().take(constraint.columns.len()).filter_map(|k| k.column.as_ref());
        let first: Vec<&String> = first.collect();
        first.len() == constraint.columns.len() && constraint.columns.iter().all(|c| first.contains(&c))
    };
    let constraints = catalog.table(schema, table).into_iter().flat_map(|t| &t.constraints);
    constraints.filter(|c| c.references.as_ref().is_some_and(&deleted)).any(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a column of its own.
    fn index(name: &str) -> Operation {
        on(name, &[name], &[])
    }

    fn on(name: &str, columns: &[&str], include: &[&str]) -> Operation {
        Operation::CreateIndex {
            schema: "public".into(),
            table: "t".into(),
            name: name.into(),
            method: "btree".into(),
            keys: columns.iter().map(|c| IndexKey::column(*c)).collect(),
            include: include.iter().map(|c| (*c).to_owned()).collect(),
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
        let united = Union::of(&[&a, &b]).unwrap().candidate(3).unwrap();
        assert_eq!(united.id.as_str(), "index-3");
        assert_eq!(united.change.operations.len(), 2);

        let (a, b) = (candidate("q-1", vec![rewrite("x")]), candidate("q-2", vec![rewrite("y")]));
        assert!(Union::of(&[&a, &b]).is_none());
        assert!(Union::of(&[&a]).is_none());
        assert!(Union::of(&[&a, &a]).is_none());
    }

    #[test]
    fn an_index_that_another_contains_is_left_out() {
        let wide = on("wide", &["user_id", "created_at", "id"], &["total"]);
        let (narrow, covered) =
            (on("narrow", &["user_id", "created_at"], &[]), on("covered", &["user_id"], &["id", "total"]));
        let change =
            |operations: &[&Operation]| Change { operations: operations.iter().copied().cloned().collect() };
        assert_eq!(redundant(&change(&[&narrow, &wide, &covered])), [narrow.clone(), covered.clone()]);
        // Of two that do the same the first stays, also where a default is spelled out.
        let mut spelled = on("spelled", &["user_id", "created_at"], &[]);
        if let Operation::CreateIndex { keys, .. } = &mut spelled {
            keys[0].nulls_first = Some(false);
        }
        assert_eq!(redundant(&change(&[&narrow, &spelled])), [spelled.clone()]);

        let mut others = vec![
            on("order", &["created_at", "user_id"], &[]),
            on("more", &["user_id"], &["note"]),
            narrow.clone(),
            narrow.clone(),
            narrow.clone(),
            narrow.clone(),
        ];
        for (i, other) in others.iter_mut().enumerate().skip(2) {
            let Operation::CreateIndex { table, method, keys, predicate, .. } = other else {
                panic!("an index")
            };
            match i {
                2 => *table = "u".into(),
                3 => *method = "hash".into(),
                4 => keys[1].descending = true,
                _ => *predicate = Some("id > 5".into()),
            }
        }
        for other in others {
            assert_eq!(redundant(&change(&[&other, &wide])), [], "{other:?}");
        }
    }

    #[test]
    fn only_members_of_which_something_is_left_are_named() {
        let (wide, narrow) = (on("wide", &["a", "b"], &[]), on("narrow", &["a"], &[]));
        let (first, second) = (candidate("index-1", vec![narrow]), candidate("index-2", vec![wide]));
        let third = candidate("index-3", vec![index("c"), index("d")]);
        let fourth = candidate("index-4", vec![index("e")]);
        // What is left of the first two is the second.
        assert!(Union::of(&[&first, &second]).is_none());

        let mut union = Union::of(&[&first, &second, &third, &fourth]).unwrap();
        assert_eq!(union.candidate(5).unwrap().title, "index-2 + index-3 + index-4 together");
        union.take_out(&[index("d"), index("e")]);
        let united = union.candidate(5).unwrap();
        assert_eq!(united.title, "index-2 + index-3 together");
        assert!(!united.rationale.contains("index-4"), "{}", united.rationale);
        assert_eq!(united.change.operations.len(), 2);

        union.take_out(&second.change.operations);
        assert_eq!(union.candidate(5).unwrap().title, "index-3 without indexes that no plan uses");
        union.take_out(&[index("c")]);
        assert_eq!(union.candidate(5), None);
    }
}
