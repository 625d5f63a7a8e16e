//! What the database says of itself: tables, columns, indexes, constraints, statistics, sizes, settings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A snapshot of the catalogs of one database; system schemas are left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Catalog {
    /// `server_version_num`, such as 150018.
    pub server_version: u32,
    /// Database name.
    pub database: String,
    /// Settings that change plans or are worth knowing, by name.
    pub settings: BTreeMap<String, String>,
    /// Installed extensions.
    pub extensions: Vec<String>,
    /// Extensions that CREATE EXTENSION would find.
    pub available_extensions: Vec<String>,
    /// Schemas in which unqualified names are looked up, first to last.
    pub search_path: Vec<String>,
    /// Settings that sessions of this database, or of a role in any database, begin with.
    #[serde(default)]
    pub stored_settings: Vec<StoredSetting>,
    /// Tables, partitioned tables and materialized views, by schema and name.
    pub tables: Vec<Table>,
}

/// What `ALTER DATABASE … SET` or `ALTER ROLE … SET` stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StoredSetting {
    /// For this role in any database; without one for any role in this database.
    pub role: Option<String>,
    /// Name of the setting.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl Catalog {
    /// A table by schema and name.
    pub fn table(&self, schema: &str, name: &str) -> Option<&Table> {
        self.tables.iter().find(|t| t.schema == schema && t.name == name)
    }

    /// A table as a statement names it: with a schema, or looked up along the search path.
    pub fn resolve(&self, schema: Option<&str>, name: &str) -> Option<&Table> {
        match schema {
            Some(schema) => self.table(schema, name),
            None => self.search_path.iter().find_map(|schema| self.table(schema, name)),
        }
    }

    /// A table, the partitioned table that it is a partition of, and so on upwards.
    pub fn upwards<'a>(&'a self, table: &'a Table) -> impl Iterator<Item = &'a Table> {
        std::iter::successors(Some(table), |part| {
            let whole = part.partition_of.as_ref()?;
            self.tables.iter().find(|t| format!("{}.{}", t.schema, t.name) == *whole)
        })
    }
}

/// A relation that holds rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Table {
    /// Schema.
    pub schema: String,
    /// Name.
    pub name: String,
    /// What it is.
    pub kind: TableKind,
    /// Rows by the planner's estimate (`reltuples`); negative if never analyzed.
    pub rows: f64,
    /// Bytes of the table with TOAST, without indexes.
    pub bytes: u64,
    /// In order.
    pub columns: Vec<Column>,
    /// All indexes, constraint indexes included.
    pub indexes: Vec<Index>,
    /// All constraints.
    pub constraints: Vec<Constraint>,
    /// Extended statistics objects.
    pub statistics: Vec<ExtendedStatistics>,
    /// Cumulative activity counters.
    pub activity: TableActivity,
    /// Partitioned table that this is a partition of, as `schema.name`.
    pub partition_of: Option<String>,
}

impl Table {
    /// A column by name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// Whether these columns together are unique by a primary key, a unique constraint or a valid,
    /// non-partial unique index over plain columns. A superset of a key is a key.
    pub fn is_unique(&self, columns: &[&str]) -> bool {
        self.indexes.iter().any(|index| {
            index.unique
                && index.valid
                && index.predicate.is_none()
                && !index.keys.is_empty()
                && index.keys.iter().all(|k| k.column.as_deref().is_some_and(|c| columns.contains(&c)))
        })
    }
}

/// Kind of relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TableKind {
    /// Ordinary table or partition.
    Table,
    /// Partitioned table.
    Partitioned,
    /// Materialized view.
    MaterializedView,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Column {
    /// Name.
    pub name: String,
    /// Type as `format_type` prints it.
    pub type_name: String,
    /// Declared NOT NULL.
    pub not_null: bool,
    /// Statistics target; -1 is the default of the server.
    pub statistics_target: i32,
    /// Collation name if not the default one.
    pub collation: Option<String>,
    /// Whether it is a generated column.
    pub generated: bool,
    /// `pg_stats`, if analyzed and readable.
    pub statistics: Option<ColumnStatistics>,
}

