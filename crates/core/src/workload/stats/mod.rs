//! A workload from pg_stat_statements: a snapshot, or the difference of two, filtered and weighted.

mod choose;
mod snapshot;

pub(super) use choose::names;
pub(in crate::workload) use choose::reads_system;
pub use choose::{Chosen, Filter, choose};
pub use snapshot::{Entry, Snapshot, read};
