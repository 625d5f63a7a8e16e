//! From pg_stat_statements to a workload that runs: chosen, filled with values, proven on a fork.

mod observed;
mod run;

pub use observed::{Observed, Observer};
pub use run::{Intake, Request, intake};
