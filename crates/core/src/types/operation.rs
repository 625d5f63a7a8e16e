//! One typed, reversible change to a database, and how to switch it on and off.

use serde::{Deserialize, Serialize};

use super::StatementId;
use super::catalog::IndexKey;
use crate::pg::quote::{ident, literal, qualified};

/// A typed change. Each knows how to be applied, undone, applied online, which lock it takes, and how it can
/// be switched off inside a transaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Operation {
    /// CREATE INDEX. The index lives in the schema of its table.
    CreateIndex {
        /// Schema of the table.
        schema: String,
        /// Table.
        table: String,
        /// Index name, not qualified.
        name: String,
        /// Access method, such as `btree`.
        method: String,
        /// Key columns or expressions, in order.
        keys: Vec<IndexKey>,
        /// INCLUDE columns.
        include: Vec<String>,
        /// WHERE clause as SQL.
        predicate: Option<String>,
    },
    /// DROP INDEX.
    DropIndex {
        /// Schema.
        schema: String,
        /// Name.
        name: String,
        /// `pg_get_indexdef`, for the way back.
        definition: String,
    },
    /// CREATE STATISTICS, then ANALYZE of the columns.
    CreateStatistics {
        /// Schema of the table and the statistics object.
        schema: String,
        /// Table.
        table: String,
        /// Name of the statistics object, not qualified.
        name: String,
        /// `ndistinct`, `dependencies`, `mcv`; empty means all, and must be empty for a single expression.
        kinds: Vec<String>,
        /// Plain columns.
        columns: Vec<String>,
        /// Expressions as SQL without the outer parentheses.
        expressions: Vec<String>,
    },
    /// ALTER TABLE … SET STATISTICS, then ANALYZE of the column.
    SetStatisticsTarget {
        /// Schema.
        schema: String,
        /// Table.
        table: String,
        /// Column.
        column: String,
        /// New target, 1 to 10000.
        target: i32,
        /// Target before; -1 is the default.
        previous: i32,
    },
    /// ANALYZE of a table. Has no undo: fresh statistics are never worse than stale ones.
    Analyze {
        /// Schema.
        schema: String,
        /// Table.
        table: String,
    },
    /// A setting for a role, a database, or all of it.
    Setting {
        /// Name, such as `work_mem`.
        name: String,
        /// New value.
        value: String,
        /// For whom it is promoted.
        scope: SettingScope,
    },
    /// CREATE MATERIALIZED VIEW with an optional unique index, so that it can be refreshed concurrently.
    CreateMaterializedView {
        /// Schema.
        schema: String,
        /// Name.
        name: String,
        /// The defining query.
        query: String,
        /// Output columns that identify a row; empty if none are known.
        unique_key: Vec<String>,
        /// How it is kept fresh.
        refresh: Refresh,
    },
    /// Another text for a statement of the workload. Nothing changes in the database; the application does.
    RewriteStatement {
        /// Statement.
        statement: StatementId,
        /// New text, with the same parameters.
        sql: String,
        /// The rule that made it, such as `decorrelate_scalar`.
        rule: String,
    },
    /// SQL written by hand or by a custom agent; run inside transactions only.
    Sql {
        /// Statements to apply.
        apply: Vec<String>,
        /// Statements to undo, in order.
        undo: Vec<String>,
        /// Statements that apply without blocking production; the plain ones where absent.
        online: Vec<String>,
        /// Lock that applying takes.
        lock: LockLevel,
    },
}

/// For whom a setting holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettingScope {
    /// ALTER DATABASE … SET, for the database of the source.
    Database(String),
    /// ALTER ROLE … SET.
    Role(String),
}

/// How a materialized view is kept fresh.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// Seconds between refreshes; the age that an answer may have.
    pub every_seconds: f64,
    /// Whether REFRESH … CONCURRENTLY is possible.
    pub concurrently: bool,
}

