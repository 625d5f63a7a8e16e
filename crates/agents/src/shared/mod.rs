//! What several agents need: reading the conditions of plans.

pub mod conditions;
