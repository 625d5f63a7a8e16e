//! Which objects exist on the fork, and what hides or enters them for each arm.

use crate::bench::{Arm, Lab};
use crate::context::Context;
use crate::error::Result;
use crate::types::{Candidate, Change, Operation, Switch};

/// Objects that were built on the fork, in order, each with what it cost.
#[derive(Debug, Default)]
pub(super) struct Built {
    pub(super) objects: Vec<BuiltObject>,
}

/// One built operation.
#[derive(Debug)]
pub(super) struct BuiltObject {
    pub(super) operation: Operation,
    pub(super) hide: Vec<String>,
    pub(super) cost: ObjectCost,
}

/// What one operation took.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ObjectCost {
    pub(super) seconds: f64,
    pub(super) bytes: i64,
    pub(super) wal_bytes: u64,
    pub(super) refresh_seconds: Option<f64>,
}

impl Built {
    /// The cost of an operation that is already there.
    pub(super) fn cost_of(&self, operation: &Operation) -> Option<ObjectCost> {
        self.objects.iter().find(|o| &o.operation == operation).map(|o| o.cost)
    }

    /// Removes what none of these candidates has, youngest first.
    pub(super) async fn keep_only(
        &mut self,
        cx: &Context,
        lab: &Lab,
        candidates: &[Candidate],
    ) -> Result<()> {
        let wanted = |o: &Operation| candidates.iter().any(|c| c.change.operations.contains(o));
        for object in self.objects.iter().rev().filter(|o| !wanted(&o.operation)) {
            for statement in object.operation.undo() {
                lab.session().batch(cx, &statement).await?;
            }
        }
        self.objects.retain(|o| wanted(&o.operation));
        Ok(())
    }

    /// The database without any change.
    pub(super) fn baseline(&self, name: &str) -> Arm {
        self.arm(name, &Change::default())
    }

    /// The database with every index that was built.
    pub(super) fn indexed(&self, name: &str) -> Arm {
        let operations = self.objects.iter().map(|o| &o.operation);
        let indexes = operations.filter(|o| matches!(o, Operation::CreateIndex { .. })).cloned();
        self.arm(name, &Change { operations: indexes.collect() })
    }

    /// The database with this change only: everything else that was built is hidden, youngest first, and
    /// what is not built is entered.
    pub(super) fn arm(&self, name: &str, change: &Change) -> Arm {
        let hidden = self.objects.iter().rev().filter(|o| !change.operations.contains(&o.operation));
        let mut enter: Vec<String> = hidden.flat_map(|o| o.hide.clone()).collect();
        for operation in &change.operations {
            // New statistics of a table change other plans too, so they belong to the arm and never to the baseline.
            let analyze = operation.analyze_expressions();
            enter.extend(analyze.filter(|statement| !enter.contains(statement)));
            if let Switch::Enter(statements) = operation.switch() {
                enter.extend(statements);
            }
        }
        Arm { name: name.to_owned(), enter }
    }
}
