//! Calls as documents, for hosts that speak JSON: the Python and Node.js packages, and services.
//!
//! Every call takes one request, a plain value that can be read from JSON, and gives one value that can be written
//! as JSON. A binding converts and never decides: defaults, names and checks are here and below. Agents, backends and
//! judges that are written in the host's language come in as [`Foreign`] objects.

mod contest;
mod dispatch;
mod foreign;
mod forks;
mod promotion;
mod request;
mod schema;

pub use contest::{Contest, judge_again, same};
pub use dispatch::{CALLS, dispatch, error_json, json};
pub use foreign::{Foreign, ForeignAgent, ForeignBackend, ForeignJudge, ProbeCalls};
pub use forks::{Fork, destroy, fork, forks, sweep};
pub use promotion::{plan, promote, promotions, rehearse, rollback};
pub use request::{
    Call, CompeteRequest, ForkRequest, PromoteRequest, RollbackRequest, SameRequest, SourceRequest,
    WorkloadInput,
};
pub use schema::schema;
