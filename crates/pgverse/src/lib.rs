//! Make a slow PostgreSQL database faster, and prove it.
//!
//! pgverse forks a database, lets strategy agents compete on the forks, measures every candidate against the
//! baseline in paired runs on the same fork, compares the answers, and names a winner only if the statistics
//! carry it. The source is only read.
//!
//! This crate is the whole library: the engine (`pgverse-core`), the agents ([`agents`]), the fork backends
//! ([`fork_backends`], chosen by name in [`backends`]), and the demo shop ([`demo`]).
//!
//! ```no_run
//! use pgverse::backends::{Origin, Tenure, backend};
//! use pgverse::competition::Competition;
//! use pgverse::pg::Dsn;
//! use pgverse::types::Problem;
//!
//! # async fn run() -> pgverse::Result<()> {
//! let origin = Origin::Live(Dsn::parse("postgresql://me@localhost/shop")?);
//! let competition = Competition::builder()
//!     .problem(Problem { description: "the order pages are slow".into(), ..Problem::default() })
//!     .workload(pgverse::workload::load("workload.sql".as_ref())?)
//!     .backend(backend("local", &origin, Tenure::Run)?)
//!     .agents(pgverse::agents::all())
//!     .build()?;
//! let report = competition.run().await?;
//! println!("{}", report.verdict.reason);
//! # Ok(())
//! # }
//! ```

pub mod backends;
pub mod demo;
pub mod host;

pub use pgverse_agents as agents;
#[doc(inline)]
pub use pgverse_core::*;
pub use pgverse_fork_backends as fork_backends;
