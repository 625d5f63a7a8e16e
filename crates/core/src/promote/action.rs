//! The actions of an operation: what runs together, in which manner, and how one sees that it was done.

use crate::error::{Error, ErrorKind, Result};
use crate::pg::quote::qualified;
use crate::types::{IndexPartition, Operation};

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Action {
    /// Statements, in order.
    pub(super) sql: Vec<String>,
    pub(super) manner: Manner,
}

/// How an action runs.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Manner {
    /// CREATE INDEX CONCURRENTLY: outside a transaction, for as long as it takes; checked and cleaned up.
    Build(IndexName),
    /// DROP INDEX CONCURRENTLY, if it is there.
    Drop(IndexName),
    /// One transaction together with the journal's entry.
    Together,
    /// The same, skipped where the object is gone.
    TogetherIf(Present),
    /// The refresh schedule of a materialized view: by pg_cron where the target has it.
    Schedule,
}

/// An index and the table that it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IndexName {
    pub(super) schema: String,
    pub(super) name: String,
    /// The table as SQL names it, quoted.
    pub(super) table: String,
}

impl IndexName {
    pub(super) fn sql(&self) -> String {
        qualified(&self.schema, &self.name)
    }
}

/// What must be there for an action to make sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Present {
    /// A relation: table, view, index.
    Relation { schema: String, name: String },
    /// An extended statistics object.
    Statistics { schema: String, name: String },
    /// A constraint.
    Constraint { schema: String, table: String, name: String },
}

/// The actions that apply an operation without blocking production.
pub(super) fn up(operation: &Operation) -> Result<Vec<Action>> {
    let sql = operation.online();
    match operation {
        Operation::CreateIndex { schema, table, name, partitions, .. } => {
            let mut manners = match partitions {
                None => vec![Manner::Build(index(schema, name, &qualified(schema, table)))],
                Some(partitions) => tree(partitions),
            };
            manners.resize(manners.len().max(sql.len()), Manner::Together);
            zip(sql, manners)
        }
        Operation::DropIndex { schema, name, definition, partitions: None } => {
            zip(sql, vec![drop(schema, name, table_of(definition)?)])
        }
        Operation::DropIndex { schema, name, partitions: Some(_), .. } => {
            let there = Present::Relation { schema: schema.clone(), name: name.clone() };
            zip(sql, vec![Manner::TogetherIf(there)])
        }
        Operation::CreateMaterializedView { .. } => Ok(vec![
            Action { sql, manner: Manner::Together },
            Action { sql: Vec::new(), manner: Manner::Schedule },
        ]),
        Operation::Sql { .. } if !operation.transactional() => Err(Error::new(
            ErrorKind::Unsupported,
            "the agent's SQL cannot run inside a transaction, and is not promoted by itself",
        )
        .hint("run it by hand when the tables may be locked, or the server may be started anew")),
        Operation::Sql { .. } => Ok(vec![Action { sql, manner: Manner::Together }]),
        // Each in a transaction of its own: a strong lock is not held while rows are read.
        _ => Ok(sql.into_iter().map(|one| Action { sql: vec![one], manner: Manner::Together }).collect()),
    }
}

/// The actions that undo it, whether it was done as a whole, in part, or not at all.
pub(super) fn down(operation: &Operation) -> Result<Vec<Action>> {
    let sql = operation.undo_online();
    match operation {
        Operation::CreateIndex { schema, table, name, partitions: None, .. } => {
            zip(sql, vec![drop(schema, name, &qualified(schema, table))])
        }
        Operation::CreateIndex { schema, name, partitions: Some(partitions), .. } => {
            let mut actions = vec![drop_whole(schema, name)];
            leftovers(partitions, &mut actions);
            Ok(actions)
        }
        Operation::DropIndex { schema, name, definition, partitions } => match partitions {
            None => zip(sql, vec![Manner::Build(index(schema, name, table_of(definition)?))]),
            Some(partitions) => zip(sql, tree(partitions)),
        },
        Operation::CreateStatistics { schema, name, .. } => {
            let there = Present::Statistics { schema: schema.clone(), name: name.clone() };
            Ok(vec![Action { sql, manner: Manner::TogetherIf(there) }])
        }
        Operation::AddConstraint { schema, table, name, .. } => {
            let there =
                Present::Constraint { schema: schema.clone(), table: table.clone(), name: name.clone() };
            Ok(vec![Action { sql, manner: Manner::TogetherIf(there) }])
        }
        Operation::CreateMaterializedView { schema, name, .. } => {
            let there = Present::Relation { schema: schema.clone(), name: name.clone() };
            Ok(vec![
                Action { sql: Vec::new(), manner: Manner::Schedule },
                Action { sql, manner: Manner::TogetherIf(there) },
            ])
        }
        Operation::Analyze { .. } | Operation::RewriteStatement { .. } => Ok(Vec::new()),
        _ => Ok(vec![Action { sql, manner: Manner::Together }]),
    }
}

