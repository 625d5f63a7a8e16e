#![doc = include_str!("docs.md")]

mod agent;
mod rules;

pub use agent::SchemaAgent;