/// One row of `pg_stats`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ColumnStatistics {
    /// Share of NULLs.
    pub null_fraction: f64,
    /// Distinct values; negative means minus the share of rows (PostgreSQL manual, `pg_stats.n_distinct`).
    pub n_distinct: f64,
    /// Physical order against logical order, -1 to 1.
    pub correlation: Option<f64>,
    /// Bytes.
    pub average_width: i32,
    /// Most common values, as text.
    pub most_common_values: Vec<String>,
    /// Their shares, same order.
    pub most_common_frequencies: Vec<f64>,
}

impl ColumnStatistics {
    /// Distinct values as a number of rows, given the table's row count.
    pub fn distinct(&self, rows: f64) -> f64 {
        if self.n_distinct < 0.0 { -self.n_distinct * rows.max(0.0) } else { self.n_distinct }
    }
}

/// An index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Index {
    /// Schema.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Access method, such as `btree`.
    pub method: String,
    /// Unique.
    pub unique: bool,
    /// Primary key.
    pub primary: bool,
    /// Usable by the planner.
    pub valid: bool,
    /// Replica identity.
    pub replica_identity: bool,
    /// Key columns, in order.
    pub keys: Vec<IndexKey>,
    /// INCLUDE columns.
    pub include: Vec<String>,
    /// WHERE clause as the server prints it.
    pub predicate: Option<String>,
    /// Constraint that owns it, if any.
    pub constraint: Option<String>,
    /// Bytes.
    pub bytes: u64,
    /// `idx_scan`.
    pub scans: u64,
    /// `pg_get_indexdef`.
    pub definition: String,
}

/// One key of an index.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct IndexKey {
    /// Column name, if the key is a plain column.
    pub column: Option<String>,
    /// Expression as SQL, if it is not.
    pub expression: Option<String>,
    /// Operator class, if not the default one.
    pub opclass: Option<String>,
    /// Descending.
    #[serde(default)]
    pub descending: bool,
    /// NULLS FIRST or LAST where it differs from the default of the direction.
    pub nulls_first: Option<bool>,
}

impl IndexKey {
    /// An ascending plain column.
    pub fn column(name: impl Into<String>) -> Self {
        Self {
            column: Some(name.into()),
            expression: None,
            opclass: None,
            descending: false,
            nulls_first: None,
        }
    }

    /// An ascending expression, given as SQL without the outer parentheses.
    pub fn expression(sql: impl Into<String>) -> Self {
        Self {
            column: None,
            expression: Some(sql.into()),
            opclass: None,
            descending: false,
            nulls_first: None,
        }
    }

    /// The same with an operator class.
    #[must_use]
    pub fn with_opclass(mut self, opclass: impl Into<String>) -> Self {
        self.opclass = Some(opclass.into());
        self
    }

    /// The same, descending.
    #[must_use]
    pub fn descending(mut self) -> Self {
        self.descending = true;
        self
    }
}

/// A constraint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Constraint {
    /// Name.
    pub name: String,
    /// What it is.
    pub kind: ConstraintKind,
    /// Constrained columns of this table, in order.
    pub columns: Vec<String>,
    /// What a foreign key points at.
    pub references: Option<Reference>,
    /// Whether existing rows were checked.
    pub validated: bool,
    /// `pg_get_constraintdef`.
    pub definition: String,
}

/// Kind of constraint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum ConstraintKind {
    PrimaryKey,
    Unique,
    ForeignKey,
    Check,
    Exclusion,
    NotNull,
    Trigger,
}

/// Target of a foreign key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Reference {
    /// Schema.
    pub schema: String,
    /// Table.
    pub table: String,
    /// Columns, in the order of the constraint.
    pub columns: Vec<String>,
}

/// A CREATE STATISTICS object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ExtendedStatistics {
    /// Schema.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Plain columns.
    pub columns: Vec<String>,
    /// `pg_get_statisticsobjdef`.
    pub definition: String,
}

/// `pg_stat_user_tables`, as far as it is read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[allow(missing_docs)]
pub struct TableActivity {
    pub sequential_scans: u64,
    pub index_scans: u64,
    pub inserted: u64,
    pub updated: u64,
    pub hot_updated: u64,
    pub deleted: u64,
    pub live: u64,
    pub dead: u64,
    pub modified_since_analyze: u64,
    /// Whether it was ever analyzed, by hand or automatically.
    pub analyzed: bool,
}
