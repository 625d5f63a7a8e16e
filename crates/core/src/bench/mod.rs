//! Measuring: arms, shots, rounds, and the default benchmarker.

mod lab;
mod round;
pub(crate) mod runnable;
mod runner;

pub use lab::Lab;
pub use round::{Arm, Round, Shot};
pub use runner::TransactionBenchmarker;
