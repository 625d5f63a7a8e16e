//! Growing a set of indexes.

use std::collections::BTreeSet;

use pgverse_core::types::{Change, StatementId, StatementKind};
use pgverse_core::{ErrorKind, Result};

use super::atoms::{Atom, leaders};
use super::oracle::{Oracle, Seen};
use crate::shared::clock::difference;

/// Share of the agent's time that growing may take; the rest is for trimming it and for the smaller sets.
const GROWING: f64 = 0.7;
/// A plan that takes less than this share of the time without any index is faster after a single run.
const SURE: f64 = 0.5;

/// A gain below this is not worth an index: 1 % of the score's unit, which is a natural logarithm.
pub(super) const SMALLEST_GAIN: f64 = 0.01;
/// Bytes that every index costs beyond its own: planning, locks, attention.
pub(super) const FIXED_BYTES: f64 = 262_144.0;

/// A set of indexes with what it does to every statement.
#[derive(Debug, Clone)]
pub(super) struct Set {
    /// Positions of its atoms.
    pub(super) atoms: BTreeSet<usize>,
    /// Plan and time of each cell.
    pub(super) seen: Vec<Seen>,
    /// Bytes of its indexes.
    pub(super) bytes: u64,
    /// Smaller is better; 0 is the workload as it is.
    pub(super) score: f64,
}

/// One atom more, and what it would do.
#[derive(Debug)]
struct Step {
    atom: usize,
    /// Atoms that it takes the place of.
    instead: BTreeSet<usize>,
    changed: Vec<(usize, Seen)>,
    set: Set,
    gain: f64,
}

#[derive(Debug)]
pub(super) struct Grower<'a> {
    pub(super) atoms: Vec<Atom<'a>>,
    pub(super) oracle: Oracle<'a>,
    pub(super) budget: u64,
    whole_time: f64,
    /// What each atom was worth when it was last tried; mostly it is worth no more later, beside a larger set.
    worths: Vec<f64>,
    /// Every set on the way, smallest first.
    pub(super) trail: Vec<Set>,
    /// Atoms for which there was no room.
    pub(super) crowded: BTreeSet<usize>,
}

impl<'a> Grower<'a> {
    pub(super) fn new(atoms: Vec<Atom<'a>>, oracle: Oracle<'a>, budget: u64) -> Self {
        let whole_time = oracle.bench.seconds_left();
        let worths = vec![f64::INFINITY; atoms.len()];
        Self { atoms, oracle, budget, whole_time, worths, trail: Vec::new(), crowded: BTreeSet::new() }
    }

    pub(super) fn late(&self, reserved: f64) -> bool {
        self.oracle.bench.seconds_left() < self.whole_time * reserved
    }

    /// What these atoms change together.
    pub(super) fn change(&self, atoms: &BTreeSet<usize>) -> Change {
        Change { operations: atoms.iter().flat_map(|&at| self.atoms[at].change.operations.clone()).collect() }
    }

    /// Takes atoms, also beside those that were taken before, as long as one of them makes the workload faster.
    pub(super) async fn grow(&mut self) -> Result<()> {
        let mut set = match self.last() {
            Some(set) => set,
            None => {
                let seen = self.oracle.start().await?;
                Set { atoms: BTreeSet::new(), seen, bytes: 0, score: 0.0 }
            }
        };
        // Once every statement has what promises most for it, it costs little to try the rest: what runs then is short.
        let mut pool = leaders(&self.atoms);
        let mut rest: Vec<usize> = (0..self.atoms.len()).filter(|atom| !pool.contains(atom)).collect();
        pool.retain(|atom| !set.atoms.contains(atom));
        rest.retain(|atom| !set.atoms.contains(atom));
        self.trail.push(set.clone());
        loop {
            let mut steps = self.steps(&set, &mut pool, false).await?;
            if steps.is_empty() {
                pool.append(&mut rest);
                steps = self.steps(&set, &mut pool, false).await?;
            }
            if steps.is_empty() {
                // What was harmful or useless alone may be neither beside the others.
                steps = self.steps(&set, &mut pool, true).await?;
            }
            if steps.is_empty() {
                return Ok(());
            }
            steps.sort_by(|a, b| worth(b, &set).total_cmp(&worth(a, &set)));
            // Otherwise what looked like a gain is known to be none now.
            if let Some(next) = self.take(&set, steps).await? {
                pool.retain(|atom| !next.atoms.contains(atom));
                set = next;
                self.trail.push(set.clone());
            }
        }
    }

