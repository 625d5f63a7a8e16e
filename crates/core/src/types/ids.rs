//! Names of things, each a type of its own so that none can stand in for another.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<String> for $type {
            fn from(name: String) -> Self {
                Self(name)
            }
        }

        impl From<&str> for $type {
            fn from(name: &str) -> Self {
                Self(name.to_owned())
            }
        }
    };
}

name!(
    /// A leased fork, such as `pgverse_fork_k3v9x2ab`; unique over all runs.
    UniverseId
);
name!(
    /// A candidate within a competition, such as `index-2`.
    CandidateId
);
name!(
    /// An agent, such as `index`: stable, unique, lowercase.
    AgentName
);
name!(
    /// A statement within a workload, such as `email_report`.
    StatementId
);
name!(
    /// A parameter set within a statement, such as `rare_domain`.
    ParameterSetId
);
