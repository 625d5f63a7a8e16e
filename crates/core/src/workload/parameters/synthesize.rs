//! Parameter sets for one normalized statement.

use std::time::Duration;

use tokio_postgres::types::{Kind, Type};

use super::classes::ScopeValues;
use super::compared::{Compared, How, Role, Scope, compared};
use super::prove::{found, run};
use super::repair::repair;
use super::sample::{KEPT, combinations, quantiles, stored};
use super::value::{absent, beyond, type_name, typed, usual, weight};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::pg::Session;
use crate::types::{Origin, ParameterSet, Selectivity};
use crate::workload::scan::{Kind as TokenKind, Scanner};

const CLASSES: [Selectivity; 4] =
    [Selectivity::Frequent, Selectivity::Typical, Selectivity::Rare, Selectivity::Absent];

/// What became of a statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Synthesis {
    /// The text that runs; not the normalized one where `$n` stood in a place where no parameter may.
    pub sql: String,
    /// Sets that were run and found what their class promises.
    pub sets: Vec<ParameterSet>,
    /// Rows that each set found, same order.
    pub found: Vec<f64>,
    /// Sets that ran, but found something else than their class promises.
    pub missed: usize,
    /// A set that did not end within the limit, where no other ran: what it finds is not known.
    pub endless: Option<ParameterSet>,
    /// How the values were obtained, what was assumed, what was dropped and why.
    pub notes: Vec<String>,
}

/// Makes and proves parameter sets on a fork. `limit` is the longest time of one run.
///
/// # Errors
/// `Sql` where the server cannot prepare the statement or it refuses all sets; the message says why.
pub async fn synthesize(cx: &Context, session: &Session, sql: &str, limit: Duration) -> Result<Synthesis> {
    let (sql, mut notes) = repair(sql);
    let prepared = session.prepare(cx, &sql).await.map_err(|error| {
        if error.context().iter().any(|(key, value)| *key == "sqlstate" && value == "42P18") {
            error.hint(
                "the server cannot tell the type of a parameter from the text: give this statement in a file",
            )
        } else {
            error
        }
    })?;
    let types = prepared.params().to_vec();
    let tree = compared(&sql, types.len());
    let mut maker =
        Maker { cx, session, types, tree, notes: Vec::new(), asked: Vec::new(), constants: Vec::new() };
    maker.constants().await?;
    let made = maker.sets().await?;
    notes.append(&mut maker.notes);
    let mut synthesis =
        Synthesis { sql, sets: Vec::new(), found: Vec::new(), missed: 0, endless: None, notes };
    let mut refused: Option<Error> = None;
    let (mut second_choice, mut endless) = (None, None);
    for (class, attempts) in made {
        let mut ran = None;
        let set = |values: Values| ParameterSet {
            id: class.as_str().into(),
            values,
            weight: weight(class),
            origin: Origin::Synthesized(class),
        };
        for values in attempts {
            if synthesis.sets.iter().any(|set| set.values == values) {
                continue;
            }
            match run(cx, session, &synthesis.sql, &values, limit).await {
                Ok(plan) => {
                    let rows = found(&plan);
                    let keeps = keeps(class, rows, &synthesis);
                    ran = Some((values, rows, keeps));
                    if keeps {
                        break;
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Connection) => {
                    return Err(error);
                }
                Err(error) => {
                    if cx.statement_timed_out(&error) {
                        endless.get_or_insert_with(|| set(values));
                    }
                    synthesis.notes.push(format!("set {} dropped: {}", class.as_str(), error.message()));
                    refused = Some(error);
                }
            }
        }
        let Some((values, rows, keeps)) = ran else { continue };
        if keeps {
            synthesis.sets.push(set(values));
            synthesis.found.push(rows);
        } else {
            synthesis.missed += 1;
            synthesis.notes.push(format!("set {} dropped: it found {rows} rows", class.as_str()));
            second_choice.get_or_insert((set(values), rows));
        }
    }
    if synthesis.sets.is_empty() {
        match (second_choice, endless) {
            // It runs, and nothing else does.
            (Some((set, rows)), _) => {
                synthesis.sets.push(set);
                synthesis.found.push(rows);
            }
            (None, Some(set)) => synthesis.endless = Some(set),
            (None, None) => {
                return Err(refused.unwrap_or_else(|| Error::new(ErrorKind::Sql, "no values could be found")));
            }
        }
    }
    Ok(synthesis)
}

/// Whether a set finds what its class promises, beside those that were kept before it: frequent first.
fn keeps(class: Selectivity, rows: f64, kept: &Synthesis) -> bool {
    let less_than_before = kept.found.iter().all(|before| rows <= *before);
    match class {
        Selectivity::Absent => rows == 0.0,
        _ => rows >= 1.0 && less_than_before,
    }
}

/// One statement on its fork.
pub(super) struct Maker<'a> {
    pub(super) cx: &'a Context,
    pub(super) session: &'a Session,
    pub(super) types: Vec<Type>,
    tree: Compared,
    notes: Vec<String>,
    /// The parts of the statement, with what is known of their parameters as literals.
    pub(super) asked: Vec<Scope>,
    /// Values that are the same in all sets.
    constants: Vec<Option<Option<String>>>,
}