    /// Atoms that help beside this set, `useless` ones or the others; those that cannot be worth more than one already
    /// tried wait (lazy evaluation: Minoux, "Accelerated greedy algorithms for maximizing submodular set functions",
    /// 1978). What can never be built leaves the pool.
    async fn steps(&mut self, set: &Set, pool: &mut Vec<usize>, useless: bool) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        let mut best = 0.0;
        pool.sort_by(|&a, &b| self.worths[b].total_cmp(&self.worths[a]).then(a.cmp(&b)));
        for atom in pool.clone() {
            let hoped = self.worths[atom];
            if (hoped <= 0.0) != useless || (!useless && hoped < best) {
                continue;
            }
            if self.late(1.0 - GROWING) {
                self.atoms[atom].rejected.get_or_insert_with(|| "there was no time to try it".to_owned());
                continue;
            }
            match self.built(atom).await {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
                Err(error) => {
                    self.atoms[atom].rejected = Some(format!("it cannot be built: {error}"));
                    pool.retain(|other| *other != atom);
                    continue;
                }
            }
            let step = self.step(set, atom).await?;
            self.worths[atom] = step.as_ref().map_or(0.0, |step| worth(step, set));
            if self.worths[atom] > best && self.worths[atom].is_finite() {
                best = self.worths[atom];
            }
            steps.extend(step);
        }
        Ok(steps)
    }

    async fn built(&mut self, atom: usize) -> Result<u64> {
        match self.atoms[atom].bytes {
            Some(bytes) => Ok(bytes),
            None => {
                let bytes = self.oracle.build(&self.atoms[atom].change).await?;
                self.atoms[atom].bytes = Some(bytes);
                Ok(bytes)
            }
        }
    }

    /// One atom beside a set, or in place of those that it contains.
    async fn step(&mut self, set: &Set, atom: usize) -> Result<Option<Step>> {
        let instead: BTreeSet<usize> =
            set.atoms.iter().copied().filter(|&old| self.atoms[old].within(&self.atoms[atom])).collect();
        let mut atoms: BTreeSet<usize> = set.atoms.difference(&instead).copied().collect();
        atoms.insert(atom);
        let bytes = self.bytes(&atoms);
        if bytes > self.budget {
            self.crowded.insert(atom);
            self.atoms[atom].rejected = Some(format!("with it the set would take {bytes} bytes"));
            return Ok(None);
        }
        let (next, changed) = self.look(set, atoms).await?;
        if changed.is_empty() {
            self.atoms[atom].rejected = Some("no plan would use it".to_owned());
            return Ok(None);
        }
        let gain = set.score - next.score;
        Ok(self.accepted(set, Step { atom, instead, changed, set: next, gain }))
    }

    /// The step if it helps and makes no read slower.
    fn accepted(&mut self, set: &Set, step: Step) -> Option<Step> {
        let rejected = match self.slower(&step.set) {
            None if step.gain >= SMALLEST_GAIN => return Some(step),
            None => format!("{}: not faster", self.told(set, &step.changed)),
            Some(slower) => slower,
        };
        self.atoms[step.atom].rejected = Some(rejected);
        self.worths[step.atom] = 0.0;
        None
    }

    /// The step if it still helps once the plans that are not clearly faster were run in turns with those without any
    /// index.
    async fn confirmed(&mut self, set: &Set, mut step: Step) -> Result<Option<Step>> {
        let changed = step.changed.iter().filter(|(at, seen)| self.unsure(*at, seen));
        let mut again: Vec<(usize, Seen)> = changed.cloned().collect();
        if again.is_empty() {
            return Ok(Some(step));
        }
        let change = self.change(&step.set.atoms);
        self.oracle.look_again(&change, &mut again).await?;
        replace(&mut step.changed, again);
        for (at, seen) in &step.changed {
            step.set.seen[*at] = seen.clone();
        }
        step.set.score = self.score(&step.set.seen);
        step.gain = set.score - step.set.score;
        Ok(self.accepted(set, step))
    }

    /// Whether a read with this plan may be no faster than without any index: a single run is not enough to tell.
    pub(super) fn unsure(&self, at: usize, seen: &Seen) -> bool {
        let cell = &self.oracle.cells[at];
        cell.kind == StatementKind::Read && seen.ms > cell.base_ms * SURE
    }

    /// Another set as seen from this one: what changes in its plans, and what that takes.
    pub(super) async fn look(
        &mut self,
        set: &Set,
        atoms: BTreeSet<usize>,
    ) -> Result<(Set, Vec<(usize, Seen)>)> {
        let touched: BTreeSet<usize> = set.atoms.symmetric_difference(&atoms).copied().collect();
        let meant: Vec<&StatementId> =
            touched.iter().flat_map(|&at| &self.atoms[at].idea.gains).map(|g| g.statement).collect();
        let readers = self.oracle.readers(&self.change(&touched), &meant);
        let change = self.change(&atoms);
        let mut changed = self.oracle.look(&change, &readers, &set.seen).await?;
        let limit = 1.0 + self.oracle.brief.problem.limits.max_regression;
        let mut slower: Vec<(usize, Seen)> = Vec::new();
        for (at, seen) in &changed {
            let base = self.oracle.cells[*at].base_ms;
            if self.oracle.cells[*at].kind == StatementKind::Read && worse(base, seen.ms, limit) {
                slower.push((*at, seen.clone()));
            }
        }
        self.oracle.look_again(&change, &mut slower).await?;
        replace(&mut changed, slower);
        let mut seen = set.seen.clone();
        for (at, now) in &changed {
            seen[*at] = now.clone();
        }
        let bytes = self.bytes(&atoms);
        let score = self.score(&seen);
        Ok((Set { atoms, seen, bytes, score }, changed))
    }

    pub(super) fn bytes(&self, atoms: &BTreeSet<usize>) -> u64 {
        atoms.iter().filter_map(|&at| self.atoms[at].bytes).sum()
    }

    /// ln(total time / total time before) + mean over the statements of ln(time / time before): the sum alone would
    /// leave the short ones without anything, the mean alone the long ones.
    pub(super) fn score(&self, seen: &[Seen]) -> f64 {
        let (mut before, mut now, mut logs) = (0.0, 0.0, 0.0);
        for (cell, seen) in self.oracle.cells.iter().zip(seen) {
            let by = difference(cell.base_ms, seen.ms);
            before += cell.base_ms * cell.weight;
            now += cell.base_ms * by.exp() * cell.weight;
            logs += by;
        }
        let total = if before > 0.0 && now > 0.0 { (now / before).ln() } else { 0.0 };
        #[allow(clippy::cast_precision_loss)] // A number of statements.
        let cells = self.oracle.cells.len().max(1) as f64;
        total + logs / cells
    }

    /// The read that becomes slower than without any index, if there is one.
    pub(super) fn slower(&self, set: &Set) -> Option<String> {
        let limit = 1.0 + self.oracle.brief.problem.limits.max_regression;
        let (cell, seen) =
            self.oracle.cells.iter().zip(&set.seen).find(|(cell, seen)| {
                cell.kind == StatementKind::Read && worse(cell.base_ms, seen.ms, limit)
            })?;
        Some(format!(
            "{} would take {} instead of {} ms",
            cell.question.statement,
            milliseconds(seen.ms),
            milliseconds(cell.base_ms)
        ))
    }

    /// Such as `a02 42.1 -> 0.1 ms`.
    pub(super) fn told(&self, before: &Set, changed: &[(usize, Seen)]) -> String {
        let one = |(at, seen): &(usize, Seen)| {
            let id = &self.oracle.cells[*at].question.statement;
            format!("{id} {} -> {} ms", milliseconds(before.seen[*at].ms), milliseconds(seen.ms))
        };
        changed.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// The best step, and those after it that concern other statements.
    async fn take(&mut self, set: &Set, steps: Vec<Step>) -> Result<Option<Set>> {
        let mut steps = steps.into_iter();
        let first = loop {
            let Some(step) = steps.next() else { return Ok(None) };
            if let Some(first) = self.confirmed(set, step).await? {
                break first;
            }
        };
        let mut atoms = first.set.atoms.clone();
        let mut cells: BTreeSet<usize> = first.changed.iter().map(|(at, _)| *at).collect();
        let mut gone = first.instead.clone();
        for step in steps {
            let others = step.changed.iter().all(|(at, _)| !cells.contains(at));
            let apart = step.instead.is_disjoint(&gone) && step.instead.is_subset(&atoms);
            if !others || !apart {
                continue;
            }
            let mut with: BTreeSet<usize> = atoms.difference(&step.instead).copied().collect();
            with.insert(step.atom);
            if self.bytes(&with) > self.budget {
                continue;
            }
            if let Some(step) = self.confirmed(set, step).await? {
                atoms = with;
                cells.extend(step.changed.iter().map(|(at, _)| *at));
                gone.extend(step.instead);
            }
        }
        if atoms == first.set.atoms {
            return Ok(Some(first.set));
        }
        // Together they may do other things than each alone.
        let (together, _) = self.look(set, atoms).await?;
        let better = together.score < first.set.score && self.slower(&together).is_none();
        Ok(Some(if better { together } else { first.set }))
    }

    pub(super) fn last(&self) -> Option<Set> {
        self.trail.last().cloned()
    }
}

/// Puts what was run again in the place of what was known.
fn replace(known: &mut [(usize, Seen)], again: Vec<(usize, Seen)>) {
    for (at, seen) in again {
        if let Some(old) = known.iter_mut().find(|(known, _)| *known == at) {
            old.1 = seen;
        }
    }
}

/// Gain for each byte.
fn worth(step: &Step, before: &Set) -> f64 {
    #[allow(clippy::cast_precision_loss)] // Bytes fit a float's 53 bits.
    let bytes = step.set.bytes.saturating_sub(before.bytes) as f64 + FIXED_BYTES;
    step.gain / bytes
}

/// Whether a read is slower than it may be; what the clock cannot tell apart is not.
fn worse(before: f64, now: f64, limit: f64) -> bool {
    difference(before, now) > limit.ln().max(0.0)
}

/// With as many digits as say something.
pub(super) fn milliseconds(ms: f64) -> String {
    if ms >= 100.0 {
        format!("{ms:.0}")
    } else if ms >= 1.0 {
        format!("{ms:.1}")
    } else {
        format!("{ms:.2}")
    }
}
