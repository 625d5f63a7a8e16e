//! Sets the stage: what is read, what it may hold, emptied tables.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::Deserialize;
use sqlparser::ast::{Expr, Value, visit_expressions_mut};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};
use tokio_postgres::types::{Kind as TypeKind, Type};

use super::Rewrite;
use super::arena::Arena;
use super::constants::Constants;
use super::parameters::{Parameter, class_of};
use super::references::{References, references};
use super::scene::{Domain, Target, TypeFacts, assign, closure, condition, domains, targets};
use super::values::{Kind, distinct};
use crate::answers::TextFacts;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::Session;
use crate::pg::quote::{ident, literal_or_null, qualified};
use crate::types::{Catalog, ConstraintKind, ParameterSet};

const TYPES: &str = include_str!("types.sql");
const TABLES: &str = include_str!("tables.sql");

/// So that a recursive query over cyclic rows ends, and so that nobody waits for a lock.
const SETTINGS: &str = "SET LOCAL statement_timeout TO '2s'; SET LOCAL lock_timeout TO '2s';
     SET LOCAL client_min_messages TO error; SET LOCAL jit TO off;
     SET LOCAL max_parallel_workers_per_gather TO 0";

/// Constant expressions that the server is asked about, at the most.
const COMPUTED: usize = 60;
/// Parameter sets whose values go into the domains, at the most.
const SETS: usize = 20;
/// Real values kept of a column, at the most.
const SAMPLES: usize = 12;

/// Everything that is known before the first database.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) targets: Vec<Target>,
    pub(super) views: Vec<String>,
    pub(super) domains: BTreeMap<Kind, Domain>,
    pub(super) constants: Constants,
    pub(super) parameters: Vec<Parameter>,
}

#[derive(Debug, Deserialize)]
struct TableFacts {
    schema: String,
    name: String,
    triggers: bool,
    redirected: bool,
    policies: bool,
    bounds: Vec<Option<String>>,
}

/// Reads what must be known and empties the tables; the inner error says why that cannot be done.
pub(super) async fn prepare(
    cx: &Context,
    session: &Session,
    catalog: &Catalog,
    rewrite: Rewrite<'_>,
    steps: &[String],
) -> Result<std::result::Result<Prepared, String>> {
    session.batch(cx, SETTINGS).await?;
    let original = rewrite.statement.sql.as_str();
    let found = match references(cx, session, original, rewrite.sql, steps).await? {
        Ok(found) => found,
        Err(reason) => return Ok(Err(reason)),
    };
    let References { tables: read, views } = found;
    let tables = match closure(catalog, &read) {
        Ok(tables) => tables,
        Err(reason) => return Ok(Err(reason)),
    };
    let names: Vec<(&str, &str)> = tables.iter().map(|(t, _)| (t.schema.as_str(), t.name.as_str())).collect();
    let facts: Vec<TableFacts> = documents(cx, session, TABLES, &serde_json::json!(names)).await?;
    if let Some(reason) = facts.iter().find_map(obstacle) {
        return Ok(Err(reason));
    }
    let statement = session.prepare(cx, original).await?;
    let mut constants = Constants::default();
    constants.read(original);
    constants.read(rewrite.sql);
    for (table, _) in &tables {
        for check in table.constraints.iter().filter(|c| c.kind == ConstraintKind::Check) {
            if let Some(condition) = condition(&check.definition) {
                constants.read(&format!("SELECT 1 WHERE {condition}"));
            }
        }
    }
    for bound in facts.iter().flat_map(|f| &f.bounds).flatten() {
        constants.read(bound);
    }
    compute(cx, session, &mut constants, statement.params(), &rewrite.statement.parameter_sets).await?;
    constants.follow_links();

    let type_names: BTreeSet<&str> =
        tables.iter().flat_map(|(t, _)| &t.columns).map(|c| c.type_name.as_str()).collect();
    let types: Vec<TypeFacts> = documents(cx, session, TYPES, &serde_json::json!(type_names)).await?;
    let mentioned =
        if views.is_empty() && steps.is_empty() { mentioned(&[original, rewrite.sql]) } else { None };
    let mut targets = targets(&tables, &types, mentioned.as_ref());
    for target in &mut targets {
        sample(cx, session, target).await?;
    }
    assign(&mut targets, &constants);
    let domains = domains(&targets, &constants);
    for field in targets.iter_mut().flat_map(|t| &mut t.columns) {
        let domain = types.iter().any(|t| t.name == field.type_name && t.domain);
        if field.must_ask(domain) {
            let shared = domains.get(&field.kind).map(|d| d.wide.iter().chain(&d.plain));
            let all = shared.into_iter().flatten().chain(&field.own).chain(&field.near).chain(&field.samples);
            let all = distinct(all.filter(|v| field.class.fits(v)).cloned());
            field.valid =
                Some(valid(cx, session, (&field.name, &field.type_name), &field.conditions, &all).await?);
        }
    }
    empty(cx, session, &targets, &facts).await?;
    let limit = TextFacts::read(original).and_then(|f| f.limit).unwrap_or_default();
    let parameters = statement.params().iter().enumerate().map(|(n, t)| parameter(n, t, &limit)).collect();
    Ok(Ok(Prepared { targets, views, domains, constants, parameters }))
}

