//! A proposal in the making: one change, the accesses that it helps, the reasons.

use pgverse_core::types::{IndexKey, Operation, StatementId};

use super::access::Access;
use super::spec::Spec;

/// Something worth trying.
#[derive(Debug, Clone)]
pub(crate) struct Idea<'a> {
    /// What to change.
    pub action: Action<'a>,
    /// Whom it helps.
    pub gains: Vec<Gain<'a>>,
    /// Sentences: what was seen, why this form, what was rejected.
    pub reasons: Vec<String>,
}

/// A change.
#[derive(Debug, Clone)]
pub(crate) enum Action<'a> {
    /// New indexes that only make sense together; mostly one.
    Create(Vec<Spec<'a>>),
    /// An index less.
    Drop {
        /// The operation.
        operation: Operation,
        /// For the title.
        name: String,
    },
}

/// What an idea may save at one place.
#[derive(Debug, Clone)]
pub(crate) struct Gain<'a> {
    /// Statement.
    pub statement: &'a StatementId,
    /// Number of the access; equal for ideas that save the same time.
    pub place: usize,
    /// Milliseconds, weighted, if only the rows that are needed were read.
    pub saved: f64,
    /// The same as a share of the statement's own time.
    pub share: f64,
}

impl<'a> Idea<'a> {
    /// One index for one access.
    pub(crate) fn index(spec: Spec<'a>, access: &Access<'a>, saved_ms: f64, reason: String) -> Self {
        Self::indexes(vec![spec], access, saved_ms, reason)
    }

    /// Several indexes for one access.
    pub(crate) fn indexes(specs: Vec<Spec<'a>>, access: &Access<'a>, saved_ms: f64, reason: String) -> Self {
        let gain = Gain {
            statement: access.statement,
            place: 0,
            saved: saved_ms.max(0.0) * access.weight,
            share: (saved_ms / access.statement_ms.max(0.001)).clamp(0.0, 1.0),
        };
        Self {
            action: Action::Create(specs),
            gains: vec![gain],
            reasons: vec![format!("{}: {reason}", access.statement)],
        }
    }

    /// The only new index, if it is exactly one.
    pub(crate) fn single(&self) -> Option<&Spec<'a>> {
        match &self.action {
            Action::Create(specs) => match specs.as_slice() {
                [spec] => Some(spec),
                _ => None,
            },
            Action::Drop { .. } => None,
        }
    }

    /// Weighted milliseconds over all places.
    pub(crate) fn saved(&self) -> f64 {
        self.gains.iter().map(|g| g.saved).sum()
    }
}

/// Such as `Seq Scan on orders o reads 500000 rows in 19.0 ms and keeps 12 (0.002 %)`.
pub(crate) fn seen(access: &Access<'_>) -> String {
    let verb = if access.measured { "reads" } else { "would read" };
    let share = 100.0 * access.fraction();
    let share = if share >= 1.0 { format!("{share:.0}") } else { format!("{share:.2}") };
    format!(
        "{} {verb} {:.0} rows in {}{:.1} ms and keeps {:.0} ({share} %)",
        access.node,
        access.scanned,
        if access.measured { "" } else { "an estimated " },
        access.ms,
        access.kept,
    )
}

/// Key columns as a list of words.
pub(crate) fn words(keys: &[IndexKey]) -> String {
    let words: Vec<&str> =
        keys.iter().filter_map(|k| k.column.as_deref().or(k.expression.as_deref())).collect();
    words.join(", ")
}
