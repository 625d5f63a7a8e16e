//! What a rule of this agent gives: a view, and the statements that read it.

use pgverse_core::types::{IndexKey, Operation, Refresh, StatementId};

use crate::shared::sql::short_name;

/// A statement that reads a view; `{view}` in the text stands for its name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reader {
    pub(crate) statement: StatementId,
    pub(crate) sql: String,
}

/// Where the name of the view goes in the text of a reader. No statement can hold a NUL.
pub(crate) const VIEW: &str = "\0view\0";

/// A view that stores what statements need.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cached {
    /// Name of the rule.
    pub(crate) rule: &'static str,
    /// Schema for the view: that of the first table.
    pub(crate) schema: String,
    /// The first table, for the name.
    pub(crate) table: String,
    /// Defining query.
    pub(crate) query: String,
    /// Columns of the view that identify a row.
    pub(crate) unique_key: Vec<String>,
    /// Keys of an index that would help the readers, and the columns that it would also hold.
    pub(crate) index: Option<(Vec<IndexKey>, Vec<String>)>,
    pub(crate) readers: Vec<Reader>,
}

impl Cached {
    /// Name of the view: the same for the same definition.
    pub(crate) fn name(&self) -> String {
        // The hash keeps two views of one table apart; short, since the key's index adds to the name.
        let hash = format!("{:08x}", fold32(&self.query));
        let table: String = self.table.chars().take(24).collect();
        short_name(&["mv", &table.to_ascii_lowercase(), &hash], "view")
    }

    /// The operations that build it and let the statements read it, with the index or without.
    pub(crate) fn operations(&self, every_seconds: f64, with_index: bool) -> Vec<Operation> {
        let name = self.name();
        let mut operations = vec![Operation::CreateMaterializedView {
            schema: self.schema.clone(),
            name: name.clone(),
            query: self.query.clone(),
            unique_key: self.unique_key.clone(),
            refresh: Refresh { every_seconds, concurrently: !self.unique_key.is_empty() },
        }];
        if let (true, Some((keys, include))) = (with_index, &self.index) {
            let mut parts = vec![name.strip_prefix("pgverse_").unwrap_or(&name)];
            parts.extend(keys.iter().filter_map(|k| k.column.as_deref()));
            operations.push(Operation::CreateIndex {
                schema: self.schema.clone(),
                table: name.clone(),
                name: short_name(&parts, "idx"),
                method: "btree".to_owned(),
                keys: keys.clone(),
                include: include.clone(),
                predicate: None,
                partitions: None,
            });
        }
        operations.extend(self.readers.iter().map(|reader| Operation::RewriteStatement {
            statement: reader.statement.clone(),
            sql: reader.sql.replace(VIEW, &pgverse_core::pg::quote::qualified(&self.schema, &name)),
            rule: self.rule.to_owned(),
        }));
        operations
    }
}

/// FNV-1a, 32 bits.
fn fold32(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, b| (hash ^ u32::from(b)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_in_order_and_name_the_view() {
        let cached = Cached {
            rule: "view_of_statement",
            schema: "Shop".into(),
            table: "orders".into(),
            query: "SELECT 1 AS a".into(),
            unique_key: vec!["a".into()],
            index: Some((vec![IndexKey::column("a")], vec![])),
            readers: vec![Reader { statement: "q".into(), sql: format!("SELECT a FROM {VIEW} AS cached") }],
        };
        let operations = cached.operations(60.0, true);
        let name = cached.name();
        assert!(name.starts_with("pgverse_mv_orders_"), "{name}");
        assert_eq!(operations.len(), 3);
        assert_eq!(operations[0].staleness_seconds(), Some(60.0));
        assert!(operations[1].apply()[0].contains(&format!("ON \"Shop\".{name} ")));
        assert!(matches!(&operations[2], Operation::RewriteStatement { sql, .. }
            if *sql == format!("SELECT a FROM \"Shop\".{name} AS cached")));
        assert_eq!(cached.operations(60.0, false).len(), 2);
    }
}
