//! Values for the `$n` of normalized statements.
//!
//! The tree of a statement says with what each parameter is compared; those expressions are evaluated over the rows that
//! the statement itself reads (its FROM clause and those conditions that have no parameters), on a fork. So values are
//! real, of the right shape whatever casts and functions are around a column, and those of one set come from the
//! same rows, so that they find something together. The server says of which types they are (PREPARE). Each set is
//! then run, and what it finds must be what its class promises.

mod classes;
mod compared;
mod prove;
mod repair;
mod sample;
mod synthesize;
mod value;

pub(super) use compared::conditions;
pub use prove::{found, run as prove, takes_part};
pub use synthesize::{Synthesis, synthesize};
