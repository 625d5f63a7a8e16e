#![doc = include_str!("docs.md")]

mod backend;
mod config;
mod core;
mod golden;
mod mechanism;

/// Name of this backend in URLs, reports and leases.
const SCHEME: &str = "local";

pub use backend::LocalBackend;
pub use config::{GoldenSource, LocalConfig};
pub use mechanism::Mechanism;
