#![doc = include_str!("docs.md")]

mod agent;
mod aggregates;
mod case;
mod rules;

pub use agent::QueryAgent;
