//! Rids a union of what makes a read slower in it, or writes slower than allowed, before it is raced: each of its members
//! was good beside the baseline, which does not say that they are good beside each other.

mod runs;
mod writes;

use std::collections::BTreeMap;

use self::runs::{Memo, Read, Reads};
use super::arms::Built;
use super::stage::Stage;
use super::tree;
use super::unite::Union;
use crate::error::Result;
use crate::judge::VISIBLE_MS;
use crate::pg::quote::qualified;
use crate::types::{Candidate, Objective, Operation, Plan};

/// Operations that are taken out at the most.
const MOST: usize = 12;

/// A union with what is known of it; all of it is built.
struct Mender<'s, 'a> {
    stage: &'s Stage<'a>,
    built: &'s Built,
    /// Plans of all cells without any change.
    before: Vec<Plan>,
    memo: Memo,
    /// Milliseconds of the writes without any change, by their places among the cells.
    writes_ms: BTreeMap<usize, f64>,
}

impl Stage<'_> {
    /// Takes out of the union, one after another, what makes a read or the writes slower than allowed; all of it is built.
    /// What cannot be mended stays, and the race tells.
    pub(super) async fn mend(&self, built: &Built, union: &mut Union<'_>, number: u64) -> Result<()> {
        let before = self.baseline_plans(built).await?;
        let mut mender = Mender { stage: self, built, before, memo: Memo::new(), writes_ms: BTreeMap::new() };
        for _ in 0..MOST {
            let Some(united) = union.candidate(number) else { return Ok(()) };
            let guilty = match mender.slows_a_read(&united).await? {
                Some(guilty) => Some(guilty),
                None => mender.slows_writes(&united).await?,
            };
            let Some(guilty) = guilty else { return Ok(()) };
            tracing::debug!(agent = %self.task.agent, ?guilty, "taken out of the union");
            union.take_out(&[guilty]);
        }
        Ok(())
    }
}

impl Mender<'_, '_> {
    /// The operation without which the read that is slowed most is slowed no longer, and least is lost.
    async fn slows_a_read(&mut self, united: &Candidate) -> Result<Option<Operation>> {
        let reads = self.reads(united).await?;
        let slowed = reads.iter().filter(|(_, read)| self.is_slowed(read));
        let Some((&cell, slowest)) = slowed.max_by(|a, b| a.1.ratio().total_cmp(&b.1.ratio())) else {
            return Ok(None);
        };
        let mut best: Option<(f64, Operation)> = None;
        for suspect in self.suspects(united, cell, &slowest.plan).await? {
            let reads = self.reads(&without(united, &suspect)).await?;
            if reads.get(&cell).is_some_and(|read| self.is_slowed(read)) {
                continue;
            }
            let gain = self.gain(&reads);
            if best.as_ref().is_none_or(|(most, _)| gain > *most) {
                best = Some((gain, suspect));
            }
        }
        Ok(best.map(|(_, guilty)| guilty))
    }

    fn is_slowed(&self, read: &Read) -> bool {
        read.ratio() > 1.0 + self.stage.task.problem.limits.max_regression
            && read.now_ms - read.before_ms > VISIBLE_MS
    }

    /// What these reads gain in the sense of the objective: weighted milliseconds, or the weighted logarithm of ratios.
    fn gain(&self, reads: &Reads) -> f64 {
        let gain = |(&cell, read): (&usize, &Read)| {
            self.stage.cells[cell].weight()
                * match self.stage.task.problem.objective {
                    Objective::GeometricMean => -read.ratio().ln(),
                    Objective::TotalTime | Objective::TailTime { .. } => read.before_ms - read.now_ms,
                }
        };
        reads.iter().map(gain).sum()
    }

    /// What may slow a cell: its other text, or the indexes that its plan uses.
    async fn suspects(&self, united: &Candidate, cell: usize, plan: &Plan) -> Result<Vec<Operation>> {
        let Stage { cx, lab, cells, .. } = self.stage;
        let mut suspects = Vec::new();
        for operation in &united.change.operations {
            let suspect = match operation {
                Operation::RewriteStatement { statement, .. } => *statement == cells[cell].statement.id,
                Operation::CreateIndex { schema, name, .. } => {
                    let names = tree::index_names(cx, lab, &qualified(schema, name)).await?;
                    names.iter().any(|name| plan.uses_index(name))
                }
                _ => false,
            };
            if suspect {
                suspects.push(operation.clone());
            }
        }
        Ok(suspects)
    }
}

fn without(united: &Candidate, operation: &Operation) -> Candidate {
    let mut without = united.clone();
    without.change.operations.retain(|o| o != operation);
    without
}
