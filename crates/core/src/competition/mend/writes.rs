//! What makes the writes of the workload slower than allowed in a union.

use super::{Mender, without};
use crate::competition::litter::Litter;
use crate::competition::race::unqueued;
use crate::competition::screen::{touched_tables, writes_to};
use crate::competition::universe::closed;
use crate::error::Result;
use crate::types::{Candidate, Operation, StatementKind};

/// Writes shall stay within this share of what is allowed: the race will not measure exactly the same.
const MARGIN: f64 = 0.9;

/// An operation without which a write takes less than this share less does not make it slow.
const RELIEF: f64 = 0.02;

/// Added to the share of the gain that is lost without an operation: what loses nothing is not worth infinitely much.
const LOSS: f64 = 0.002;

/// A write with what it takes.
#[derive(Debug, Clone, Copy)]
struct Write {
    cell: usize,
    before_ms: f64,
    now_ms: f64,
}

impl Mender<'_, '_> {
    /// Of the indexes without which the slowest write takes less, or else the next one, the one that is worth least for
    /// what it costs there; nothing where the writes keep their bounds.
    pub(super) async fn slows_writes(&mut self, united: &Candidate) -> Result<Option<Operation>> {
        let slow = self.slow_writes(united).await?;
        if slow.is_empty() {
            return Ok(None);
        }
        let all = self.reads(united).await?;
        let whole = self.gain(&all);
        for slow in slow {
            if let Some(guilty) = self.dearest(united, slow, whole).await? {
                return Ok(Some(guilty));
            }
        }
        Ok(None)
    }

    /// `whole`: what the reads gain by all of the union.
    async fn dearest(&mut self, united: &Candidate, slow: Write, whole: f64) -> Result<Option<Operation>> {
        let mut best: Option<(f64, Operation)> = None;
        for suspect in &united.change.operations {
            let touched = touched_tables(std::slice::from_ref(suspect), &self.stage.brief.catalog);
            let is_index = matches!(suspect, Operation::CreateIndex { .. });
            if !is_index || !writes_to(&self.before[slow.cell], &touched) {
                continue;
            }
            let without = without(united, suspect);
            let now_ms = self.write_ms(&without, slow.cell).await?;
            let relief = 1.0 - now_ms / slow.now_ms;
            if relief < RELIEF {
                continue;
            }
            let reads = self.reads(&without).await?;
            let loss = ((whole - self.gain(&reads)) / whole.abs().max(f64::MIN_POSITIVE)).max(0.0);
            let worth = relief / (loss + LOSS);
            if best.as_ref().is_none_or(|(most, _)| worth > *most) {
                best = Some((worth, suspect.clone()));
            }
        }
        Ok(best.map(|(_, guilty)| guilty))
    }

    /// The writes that are slower than allowed, the slowest first: all, where that holds for all together.
    async fn slow_writes(&mut self, united: &Candidate) -> Result<Vec<Write>> {
        let stage = self.stage;
        let (arm, _, changed) = self.touched(united).await?;
        let mut writes = Vec::new();
        for cell in changed.into_iter().filter(|&c| stage.cells[c].statement.kind == StatementKind::Write) {
            let arms = [self.built.baseline("baseline"), arm.clone()];
            let now_ms = match self.writes_ms.get(&cell) {
                Some(_) => self.write_ms(united, cell).await?,
                None => {
                    let times = self.in_turns(&arms, &[cell], united).await?;
                    self.clear(cell).await?;
                    let Some(&(before_ms, now_ms)) = times.first() else { continue };
                    self.writes_ms.insert(cell, before_ms);
                    now_ms
                }
            };
            let before_ms = self.writes_ms.get(&cell).copied().unwrap_or(now_ms);
            writes.push(Write { cell, before_ms, now_ms });
        }
        let sum = |ms: fn(&Write) -> f64| -> f64 {
            writes.iter().map(|w| stage.cells[w.cell].weight() * ms(w)).sum()
        };
        let allowed = (stage.task.problem.limits.max_write_slowdown * MARGIN).max(1.0);
        let together = sum(|w| w.now_ms) > sum(|w| w.before_ms) * allowed;
        let slowdown = |w: &Write| w.now_ms / w.before_ms;
        let mut slow: Vec<Write> =
            writes.iter().copied().filter(|w| together || slowdown(w) > allowed).collect();
        slow.sort_by(|a, b| slowdown(b).total_cmp(&slowdown(a)));
        Ok(slow)
    }

    /// What a write takes with a candidate, milliseconds: the better of two runs.
    async fn write_ms(&self, candidate: &Candidate, cell: usize) -> Result<f64> {
        let arms =
            [self.built.baseline("baseline"), self.built.arm(candidate.id.as_str(), &candidate.change)];
        let one: &[usize] = &[cell];
        let samples = self.run(&arms, &[(1, one), (1, one)], candidate).await?;
        self.clear(cell).await?;
        Ok(samples.iter().map(unqueued).fold(f64::INFINITY, f64::min))
    }

    /// Removes what the rolled-back runs of a write left behind.
    async fn clear(&self, cell: usize) -> Result<()> {
        let stage = self.stage;
        let litter = Litter::of(stage.cx, stage.lab, stage.brief, [stage.cells[cell]].into_iter()).await?;
        let _permit = stage.shared.slot.acquire().await.map_err(closed)?;
        litter.vacuum(stage.cx, stage.lab).await
    }
}
