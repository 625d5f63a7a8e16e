//! Agents, backends and judges written in another language.

mod agent;
mod backend;
mod judge;

use std::fmt::Debug;

use async_trait::async_trait;
use pgverse_core::{Context, Error, ErrorKind, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use agent::{ForeignAgent, ProbeCalls};
pub use backend::ForeignBackend;
pub use judge::ForeignJudge;

/// An object of the host's language; its methods take and return JSON.
///
/// # Contract
/// - A method that fails gives an [`ErrorKind::Agent`] error with the message, and the traceback where there is one.
/// - A call that is dropped, or whose context is cancelled, is cancelled in the host too.
#[async_trait]
pub trait Foreign: Debug + Send + Sync + 'static {
    /// Whether the object has this method.
    fn has(&self, method: &str) -> bool;

    /// Calls a method with these arguments, in order. With a probe, it is the first argument.
    async fn call(
        &self,
        cx: &Context,
        method: &'static str,
        arguments: Vec<Value>,
        probe: Option<ProbeCalls>,
    ) -> Result<Value>;
}

/// Reads what a method returned.
fn returned<T: DeserializeOwned>(name: &str, method: &'static str, value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|e| {
        Error::new(ErrorKind::Agent, "a method returned something else than it should")
            .with("of", name)
            .with("method", method)
            .caused_by(e)
    })
}

/// Writes an argument.
fn argument(value: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(value)
        .map_err(|e| Error::internal("an argument cannot be written as JSON").caused_by(e))
}
