//! What is run, in which order, under which arm.

use crate::types::{ParameterSetId, StatementId, StatementKind};

/// A way the database can be: the baseline, the control, or one candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    /// For logs and errors: `baseline`, `control`, or a candidate's id.
    pub name: String,
    /// Statements that switch to this arm inside a transaction.
    pub enter: Vec<String>,
}

/// One statement with one parameter set under one arm.
#[derive(Debug, Clone, PartialEq)]
pub struct Shot {
    /// Position in [`Round::arms`].
    pub arm: usize,
    /// Statement.
    pub statement: StatementId,
    /// Parameter set.
    pub parameter_set: ParameterSetId,
    /// Text under this arm.
    pub sql: String,
    /// Parameter values.
    pub values: Vec<Option<String>>,
    /// Writes run in a savepoint that is rolled back.
    pub kind: StatementKind,
    /// Runs within the shot; the sample is their median.
    pub repetitions: u32,
    /// Each run's time-out, milliseconds.
    pub timeout_ms: u64,
}

/// Shots in the order in which they run. Consecutive shots of one arm share a transaction.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Round {
    /// The arms.
    pub arms: Vec<Arm>,
    /// The shots.
    pub shots: Vec<Shot>,
}
