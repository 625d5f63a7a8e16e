//! The data that flows, one small file each: serde, no handle, no secret.

mod candidate;
mod catalog;
mod ids;
mod operation;
mod plan;
mod problem;
mod promotion;
mod report;
mod trial;
mod universe;
mod verdict;
mod workload;
mod writes;

pub use candidate::{Brief, Candidate, Change, StatementPlan};
pub use catalog::{
    Catalog, Column, ColumnStatistics, Constraint, ConstraintKind, ExtendedStatistics, Index, IndexKey,
    Reference, StoredSetting, Table, TableActivity, TableKind,
};
pub use ids::{AgentName, CandidateId, ParameterSetId, StatementId, UniverseId};
pub use operation::{Effect, IndexPartition, LockLevel, Operation, Refresh, SettingScope, Switch};
pub use plan::{Jit, JitTiming, Plan, PlanNode};
pub use problem::{Limits, Objective, Problem};
pub use promotion::{Grounds, ObjectFacts, PromotionPlan, PromotionStep};
pub use report::{
    CandidateReport, CandidateStatus, ChangeReport, CostReport, FinalReport, ForkReport, HoldingCost,
    PromotionReport, Report, SourceReport, StatementReport, Timing, UniverseReport, VerdictReport,
};
pub use trial::{
    AnswerCheck, Answers, Costs, OperationCost, OwnForks, PairedSamples, Trial, TrialState, Unqueued, Work,
    WorkPair,
};
pub use universe::{Capability, CostModel, ForkCost, Isolation, Universe};
pub use verdict::{Interval, Ranked, StatementVerdict, Verdict};
pub use workload::{Origin, ParameterSet, Selectivity, Statement, StatementKind, Workload};
pub use writes::{GeneratedKind, GeneratedWrite, HotUpdates, WriteLog, WriteSource};
