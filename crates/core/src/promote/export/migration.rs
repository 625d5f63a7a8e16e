//! A plan cut into the units that migration tools apply: each a transaction, or one statement outside of any.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::text::{LOCK_TIMEOUT, interval, lock_name, one_line, slug};
use crate::error::{Error, Result};
use crate::types::{LockLevel, Operation, PromotionPlan, PromotionStep, Report};

/// Everything that the formats write.
#[derive(Debug)]
pub(super) struct Migration {
    /// When the competition began; names are made from it, so that they are the same at each export.
    began: Timestamp,
    /// Plan hash, hexadecimal.
    pub(super) hash: String,
    /// Lines about the whole, without comment marks.
    pub(super) header: Vec<String>,
    /// In order; undone in reverse.
    pub(super) units: Vec<Unit>,
}

/// What is applied, and undone, as one.
#[derive(Debug)]
pub(super) struct Unit {
    /// Position among the units, from 0.
    pub(super) number: usize,
    /// Lower-case letters, digits and underscores.
    pub(super) slug: String,
    /// Lines about it, without comment marks.
    pub(super) notes: Vec<String>,
    pub(super) up: Side,
    pub(super) down: Side,
}

/// One direction of a unit.
#[derive(Debug, Default)]
pub(super) struct Side {
    /// In order; may be empty.
    pub(super) statements: Vec<String>,
    /// Whether it must run outside of a transaction; it is alone then.
    pub(super) outside: bool,
    /// Whether it is one statement that must not share a transaction with its neighbours, which would hold its lock.
    pub(super) alone: bool,
}

impl Side {
    /// Its statements, in the transaction that they run in, with a bound on waiting for locks.
    pub(super) fn bounded(&self) -> Vec<String> {
        if self.statements.is_empty() {
            return Vec::new();
        }
        let mut statements = vec![format!("SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")];
        statements.extend(self.statements.iter().cloned());
        statements
    }

    /// Its statement in a session that commits each statement, with a bound on waiting for locks.
    pub(super) fn bounded_alone(&self) -> Vec<String> {
        self.in_session(&format!("'{LOCK_TIMEOUT}'"))
    }

    /// Its statement outside of a transaction, in a session that may have a bound on waiting for locks: a build that
    /// is cut off by it would leave an invalid index.
    pub(super) fn unbounded(&self) -> Vec<String> {
        self.in_session("0")
    }

    fn in_session(&self, lock_timeout: &str) -> Vec<String> {
        let mut statements = vec![format!("SET lock_timeout = {lock_timeout}")];
        statements.extend(self.statements.iter().cloned());
        statements.push("RESET lock_timeout".to_owned());
        statements
    }
}

impl Migration {
    /// Cuts a report's plan.
    pub(super) fn of(report: &Report, plan: &PromotionPlan) -> Result<Self> {
        let began: Timestamp = report.started.parse().map_err(|e| {
            Error::invalid("the report does not say when it began")
                .with("report", &report.id)
                .with("started", &report.started)
                .caused_by(e)
        })?;
        let steps: Vec<&PromotionStep> = plan.steps.iter().filter(|s| !s.up.is_empty()).collect();
        let mut units = Vec::new();
        for (number, step) in (1..).zip(&steps) {
            units.extend(cut(step, number, steps.len(), units.len()));
        }
        Ok(Self { began, hash: plan.hash.clone(), header: header(report), units })
    }

    /// A number for the unit at this position: the time when the competition began and a second more for each unit.
    pub(super) fn version(&self, number: usize) -> String {
        let seconds = i64::try_from(number).unwrap_or_default();
        let at = self.began.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(self.began);
        at.to_zoned(TimeZone::UTC).strftime("%Y%m%d%H%M%S").to_string()
    }

    /// Version and slug of a unit.
    pub(super) fn name(&self, unit: &Unit) -> String {
        format!("{}_{}", self.version(unit.number), unit.slug)
    }

    /// Lines about the whole and then about a unit.
    pub(super) fn lines<'a>(&'a self, unit: &'a Unit) -> impl Iterator<Item = &'a str> {
        self.header.iter().chain(&unit.notes).map(String::as_str)
    }

    /// What the units hold beyond the first, as the name of the whole.
    pub(super) fn slug(&self) -> &str {
        self.units.first().map_or("pgverse", |unit| unit.slug.as_str())
    }
}

fn header(report: &Report) -> Vec<String> {
    let winner = report.verdict.winner.as_ref();
    let title = winner.and_then(|id| {
        report.universes.iter().flat_map(|u| &u.candidates).find(|c| &c.id == id).map(|c| c.title.as_str())
    });
    let mut lines = vec![one_line(&format!(
        "pgverse {}, {}: {}",
        report.pgverse,
        winner.map_or("", |id| id.as_str()),
        title.unwrap_or_default()
    ))];
    lines.push(format!("plan hash {}", one_line(&report.promotion.hash)));
    if let Some(ratio) = report.verdict.ratio {
        lines.push(format!("measured on a fork: the workload takes {} of its time", interval(ratio)));
    }
    lines
}

/// The units of a step. What may share a transaction is one unit. Otherwise each statement is one, and the
/// statements of the way back stand so that undoing the units in reverse runs them in order, the last of them with
/// the first unit: whatever was applied of the step, undoing its first unit removes it.
fn cut(step: &PromotionStep, number: usize, of: usize, before: usize) -> Vec<Unit> {
    let unit = |position: usize, up: Side, down: Side| {
        let mut notes = vec![
            one_line(&format!("step {number} of {of}: {}", step.title)),
            format!("strongest lock of the step: {}", lock_name(step.lock)),
        ];
        if up.outside {
            notes.push(
                "if this was interrupted, drop the invalid index that it left before trying again".to_owned(),
            );
        } else if step.lock > LockLevel::None {
            notes.push(format!("gives up after {LOCK_TIMEOUT} of waiting for a lock; try again then"));
        }
        Unit { number: before + position, slug: slug(&step.title), notes, up, down }
    };
    if together(step) {
        let whole = |statements: &[String]| Side { statements: statements.to_vec(), ..Side::default() };
        return vec![unit(0, whole(&step.up), whole(&step.down))];
    }
    let alone = |statement: Option<&String>| {
        statement.map_or_else(Side::default, |sql| Side {
            statements: vec![sql.clone()],
            outside: is_concurrent(sql),
            alone: true,
        })
    };
    let count = step.up.len().max(step.down.len());
    let down = |position: usize| step.down.len().checked_sub(position + 1).and_then(|at| step.down.get(at));
    (0..count).map(|position| unit(position, alone(step.up.get(position)), alone(down(position)))).collect()
}

/// Whether all statements of a step may share one transaction.
fn together(step: &PromotionStep) -> bool {
    // A constraint's rows are checked under a weak lock, once the strong one of adding it is given back.
    step.transactional && !matches!(step.operation, Operation::AddConstraint { .. })
}

/// Whether a statement of ours on an index is one that refuses to run in a transaction.
fn is_concurrent(sql: &str) -> bool {
    ["CREATE INDEX CONCURRENTLY ", "CREATE UNIQUE INDEX CONCURRENTLY ", "DROP INDEX CONCURRENTLY "]
        .iter()
        .any(|verb| sql.starts_with(verb))
}
