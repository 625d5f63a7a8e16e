//! The engine of pgverse: fork the database, let strategies compete on the forks, believe only paired
//! measurements, promote the winner safely.
//!
//! This crate holds the types that flow ([`types`]), the four traits ([`traits`]), the one place that talks
//! to PostgreSQL ([`pg`]), the measuring, comparing and judging code, and the engine ([`competition`]). It
//! knows no agent and no fork backend by name; those live in `pgverse-agents` and `pgverse-fork-backends`.
//!
//! ```text
//! Source (read-only) ─▶ Brief ─▶ Agent.propose ─▶ Candidate ─▶ Trial ─▶ Judge ─▶ Verdict ─▶ Promotion
//! ```

pub mod answers;
pub mod bench;
pub mod competition;
pub mod context;
pub mod error;
pub mod event;
pub mod judge;
pub mod load;
mod meter;
pub mod pg;
pub mod promote;
pub mod report;
pub mod stats;
pub mod traits;
pub mod types;
pub mod workload;

pub use context::Context;
pub use error::{Error, ErrorKind, Result, Retry};
pub use event::{Event, EventLog};
