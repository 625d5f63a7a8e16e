//! What several agents need: reading the conditions of plans and the text of statements, naming new objects.

pub(crate) mod clock;
pub mod conditions;
pub mod names;
pub(crate) mod offers;
pub(crate) mod sql;
#[cfg(test)]
pub(crate) mod testing;
