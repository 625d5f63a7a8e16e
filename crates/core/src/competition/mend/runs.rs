//! Runs statements under a union, and beside it without any change.

use std::collections::{BTreeMap, BTreeSet};

use super::Mender;
use crate::bench::{Arm, Round, Shot};
use crate::competition::race::unqueued;
use crate::competition::screen::{impact, plans, text};
use crate::competition::stage::Stage;
use crate::competition::universe::closed;
use crate::context::Phase;
use crate::error::Result;
use crate::judge::VISIBLE_MS;
use crate::traits::Sample;
use crate::types::{Candidate, Plan, StatementKind};

/// A read that takes less than this share of what it took is faster after a single run.
const SURE: f64 = 0.5;

/// Runs of each side where two are compared in turns.
const TURNS: usize = 3;

/// A read is cut off when it takes this many times as long as without any change, and this many milliseconds more.
const CUT_OFF: (f64, f64) = (2.0, 100.0);

/// Statements below this many milliseconds are run three times.
const SHORT_MS: f64 = 100.0;

/// Times of the reads that a change touches, by their places among the cells.
pub(super) type Reads = BTreeMap<usize, Read>;

/// What was run once is not run again: milliseconds before and now, by cell, text and plan.
pub(super) type Memo = BTreeMap<(usize, String, String), (f64, f64)>;

#[derive(Debug, Clone)]
pub(super) struct Read {
    pub(super) plan: Plan,
    pub(super) before_ms: f64,
    pub(super) now_ms: f64,
}

impl Read {
    pub(super) fn ratio(&self) -> f64 {
        self.now_ms.max(VISIBLE_MS) / self.before_ms.max(VISIBLE_MS)
    }
}

impl Mender<'_, '_> {
    /// A candidate's arm, the plans under it, and the cells that it touches.
    pub(super) async fn touched(&self, candidate: &Candidate) -> Result<(Arm, Vec<Plan>, BTreeSet<usize>)> {
        let Stage { cx, lab, cells, brief, .. } = self.stage;
        let arm = self.built.arm(candidate.id.as_str(), &candidate.change);
        let now = plans(cx, lab, &arm, cells, |cell| text(cell, candidate)).await?;
        let changed = impact(cells, &self.before, &now, candidate, &brief.catalog).changed;
        Ok((arm, now, changed))
    }

    /// Runs the reads that a candidate touches: those that are not clearly faster in turns with the baseline.
    pub(super) async fn reads(&mut self, candidate: &Candidate) -> Result<Reads> {
        let stage = self.stage;
        let cells = stage.cells;
        let (arm, now, changed) = self.touched(candidate).await?;
        let key = |cell: usize| (cell, text(cells[cell], candidate).to_owned(), now[cell].shape());
        let reads: Vec<usize> =
            changed.into_iter().filter(|&c| cells[c].statement.kind == StatementKind::Read).collect();
        let new: Vec<usize> =
            reads.iter().copied().filter(|&cell| !self.memo.contains_key(&key(cell))).collect();
        let arms = [self.built.baseline("baseline"), arm];
        let seen = |cell: usize| cells[cell].seen_ms.unwrap_or(f64::INFINITY);
        let first = self.run(&arms, &[(1, new.as_slice())], candidate).await?;
        let mut unsure = Vec::new();
        for (&cell, sample) in new.iter().zip(&first) {
            self.memo.insert(key(cell), (seen(cell), unqueued(sample)));
            if unqueued(sample) > seen(cell) * SURE && !cells[cell].cut_off {
                unsure.push(cell);
            }
        }
        for (&cell, times) in unsure.iter().zip(self.in_turns(&arms, &unsure, candidate).await?) {
            self.memo.insert(key(cell), times);
        }
        let read = |cell: usize| {
            let (before_ms, now_ms) = self.memo.get(&key(cell)).copied().unwrap_or((1.0, 1.0));
            (cell, Read { plan: now[cell].clone(), before_ms, now_ms })
        };
        Ok(reads.into_iter().map(read).collect())
    }

    /// The least times of these cells under both arms, run in turns.
    pub(super) async fn in_turns(
        &self,
        arms: &[Arm; 2],
        cells: &[usize],
        candidate: &Candidate,
    ) -> Result<Vec<(f64, f64)>> {
        let turns: Vec<(usize, &[usize])> = (0..TURNS).flat_map(|_| [(0, cells), (1, cells)]).collect();
        let samples = self.run(arms, &turns, candidate).await?;
        let least = |at: usize, side: usize| {
            let runs = samples.chunks(cells.len()).skip(side).step_by(2).filter_map(|run| run.get(at));
            runs.map(unqueued).fold(f64::INFINITY, f64::min)
        };
        Ok((0..cells.len()).map(|at| (least(at, 0), least(at, 1))).collect())
    }

    /// Runs these cells under these arms, in this order.
    pub(super) async fn run(
        &self,
        arms: &[Arm],
        cells: &[(usize, &[usize])],
        candidate: &Candidate,
    ) -> Result<Vec<Sample>> {
        let stage = self.stage;
        let longest = stage.task.options.statement_timeout_seconds * 1e3;
        let shot = |arm: usize, cell: usize| {
            let cell = stage.cells[cell];
            let bound = match cell.seen_ms {
                // How much too slow a write is has to be known.
                Some(ms) if arm > 0 && cell.statement.kind == StatementKind::Read => {
                    (ms * CUT_OFF.0 + CUT_OFF.1).min(longest)
                }
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
        let _permit = stage.shared.slot.acquire().await.map_err(closed)?;
        let _measuring = stage.cx.meter().enter(Phase::Measuring);
        let round = Round { arms: arms.to_vec(), shots };
        stage.shared.benchmarker.measure(stage.cx, stage.lab, &round).await
    }
}
