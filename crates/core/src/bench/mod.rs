//! Measuring: arms, shots, rounds, and the default benchmarker.

mod lab;
mod round;
pub(crate) mod runnable;
mod runner;

pub use lab::Lab;
pub(crate) use lab::on_fork;
pub use round::{Arm, Round, Shot};
pub use runner::TransactionBenchmarker;
