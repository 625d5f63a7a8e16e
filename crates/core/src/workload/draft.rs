//! From what was given for a statement to the statement, with every check on the way.

use std::collections::{BTreeMap, HashSet};

use super::classify::classify;
use super::normalize::fingerprint;
use super::position::Position;
use super::scan::{Kind, code};
use super::{Note, Place};
use crate::error::Result;
use crate::types::{ParameterSet, Statement, StatementId, StatementKind};

/// The protocol counts parameters in 16 bits.
const MOST_PARAMETERS: usize = 65_535;

/// What was given for one statement.
pub(super) struct Draft<'a> {
    pub(super) sql: &'a str,
    pub(super) at: Position,
    pub(super) name: Option<(String, Position)>,
    /// What its author states it to be.
    pub(super) stated: Option<StatementKind>,
    pub(super) weight: Option<f64>,
    pub(super) sets: Vec<Given>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(sql: &'a str, at: Position) -> Self {
        Self { sql, at, name: None, stated: None, weight: None, sets: Vec::new() }
    }
}

/// A parameter set and the line that gave it.
pub(super) struct Given {
    pub(super) set: ParameterSet,
    pub(super) at: Option<Position>,
}

/// The statements so far.
#[derive(Default)]
pub(super) struct Drafts<'a> {
    /// For statements with parameters that are given none.
    usual: &'a [ParameterSet],
    pub(super) statements: Vec<Statement>,
    pub(super) notes: Vec<Note>,
    pub(super) positions: Vec<Position>,
    names: HashSet<String>,
}

impl<'a> Drafts<'a> {
    pub(super) fn new(usual: &'a [ParameterSet]) -> Self {
        Self { usual, ..Self::default() }
    }

    /// The place of each statement in the file.
    pub(super) fn origins(&self, file: &str) -> BTreeMap<StatementId, Place> {
        let place = |at: &Position| Place { file: file.to_owned(), line: at.line, column: at.column };
        self.statements.iter().zip(&self.positions).map(|(s, at)| (s.id.clone(), place(at))).collect()
    }

    /// Checks a draft and adds it as a statement.
    pub(super) fn add(&mut self, draft: Draft<'_>) -> Result<()> {
        let number = self.statements.len() + 1;
        let (name, named_at) = draft.name.unwrap_or_else(|| (format!("statement_{number}"), draft.at));
        if !self.names.insert(name.clone()) {
            return Err(named_at
                .error(format!("two statements are named {name:?}"))
                .hint("give each its own name"));
        }
        let class = classify(draft.sql, draft.at)?;
        if let Some(stated) = draft.stated.filter(|stated| *stated != class.kind) {
            return Err(named_at.error(format!(
                "{name:?} is marked as one that {}, but it {}",
                does(stated),
                does(class.kind)
            )));
        }
        let id = StatementId::from(name);
        self.notes.extend(class.notes.into_iter().map(|message| Note { statement: id.clone(), message }));
        self.statements.push(Statement {
            id,
            sql: draft.sql.to_owned(),
            fingerprint: fingerprint(draft.sql),
            kind: class.kind,
            parameter_sets: parameter_sets(draft.sql, draft.at, draft.sets, self.usual)?,
            weight: draft.weight.unwrap_or(1.0),
        });
        self.positions.push(draft.at);
        Ok(())
    }
}

fn does(kind: StatementKind) -> &'static str {
    match kind {
        StatementKind::Read => "reads",
        StatementKind::Write => "writes",
    }
}

fn parameter_sets(
    sql: &str,
    at: Position,
    mut given: Vec<Given>,
    usual: &[ParameterSet],
) -> Result<Vec<ParameterSet>> {
    let (highest, first_at) = parameters(sql, at)?;
    if highest > 0 && given.is_empty() {
        given = usual.iter().map(|set| Given { set: set.clone(), at: None }).collect();
    }
    let used = match highest {
        1 => "$1".to_owned(),
        n => format!("$1 to ${n}"),
    };
    if highest > 0 && given.is_empty() {
        return Err(first_at
            .error(format!("the statement uses {used}, but no values are given"))
            .hint("give them in a line before the statement, such as: -- params typical: 42, 'a text'"));
    }
    let mut sets: Vec<ParameterSet> = Vec::with_capacity(given.len().max(1));
    for Given { set, at: line } in given {
        let fail = |message: String| line.unwrap_or(at).error(message);
        let count = set.values.len();
        if highest == 0 {
            return Err(fail(format!("params {:?} are given, but the statement has no $1", set.id.as_str()))
                .hint("write $1, $2 … in the statement where the values go, or remove the line"));
        }
        if count != highest {
            let values = if count == 1 { "value" } else { "values" };
            return Err(fail(format!(
                "params {:?} have {count} {values}, but the statement uses {used}",
                set.id.as_str()
            ))
            .hint("separate values with commas, and quote one that holds a comma: 'a, b'"));
        }
        if sets.iter().any(|s| s.id == set.id) {
            return Err(fail(format!("two sets of params are named {:?}", set.id.as_str()))
                .hint("give each its own name"));
        }
        sets.push(set);
    }
    if sets.is_empty() {
        sets.push(ParameterSet::none());
    }
    Ok(sets)
}

/// The highest `$n` and where the first of them stands.
fn parameters(sql: &str, at: Position) -> Result<(usize, Position)> {
    let mut found = None;
    let mut highest = 0;
    for token in code(sql).filter(|t| t.kind == Kind::Parameter) {
        let here = || at.after(&sql[..token.start]);
        let number = token.text[1..].parse().ok().filter(|n| (1..=MOST_PARAMETERS).contains(n));
        highest = highest.max(number.ok_or_else(|| {
            here()
                .error(format!("{} is not a parameter", token.text))
                .hint("they are counted from $1 to $65535")
        })?);
        found.get_or_insert_with(here);
    }
    Ok((highest, found.unwrap_or(at)))
}
