//! The grand final: do the winners of several universes help each other?

use super::UniverseOutcome;
use super::texts::settle;
use super::unite::Union;
use super::universe::sort_key;
use crate::judge::{ended, estimate, helps_at_a_price, helps_somewhere, ratio_of};
use crate::types::{AnswerCheck, Answers, Candidate, Problem, Trial};

/// Name of the final where an agent's name would stand.
pub(super) const FINAL: &str = "final";

/// A text whose answer was compared where the original ends, which it may not do in the final.
#[derive(Debug, Clone)]
pub(super) struct Verified {
    pub(super) sql: String,
    pub(super) check: AnswerCheck,
}

impl Verified {
    fn of<'a>(candidate: &'a Candidate, trial: &'a Trial) -> impl Iterator<Item = Self> + 'a {
        let same = trial.checks.iter().filter(|check| check.answers == Answers::Same);
        same.filter_map(|check| {
            let sql = candidate.change.rewritten(&check.statement)?.to_owned();
            Some(Self { sql, check: check.clone() })
        })
    }
}

/// Who meets in a union.
#[derive(Debug, Clone)]
pub(super) struct Finalists {
    /// Candidates that help somewhere and are no unions themselves, best first; after them those that help somewhere and
    /// slow other reads, which a union may still be rid of.
    pub(super) members: Vec<Candidate>,
    /// The best candidate so far, which may be a union.
    pub(super) best: Candidate,
    /// What was found the same in the universes.
    pub(super) verified: Vec<Verified>,
    /// Number of the union among the candidates of the leading agent.
    pub(super) number: u64,
}

impl Finalists {
    /// Those of these trials that may be united; `None` with fewer than two.
    pub(super) fn of<'a>(
        trials: impl Iterator<Item = (&'a Candidate, &'a Trial)>,
        problem: &Problem,
    ) -> Option<Self> {
        let trials: Vec<_> = trials.collect();
        let ended = ended(trials.iter().map(|(_, t)| *t));
        let verified = trials.iter().flat_map(|(c, t)| Verified::of(c, t)).collect();
        // What needs a fork of its own cannot be entered beside others.
        let (helpful, others): (Vec<_>, Vec<_>) = trials
            .iter()
            .copied()
            .filter(|(_, t)| t.forks.is_none())
            .partition(|(_, t)| helps_somewhere(t, problem));
        let mut helpful: Vec<(&Candidate, &Trial, f64)> =
            helpful.into_iter().map(|(c, t)| (c, t, estimate(t, problem, &ended))).collect();
        helpful.sort_by(|a, b| a.2.total_cmp(&b.2).then_with(|| sort_key(&a.0.id).cmp(&sort_key(&b.0.id))));
        let best = helpful.first()?.0.clone();
        let mut members: Vec<Candidate> =
            helpful.iter().filter(|(_, t, _)| t.rival.is_none()).map(|(c, ..)| (*c).clone()).collect();
        let costly = others.into_iter().filter(|(_, t)| t.rival.is_none() && helps_at_a_price(t, problem));
        members.extend(costly.map(|(c, _)| c.clone()));
        settle(&mut members, |member, statement| {
            trials.iter().find(|(c, _)| c.id == member.id).and_then(|(_, t)| ratio_of(t, statement))
        });
        (members.len() > 1).then_some(Self { members, best, verified, number: 0 })
    }

    /// The finalists of all universes; `None` if fewer than two universes have one, since a universe unites
    /// its own, or if all of them change the same thing: that needs no fork to find out.
    pub(super) fn across(outcomes: &[UniverseOutcome], problem: &Problem) -> Option<Self> {
        let trials = outcomes.iter().flat_map(|o| {
            o.trials.iter().filter_map(|t| Some((o.candidates.iter().find(|c| c.id == t.candidate)?, t)))
        });
        let mut finalists = Self::of(trials, problem)?;
        let leader = finalists.members.first()?.agent.clone();
        if finalists.members.iter().all(|m| m.agent == leader) {
            return None;
        }
        let own = outcomes.iter().find(|o| o.agent == leader)?;
        finalists.number = own.candidates.iter().map(|c| sort_key(&c.id).1).max().unwrap_or(0) + 1;
        let members: Vec<&Candidate> = finalists.members.iter().collect();
        Union::of(&members).is_some().then_some(finalists)
    }
}
