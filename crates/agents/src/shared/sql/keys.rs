//! What the constraints of a table promise.

use pgverse_core::types::{Constraint, ConstraintKind, Table};

/// Whether no two rows of a table agree in these columns, and none of them is NULL. A constraint that may be
/// violated until the end of a transaction promises nothing.
pub(crate) fn has_key(table: &Table, columns: &[&str]) -> bool {
    table.indexes.iter().any(|index| {
        let deferrable = index
            .constraint
            .as_deref()
            .is_some_and(|name| table.constraints.iter().any(|c| c.name == name && deferrable(c)));
        index.unique
            && index.valid
            && index.predicate.is_none()
            && !deferrable
            && !index.keys.is_empty()
            && index.keys.iter().all(|key| {
                let column = key.column.as_deref().and_then(|name| table.column(name));
                column.is_some_and(|c| c.not_null && columns.contains(&c.name.as_str()))
            })
    })
}

/// The table and column that every non-NULL value of a column is found in, by a foreign key that holds.
pub(crate) fn points_at<'t>(table: &'t Table, column: &str) -> Option<(&'t str, &'t str, &'t str)> {
    table.constraints.iter().find_map(|c| {
        let holds = c.kind == ConstraintKind::ForeignKey && c.validated && !deferrable(c);
        match (&c.references, c.columns.as_slice()) {
            (Some(target), [only]) if holds && only == column => {
                Some((target.schema.as_str(), target.table.as_str(), target.columns.first()?.as_str()))
            }
            _ => None,
        }
    })
}

/// `pg_get_constraintdef` prints DEFERRABLE where it is so, and nothing where it is not.
fn deferrable(constraint: &Constraint) -> bool {
    constraint.definition.contains("DEFERRABLE")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::sql::testing;

    #[test]
    fn keys_are_unique_and_never_null() {
        let catalog = testing::shop();
        let mut orders = catalog.table("public", "orders").unwrap().clone();
        assert!(has_key(&orders, &["total", "id"]));
        assert!(!has_key(&orders, &["user_id"]));
        orders.columns[0].not_null = false;
        assert!(!has_key(&orders, &["id"]), "NULLs may repeat");
    }

    #[test]
    fn foreign_keys_must_hold_now() {
        let catalog = testing::shop();
        let mut orders = catalog.table("public", "orders").unwrap().clone();
        assert_eq!(points_at(&orders, "user_id"), Some(("public", "users", "id")));
        assert_eq!(points_at(&orders, "total"), None);
        orders.constraints[0].validated = false;
        assert_eq!(points_at(&orders, "user_id"), None);
        orders.constraints[0].validated = true;
        orders.constraints[0].definition.push_str(" DEFERRABLE INITIALLY DEFERRED");
        assert_eq!(points_at(&orders, "user_id"), None);
    }
}
