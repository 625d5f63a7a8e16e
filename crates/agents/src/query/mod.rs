#![doc = include_str!("docs.md")]

mod agent;
mod aggregates;
mod case;
mod choose;
mod form;
mod rules;

pub use agent::QueryAgent;
