//! Fork backends by name.

use std::sync::Arc;
use std::time::Duration;

use pgverse_core::pg::Dsn;
use pgverse_core::traits::ForkBackend;
use pgverse_core::{Error, Result};

use crate::demo::Demo;

/// What is forked.
#[derive(Debug, Clone)]
pub enum Origin {
    /// The demo shop.
    Demo(Demo),
    /// A database on a running server.
    Live(Dsn),
}

/// Who answers for the forks that a backend makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenure {
    /// This process: a sweep destroys them when it is dead.
    Run,
    /// Nobody: they stay until they are destroyed, or for this time, after which a sweep may destroy them.
    Detached(Duration),
}

/// Names of the backends.
pub const NAMES: &[&str] = &["local", "template"];

/// X
pub fn backend(name: &str, origin: &Origin, tenure: Tenure) -> Result<Arc<dyn ForkBackend>> {
    let _ = (origin, tenure);
    Err(Error::invalid("there is no such fork backend").with("backend", name))
}
