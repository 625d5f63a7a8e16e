//! Groups whose number is off: the planner multiplies distinct counts of columns, and guesses those of
//! expressions.

use pgverse_core::types::{Brief, Operation, PlanNode};

use super::nodes::{each, gravity, is_wrong, q_error};
use super::{Advice, add, executed};
use crate::shared::conditions::{Key, Scope, What, readable};
use crate::shared::names::{Names, slug};

pub(super) fn advice(brief: &Brief, names: &mut Names, fresh: &dyn Fn(&str, &str) -> bool) -> Vec<Advice> {
    let mut found: Vec<Advice> = Vec::new();
    for (plan, weight, ms) in executed(brief) {
        let scope = Scope::of(&brief.catalog, &plan.plan);
        each(&plan.plan, &mut |visit| {
            let Some((estimated, actual)) = visit.rows().filter(|(e, a)| is_wrong(*e, *a)) else { return };
            let Some((table, keys)) = grouped(&scope, visit.node) else { return };
            if !fresh(&table.schema, &table.name) || brief.catalog.server_version < 140_000 {
                return;
            }
            let error = q_error(estimated, actual);
            let evidence = format!(
                "{}: {estimated:.0} groups were expected and {actual:.0} came, {error:.0} times off; so the choice between hashing and sorting is a guess.",
                plan.statement
            );
            let operation = |name: String| create(table, &keys, name);
            let concerns = weight * ms * gravity(error);
            match found.iter_mut().find(|a| same_target(&a.operation, &operation(String::new()))) {
                Some(known) => {
                    known.concerns += concerns;
                    known.reasons.insert(0, evidence);
                    add(&mut known.statements, &plan.statement);
                }
                None => {
                    let parts: Vec<String> = keys.iter().map(|k| readable(k.text())).collect();
                    let list = parts.join(", ");
                    let name = names.next(&slug(&[table.name.clone(), slug(&parts), "groups".to_owned()]));
                    found.push(Advice {
                        title: format!("statistics on {} ({list}) for grouping", table.name),
                        operation: operation(name),
                        reasons: vec![evidence, why(&keys, &list)],
                        statements: vec![plan.statement.clone()],
                        concerns,
                        predicted: None,
                    });
                }
            }
        });
    }
    found
}

/// The table and keys of a group over one relation, where statistics could help: several columns, or an
/// expression. Not the partial step of a parallel group, which counts for one worker.
fn grouped<'a>(scope: &Scope<'a>, node: &PlanNode) -> Option<(&'a pgverse_core::types::Table, Vec<Key>)> {
    let partial = node.extra.get("Partial Mode").and_then(|m| m.as_str()) == Some("Partial");
    if node.node_type != "Aggregate" || node.group_key.is_empty() || partial {
        return None;
    }
    let keys: Vec<Key> = node.group_key.iter().map(|k| scope.key(k)).collect::<Option<_>>()?;
    let alias = &keys.first()?.alias;
    let one_relation = keys.iter().all(|k| &k.alias == alias);
    let describable = keys.len() > 1 || keys.iter().any(|k| k.column().is_none());
    (one_relation && describable && keys.len() <= 8).then_some((scope.table(alias)?, keys))
}

fn create(table: &pgverse_core::types::Table, keys: &[Key], name: String) -> Operation {
    let mut columns = Vec::new();
    let mut expressions = Vec::new();
    for key in keys {
        match &key.what {
            What::Column(name) => columns.push(name.clone()),
            What::Expression(sql) => expressions.push(sql.clone()),
        }
    }
    let kinds = if keys.len() > 1 { vec!["ndistinct".to_owned()] } else { Vec::new() };
    Operation::CreateStatistics {
        schema: table.schema.clone(),
        table: table.name.clone(),
        name,
        kinds,
        columns,
        expressions,
    }
}

fn same_target(a: &Operation, b: &Operation) -> bool {
    match (a, b) {
        (
            Operation::CreateStatistics { schema, table, columns, expressions, .. },
            Operation::CreateStatistics { schema: s, table: t, columns: c, expressions: e, .. },
        ) => (schema, table, columns, expressions) == (s, t, c, e),
        _ => false,
    }
}

fn why(keys: &[Key], list: &str) -> String {
    if keys.len() == 1 {
        format!(
            "The planner does not know how many values {list} takes; statistics over the expression count them."
        )
    } else {
        format!(
            "The planner multiplies the distinct counts of {list}; ndistinct statistics count the combinations."
        )
    }
}