impl Prepared {
    /// Both texts, prepared over the emptied tables.
    pub(super) async fn arena<'a>(
        &'a self,
        cx: &Context,
        session: &'a Session,
        rewrite: Rewrite<'a>,
        steps: &'a [String],
    ) -> Result<Arena<'a>> {
        let original = rewrite.statement.sql.as_str();
        let rewritten = if steps.is_empty() { Some(session.prepare(cx, rewrite.sql).await?) } else { None };
        Ok(Arena {
            session,
            targets: &self.targets,
            views: &self.views,
            steps,
            original: (original, session.prepare(cx, original).await?),
            rewritten: (rewrite.sql, rewritten),
            facts: TextFacts::read(original),
            loaded: Default::default(),
        })
    }
}

fn obstacle(facts: &TableFacts) -> Option<String> {
    let what = match facts {
        TableFacts { redirected: true, .. } => "a rule redirects what is inserted into",
        TableFacts { policies: true, .. } => "row-level security hides rows of",
        _ => return None,
    };
    Some(format!("{what} {}", qualified(&facts.schema, &facts.name)))
}

async fn documents<T: serde::de::DeserializeOwned>(
    cx: &Context,
    session: &Session,
    sql: &str,
    input: &serde_json::Value,
) -> Result<Vec<T>> {
    let rows = session.json(cx, sql, &[Some(input.to_string())]).await?;
    rows.into_iter()
        .map(|row| {
            serde_json::from_value(row)
                .map_err(|e| Error::internal("an answer does not have the expected shape").caused_by(e))
        })
        .collect()
}

/// Lets the server evaluate the constant expressions, with the statement's own parameters.
async fn compute(
    cx: &Context,
    session: &Session,
    constants: &mut Constants,
    types: &[Type],
    sets: &[ParameterSet],
) -> Result<()> {
    for set in sets.iter().take(SETS) {
        for value in set.values.iter().flatten() {
            constants.literal(value);
        }
    }
    let computed = std::mem::take(&mut constants.computed);
    for (columns, expr) in computed.into_iter().take(COMPUTED) {
        for set in sets.iter().take(SETS) {
            let Some(text) = with_values(&expr, types, set) else { break };
            let value = scalar(cx, session, &format!("SELECT ({text})::text")).await?;
            for value in value.into_iter().flatten() {
                constants.compare(&columns, &value);
            }
            if text == expr.to_string() {
                // No parameter in it: the same for all sets.
                break;
            }
        }
    }
    Ok(())
}

/// The expression with its parameters written out.
fn with_values(expr: &Expr, types: &[Type], set: &ParameterSet) -> Option<String> {
    let mut expr = expr.clone();
    let mut known = true;
    let _ = visit_expressions_mut(&mut expr, |part| {
        if let Expr::Value(value) = part
            && let Value::Placeholder(name) = &value.value
        {
            let number =
                name.strip_prefix('$').and_then(|n| n.parse::<usize>().ok()).and_then(|n| n.checked_sub(1));
            let written = number.and_then(|n| {
                let kind = types.get(n)?;
                let cast = format!(
                    "{}::{}",
                    literal_or_null(set.values.get(n)?.as_deref()),
                    qualified(kind.schema(), kind.name())
                );
                Parser::new(&PostgreSqlDialect {}).try_with_sql(&cast).ok()?.parse_expr().ok()
            });
            match written {
                Some(written) => *part = written,
                None => known = false,
            }
        }
        std::ops::ControlFlow::<()>::Continue(())
    });
    known.then(|| expr.to_string())
}

/// One value, or nothing where the server cannot tell.
async fn scalar(cx: &Context, session: &Session, sql: &str) -> Result<Option<Option<String>>> {
    session.batch(cx, "SAVEPOINT guess").await?;
    let rows = session.rows(cx, sql, &[]).await;
    session.batch(cx, "ROLLBACK TO SAVEPOINT guess; RELEASE SAVEPOINT guess").await?;
    match rows {
        Ok(rows) => Ok(rows.first().and_then(|row| row.try_get(0).ok())),
        Err(error) => {
            cx.check()?;
            tracing::debug!(%error, "a constant expression has no value");
            Ok(None)
        }
    }
}

/// The words of the texts, unless one of them reads columns that it does not name.
fn mentioned(texts: &[&str]) -> Option<BTreeSet<String>> {
    let mut words = BTreeSet::new();
    for text in texts {
        let tokens = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize().ok()?;
        let tokens: Vec<Token> = tokens.into_iter().filter(|t| !matches!(t, Token::Whitespace(_))).collect();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                Token::Word(word) => {
                    words.insert(word.value.to_lowercase());
                }
                Token::Mul => {
                    // A factor, or count(*); anything else is a list of columns.
                    let factor = |t: &Token| matches!(t, Token::Number(..) | Token::RParen | Token::LParen);
                    let named = |t: &Token| matches!(t, Token::Word(w) if !is_list_start(&w.value));
                    if !at.checked_sub(1).and_then(|p| tokens.get(p)).is_some_and(|t| factor(t) || named(t)) {
                        return None;
                    }
                }
                _ => {}
            }
        }
    }
    (!words.contains("natural")).then_some(words)
}

