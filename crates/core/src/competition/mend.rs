//! Rids a union of what makes a read slower in it, before it is raced: each of its members was good beside the baseline,
//! which does not say that they are good beside each other.

use std::collections::BTreeMap;

use super::arms::Built;
use super::race::unqueued;
use super::screen::{impact, plans, text};
use super::stage::Stage;
use super::tree;
use super::unite::Union;
use super::universe::closed;
use crate::bench::{Arm, Round, Shot};
use crate::context::Phase;
use crate::error::Result;
use crate::judge::VISIBLE_MS;
use crate::pg::quote::qualified;
use crate::traits::Sample;
use crate::types::{Candidate, Operation, Plan, StatementKind};

/// Operations that are taken out at the most.
const MOST: usize = 8;

/// A read that takes less than this share of what it took is faster after a single run.
const SURE: f64 = 0.5;

/// Runs of each side where two are compared in turns.
const TURNS: usize = 3;

/// A run is cut off when it takes this many times as long as without any change, and this many milliseconds more.
const CUT_OFF: (f64, f64) = (2.0, 100.0);

/// Reads below this many milliseconds are run three times.
const SHORT_MS: f64 = 100.0;

/// Times of the reads that a change touches, by their places among the cells.
type Reads = BTreeMap<usize, Read>;

#[derive(Debug, Clone)]
struct Read {
    plan: Plan,
    before_ms: f64,
    now_ms: f64,
}

impl Read {
    fn ratio(&self) -> f64 {
        self.now_ms.max(VISIBLE_MS) / self.before_ms.max(VISIBLE_MS)
    }
}

/// What was run once is not run again: milliseconds before and now, by cell, text and plan.
type Memo = BTreeMap<(usize, String, String), (f64, f64)>;

