//! The value without which nothing is written to a source.

use crate::error::{Error, Result};
use crate::types::PromotionPlan;

/// Someone's word that this plan may be carried out, or this promotion undone. The only key to a session that may
/// write to a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    of: Of,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Of {
    Plan(String),
    Rollback(i64),
}

impl Approval {
    /// Approves a plan by its hash.
    ///
    /// # Errors
    /// `InvalidInput` if this is not the plan's hash, or if the plan was changed since it got it.
    pub fn of(plan: &PromotionPlan, hash: &str) -> Result<Self> {
        let actual = super::plan::hash(plan);
        if actual != plan.hash {
            return Err(Error::invalid("the plan was changed after it got its hash")
                .with("its hash", &plan.hash)
                .with("hash of what it says", actual)
                .hint("run the competition again"));
        }
        if hash.trim() != plan.hash {
            return Err(Error::invalid("the approval names another plan")
                .with("approved", hash.trim())
                .with("hash of the plan", &plan.hash)
                .hint("read the plan with `pgverse plan REPORT.json` and approve the hash that it shows"));
        }
        Ok(Self { of: Of::Plan(plan.hash.clone()) })
    }

    /// Approves undoing the promotion with this id.
    pub fn of_rollback(id: i64) -> Self {
        Self { of: Of::Rollback(id) }
    }

    /// An error unless it is this plan that was approved.
    pub(super) fn covers(&self, plan: &PromotionPlan) -> Result<()> {
        match &self.of {
            Of::Plan(hash) if *hash == super::plan::hash(plan) => Ok(()),
            _ => Err(Error::invalid("another plan was approved").with("hash of the plan", &plan.hash)),
        }
    }

    /// An error unless undoing this promotion was approved.
    pub(super) fn covers_rollback(&self, id: i64) -> Result<()> {
        match self.of {
            Of::Rollback(approved) if approved == id => Ok(()),
            _ => Err(Error::invalid("undoing another promotion was approved").with("promotion", id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Candidate, Catalog, Change, SourceReport};

    #[test]
    fn only_the_plans_own_hash_approves_it() {
        let candidate = Candidate::new("x", Change::default());
        let plan = super::super::plan(&candidate, &[], &SourceReport::of(&Catalog::default()));
        let approval = Approval::of(&plan, &plan.hash).unwrap();
        assert!(approval.covers(&plan).is_ok() && approval.covers_rollback(1).is_err());
        assert!(Approval::of(&plan, "c0ffee").unwrap_err().way_out().unwrap().contains("pgverse plan"));
        let mut changed = plan.clone();
        changed.grounds.database = "production".into();
        assert!(Approval::of(&changed, &plan.hash).is_err());
        assert!(approval.covers(&changed).is_err());
        let rollback = Approval::of_rollback(7);
        assert!(rollback.covers_rollback(7).is_ok() && rollback.covers_rollback(8).is_err());
        assert!(rollback.covers(&plan).is_err());
    }
}
