//! Growing a set of indexes, pruning it, and keeping its writes within bounds.

use std::collections::BTreeSet;

use pgverse_core::types::{Change, StatementId, StatementKind};
use pgverse_core::{ErrorKind, Result};

use super::atoms::Atom;
use super::oracle::{Oracle, Seen};
use crate::shared::clock::difference;

/// Share of the agent's time that growing may take; the rest is for pruning and for the smaller sets.
const GROWING: f64 = 0.8;
/// Share of it in which nothing new is begun.
const ENDING: f64 = 0.1;
/// A share of a write's time that the clock cannot tell from nothing.
const LEAST_RELIEF: f64 = 0.03;
/// A gain below this is not worth an index: 1 % of the score's unit, which is a natural logarithm.
const SMALLEST_GAIN: f64 = 0.01;
/// Bytes that every index costs beyond its own: planning, locks, attention.
const FIXED_BYTES: f64 = 262_144.0;

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
    budget: u64,
    whole_time: f64,
    /// What each atom was worth when it was last tried; mostly it is worth no more later, beside a larger set.
    worths: Vec<f64>,
    /// Every set on the way, smallest first.
    trail: Vec<Set>,
}

impl<'a> Grower<'a> {
    pub(super) fn new(atoms: Vec<Atom<'a>>, oracle: Oracle<'a>, budget: u64) -> Self {
        let whole_time = oracle.bench.seconds_left();
        let worths = vec![f64::INFINITY; atoms.len()];
        Self { atoms, oracle, budget, whole_time, worths, trail: Vec::new() }
    }

    fn late(&self, reserved: f64) -> bool {
        self.oracle.bench.seconds_left() < self.whole_time * reserved
    }

    /// What these atoms change together.
    pub(super) fn change(&self, atoms: &BTreeSet<usize>) -> Change {
        Change { operations: atoms.iter().flat_map(|&at| self.atoms[at].change.operations.clone()).collect() }
    }

    /// Takes atoms as long as one of them makes the workload faster.
    pub(super) async fn grow(&mut self) -> Result<()> {
        let seen = self.oracle.start().await?;
        let mut set = Set { atoms: BTreeSet::new(), seen, bytes: 0, score: 0.0 };
        let mut pool: Vec<usize> = (0..self.atoms.len()).collect();
        loop {
            self.trail.push(set.clone());
            let mut steps = self.steps(&set, &mut pool, false).await?;
            if steps.is_empty() {
                // What was harmful or useless alone may be neither beside the others.
                steps = self.steps(&set, &mut pool, true).await?;
            }
            steps.sort_by(|a, b| worth(b, &set).total_cmp(&worth(a, &set)));
            let Some(next) = self.take(&set, steps).await? else { return Ok(()) };
            pool.retain(|atom| !next.atoms.contains(atom));
            set = next;
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
            self.atoms[atom].rejected = Some(format!("with it the set would take {bytes} bytes"));
            return Ok(None);
        }
        let (next, changed) = self.look(set, atoms).await?;
        if changed.is_empty() {
            self.atoms[atom].rejected = Some("no plan would use it".to_owned());
            return Ok(None);
        }
        if let Some(slower) = self.slower(&next) {
            self.atoms[atom].rejected = Some(slower);
            return Ok(None);
        }
        let gain = set.score - next.score;
        if gain < SMALLEST_GAIN {
            self.atoms[atom].rejected = Some(format!("{}: not faster", self.told(set, &changed)));
            return Ok(None);
        }
        Ok(Some(Step { atom, instead, changed, set: next, gain }))
    }

    /// Another set as seen from this one: what changes in its plans, and what that takes.
    async fn look(&mut self, set: &Set, atoms: BTreeSet<usize>) -> Result<(Set, Vec<(usize, Seen)>)> {
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
        for (at, seen) in slower {
            if let Some(known) = changed.iter_mut().find(|(changed, _)| *changed == at) {
                known.1 = seen;
            }
        }
        let mut seen = set.seen.clone();
        for (at, now) in &changed {
            seen[*at] = now.clone();
        }
        let bytes = self.bytes(&atoms);
        let score = self.score(&seen);
        Ok((Set { atoms, seen, bytes, score }, changed))
    }

    fn bytes(&self, atoms: &BTreeSet<usize>) -> u64 {
        atoms.iter().filter_map(|&at| self.atoms[at].bytes).sum()
    }

