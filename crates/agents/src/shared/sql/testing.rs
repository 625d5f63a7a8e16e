//! Handwritten catalogs for the tests of the rules.

use std::collections::BTreeMap;

use pgverse_core::types::{
    Catalog, Column, ColumnStatistics, Constraint, ConstraintKind, Index, IndexKey, Reference, Table,
    TableActivity, TableKind,
};

use super::facts::{Facts, FunctionFacts};

/// `users`, `orders` (with nullable foreign keys), `items` (with a foreign key that is not), and `"Events"`
/// with mixed-case names.
pub(crate) fn shop() -> Catalog {
    let mut orders = table(
        "public",
        "orders",
        &[
            ("id", "bigint", true),
            ("user_id", "bigint", false),
            ("total", "numeric(10,2)", false),
            ("status", "character varying(50)", false),
            ("coupon", "text", false),
            ("score", "double precision", false),
            ("created_at", "timestamp with time zone", false),
            ("shipped_at", "timestamp without time zone", false),
        ],
    );
    orders.constraints.push(foreign_key("user_id", "users", "id"));
    let mut items = table(
        "public",
        "items",
        &[
            ("id", "bigint", true),
            ("order_id", "bigint", true),
            ("quantity", "integer", false),
            ("price", "numeric(10,2)", false),
        ],
    );
    items.constraints.push(foreign_key("order_id", "orders", "id"));
    Catalog {
        server_version: 150_000,
        database: "test".into(),
        search_path: vec!["public".into()],
        tables: vec![
            table(
                "public",
                "users",
                &[
                    ("id", "bigint", true),
                    ("email", "character varying(255)", true),
                    ("country", "character(2)", false),
                    ("bio", "text", false),
                ],
            ),
            orders,
            items,
            table(
                "public",
                "Events",
                &[
                    ("Id", "bigint", true),
                    ("Owner", "bigint", true),
                    ("At", "timestamp without time zone", true),
                    ("Kind", "text", false),
                ],
            ),
        ],
        ..Catalog::default()
    }
}

/// Facts about the functions that the tests use.
pub(crate) fn facts(catalog: &Catalog) -> Facts<'_> {
    let mut functions = BTreeMap::new();
    let base =
        FunctionFacts { builtin: true, volatile: false, immutable: true, aggregate: false, set: false };
    for name in ["count", "sum", "avg", "min", "max", "bool_or", "array_agg"] {
        functions.insert(name.to_owned(), FunctionFacts { aggregate: true, ..base });
    }
    for name in ["row_number", "rank"] {
        functions.insert(name.to_owned(), base);
    }
    for name in ["now", "date_trunc", "date_part"] {
        functions.insert(name.to_owned(), FunctionFacts { immutable: false, ..base });
    }
    for name in ["lower", "abs"] {
        functions.insert(name.to_owned(), base);
    }
    functions.insert("random".to_owned(), FunctionFacts { volatile: true, immutable: false, ..base });
    functions.insert("generate_series".to_owned(), FunctionFacts { set: true, ..base });
    Facts::new(catalog, functions)
}

/// A table of 1,000 rows whose first column is its primary key.
pub(crate) fn table(schema: &str, name: &str, columns: &[(&str, &str, bool)]) -> Table {
    let key = columns[0].0;
    Table {
        schema: schema.into(),
        name: name.into(),
        kind: TableKind::Table,
        rows: 1000.0,
        bytes: 1 << 20,
        columns: columns.iter().map(|(name, kind, not_null)| column(name, kind, *not_null)).collect(),
        indexes: vec![Index {
            schema: schema.into(),
            name: format!("{name}_pkey"),
            method: "btree".into(),
            unique: true,
            primary: true,
            valid: true,
            replica_identity: false,
            keys: vec![IndexKey::column(key)],
            include: vec![],
            predicate: None,
            constraint: Some(format!("{name}_pkey")),
            bytes: 8192,
            scans: 0,
            definition: String::new(),
        }],
        constraints: vec![],
        statistics: vec![],
        activity: TableActivity::default(),
        partition_of: None,
    }
}

fn column(name: &str, type_name: &str, not_null: bool) -> Column {
    let width = if name == "bio" { 500 } else { 8 };
    Column {
        name: name.into(),
        type_name: type_name.into(),
        not_null,
        statistics_target: -1,
        collation: None,
        generated: false,
        statistics: Some(ColumnStatistics {
            null_fraction: 0.0,
            n_distinct: -1.0,
            correlation: None,
            average_width: width,
            most_common_values: vec![],
            most_common_frequencies: vec![],
        }),
    }
}

fn foreign_key(column: &str, table: &str, target: &str) -> Constraint {
    Constraint {
        name: format!("{table}_{column}_fkey"),
        kind: ConstraintKind::ForeignKey,
        columns: vec![column.into()],
        references: Some(Reference {
            schema: "public".into(),
            table: table.into(),
            columns: vec![target.into()],
        }),
        validated: true,
        definition: format!("FOREIGN KEY ({column}) REFERENCES {table}({target})"),
    }
}
