#![doc = include_str!("docs.md")]

mod backend;
mod config;
mod core;
mod create;
mod database;
mod dedicated;
mod host;
mod server;
mod settings;
mod sweep;

/// Name of this backend in URLs, reports and leases.
const SCHEME: &str = "template";

pub use backend::TemplateBackend;
pub use config::{Strategy, TemplateConfig};
pub use sweep::{Swept, sweep_leases};
