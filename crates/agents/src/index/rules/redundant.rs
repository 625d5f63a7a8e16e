//! Indexes that another one makes unnecessary. Never one that is unique, owned by a constraint or used as
//! replica identity; never one only because it is not used here, since a replica may use it.

use pgverse_core::types::{Brief, Index, Operation, StatementPlan, Table};

use crate::index::idea::{Action, Gain, Idea};

pub(super) fn ideas(brief: &Brief) -> Vec<Idea<'_>> {
    brief.catalog.tables.iter().flat_map(|table| of_table(brief, table)).collect()
}

fn of_table<'a>(brief: &'a Brief, table: &'a Table) -> Vec<Idea<'a>> {
    let droppable = |i: &&Index| {
        // A partition's index may be attached to that of its parent, which the catalog does not tell.
        i.valid
            && !i.unique
            && !i.primary
            && !i.replica_identity
            && i.constraint.is_none()
            && table.partition_of.is_none()
    };
    let mut dropped: Vec<&str> = Vec::new();
    let mut ideas = Vec::new();
    for index in table.indexes.iter().filter(droppable) {
        let keeper = table
            .indexes
            .iter()
            .filter(|other| {
                other.name != index.name && other.valid && !dropped.contains(&other.name.as_str())
            })
            .find(|other| replaces(other, index));
        let Some(keeper) = keeper else { continue };
        dropped.push(&index.name);
        let how = if keeper.keys == index.keys { "has the same keys" } else { "begins with the same keys" };
        ideas.push(Idea {
            action: Action::Drop {
                operation: Operation::DropIndex {
                    schema: index.schema.clone(),
                    name: index.name.clone(),
                    definition: index.definition.clone(),
                    partitions: None,
                },
                name: index.name.clone(),
            },
            gains: writes(brief, table),
            reasons: vec![format!(
                "{} on {} {how}, so that {} ({} bytes, {} scans so far) only costs writes and space. It is neither unique nor part of a constraint nor the replica identity.",
                keeper.name, table.name, index.name, index.bytes, index.scans,
            )],
        });
    }
    ideas
}

/// The writes that become cheaper, by how much only measuring tells.
fn writes<'a>(brief: &'a Brief, table: &Table) -> Vec<Gain<'a>> {
    let writes = |plan: &&StatementPlan| {
        plan.plan.nodes().iter().any(|n| {
            n.node_type == "ModifyTable"
                && n.relation_name.as_deref() == Some(&table.name)
                && n.schema.as_deref() == Some(&table.schema)
        })
    };
    let plans = brief.plans.iter().filter(writes);
    plans.map(|p| Gain { statement: &p.statement, place: 0, saved: 0.0, share: 0.0 }).collect()
}

/// Whether everything that `index` can do, `other` can do as well.
fn replaces(other: &Index, index: &Index) -> bool {
    if other.method != index.method || other.predicate != index.predicate {
        return false;
    }
    let prefix = other.keys.starts_with(&index.keys);
    let usable = if index.method == "btree" { prefix } else { other.keys == index.keys };
    let held =
        |c: &String| other.include.contains(c) || other.keys.iter().any(|k| k.column.as_deref() == Some(c));
    usable && index.include.iter().all(held)
}