impl Stage<'_> {
    /// Takes out of the union, one after another, what makes a read slower than allowed; all of it is built. What cannot
    /// be mended stays, and the race tells.
    pub(super) async fn mend(&self, built: &Built, union: &mut Union<'_>, number: u64) -> Result<()> {
        let before = self.baseline_plans(built).await?;
        let mut memo = Memo::new();
        for _ in 0..MOST {
            let Some(united) = union.candidate(number) else { return Ok(()) };
            let Some(guilty) = self.guilty((built, &before), &united, &mut memo).await? else {
                return Ok(());
            };
            tracing::debug!(agent = %self.task.agent, ?guilty, "taken out of the union");
            union.take_out(&[guilty]);
        }
        Ok(())
    }

    /// The operation without which the read that is slowed most is slowed no longer, and least is lost.
    async fn guilty(
        &self,
        known: (&Built, &[Plan]),
        united: &Candidate,
        memo: &mut Memo,
    ) -> Result<Option<Operation>> {
        let reads = self.reads(known, united, memo).await?;
        let slowed = reads.iter().filter(|(_, read)| self.is_slowed(read));
        let Some((&cell, slowest)) = slowed.max_by(|a, b| a.1.ratio().total_cmp(&b.1.ratio())) else {
            return Ok(None);
        };
        let mut best: Option<(f64, Operation)> = None;
        for suspect in self.suspects(united, cell, &slowest.plan).await? {
            let mut without = united.clone();
            without.change.operations.retain(|o| *o != suspect);
            let reads = self.reads(known, &without, memo).await?;
            if reads.get(&cell).is_some_and(|read| self.is_slowed(read)) {
                continue;
            }
            let score: f64 = reads.values().map(|read| read.ratio().ln()).sum();
            if best.as_ref().is_none_or(|(least, _)| score < *least) {
                best = Some((score, suspect));
            }
        }
        Ok(best.map(|(_, guilty)| guilty))
    }

    fn is_slowed(&self, read: &Read) -> bool {
        read.ratio() > 1.0 + self.task.problem.limits.max_regression
            && read.now_ms - read.before_ms > VISIBLE_MS
    }

    /// What may slow a cell: its other text, or the indexes that its plan uses.
    async fn suspects(&self, united: &Candidate, cell: usize, plan: &Plan) -> Result<Vec<Operation>> {
        let mut suspects = Vec::new();
        for operation in &united.change.operations {
            let suspect = match operation {
                Operation::RewriteStatement { statement, .. } => *statement == self.cells[cell].statement.id,
                Operation::CreateIndex { schema, name, .. } => {
                    let names = tree::index_names(self.cx, self.lab, &qualified(schema, name)).await?;
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

    /// Runs the reads that a candidate touches: those that are not clearly faster in turns with the baseline.
    async fn reads(
        &self,
        (built, before): (&Built, &[Plan]),
        candidate: &Candidate,
        memo: &mut Memo,
    ) -> Result<Reads> {
        let arm = built.arm(candidate.id.as_str(), &candidate.change);
        let now = plans(self.cx, self.lab, &arm, self.cells, |cell| text(cell, candidate)).await?;
        let changed = impact(self.cells, before, &now, candidate, &self.brief.catalog).changed;
        let key = |cell: usize| (cell, text(self.cells[cell], candidate).to_owned(), now[cell].shape());
        let reads: Vec<usize> =
            changed.into_iter().filter(|&c| self.cells[c].statement.kind == StatementKind::Read).collect();
        let new: Vec<usize> = reads.iter().copied().filter(|&cell| !memo.contains_key(&key(cell))).collect();
        let arms = [built.baseline("baseline"), arm];
        let seen = |cell: usize| self.cells[cell].seen_ms.unwrap_or(f64::INFINITY);
        let first = self.run(&arms, &[(1, new.as_slice())], candidate).await?;
        let mut unsure = Vec::new();
        for (&cell, sample) in new.iter().zip(&first) {
            memo.insert(key(cell), (seen(cell), unqueued(sample)));
            if unqueued(sample) > seen(cell) * SURE {
                unsure.push(cell);
            }
        }
        let turns: Vec<(usize, &[usize])> =
            (0..TURNS).flat_map(|_| [(0, unsure.as_slice()), (1, unsure.as_slice())]).collect();
        let samples = self.run(&arms, &turns, candidate).await?;
        for (at, &cell) in unsure.iter().enumerate() {
            let least = |side: usize| {
                let runs = samples.chunks(unsure.len()).skip(side).step_by(2).filter_map(|run| run.get(at));
                runs.map(unqueued).fold(f64::INFINITY, f64::min)
            };
            memo.insert(key(cell), (least(0), least(1)));
        }
        let read = |cell: usize| {
            let (before_ms, now_ms) = memo.get(&key(cell)).copied().unwrap_or((1.0, 1.0));
            (cell, Read { plan: now[cell].clone(), before_ms, now_ms })
        };
        Ok(reads.into_iter().map(read).collect())
    }

    /// Runs these cells under these arms, in this order.
    async fn run(
        &self,
        arms: &[Arm],
        cells: &[(usize, &[usize])],
        candidate: &Candidate,
    ) -> Result<Vec<Sample>> {
        let shot = |arm: usize, cell: usize| {
            let cell = self.cells[cell];
            let longest = self.task.options.statement_timeout_seconds * 1e3;
            let bound = match cell.seen_ms {
                Some(ms) if arm > 0 => (ms * CUT_OFF.0 + CUT_OFF.1).min(longest),
                _ => longest,
            };
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Milliseconds, positive.
            Shot {
                arm,
                statement: cell.statement.id.clone(),
                parameter_set: cell.set.id.clone(),
                sql: if arm > 0 { text(cell, candidate) } else { &cell.statement.sql }.to_owned(),
                values: cell.set.values.clone(),
                kind: cell.statement.kind,
                // One run of something short says little.
                repetitions: if cell.seen_ms.is_some_and(|ms| ms < SHORT_MS) { 3 } else { 1 },
                timeout_ms: bound.ceil() as u64,
            }
        };
        let shots: Vec<Shot> =
            cells.iter().flat_map(|(arm, cells)| cells.iter().map(|&cell| shot(*arm, cell))).collect();
        if shots.is_empty() {
            return Ok(Vec::new());
        }
        let _permit = self.shared.slot.acquire().await.map_err(closed)?;
        let _measuring = self.cx.meter().enter(Phase::Measuring);
        let round = Round { arms: arms.to_vec(), shots };
        self.shared.benchmarker.measure(self.cx, self.lab, &round).await
    }
}
