#![doc = include_str!("docs.md")]

mod access;
mod agent;
mod choose;
mod estimate;
mod idea;
mod immutable;
mod rank;
mod rules;
mod spec;
mod unfinished;

pub use agent::IndexAgent;