/// Table-level lock modes (PostgreSQL manual, "Explicit Locking"), weakest first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum LockLevel {
    None,
    AccessShare,
    RowShare,
    RowExclusive,
    ShareUpdateExclusive,
    Share,
    ShareRowExclusive,
    Exclusive,
    AccessExclusive,
}

/// How a change is switched on a fork, so that baseline and candidate run on the same fork.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Switch {
    /// Built once; these statements hide it inside a transaction that is rolled back.
    Hide(Vec<String>),
    /// Not built; these statements switch it on inside a transaction that is rolled back.
    Enter(Vec<String>),
    /// Another text for one statement.
    Text,
}

/// What a change does to the answers that users see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The server guarantees the same answers: other access paths, other plans.
    PlanOnly,
    /// The answers come from another text or another relation and must be compared.
    Answers,
}

impl Operation {
    /// Statements that apply it on a fork, in order; none for a rewritten text.
    pub fn apply(&self) -> Vec<String> {
        match self {
            Self::CreateIndex { .. } => self.create_index("CREATE INDEX"),
            Self::DropIndex { schema, name, .. } => vec![drop_index("DROP INDEX", schema, name)],
            Self::CreateStatistics { schema, table, columns, expressions, .. } => {
                let analyze = if expressions.is_empty() {
                    analyze_columns(schema, table, columns)
                } else {
                    analyze(schema, table)
                };
                vec![self.create_statistics(), analyze]
            }
            Self::SetStatisticsTarget { schema, table, column, target, .. } => vec![
                set_target(schema, table, column, *target),
                analyze_columns(schema, table, std::slice::from_ref(column)),
            ],
            Self::Analyze { schema, table } => vec![analyze(schema, table)],
            Self::Setting { name, value, scope } => {
                vec![format!("ALTER {} SET {} TO {}", scope.target(), ident(name), literal(value))]
            }
            Self::CreateMaterializedView { schema, name, query, unique_key, .. } => {
                let view = qualified(schema, name);
                let mut statements = vec![format!("CREATE MATERIALIZED VIEW {view} AS {query}")];
                if !unique_key.is_empty() {
                    let keys: Vec<String> = unique_key.iter().map(|c| ident(c)).collect();
                    let index = ident(&format!("{name}_key"));
                    statements.push(format!("CREATE UNIQUE INDEX {index} ON {view} ({})", keys.join(", ")));
                }
                statements.push(format!("ANALYZE {view}"));
                statements
            }
            Self::RewriteStatement { .. } => Vec::new(),
            Self::Sql { apply, .. } => apply.clone(),
        }
    }

    /// Statements that undo it, in order.
    pub fn undo(&self) -> Vec<String> {
        match self {
            Self::CreateIndex { schema, name, .. } => vec![drop_index("DROP INDEX", schema, name)],
            Self::DropIndex { definition, .. } => vec![definition.clone()],
            Self::CreateStatistics { schema, name, .. } => {
                vec![format!("DROP STATISTICS {}", qualified(schema, name))]
            }
            Self::SetStatisticsTarget { schema, table, column, previous, .. } => vec![
                set_target(schema, table, column, *previous),
                analyze_columns(schema, table, std::slice::from_ref(column)),
            ],
            Self::Analyze { .. } | Self::RewriteStatement { .. } => Vec::new(),
            Self::Setting { name, scope, .. } => {
                vec![format!("ALTER {} RESET {}", scope.target(), ident(name))]
            }
            Self::CreateMaterializedView { schema, name, .. } => {
                vec![format!("DROP MATERIALIZED VIEW {}", qualified(schema, name))]
            }
            Self::Sql { undo, .. } => undo.clone(),
        }
    }

    /// Statements that apply it without blocking production, in order.
    pub fn online(&self) -> Vec<String> {
        match self {
            Self::CreateIndex { .. } => self.create_index("CREATE INDEX CONCURRENTLY"),
            Self::DropIndex { schema, name, .. } => vec![drop_index("DROP INDEX CONCURRENTLY", schema, name)],
            Self::Sql { online, apply, .. } => {
                if online.is_empty() {
                    apply.clone()
                } else {
                    online.clone()
                }
            }
            _ => self.apply(),
        }
    }

