//! The traits that others implement: few methods, object-safe, contract first.

mod agent;
mod bench;
mod fork;
mod judge;
mod workbench;

pub use agent::{Agent, Probe};
pub use bench::{Benchmarker, Sample};
pub use fork::ForkBackend;
pub use judge::Judge;
pub use workbench::{Question, TryOut, Workbench};
