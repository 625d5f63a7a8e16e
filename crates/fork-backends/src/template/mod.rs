#![doc = include_str!("docs.md")]

mod backend;
mod config;
mod core;
mod create;
mod host;
mod server;
mod settings;
mod sweep;

pub use backend::TemplateBackend;
pub use config::{Strategy, TemplateConfig};
pub use sweep::{Swept, sweep_leases};
