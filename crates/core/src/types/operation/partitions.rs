//! Indexes on partitioned tables. The server builds none of them concurrently, so each partition gets its own,
//! which is then attached (PostgreSQL manual, "Table Partitioning", "Partition Maintenance").

use serde::{Deserialize, Serialize};

use super::{Operation, SettingScope};
use crate::pg::quote::{ident, qualified};
use crate::types::{Catalog, Change, Table, TableKind};

/// Bytes that a name may have (NAMEDATALEN - 1).
const NAME_BYTES: usize = 63;

/// A partition and the index that it gets as its part of the index on the whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexPartition {
    /// Schema of the partition and its index.
    pub schema: String,
    /// Partition.
    pub table: String,
    /// Index name, not qualified.
    pub name: String,
    /// Its own partitions, if it is partitioned itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<Vec<IndexPartition>>,
}

impl IndexPartition {
    /// The partitions of a table, each with a free name for its part of this index; `None` if the table is not
    /// partitioned.
    fn of(catalog: &Catalog, schema: &str, table: &str, index: &str) -> Option<Vec<Self>> {
        let root = catalog.table(schema, table)?;
        Self::tree(catalog, root, &mut Names { catalog, stem: stem(schema, index), last: 0 })
    }

    /// These partitions and those below them, as schema and name.
    pub(super) fn tables(partitions: &[Self]) -> Vec<(String, String)> {
        let below = |p: &Self| Self::tables(p.partitions.as_deref().unwrap_or_default());
        partitions
            .iter()
            .flat_map(|p| std::iter::once((p.schema.clone(), p.table.clone())).chain(below(p)))
            .collect()
    }

    fn tree(catalog: &Catalog, parent: &Table, names: &mut Names<'_>) -> Option<Vec<Self>> {
        if parent.kind != TableKind::Partitioned {
            return None;
        }
        let whole = format!("{}.{}", parent.schema, parent.name);
        let parts = catalog.tables.iter().filter(|t| t.partition_of.as_deref() == Some(&whole));
        let partition = |part: &Table| Self {
            schema: part.schema.clone(),
            table: part.name.clone(),
            name: names.next(&part.schema),
            partitions: Self::tree(catalog, part, names),
        };
        Some(parts.map(partition).collect())
    }
}

/// Hands out names for the parts of one index.
struct Names<'a> {
    catalog: &'a Catalog,
    stem: String,
    last: u32,
}

impl Names<'_> {
    fn next(&mut self, schema: &str) -> String {
        loop {
            self.last += 1;
            let name = format!("{}_p{}", self.stem, self.last);
            let mut there = self.catalog.tables.iter().filter(|t| t.schema == schema);
            if !there.any(|t| t.name == name || t.indexes.iter().any(|i| i.name == name)) {
                return name;
            }
        }
    }
}

/// What the names of an index's parts begin with: its own name, or, where that is long, as much of it as leaves
/// room for a number, and a hash that keeps it apart from others that begin alike.
fn stem(schema: &str, index: &str) -> String {
    let room = NAME_BYTES - "_p4294967295".len();
    if index.len() <= room {
        return index.to_owned();
    }
    let hash = &blake3::hash(qualified(schema, index).as_bytes()).to_hex()[..8];
    format!("{}_{hash}", &index[..index.floor_char_boundary(room - 1 - hash.len())])
}

impl Change {
    /// Tells the operations what the catalog knows better than an agent: which partitions the table of an index
    /// has, and which value a setting had. Whoever takes a change from an agent calls it.
    pub fn see_catalog(&mut self, catalog: &Catalog) {
        for operation in &mut self.operations {
            match operation {
                Operation::CreateIndex { schema, table, name, partitions, .. } => {
                    *partitions = IndexPartition::of(catalog, schema, table, name);
                }
                Operation::DropIndex { schema, name, partitions, .. } => {
                    let owner = catalog
                        .tables
                        .iter()
                        .find(|t| t.indexes.iter().any(|i| &i.schema == schema && &i.name == name));
                    *partitions = owner.and_then(|t| IndexPartition::of(catalog, &t.schema, &t.name, name));
                }
                Operation::Setting { name, scope, previous, .. } => {
                    let role = match scope {
                        SettingScope::Role(role) => Some(role.as_str()),
                        SettingScope::Database(_) => None,
                    };
                    let stored = catalog.stored_settings.iter();
                    let mut same = stored.filter(|s| s.role.as_deref() == role && &s.name == name);
                    *previous = same.next().map(|s| s.value.clone());
                }
                _ => {}
            }
        }
    }
}

/// An index on a partitioned table, without blocking it: one on the table alone, which is not valid yet, and for
/// each partition one that is built concurrently and attached; the last one makes the whole valid.
#[derive(Debug)]
pub(super) struct Online<'a> {
    /// `CREATE INDEX` or `CREATE UNIQUE INDEX`.
    pub(super) create: &'a str,
    /// From `USING` on.
    pub(super) tail: &'a str,
}

impl Online<'_> {
    /// The statements; `only` is the one that makes the index on the partitioned table alone.
    pub(super) fn statements(
        &self,
        only: String,
        schema: &str,
        name: &str,
        partitions: &[IndexPartition],
    ) -> Vec<String> {
        let Self { create, tail } = self;
        let mut statements = vec![only];
        for part in partitions {
            let table = qualified(&part.schema, &part.table);
            let index = ident(&part.name);
            match &part.partitions {
                None => statements.push(format!("{create} CONCURRENTLY {index} ON {table} {tail}")),
                Some(below) => {
                    let only = format!("{create} {index} ON ONLY {table} {tail}");
                    statements.extend(self.statements(only, &part.schema, &part.name, below));
                }
            }
            let (whole, part) = (qualified(schema, name), qualified(&part.schema, &part.name));
            statements.push(format!("ALTER INDEX {whole} ATTACH PARTITION {part}"));
        }
        statements
    }
}
