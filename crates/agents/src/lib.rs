//! The strategy agents of pgverse: each reads a [`Brief`](pgverse_core::types::Brief) and proposes
//! [`Candidate`](pgverse_core::types::Candidate)s; the engine applies and measures them. None of them knows
//! a schema or a workload by name.

use std::sync::Arc;

use pgverse_core::traits::Agent;
use pgverse_core::{Error, ErrorKind, Result};

pub mod cache;
pub mod index;
pub mod query;
pub mod schema;
pub mod shared;

/// Every built-in agent, in the order in which the demo shows them.
pub fn all() -> Vec<Arc<dyn Agent>> {
    vec![
        Arc::new(index::IndexAgent::default()),
        Arc::new(query::QueryAgent::new()),
        Arc::new(cache::CacheAgent::new()),
        Arc::new(schema::SchemaAgent::default()),
    ]
}

/// The built-in agent of this name.
///
/// # Errors
/// [`ErrorKind::NotFound`] if there is none; the hint lists the names that are known.
pub fn by_name(name: &str) -> Result<Arc<dyn Agent>> {
    let agents = all();
    let known: Vec<String> = agents.iter().map(|a| a.name().to_owned()).collect();
    agents.into_iter().find(|a| a.name() == name).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, "there is no such agent")
            .with("agent", name)
            .hint(format!("the agents are: {}", known.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_found_by_name_and_an_unknown_name_lists_them() {
        for agent in all() {
            assert_eq!(by_name(agent.name()).unwrap().name(), agent.name());
        }
        let error = by_name("indx").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(
            error.way_out().is_some_and(|hint| hint.contains("index") && hint.contains("schema")),
            "{error}"
        );
    }
}
