//! What would be done to the source, step by step.

use serde::{Deserialize, Serialize};

use super::{CandidateId, LockLevel};

/// An ordered plan; nothing is written to a source without an approval that names its hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PromotionPlan {
    /// The winner that it promotes.
    pub candidate: CandidateId,
    /// BLAKE3 over candidate and steps, hexadecimal.
    pub hash: String,
    /// In order.
    pub steps: Vec<PromotionStep>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PromotionStep {
    /// One line.
    pub title: String,
    /// Statements that apply it without blocking production.
    pub up: Vec<String>,
    /// Statements that undo it without blocking production.
    pub down: Vec<String>,
    /// The strongest lock on a user's table, of applying it and undoing it.
    pub lock: LockLevel,
    /// Whether it may run inside a transaction block.
    pub transactional: bool,
}
