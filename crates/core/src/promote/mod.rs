//! From a winner to the source: the plan and the hash that approves it, the promoter that carries it out without
//! blocking production, its journal in the source, and the way back.
//!
//! ```text
//! report ─▶ plan + hash ─▶ approval ─▶ preconditions ─▶ step by step ─▶ verified ─▶ watched
//!                                          │              │ journal before and after each action
//!                                          ▼              ▼
//!                                       refused        rolled back, or resumed by the next promoter
//! ```

mod action;
mod approval;
mod canonical;
pub mod export;
mod journal;
mod lock;
mod own;
pub mod patches;
mod plan;
mod policy;
mod precondition;
mod promoter;
mod refresh;
mod rehearse;
mod rollback;
mod runner;
mod target;
mod verify;
mod watch;
mod watchdog;

pub use approval::Approval;
pub use journal::{PromotionRecord, PromotionState, StepRecord, StepState, promotions};
pub use plan::{plan, promotion_of};
pub use policy::{Notice, Policy};
pub use precondition::{Check, Finding, check};
pub use promoter::{Promoted, promote};
pub use rehearse::{Rehearsal, rehearse};
pub use rollback::rollback;
pub use verify::{StatementPlans, Verification};
pub use watch::{StatementGain, WatchReport};