/// The manners of the statements that `Online` in types/operation renders, in their order.
fn tree(partitions: &[IndexPartition]) -> Vec<Manner> {
    let mut manners = vec![Manner::Together];
    for part in partitions {
        match &part.partitions {
            None => {
                let table = qualified(&part.schema, &part.table);
                manners.push(Manner::Build(index(&part.schema, &part.name, &table)));
            }
            Some(below) => manners.extend(tree(below)),
        }
        // The part is attached.
        manners.push(Manner::Together);
    }
    manners
}

/// Drops what a build that was cut off left of an index on a partitioned table: parts that are not attached yet.
fn leftovers(partitions: &[IndexPartition], actions: &mut Vec<Action>) {
    for part in partitions {
        match &part.partitions {
            None => actions.push(Action {
                sql: vec![format!("DROP INDEX CONCURRENTLY {}", qualified(&part.schema, &part.name))],
                manner: drop(&part.schema, &part.name, &qualified(&part.schema, &part.table)),
            }),
            Some(below) => {
                actions.push(drop_whole(&part.schema, &part.name));
                leftovers(below, actions);
            }
        }
    }
}

fn drop_whole(schema: &str, name: &str) -> Action {
    Action {
        sql: vec![format!("DROP INDEX {}", qualified(schema, name))],
        manner: Manner::TogetherIf(Present::Relation { schema: schema.to_owned(), name: name.to_owned() }),
    }
}

fn drop(schema: &str, name: &str, table: &str) -> Manner {
    Manner::Drop(index(schema, name, table))
}

fn index(schema: &str, name: &str, table: &str) -> IndexName {
    IndexName { schema: schema.to_owned(), name: name.to_owned(), table: table.to_owned() }
}

/// The table in a definition that `pg_get_indexdef` printed, quoted as it stands there.
fn table_of(definition: &str) -> Result<&str> {
    let table = definition
        .split_once(" ON ")
        .and_then(|(_, rest)| rest.split_once(" USING "))
        .map(|(table, _)| table.strip_prefix("ONLY ").unwrap_or(table));
    table.ok_or_else(|| {
        Error::internal("the definition of an index cannot be read").with("definition", definition)
    })
}

fn zip(sql: Vec<String>, manners: Vec<Manner>) -> Result<Vec<Action>> {
    if sql.len() != manners.len() {
        return Err(Error::internal("an operation has other statements than expected")
            .with("statements", sql.len())
            .with("expected", manners.len()));
    }
    Ok(sql.into_iter().zip(manners).map(|(one, manner)| Action { sql: vec![one], manner }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::IndexKey;

    fn part(name: &str, partitions: Option<Vec<IndexPartition>>) -> IndexPartition {
        IndexPartition { schema: "s".into(), table: name.into(), name: format!("i_{name}"), partitions }
    }

    #[test]
    fn each_statement_of_a_partitioned_index_gets_its_manner() {
        let operation = Operation::CreateIndex {
            schema: "s".into(),
            table: "t".into(),
            name: "i".into(),
            method: "btree".into(),
            keys: vec![IndexKey::expression("lower(a)")],
            include: Vec::new(),
            predicate: None,
            partitions: Some(vec![part("p1", None), part("p2", Some(vec![part("p3", None)]))]),
        };
        for action in up(&operation).unwrap() {
            let concurrent = action.sql[0].contains("CONCURRENTLY");
            assert_eq!(matches!(action.manner, Manner::Build(_)), concurrent, "{action:?}");
        }
        let drops: Vec<String> = down(&operation).unwrap().into_iter().flat_map(|a| a.sql).collect();
        assert_eq!(
            drops,
            [
                "DROP INDEX s.i",
                "DROP INDEX CONCURRENTLY s.i_p1",
                "DROP INDEX s.i_p2",
                "DROP INDEX CONCURRENTLY s.i_p3"
            ]
        );
    }

    #[test]
    fn the_table_is_read_from_a_definition() {
        let definition = "CREATE UNIQUE INDEX i ON ONLY s.\"T t\" USING btree (a)";
        assert_eq!(table_of(definition).unwrap(), "s.\"T t\"");
        assert!(table_of("nonsense").is_err());
    }
}
