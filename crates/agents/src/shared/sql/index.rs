//! Indexes that a rewritten statement wants.

use pgverse_core::types::{Index, IndexKey, Operation, Table};

use super::names::short_name;

/// Widest column, bytes on average, that is worth copying into an index for index-only scans.
const WIDEST_INCLUDED: i32 = 40;

/// Most columns that an index should hold.
const MOST_COLUMNS: usize = 7;

/// A B-tree that would make a rewritten statement fast.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IndexWish {
    schema: String,
    table: String,
    keys: Vec<IndexKey>,
    include: Vec<String>,
}

impl IndexWish {
    /// An index on these keys, which also holds the other columns that are read, if they are narrow enough
    /// for an index-only scan to pay. Nothing if an existing index serves as well.
    pub(crate) fn new<'c>(
        table: &Table,
        keys: Vec<IndexKey>,
        reads: impl IntoIterator<Item = &'c str>,
    ) -> Option<Self> {
        let mut include: Vec<String> = Vec::new();
        for name in reads {
            if !keys.iter().any(|k| k.column.as_deref() == Some(name)) && !include.iter().any(|i| i == name) {
                include.push(name.to_owned());
            }
        }
        include.sort_unstable();
        let narrow = include.len() + keys.len() <= MOST_COLUMNS
            && include.iter().all(|name| {
                let width = table.column(name).and_then(|c| c.statistics.as_ref()).map(|s| s.average_width);
                width.is_none_or(|w| w <= WIDEST_INCLUDED)
            });
        if !narrow {
            include.clear();
        }
        let wish = Self { schema: table.schema.clone(), table: table.name.clone(), keys, include };
        (!wish.keys.is_empty() && !table.indexes.iter().any(|index| wish.served_by(index))).then_some(wish)
    }

    /// On plain ascending columns.
    pub(crate) fn on<'c>(
        table: &Table,
        columns: impl IntoIterator<Item = &'c str>,
        reads: impl IntoIterator<Item = &'c str>,
    ) -> Option<Self> {
        Self::new(table, columns.into_iter().map(IndexKey::column).collect(), reads)
    }

    fn served_by(&self, index: &Index) -> bool {
        let holds = |name: &String| {
            index.include.contains(name) || index.keys.iter().any(|k| k.column.as_ref() == Some(name))
        };
        index.valid
            && index.method == "btree"
            && index.predicate.is_none()
            && index.keys.len() >= self.keys.len()
            && index.keys.iter().zip(&self.keys).all(|(have, want)| have == want)
            && self.include.iter().all(holds)
    }

    /// The operation that builds it.
    pub(crate) fn operation(&self) -> Operation {
        Operation::CreateIndex {
            schema: self.schema.clone(),
            table: self.table.clone(),
            name: self.name(),
            method: "btree".to_owned(),
            keys: self.keys.clone(),
            include: self.include.clone(),
            predicate: None,
            partitions: None,
        }
    }

    /// `orders (user_id, total DESC) include (id)`.
    pub(crate) fn describe(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(key_text).collect();
        let include = if self.include.is_empty() {
            String::new()
        } else {
            format!(" include ({})", self.include.join(", "))
        };
        format!("{} ({}){include}", self.table, keys.join(", "))
    }

    fn name(&self) -> String {
        let mut parts = vec![self.table.clone()];
        parts.extend(self.keys.iter().map(|k| key_text(k).replace(' ', "_")));
        if !self.include.is_empty() {
            parts.push("with".to_owned());
            parts.extend(self.include.iter().cloned());
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        short_name(&parts, "idx")
    }
}

fn key_text(key: &IndexKey) -> String {
    let name = key.column.as_deref().or(key.expression.as_deref()).unwrap_or_default();
    let direction = if key.descending { " desc" } else { "" };
    let nulls = match key.nulls_first {
        Some(true) => " nulls first",
        Some(false) => " nulls last",
        None => "",
    };
    format!("{name}{direction}{nulls}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::sql::testing;

    #[test]
    fn an_index_that_exists_is_not_wished_for() {
        let catalog = testing::shop();
        let users = catalog.table("public", "users").unwrap();
        assert_eq!(IndexWish::on(users, ["id"], []), None);
        let wish = IndexWish::on(users, ["email"], ["id", "email"]).unwrap();
        assert_eq!(wish.describe(), "users (email) include (id)");
        assert_eq!(
            wish.operation().apply(),
            ["CREATE INDEX pgverse_users_email_with_id_idx ON public.users USING btree (email) INCLUDE (id)"]
        );
    }

    #[test]
    fn wide_columns_are_not_included() {
        let catalog = testing::shop();
        let users = catalog.table("public", "users").unwrap();
        assert_eq!(IndexWish::on(users, ["email"], ["bio"]).unwrap().describe(), "users (email)");
    }
}
