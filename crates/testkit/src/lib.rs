//! Throw-away PostgreSQL servers, a fixture database, agents that misbehave, and behaviour suites. For tests
//! only: what is missing or fails here panics, so that no test passes without having tested.

#![allow(clippy::expect_used, clippy::panic, reason = "a test support crate fails by panicking")]

mod agents;
mod dump;
mod home;
pub mod mixed;
mod operations;
mod promotion;
mod server;
pub mod shop;
pub mod suite;

pub use agents::{FailingAgent, FixedAgent, HangingAgent, PanickingAgent};
pub use dump::dump_schema;
pub use home::home;
pub use operations::index;
pub use promotion::{kill_after, report_of};
pub use server::{TestServer, end, programs_of, require_programs, require_tool};