    /// Statements that undo it without blocking production, in order.
    pub fn undo_online(&self) -> Vec<String> {
        match self {
            Self::CreateIndex { schema, name, .. } => {
                vec![drop_index("DROP INDEX CONCURRENTLY", schema, name)]
            }
            Self::DropIndex { definition, .. } => {
                // pg_get_indexdef always prints `CREATE [UNIQUE] INDEX name ON …`.
                vec![definition.replacen(" INDEX ", " INDEX CONCURRENTLY ", 1)]
            }
            _ => self.undo(),
        }
    }

    /// The strongest lock on a user's table that the online form holds.
    pub fn lock(&self) -> LockLevel {
        match self {
            Self::CreateIndex { .. }
            | Self::DropIndex { .. }
            | Self::CreateStatistics { .. }
            | Self::SetStatisticsTarget { .. }
            | Self::Analyze { .. } => LockLevel::ShareUpdateExclusive,
            Self::CreateMaterializedView { .. } => LockLevel::AccessShare,
            Self::Setting { .. } | Self::RewriteStatement { .. } => LockLevel::None,
            Self::Sql { lock, .. } => *lock,
        }
    }

    /// Whether the online form may run inside a transaction block.
    pub fn transactional(&self) -> bool {
        !matches!(self, Self::CreateIndex { .. } | Self::DropIndex { .. })
    }

    /// How it is switched on a fork.
    pub fn switch(&self) -> Switch {
        match self {
            Self::CreateIndex { schema, name, .. } => {
                Switch::Hide(vec![drop_index("DROP INDEX", schema, name)])
            }
            // Never read unless a rewritten text names it.
            Self::CreateMaterializedView { .. } => Switch::Hide(Vec::new()),
            Self::Setting { name, value, .. } => {
                Switch::Enter(vec![format!("SET LOCAL {} TO {}", ident(name), literal(value))])
            }
            // ANALYZE replaces column statistics that other arms of the fork rely on, so it never commits.
            Self::DropIndex { .. }
            | Self::CreateStatistics { .. }
            | Self::SetStatisticsTarget { .. }
            | Self::Analyze { .. }
            | Self::Sql { .. } => Switch::Enter(self.apply()),
            Self::RewriteStatement { .. } => Switch::Text,
        }
    }

    /// What it does to the answers that users see.
    pub fn effect(&self) -> Effect {
        match self {
            Self::RewriteStatement { .. } | Self::CreateMaterializedView { .. } | Self::Sql { .. } => {
                Effect::Answers
            }
            _ => Effect::PlanOnly,
        }
    }

    /// Seconds that an answer may be behind, if it comes from a copy.
    pub fn staleness_seconds(&self) -> Option<f64> {
        match self {
            Self::CreateMaterializedView { refresh, .. } => Some(refresh.every_seconds),
            _ => None,
        }
    }

    /// The index, and, where it holds expressions, ANALYZE: the planner knows nothing of an expression's
    /// values before.
    fn create_index(&self, verb: &str) -> Vec<String> {
        let Self::CreateIndex { schema, table, name, method, keys, include, predicate } = self else {
            return Vec::new();
        };
        let expressions = keys.iter().any(|k| k.expression.is_some());
        let keys: Vec<String> = keys.iter().map(index_key).collect();
        let mut sql = format!(
            "{verb} {} ON {} USING {} ({})",
            ident(name),
            qualified(schema, table),
            ident(method),
            keys.join(", ")
        );
        if !include.is_empty() {
            let columns: Vec<String> = include.iter().map(|c| ident(c)).collect();
            sql.push_str(&format!(" INCLUDE ({})", columns.join(", ")));
        }
        if let Some(predicate) = predicate {
            sql.push_str(&format!(" WHERE {predicate}"));
        }
        let mut statements = vec![sql];
        if expressions {
            statements.push(analyze(schema, table));
        }
        statements
    }

