//! One JSON Schema for everything that crosses the boundary; the types of the bindings are made from it.

use pgverse_core::Event;
use pgverse_core::answers::Sameness;
use pgverse_core::competition::{UniverseOutcome, UniverseTask};
use pgverse_core::promote::{Promoted, PromotionRecord, Rehearsal};
use pgverse_core::types::{Brief, Candidate, PromotionPlan, Report, Trial, Universe, Verdict};

use super::Fork;
use super::request::{
    CompeteRequest, ForkRequest, PromoteRequest, RollbackRequest, SameRequest, SourceRequest,
};

/// Everything at once, so that all definitions are in one document.
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "only its schema is wanted")]
struct Boundary {
    compete: CompeteRequest,
    same: SameRequest,
    fork: ForkRequest,
    source: SourceRequest,
    promote: PromoteRequest,
    rollback: RollbackRequest,
    event: Event,
    task: UniverseTask,
    outcome: UniverseOutcome,
    report: Report,
    sameness: Sameness,
    made: Fork,
    universe: Universe,
    plan: PromotionPlan,
    rehearsal: Rehearsal,
    promoted: Promoted,
    record: PromotionRecord,
    brief: Brief,
    candidate: Candidate,
    trial: Trial,
    verdict: Verdict,
}

/// JSON Schema, draft 2020-12, of all requests, results and events; each is a definition of its own.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Boundary).to_value()
}
