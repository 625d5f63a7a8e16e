//! The only place that talks to PostgreSQL, and the only place that quotes SQL.

mod catalog;
mod connect;
mod connect_error;
mod conninfo;
mod dsn;
mod error;
mod explain;
pub mod quote;
mod session;
mod source;
mod tls;

pub use catalog::read_catalog;
pub(crate) use catalog::read_source_catalog;
pub use conninfo::Environment;
pub use dsn::Dsn;
pub use explain::{explain, explain_analyze, explain_counted};
pub(crate) use session::RawValue;
pub use session::{Parameters, Session, parameters};
pub use source::{Source, SourceSession};
