#![doc = include_str!("docs.md")]

mod agent;
mod cached;
mod lift;
mod rules;

pub use agent::CacheAgent;
