//! Operations as agents propose them.

use pgverse_core::types::{IndexKey, Operation};

/// A plain B-tree on one column of a table in `public`.
pub fn index(table: &str, name: &str, column: &str) -> Operation {
    Operation::CreateIndex {
        schema: "public".into(),
        table: table.into(),
        name: name.into(),
        method: "btree".into(),
        keys: vec![IndexKey::column(column)],
        include: Vec::new(),
        predicate: None,
        partitions: None,
    }
}
