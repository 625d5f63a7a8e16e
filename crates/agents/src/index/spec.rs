//! One index as it is thought of before it has a name.

use pgverse_core::types::{Index, IndexKey, Operation, Table};

use crate::shared::conditions::readable;
use crate::shared::names::slug;

/// An index on one table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spec<'a> {
    /// Table.
    pub table: &'a Table,
    /// Access method.
    pub method: &'static str,
    /// Keys, in order.
    pub keys: Vec<IndexKey>,
    /// How many leading keys are compared for equality; their order and direction do not matter to the
    /// statement.
    pub equalities: usize,
    /// INCLUDE columns.
    pub include: Vec<String>,
    /// WHERE clause.
    pub predicate: Option<String>,
}

impl<'a> Spec<'a> {
    /// A B-tree.
    pub(crate) fn btree(table: &'a Table, keys: Vec<IndexKey>, equalities: usize) -> Self {
        Self { table, method: "btree", keys, equalities, include: Vec::new(), predicate: None }
    }

    /// One key with another method.
    pub(crate) fn of(table: &'a Table, method: &'static str, key: IndexKey) -> Self {
        Self { table, method, keys: vec![key], equalities: 0, include: Vec::new(), predicate: None }
    }

    /// Names of the key columns, expressions left out.
    pub(crate) fn columns(&self) -> Vec<&str> {
        self.keys.iter().filter_map(|k| k.column.as_deref()).collect()
    }

    /// Whether an index with these parts serves what this one is for: the equalities in any order, then the
    /// rest in this order or the exact reverse, and everything that is to be covered.
    fn served_by(
        &self,
        method: &str,
        keys: &[IndexKey],
        include: &[String],
        predicate: Option<&str>,
    ) -> bool {
        if self.method != method || self.predicate.as_deref() != predicate || keys.len() < self.keys.len() {
            return false;
        }
        if method != "btree" {
            return self.keys.iter().all(|k| keys.contains(k));
        }
        let (equal, rest) = self.keys.split_at(self.equalities.min(self.keys.len()));
        let (head, tail) = keys.split_at(equal.len());
        let same = |a: &IndexKey, b: &IndexKey| a.column == b.column && a.expression == b.expression;
        // text_pattern_ops finds equal values as well as the default operator class does.
        let equal_served = equal
            .iter()
            .all(|k| head.iter().any(|h| same(k, h) && (h.opclass == k.opclass || k.opclass.is_none())));
        let forward = rest.iter().zip(tail).all(|(a, b)| a == b);
        let backward = rest.iter().zip(tail).all(|(a, b)| *b == reversed(a));
        let covered = self
            .include
            .iter()
            .all(|c| include.contains(c) || keys.iter().any(|k| k.column.as_deref() == Some(c)));
        equal_served && (forward || backward) && covered
    }

    /// Whether the table has an index that already does it.
    pub(crate) fn exists(&self) -> bool {
        self.table.indexes.iter().filter(|i| i.valid).any(|i| self.served_by_index(i))
    }

    fn served_by_index(&self, index: &Index) -> bool {
        self.served_by(&index.method, &index.keys, &index.include, index.predicate.as_deref())
    }

    /// Whether another planned index does it too.
    pub(crate) fn within(&self, other: &Spec<'_>) -> bool {
        (&self.table.schema, &self.table.name) == (&other.table.schema, &other.table.name)
            && self.served_by(other.method, &other.keys, &other.include, other.predicate.as_deref())
    }

    /// The same index under a name.
    pub(crate) fn operation(&self, name: String) -> Operation {
        Operation::CreateIndex {
            schema: self.table.schema.clone(),
            table: self.table.name.clone(),
            name,
            method: self.method.to_owned(),
            keys: self.keys.clone(),
            include: self.include.clone(),
            predicate: self.predicate.clone(),
            partitions: None,
        }
    }

    /// Such as `(status, created_at DESC) INCLUDE (total) WHERE deleted_at IS NULL`.
    pub(crate) fn text(&self) -> String {
        let key = |k: &IndexKey| {
            let mut text = match (&k.column, &k.expression) {
                (Some(column), _) => column.clone(),
                (None, expression) => format!("({})", expression.as_deref().unwrap_or_default()),
            };
            if let Some(opclass) = &k.opclass {
                text.push(' ');
                text.push_str(opclass);
            }
            if k.descending {
                text.push_str(" DESC");
            }
            match k.nulls_first {
                Some(true) => text.push_str(" NULLS FIRST"),
                Some(false) => text.push_str(" NULLS LAST"),
                None => {}
            }
            text
        };
        let keys: Vec<String> = self.keys.iter().map(key).collect();
        let mut text = format!("({})", keys.join(", "));
        if !self.include.is_empty() {
            text.push_str(&format!(" INCLUDE ({})", self.include.join(", ")));
        }
        if let Some(predicate) = &self.predicate {
            text.push_str(&format!(" WHERE {predicate}"));
        }
        readable(&text)
    }

    /// Parts of a name: the table, then the keys in letters, digits and underscores.
    pub(crate) fn slug(&self) -> String {
        let mut parts = vec![self.table.name.clone()];
        parts.extend(
            self.keys
                .iter()
                .map(|k| readable(&k.column.clone().or_else(|| k.expression.clone()).unwrap_or_default())),
        );
        if self.method != "btree" {
            parts.push(self.method.to_owned());
        }
        if self.keys.iter().any(|k| k.opclass.as_deref().is_some_and(|o| o.ends_with("pattern_ops"))) {
            parts.push("pattern".to_owned());
        }
        if !self.include.is_empty() {
            parts.push("covering".to_owned());
        }
        if self.predicate.is_some() {
            parts.push("partial".to_owned());
        }
        slug(&parts)
    }
}

/// The key as a backward scan sees it.
pub(crate) fn reversed(key: &IndexKey) -> IndexKey {
    IndexKey { descending: !key.descending, nulls_first: key.nulls_first.map(|first| !first), ..key.clone() }
}
