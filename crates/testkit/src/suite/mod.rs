//! Behaviour suites: what every implementation of a trait must do, as functions over real servers.

pub mod fork;
mod stage;

pub use stage::{OWNER_BACKEND, OWNER_HOME, OWNER_SOURCE, Owner, Stage, live_owner};
