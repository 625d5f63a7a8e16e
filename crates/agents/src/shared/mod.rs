//! What several agents need: reading the conditions of plans, naming new objects.

pub mod conditions;
pub mod names;
#[cfg(test)]
pub(crate) mod testing;
