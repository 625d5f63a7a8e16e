//! The SQL of an operation in each of its forms.

use super::partitions::Online;
use super::{Operation, SettingScope};
use crate::pg::quote::{ident, literal, qualified};
use crate::types::IndexKey;

impl Operation {
    /// Statements that apply it on a fork, in order; none for a rewritten text.
    pub fn apply(&self) -> Vec<String> {
        match self {
            Self::CreateIndex { .. } => {
                let mut statements = vec![self.create_index("CREATE INDEX", "ON")];
                statements.extend(self.analyze_expressions());
                statements
            }
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
            Self::Setting { name, value, scope, .. } => vec![scope.set(name, value)],
            Self::AddConstraint { definition, .. } => {
                vec![self.alter_constraint("ADD", &format!(" {definition}"))]
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
            // pg_get_indexdef prints ONLY for an index on a partitioned table, which would leave out the partitions.
            Self::DropIndex { definition, .. } => vec![definition.replacen(" ON ONLY ", " ON ", 1)],
            Self::CreateStatistics { schema, name, .. } => {
                vec![format!("DROP STATISTICS {}", qualified(schema, name))]
            }
            Self::SetStatisticsTarget { schema, table, column, previous, .. } => vec![
                set_target(schema, table, column, *previous),
                analyze_columns(schema, table, std::slice::from_ref(column)),
            ],
            Self::Analyze { .. } | Self::RewriteStatement { .. } => Vec::new(),
            Self::Setting { name, scope, previous, .. } => vec![match previous {
                Some(value) => scope.set(name, value),
                None => scope.reset(name),
            }],
            Self::AddConstraint { .. } => vec![self.alter_constraint("DROP", "")],
            Self::CreateMaterializedView { schema, name, .. } => {
                vec![format!("DROP MATERIALIZED VIEW {}", qualified(schema, name))]
            }
            Self::Sql { undo, .. } => undo.clone(),
        }
    }

    /// Statements that apply it without blocking production, in order.
    pub fn online(&self) -> Vec<String> {
        match self {
            Self::CreateIndex { schema, name, partitions, .. } => {
                let mut statements = match partitions {
                    None => vec![self.create_index("CREATE INDEX CONCURRENTLY", "ON")],
                    Some(partitions) => {
                        let online = Online { create: "CREATE INDEX", tail: &self.index_tail() };
                        let only = self.create_index("CREATE INDEX", "ON ONLY");
                        online.statements(only, schema, name, partitions)
                    }
                };
                statements.extend(self.analyze_expressions());
                statements
            }
            Self::DropIndex { schema, name, partitions, .. } => {
                vec![drop_index(drop_online(partitions.is_some()), schema, name)]
            }
            Self::AddConstraint { definition, .. } => vec![
                self.alter_constraint("ADD", &format!(" {definition} NOT VALID")),
                self.alter_constraint("VALIDATE", ""),
            ],
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
            Self::CreateIndex { schema, name, partitions, .. } => {
                vec![drop_index(drop_online(partitions.is_some()), schema, name)]
            }
            // pg_get_indexdef always prints `CREATE [UNIQUE] INDEX name ON … USING …`.
            Self::DropIndex { definition, partitions: None, .. } => {
                vec![definition.replacen(" INDEX ", " INDEX CONCURRENTLY ", 1)]
            }
            Self::DropIndex { schema, name, definition, partitions: Some(partitions) } => {
                let unique = definition.starts_with("CREATE UNIQUE ");
                let create = if unique { "CREATE UNIQUE INDEX" } else { "CREATE INDEX" };
                let tail = definition.find(" USING ").map_or("", |at| &definition[at + 1..]);
                Online { create, tail }.statements(definition.clone(), schema, name, partitions)
            }
            _ => self.undo(),
        }
    }

    fn alter_constraint(&self, verb: &str, rest: &str) -> String {
        let Self::AddConstraint { schema, table, name, .. } = self else { return String::new() };
        format!("ALTER TABLE {} {verb} CONSTRAINT {}{rest}", qualified(schema, table), ident(name))
    }

    fn create_index(&self, verb: &str, on: &str) -> String {
        let Self::CreateIndex { schema, table, name, .. } = self else { return String::new() };
        format!("{verb} {} {on} {} {}", ident(name), qualified(schema, table), self.index_tail())
    }

    /// What comes after the table in CREATE INDEX.
    fn index_tail(&self) -> String {
        let Self::CreateIndex { method, keys, include, predicate, .. } = self else { return String::new() };
        let keys: Vec<String> = keys.iter().map(index_key).collect();
        let mut sql = format!("USING {} ({})", ident(method), keys.join(", "));
        if !include.is_empty() {
            let columns: Vec<String> = include.iter().map(|c| ident(c)).collect();
            sql.push_str(&format!(" INCLUDE ({})", columns.join(", ")));
        }
        if let Some(predicate) = predicate {
            sql.push_str(&format!(" WHERE {predicate}"));
        }
        sql
    }

    /// ANALYZE after an index that holds expressions: the planner knows nothing of their values before.
    pub(crate) fn analyze_expressions(&self) -> Option<String> {
        let Self::CreateIndex { schema, table, keys, .. } = self else { return None };
        keys.iter().any(|k| k.expression.is_some()).then(|| analyze(schema, table))
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
    /// The statement that stores a value.
    pub(crate) fn set(&self, name: &str, value: &str) -> String {
        format!("ALTER {} SET {} TO {}", self.target(), ident(name), literal(value))
    }

    /// The statement that stores none.
    pub(crate) fn reset(&self, name: &str) -> String {
        format!("ALTER {} RESET {}", self.target(), ident(name))
    }

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

/// No index on a partitioned table can be dropped concurrently.
fn drop_online(partitioned: bool) -> &'static str {
    if partitioned { "DROP INDEX" } else { "DROP INDEX CONCURRENTLY" }
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
