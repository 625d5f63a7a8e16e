//! Indexes that another one makes unnecessary. Never one that is unique, owned by a constraint or used as
//! replica identity; never one only because it is not used here, since a replica may use it.

use pgverse_core::types::{Brief, Index, Operation, Table};

use crate::index::idea::{Action, Idea};

pub(super) fn ideas(brief: &Brief) -> Vec<Idea<'_>> {
    brief.catalog.tables.iter().flat_map(of_table).collect()
}

fn of_table(table: &Table) -> Vec<Idea<'_>> {
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
                },
                name: index.name.clone(),
            },
            gains: Vec::new(),
            reasons: vec![format!(
                "{} on {} {how}, so that {} ({} bytes, {} scans so far) only costs writes and space. It is neither unique nor part of a constraint nor the replica identity.",
                keeper.name, table.name, index.name, index.bytes, index.scans,
            )],
        });
    }
    ideas
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