type Values = Vec<Option<String>>;

impl Maker<'_> {
    /// Values for parameters that are compared with nothing.
    async fn constants(&mut self) -> Result<()> {
        self.constants = vec![None; self.types.len()];
        for at in 0..self.types.len() {
            let (value, how) = match self.tree.roles[at].clone() {
                Role::Limit => (Some("20".to_owned()), "a page of 20 rows".to_owned()),
                Role::Offset => (Some("0".to_owned()), "the first page".to_owned()),
                Role::Field { of: None, function } => {
                    let field = if function == "to_char" { "YYYY-MM" } else { "day" };
                    (Some(field.to_owned()), format!("a usual argument of {function}"))
                }
                Role::Field { of: Some((scope, document)), .. } if self.types[at].name() == "text" => {
                    let keys = format!("(SELECT min(k) FROM jsonb_object_keys(to_jsonb({document})) AS k)");
                    let keys = vec![self.substitute(&keys)];
                    let found = combinations(self.cx, self.session, &self.tree.scopes[scope], &keys).await;
                    let key =
                        found.ok().and_then(|f| f.frequent.into_iter().next()?.values.into_iter().next());
                    (key, format!("a key of {document}"))
                }
                Role::Elsewhere | Role::Field { .. } => {
                    (usual(&self.types[at]), format!("known by its type {} only", self.types[at].name()))
                }
                Role::Compared { .. } | Role::Stored { .. } => continue,
            };
            self.notes.push(format!("${}: {how}", at + 1));
            self.constants[at] = Some(value);
        }
        self.stored().await
    }

    /// Values for columns that are written, all of one table from the same row.
    async fn stored(&mut self) -> Result<()> {
        let of = |role: &Role| match role {
            Role::Stored { table, column } => Some((table.clone(), column.clone())),
            _ => None,
        };
        let roles: Vec<(usize, (String, String))> =
            self.tree.roles.iter().enumerate().filter_map(|(at, role)| Some((at, of(role)?))).collect();
        let Some((_, (table, _))) = roles.first().cloned() else { return Ok(()) };
        let columns: Vec<String> = roles.iter().map(|(_, (_, column))| column.clone()).collect();
        let row = match stored(self.cx, self.session, &table, &columns).await {
            Ok(row) => row,
            Err(error) => return self.give_up(error, roles.iter().map(|(at, _)| *at)),
        };
        for ((at, (_, column)), (value, unique)) in roles.into_iter().zip(row) {
            let of = self.types[at].clone();
            let mut chosen = value.or_else(|| usual(&of));
            let mut how = format!("${}: {column} of a row of {table}", at + 1);
            if unique {
                let beyond = match beyond(&of, true) {
                    Some(end) => {
                        let scope =
                            Scope { from: table.clone(), with: String::new(), conditions: Vec::new() };
                        let ends =
                            quantiles(self.cx, self.session, &scope, &column, &[], &[], &[end]).await?;
                        ends.into_iter().next().flatten()
                    }
                    None => absent(&of),
                };
                chosen = beyond.or(chosen);
                how = format!("${}: a new value, since {column} of {table} is unique", at + 1);
            }
            self.notes.push(how);
            self.constants[at] = Some(chosen);
        }
        Ok(())
    }

    /// A text with its parameters as literals, so that it can be asked alone.
    fn substitute(&self, text: &str) -> String {
        let tokens = Scanner::new(text).map_while(Result::ok);
        let replaced = tokens.map(|token| {
            let at =
                (token.kind == TokenKind::Parameter).then(|| token.text[1..].parse::<usize>().ok()).flatten();
            match at.and_then(|n| Some((self.types.get(n.checked_sub(1)?)?, self.constants.get(n - 1)?))) {
                Some((of, constant)) => {
                    let value = constant.clone().unwrap_or_else(|| usual(of));
                    typed(value.as_deref(), of)
                }
                None => token.text.to_owned(),
            }
        });
        replaced.collect()
    }

    /// Values for each class, several attempts each.
    async fn sets(&mut self) -> Result<Vec<(Selectivity, Vec<Values>)>> {
        for scope in &mut self.tree.scopes.clone() {
            scope.from = self.substitute(&scope.from);
            scope.with = self.substitute(&scope.with);
            self.asked.push(scope.clone());
        }
        let mut scopes = Vec::new();
        for at in 0..self.tree.scopes.len() {
            scopes.push(self.scope(at).await?);
        }
        let by_type =
            |(constant, of): (&Option<Option<String>>, &Type)| constant.clone().unwrap_or_else(|| usual(of));
        let base: Values = self.constants.iter().zip(&self.types).map(by_type).collect();
        let mut sets: Vec<(Selectivity, Vec<Values>)> = Vec::new();
        if scopes.iter().all(|scope| scope.equals.is_empty() && scope.ranges.is_empty()) {
            return Ok(vec![(Selectivity::Typical, vec![base])]);
        }
        for class in CLASSES {
            let mut attempts: Vec<Values> = Vec::new();
            for attempt in 0..KEPT {
                let mut values = base.clone();
                let mut changed = false;
                let mut possible = true;
                for scope in &scopes {
                    match scope.values(self, class, attempt).await? {
                        Some(chosen) => {
                            for (at, value) in chosen {
                                values[at] = Some(value);
                                changed = true;
                            }
                        }
                        None => possible = false,
                    }
                }
                if possible && changed && !attempts.contains(&values) {
                    attempts.push(values);
                }
            }
            // Where the rows give nothing, what the types alone give.
            if class == Selectivity::Typical {
                attempts.push(base.clone());
            }
            sets.push((class, attempts));
        }
        Ok(sets)
    }

    /// What is known of the values of one part of the statement.
    async fn scope(&mut self, at: usize) -> Result<ScopeValues> {
        let mut found = ScopeValues { scope: at, ..ScopeValues::default() };
        for (parameter, role) in self.tree.roles.clone().into_iter().enumerate() {
            let Role::Compared { scope, other, how } = role else { continue };
            if scope != at {
                continue;
            }
            let of = self.types[parameter].clone();
            let other = self.substitute(&other);
            self.notes.push(format!(
                "${}: real values of {}",
                parameter + 1,
                other.split_whitespace().collect::<Vec<_>>().join(" ")
            ));
            match how {
                How::From | How::To => found.ranges.push((parameter, other, how)),
                How::Equal(_) | How::Differs => found.equals.push((parameter, other, how)),
                How::Like => found.equals.push((parameter, format!("left(({other})::text, 3)"), how)),
                How::Whole if matches!(of.kind(), Kind::Range(_)) => {
                    found.ranges.push((parameter, other, how))
                }
                How::Whole => found.equals.push((parameter, other, how)),
                How::Part => found.equals.push((parameter, part(&other, &of), how)),
            }
        }
        for (parameter, other, how) in std::mem::take(&mut found.ranges) {
            // Of the values in a range, unless ranges lie in ranges.
            let expression = match self.types[parameter].kind() {
                Kind::Range(element) if how == How::Whole => format!("({other})::{}", type_name(element)),
                _ => other.clone(),
            };
            match quantiles(self.cx, self.session, &self.asked[at], &expression, &[], &[0.5], &[]).await {
                Ok(_) => found.ranges.push((parameter, expression, how)),
                Err(error) if how == How::Whole && error.kind() == ErrorKind::Sql => {
                    found.equals.push((parameter, other, how));
                }
                Err(error) => self.give_up(error, [parameter])?,
            }
        }
        let mut expressions: Vec<String> = Vec::new();
        for (_, expression, _) in &found.equals {
            if !expressions.contains(expression) {
                expressions.push(expression.clone());
            }
        }
        if !expressions.is_empty() {
            match combinations(self.cx, self.session, &self.asked[at], &expressions).await {
                Ok(together) => found.together = together,
                Err(error) => {
                    let equals = std::mem::take(&mut found.equals);
                    self.give_up(error, equals.iter().map(|(parameter, ..)| *parameter))?;
                }
            }
        }
        found.expressions = expressions;
        Ok(found)
    }

    /// These parameters get values by their type alone, since the rows could not be asked.
    fn give_up(&mut self, error: Error, parameters: impl IntoIterator<Item = usize>) -> Result<()> {
        if !matches!(error.kind(), ErrorKind::Sql | ErrorKind::Timeout) || self.cx.check().is_err() {
            return Err(error);
        }
        for at in parameters {
            let of = &self.types[at];
            self.notes.push(format!(
                "${}: its rows cannot be asked ({}), so known by its type {} only",
                at + 1,
                error.message(),
                of.name()
            ));
            self.constants[at] = Some(usual(of));
        }
        Ok(())
    }
}

/// What a parameter that is part of an expression can be, as an expression over it.
fn part(other: &str, of: &Type) -> String {
    match of.kind() {
        Kind::Array(_) => format!("(({other})[1:1])"),
        Kind::Range(_) => other.to_owned(),
        _ if of.name() == "jsonb" => format!(
            "(SELECT jsonb_build_object(k, v) FROM jsonb_each({other}) AS pgverse_pair(k, v) ORDER BY k LIMIT 1)"
        ),
        _ if of.name() == "text" => format!("(SELECT min(k) FROM jsonb_object_keys({other}) AS k)"),
        _ => format!("lower({other})"),
    }
}