fn is_list_start(word: &str) -> bool {
    ["select", "distinct", "all"].contains(&word.to_lowercase().as_str())
}

/// Values that the columns of a table really have.
async fn sample(cx: &Context, session: &Session, target: &mut Target) -> Result<()> {
    if target.columns.is_empty() {
        return Ok(());
    }
    let columns: Vec<String> = target
        .columns
        .iter()
        .enumerate()
        .map(|(n, c)| {
            let name = ident(&c.name);
            format!("CASE WHEN octet_length({name}::text) <= 200 THEN {name}::text END AS c{n}")
        })
        .collect();
    let table = qualified(&target.schema, &target.name);
    let sql = format!("SELECT to_json(s) FROM (SELECT {} FROM {table} LIMIT 200) AS s", columns.join(", "));
    session.batch(cx, "SAVEPOINT guess").await?;
    let rows = session.json(cx, &sql, &[]).await;
    session.batch(cx, "ROLLBACK TO SAVEPOINT guess; RELEASE SAVEPOINT guess").await?;
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => {
            cx.check()?;
            tracing::debug!(%error, "a table cannot be sampled");
            return Ok(());
        }
    };
    for (n, field) in target.columns.iter_mut().enumerate() {
        let key = format!("c{n}");
        let real = rows.iter().filter_map(|row| row.get(&key)?.as_str().map(str::to_owned));
        let all = distinct(field.samples.drain(..).take(SAMPLES / 2).chain(real));
        field.samples = all.into_iter().take(SAMPLES).collect();
    }
    Ok(())
}

/// Those of the values that the server takes for a column.
async fn valid(
    cx: &Context,
    session: &Session,
    (name, type_name): (&str, &str),
    conditions: &[String],
    values: &[String],
) -> Result<HashSet<String>> {
    let condition = |c: &String| format!("({c}) IS NOT FALSE");
    let mut conditions: Vec<String> = conditions.iter().map(condition).collect();
    // Also makes the server compute the cast where there is no condition.
    conditions.push(format!("{} IS NOT NULL", ident(name)));
    let conditions = conditions.join(" AND ");
    // OFFSET 0 keeps the cast out of the conditions of other values.
    let sql = |values: &str| {
        format!(
            "SELECT to_json(v) FROM (SELECT v, v::{type_name} AS {} FROM json_array_elements_text({values}::json) AS u(v) OFFSET 0) AS s WHERE {conditions}",
            ident(name)
        )
    };
    let mut taken = HashSet::new();
    let mut batches = vec![values.to_vec()];
    while let Some(batch) = batches.pop() {
        if batch.is_empty() {
            continue;
        }
        let list = serde_json::json!(batch).to_string();
        session.batch(cx, "SAVEPOINT guess").await?;
        let rows = session.json(cx, &sql("$1"), &[Some(list)]).await;
        session.batch(cx, "ROLLBACK TO SAVEPOINT guess; RELEASE SAVEPOINT guess").await?;
        match rows {
            Ok(rows) => taken.extend(rows.iter().filter_map(|v| v.as_str().map(str::to_owned))),
            Err(_) => {
                cx.check()?;
                if batch.len() > 1 {
                    // One bad value spoils the batch: ask for the halves.
                    let (left, right) = batch.split_at(batch.len() / 2);
                    batches.extend([left.to_vec(), right.to_vec()]);
                }
            }
        }
    }
    Ok(taken)
}

/// Empties the tables, and whatever points at them; the transaction brings all of it back.
async fn empty(cx: &Context, session: &Session, targets: &[Target], facts: &[TableFacts]) -> Result<()> {
    if targets.is_empty() {
        return Ok(());
    }
    // Triggers of users could change what is inserted; those of constraints stay.
    for table in facts.iter().filter(|f| f.triggers) {
        let name = qualified(&table.schema, &table.name);
        session.batch(cx, &format!("ALTER TABLE {name} DISABLE TRIGGER USER")).await?;
    }
    let names: Vec<String> = targets.iter().map(|t| qualified(&t.schema, &t.name)).collect();
    let sql = format!("TRUNCATE {} CASCADE; SET CONSTRAINTS ALL IMMEDIATE", names.join(", "));
    session.batch(cx, &sql).await
}

fn parameter(number: usize, kind: &Type, limit: &str) -> Parameter {
    let labels: &[String] = match kind.kind() {
        TypeKind::Enum(labels) => labels,
        _ => &[],
    };
    let (class, type_name) = class_of(kind.name(), labels);
    let domain = class.kind(&type_name);
    let placeholder = format!("${}", number + 1);
    let count = limit.split(|c: char| !(c.is_ascii_alphanumeric() || c == '$')).any(|w| w == placeholder);
    Parameter { class, kind: domain, count }
}
