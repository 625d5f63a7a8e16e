//! Whether the plans of the workload use what was built. Nothing is executed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::action::{Manner, up};
use crate::context::Context;
use crate::error::Result;
use crate::pg::Source;
use crate::types::{Operation, ParameterSetId, Plan, PromotionPlan, StatementId, Workload};

/// The plan of one statement with one parameter set, before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StatementPlans {
    /// Statement.
    pub statement: StatementId,
    /// Parameter set.
    pub parameter_set: ParameterSetId,
    /// The planner's cost before the promotion; absent where the server refused to plan it.
    pub cost_before: Option<f64>,
    /// The planner's cost after it, of the new text where the statement is rewritten.
    pub cost_after: Option<f64>,
    /// What of the promotion its plan uses.
    pub uses: Vec<String>,
    /// Why it could not be planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What was found after a promotion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Verification {
    /// Every statement and parameter set of the workload.
    pub statements: Vec<StatementPlans>,
    /// Indexes and views that no plan uses.
    pub unused: Vec<String>,
}

/// The plans as they are now; `cost_after` is empty.
pub(super) async fn plans(
    cx: &Context,
    source: &Source,
    plan: &PromotionPlan,
    workload: &Workload,
) -> Result<Vec<StatementPlans>> {
    let session = source.session(cx).await?;
    let mut plans = Vec::new();
    for statement in &workload.statements {
        for set in &statement.parameter_sets {
            let explained = session.explain(cx, &statement.sql, &set.values).await;
            cx.check()?;
            plans.push(StatementPlans {
                statement: statement.id.clone(),
                parameter_set: set.id.clone(),
                cost_before: explained.as_ref().ok().map(|p| p.root.total_cost),
                cost_after: None,
                uses: explained.as_ref().map(|p| used(p, &built(plan))).unwrap_or_default(),
                error: explained.err().map(|e| e.to_string()),
            });
        }
    }
    Ok(plans)
}

/// The plans after the promotion, beside those before it. In a session of its own, so that stored settings hold.
pub(super) async fn verify(
    cx: &Context,
    source: &Source,
    plan: &PromotionPlan,
    workload: &Workload,
    before: Vec<StatementPlans>,
) -> Result<Verification> {
    let mut rewritten = workload.clone();
    for statement in &mut rewritten.statements {
        for step in &plan.steps {
            if let Operation::RewriteStatement { statement: id, sql, .. } = &step.operation
                && *id == statement.id
            {
                statement.sql.clone_from(sql);
            }
        }
    }
    let after = plans(cx, source, plan, &rewritten).await?;
    let statements: Vec<StatementPlans> = after
        .into_iter()
        .map(|now| {
            let then =
                before.iter().find(|b| b.statement == now.statement && b.parameter_set == now.parameter_set);
            StatementPlans {
                cost_before: then.and_then(|b| b.cost_before),
                cost_after: now.cost_before,
                ..now
            }
        })
        .collect();
    let mut wanted: Vec<String> = built(plan).into_values().collect();
    wanted.sort();
    wanted.dedup();
    wanted.retain(|name| !statements.iter().any(|s| s.uses.contains(name)));
    Ok(Verification { statements, unused: wanted })
}

/// Names that plans show, and the object of the promotion that they belong to.
fn built(plan: &PromotionPlan) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for step in &plan.steps {
        match &step.operation {
            Operation::CreateIndex { name, .. } => {
                names.insert(name.clone(), name.clone());
                for action in up(&step.operation).unwrap_or_default() {
                    if let Manner::Build(part) = action.manner {
                        names.insert(part.name, name.clone());
                    }
                }
            }
            Operation::CreateMaterializedView { name, .. } => {
                names.insert(name.clone(), name.clone());
            }
            _ => {}
        }
    }
    names
}

fn used(plan: &Plan, built: &BTreeMap<String, String>) -> Vec<String> {
    let mut used: Vec<String> = plan
        .nodes()
        .into_iter()
        .flat_map(|node| [&node.index_name, &node.relation_name])
        .flatten()
        .filter_map(|name| built.get(name).cloned())
        .collect();
    used.sort();
    used.dedup();
    used
}