    /// ln(total time / total time before) + mean over the statements of ln(time / time before): the sum alone would
    /// leave the short ones without anything, the mean alone the long ones.
    fn score(&self, seen: &[Seen]) -> f64 {
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
    fn slower(&self, set: &Set) -> Option<String> {
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
        let Some(first) = steps.next() else { return Ok(None) };
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
            if self.bytes(&with) <= self.budget {
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

    fn last(&self) -> Option<Set> {
        self.trail.last().cloned()
    }

    /// Leaves out what the others made superfluous, dearest first.
    pub(super) async fn prune(&mut self) -> Result<()> {
        let Some(mut set) = self.last() else { return Ok(()) };
        let mut order: Vec<usize> = set.atoms.iter().copied().collect();
        order.sort_by_key(|&at| std::cmp::Reverse(self.atoms[at].bytes));
        for atom in order {
            if set.atoms.len() < 2 || self.late(ENDING) {
                break;
            }
            let (without, changed) = self.without(&set, atom).await?;
            if without.score - set.score < SMALLEST_GAIN && self.slower(&without).is_none() {
                let why = match changed.is_empty() {
                    true => "with the others, no plan uses it".to_owned(),
                    false => format!("with the others it is not needed ({})", self.told(&set, &changed)),
                };
                self.atoms[atom].rejected = Some(why);
                set = without;
            }
        }
        self.trail.push(set);
        Ok(())
    }

    async fn without(&mut self, set: &Set, atom: usize) -> Result<(Set, Vec<(usize, Seen)>)> {
        let mut atoms = set.atoms.clone();
        atoms.remove(&atom);
        self.look(set, atoms).await
    }

    /// The set, less what makes its writes slower than allowed.
    pub(super) async fn within_writes(&mut self) -> Result<Set> {
        let limit = self.oracle.brief.problem.limits.max_write_slowdown;
        let Some(mut set) = self.last() else {
            return Ok(Set { atoms: BTreeSet::new(), seen: Vec::new(), bytes: 0, score: 0.0 });
        };
        loop {
            let change = self.change(&set.atoms);
            let writers = self.oracle.writers(&change);
            if writers.is_empty() || set.atoms.is_empty() {
                return Ok(set);
            }
            let slow = self.oracle.slow_writes(&change, &writers, limit).await?;
            let Some(slow) = slow.filter(|_| !self.late(ENDING / 2.0)) else { return Ok(set) };
            // The one that gives back most of the writes' time for what the reads lose by it.
            let mut best: Option<(f64, usize, Set)> = None;
            for atom in set.atoms.clone() {
                let touched = self.oracle.writers(&self.atoms[atom].change);
                if !slow.cells.iter().any(|cell| touched.contains(cell)) {
                    continue;
                }
                let (without, _) = self.without(&set, atom).await?;
                if self.slower(&without).is_some() {
                    continue;
                }
                let then = self.oracle.write_ms(&self.change(&without.atoms), &slow.cells).await?;
                let relief = (1.0 - then.iter().sum::<f64>() / slow.ms).max(LEAST_RELIEF);
                let worth = relief / (without.score - set.score).max(SMALLEST_GAIN);
                if best.as_ref().is_none_or(|(known, ..)| worth > *known) {
                    best = Some((worth, atom, without));
                }
            }
            let Some((_, atom, without)) = best else { return Ok(set) };
            self.atoms[atom].rejected = Some(format!(
                "{} would take {:.2} times as long; at most {limit} is allowed",
                slow.which, slow.ratio
            ));
            set = without;
        }
    }

    /// The smallest set on the way with this share of a set's gain, of what that set still has.
    pub(super) async fn smaller(&mut self, whole: &Set, share: f64) -> Result<Option<Set>> {
        for at in 0..self.trail.len() {
            let atoms: BTreeSet<usize> = self.trail[at].atoms.intersection(&whole.atoms).copied().collect();
            if atoms.is_empty() || atoms.len() == whole.atoms.len() || self.late(ENDING / 2.0) {
                continue;
            }
            let (set, _) = self.look(whole, atoms).await?;
            if set.score <= whole.score * share && self.slower(&set).is_none() {
                return Ok(Some(set));
            }
        }
        Ok(None)
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
