//! What several agents need: reading the conditions of plans, and reading and editing statements.

pub mod conditions;
pub(crate) mod sql;
