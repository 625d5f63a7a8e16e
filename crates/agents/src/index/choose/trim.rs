//! What becomes of a grown set: superfluous indexes go, others take their room, reads that are slower after all and
//! writes that are slower than allowed are mended, and smaller sets are looked for.

use std::collections::BTreeSet;

use pgverse_core::Result;

use super::grow::{FIXED_BYTES, Grower, SMALLEST_GAIN, Set};
use super::oracle::Seen;
use crate::index::rank::title;

/// Share of the agent's time in which nothing new is begun.
const ENDING: f64 = 0.1;

/// A share of a write's time that the clock cannot tell from nothing.
const LEAST_RELIEF: f64 = 0.03;

impl Grower<'_> {
    /// Leaves out what the others made superfluous, dearest first; whether there was anything.
    pub(super) async fn prune(&mut self) -> Result<bool> {
        let Some(mut set) = self.last() else { return Ok(false) };
        let before = set.atoms.len();
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
        let pruned = set.atoms.len() < before;
        self.trail.push(set);
        Ok(pruned)
    }

    /// Puts what did not fit in the place of what is worth less: taking what gains most for its bytes, one after the
    /// other, may fill the budget with many small things.
    pub(super) async fn swap(&mut self) -> Result<()> {
        let Some(mut set) = self.last() else { return Ok(()) };
        let mut left = self.crowded.clone();
        while !left.is_empty() && !self.late(ENDING) {
            // Which leaves first: what loses least for its bytes.
            let mut losses: Vec<(f64, usize)> = Vec::new();
            for atom in set.atoms.clone() {
                let (without, _) = self.without(&set, atom).await?;
                #[allow(clippy::cast_precision_loss)] // Bytes fit a float's 53 bits.
                let bytes = self.atoms[atom].bytes.unwrap_or(0) as f64 + FIXED_BYTES;
                losses.push(((without.score - set.score) / bytes, atom));
            }
            losses.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut best: Option<(usize, Set)> = None;
            for atom in left.clone() {
                if set.atoms.contains(&atom) || self.late(ENDING) {
                    continue;
                }
                let Some(atoms) = self.room(&set, &losses, atom) else { continue };
                let (next, _) = self.look(&set, atoms).await?;
                if set.score - next.score < SMALLEST_GAIN || self.slower(&next).is_some() {
                    continue;
                }
                if best.as_ref().is_none_or(|(_, known)| next.score < known.score) {
                    best = Some((atom, next));
                }
            }
            let Some((atom, next)) = best else { return Ok(()) };
            for &gone in set.atoms.difference(&next.atoms) {
                let titles: Vec<String> = self.atoms[atom].specs().iter().map(title).collect();
                self.atoms[gone].rejected =
                    Some(format!("its room is worth more for {}", titles.join(" and ")));
                left.insert(gone);
            }
            left.remove(&atom);
            set = next;
            self.trail.push(set.clone());
        }
        Ok(())
    }

    /// The set with this atom, and without as many of the others, first to leave first, as it takes.
    fn room(&self, set: &Set, losses: &[(f64, usize)], atom: usize) -> Option<BTreeSet<usize>> {
        let mut atoms = set.atoms.clone();
        atoms.insert(atom);
        for (_, leaves) in losses {
            if self.bytes(&atoms) <= self.budget {
                return Some(atoms);
            }
            atoms.remove(leaves);
        }
        (self.bytes(&atoms) <= self.budget).then_some(atoms)
    }

    async fn without(&mut self, set: &Set, atom: usize) -> Result<(Set, Vec<(usize, Seen)>)> {
        let mut atoms = set.atoms.clone();
        atoms.remove(&atom);
        self.look(set, atoms).await
    }

    /// The set after every plan of it that is not clearly faster was run in turns with the one without any index, less
    /// what makes a read slower: what was run once may have been run in a lucky moment.
    pub(super) async fn sure(&mut self, mut set: Set) -> Result<Set> {
        let Some(before) = self.trail.first().map(|first| first.seen.clone()) else { return Ok(set) };
        while !set.atoms.is_empty() {
            let unsure =
                |at: &usize| before[*at].shape != set.seen[*at].shape && self.unsure(*at, &set.seen[*at]);
            let changed = (0..set.seen.len()).filter(unsure);
            let mut plans: Vec<(usize, Seen)> = changed.map(|at| (at, set.seen[at].clone())).collect();
            self.oracle.look_again(&self.change(&set.atoms), &mut plans).await?;
            plans.into_iter().for_each(|(at, seen)| set.seen[at] = seen);
            set.score = self.score(&set.seen);
            let Some(slower) = self.slower(&set) else { break };
            let mut best: Option<(usize, Set)> = None;
            for atom in set.atoms.clone() {
                let (without, changed) = self.without(&set, atom).await?;
                let helps = !changed.is_empty() && self.slower(&without).is_none_or(|still| still != slower);
                if helps && best.as_ref().is_none_or(|(_, known)| without.score < known.score) {
                    best = Some((atom, without));
                }
            }
            let Some((atom, without)) = best else { break };
            self.atoms[atom].rejected = Some(slower);
            set = without;
        }
        Ok(set)
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
