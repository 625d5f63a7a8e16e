//! The workbench of an agent: a session of its own on the universe, which builds, hides and times.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use tokio::sync::{Mutex, MutexGuard, Semaphore};

use super::allowance::Allowance;
use super::arms::Built;
use super::choosing::{Chooser, Choosing};
use super::construct::build;
use super::litter::Litter;
use super::universe::{Shared, closed};
use crate::bench::{Arm, Lab, Round, Shot};
use crate::context::{Context, Phase};
use crate::error::{Error, ErrorKind, Result};
use crate::pg::explain;
use crate::traits::{Benchmarker, Question, Sample, TryOut, Workbench};
use crate::types::{
    Brief, Change, Operation, OperationCost, ParameterSet, Plan, Statement, StatementKind, Switch,
};

/// Works on a fork that one agent has for itself.
#[derive(Debug)]
pub(super) struct LabBench {
    lab: Lab,
    brief: Arc<Brief>,
    benchmarker: Arc<dyn Benchmarker>,
    slot: Arc<Semaphore>,
    builders: Arc<Semaphore>,
    /// What was built, which the race goes on with; held while the session is in use.
    built: Arc<Mutex<Built>>,
    allowance: Arc<Allowance>,
    choosing: Choosing,
    /// From the first use on.
    chooser: OnceLock<Chooser>,
}

impl LabBench {
    pub(super) fn new(
        lab: Lab,
        brief: Arc<Brief>,
        shared: &Shared,
        built: Arc<Mutex<Built>>,
        allowance: Arc<Allowance>,
    ) -> Self {
        Self {
            lab,
            brief,
            benchmarker: Arc::clone(&shared.benchmarker),
            slot: Arc::clone(&shared.slot),
            builders: Arc::clone(&shared.builders),
            built,
            allowance,
            choosing: shared.choosing.clone(),
            chooser: OnceLock::new(),
        }
    }

    /// The operations as they will be proposed: the engine completes them from the catalog.
    fn completed(&self, change: &Change) -> Change {
        let mut change = change.clone();
        change.see_catalog(&self.brief.catalog);
        change
    }

    fn find(&self, question: &Question) -> Result<(&Statement, &ParameterSet)> {
        let statement = self.brief.workload.statement(&question.statement);
        statement
            .and_then(|s| Some((s, s.parameter_sets.iter().find(|set| set.id == question.parameter_set)?)))
            .ok_or_else(|| {
                Error::invalid("the workload has no such statement with such parameters")
                    .with("statement", &question.statement)
                    .with("parameter_set", &question.parameter_set)
            })
    }

    /// The database with this change alone, as long as the session is held.
    async fn arm(&self, change: &Change) -> Result<(MutexGuard<'_, Built>, Arm)> {
        self.chooser.get_or_init(|| self.choosing.enter());
        let built = self.built.lock().await;
        let missing = change
            .operations
            .iter()
            .find(|o| matches!(o.switch(), Switch::Hide(_)) && built.cost_of(o).is_none());
        if let Some(operation) = missing {
            let text = operation.apply().into_iter().next().unwrap_or_default();
            return Err(Error::invalid("a change was to be tried that is not built").with("statement", text));
        }
        let arm = built.arm("workbench", change);
        Ok((built, arm))
    }
}

#[async_trait]
impl Workbench for LabBench {
    fn seconds_left(&self) -> f64 {
        self.allowance.told()
    }

    async fn build(&self, cx: &Context, operation: &Operation) -> Result<OperationCost> {
        self.chooser.get_or_init(|| self.choosing.enter());
        let change = self.completed(&Change::of(operation.clone()));
        let mut built = self.built.lock().await;
        let mut cost = OperationCost::default();
        for operation in &change.operations {
            if operation.switch() == Switch::Fork {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "a change that needs a fork of its own cannot be tried out beside others",
                ));
            }
            let known = match built.cost_of(operation) {
                Some(known) => known,
                None => {
                    let _heavy = self.allowance.waiting(self.builders.acquire()).await.map_err(closed)?;
                    let _building = cx.meter().enter(Phase::Building);
                    build(cx, &self.lab, &mut built, operation).await?
                }
            };
            cost.seconds += known.seconds;
            cost.bytes += known.bytes;
        }
        Ok(cost)
    }

    async fn plans(&self, cx: &Context, change: &Change, questions: &[Question]) -> Result<Vec<Plan>> {
        let change = self.completed(change);
        let (_held, arm) = self.arm(&change).await?;
        self.lab.enter(cx, &arm).await?;
        let result = async {
            let mut plans = Vec::with_capacity(questions.len());
            for question in questions {
                let (statement, set) = self.find(question)?;
                let sql = change.rewritten(&statement.id).unwrap_or(&statement.sql);
                plans.push(explain(self.lab.session(), cx, sql, &set.values).await?);
            }
            Ok(plans)
        }
        .await;
        self.lab.leave(cx).await?;
        result
    }

    async fn times(&self, cx: &Context, change: &Change, tries: &[TryOut]) -> Result<Vec<Sample>> {
        let change = self.completed(change);
        let (_held, arm) = self.arm(&change).await?;
        let mut shots = Vec::with_capacity(tries.len());
        let mut statements = Vec::with_capacity(tries.len());
        for one in tries {
            let (statement, set) = self.find(&one.question)?;
            statements.push(statement);
            shots.push(Shot {
                arm: 0,
                statement: statement.id.clone(),
                parameter_set: set.id.clone(),
                sql: change.rewritten(&statement.id).unwrap_or(&statement.sql).to_owned(),
                values: set.values.clone(),
                kind: statement.kind,
                repetitions: one.repetitions,
                timeout_ms: one.timeout_ms,
            });
        }
        // What a write leaves in its table would slow the reads after it.
        let mut order: Vec<usize> = (0..shots.len()).collect();
        order.sort_by_key(|&at| shots[at].kind == StatementKind::Write);
        let shots = order.iter().map(|&at| shots[at].clone()).collect();
        let mut litter = Litter::of_writes(cx, &self.lab, &self.brief, statements.into_iter()).await?;
        let samples = {
            let _permit = self.allowance.waiting(self.slot.acquire()).await.map_err(closed)?;
            let _measuring = cx.meter().enter(Phase::Measuring);
            let round = Round { arms: vec![arm], shots };
            self.benchmarker.measure(cx, &self.lab, &round).await?
        };
        Box::pin(self.allowance.waiting(litter.clear(cx, &self.lab, &self.slot))).await?;
        let mut samples: Vec<(usize, Sample)> = order.into_iter().zip(samples).collect();
        samples.sort_by_key(|(at, _)| *at);
        Ok(samples.into_iter().map(|(_, sample)| sample).collect())
    }
}