    fn create_statistics(&self) -> String {
        let Self::CreateStatistics { schema, table, name, kinds, columns, expressions } = self else {
            return String::new();
        };
        let kinds = if kinds.is_empty() {
            String::new()
        } else {
            let kinds: Vec<String> = kinds.iter().map(|k| ident(k)).collect();
            format!(" ({})", kinds.join(", "))
        };
        let mut targets: Vec<String> = columns.iter().map(|c| ident(c)).collect();
        targets.extend(expressions.iter().map(|e| format!("({e})")));
        format!(
            "CREATE STATISTICS {}{kinds} ON {} FROM {}",
            qualified(schema, name),
            targets.join(", "),
            qualified(schema, table)
        )
    }
}

impl SettingScope {
    fn target(&self) -> String {
        match self {
            Self::Database(name) => format!("DATABASE {}", ident(name)),
            Self::Role(name) => format!("ROLE {}", ident(name)),
        }
    }
}

fn index_key(key: &IndexKey) -> String {
    let mut sql = match (&key.column, &key.expression) {
        (Some(column), _) => ident(column),
        (None, Some(expression)) => format!("({expression})"),
        (None, None) => String::new(),
    };
    if let Some(opclass) = &key.opclass {
        sql.push(' ');
        sql.push_str(&ident(opclass));
    }
    if key.descending {
        sql.push_str(" DESC");
    }
    match key.nulls_first {
        Some(true) => sql.push_str(" NULLS FIRST"),
        Some(false) => sql.push_str(" NULLS LAST"),
        None => {}
    }
    sql
}

fn drop_index(verb: &str, schema: &str, name: &str) -> String {
    format!("{verb} {}", qualified(schema, name))
}

fn analyze(schema: &str, table: &str) -> String {
    format!("ANALYZE {}", qualified(schema, table))
}

fn analyze_columns(schema: &str, table: &str, columns: &[String]) -> String {
    let columns: Vec<String> = columns.iter().map(|c| ident(c)).collect();
    format!("ANALYZE {} ({})", qualified(schema, table), columns.join(", "))
}

fn set_target(schema: &str, table: &str, column: &str, target: i32) -> String {
    format!("ALTER TABLE {} ALTER COLUMN {} SET STATISTICS {target}", qualified(schema, table), ident(column))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> Operation {
        Operation::CreateIndex {
            schema: "public".into(),
            table: "Orders".into(),
            name: "orders_lower".into(),
            method: "btree".into(),
            keys: vec![IndexKey::expression("lower(email)"), IndexKey::column("at").descending()],
            include: vec!["total".into()],
            predicate: Some("(status = 'open')".into()),
        }
    }

    #[test]
    fn an_index_renders_in_each_form() {
        assert_eq!(
            index().apply(),
            [
                "CREATE INDEX orders_lower ON public.\"Orders\" USING btree ((lower(email)), at DESC) INCLUDE (total) WHERE (status = 'open')",
                "ANALYZE public.\"Orders\""
            ]
        );
        assert!(index().online()[0].starts_with("CREATE INDEX CONCURRENTLY orders_lower"));
        assert_eq!(index().undo(), ["DROP INDEX public.orders_lower"]);
        assert_eq!(index().switch(), Switch::Hide(index().undo()));
        assert!(!index().transactional());
    }

    #[test]
    fn dropping_an_index_can_be_undone_online() {
        let drop = Operation::DropIndex {
            schema: "s".into(),
            name: "i".into(),
            definition: "CREATE UNIQUE INDEX i ON s.t USING btree (a)".into(),
        };
        assert_eq!(drop.undo_online(), ["CREATE UNIQUE INDEX CONCURRENTLY i ON s.t USING btree (a)"]);
    }

    #[test]
    fn settings_are_quoted() {
        let setting = Operation::Setting {
            name: "work_mem".into(),
            value: "64MB'; DROP TABLE x; --".into(),
            scope: SettingScope::Database("my db".into()),
        };
        assert_eq!(setting.apply(), ["ALTER DATABASE \"my db\" SET work_mem TO '64MB''; DROP TABLE x; --'"]);
    }
}
