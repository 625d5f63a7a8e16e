//! Candidates whose change cannot be switched inside a transaction: each gets a fork that has it for good, beside
//! one fork without it for the baseline and another for the A/A control.

use std::time::Instant;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::UniverseOutcome;
use super::arms::Built;
use super::construct::settle;
use super::race::Runner;
use super::stage::{Stage, fold};
use crate::bench::{Arm, Lab};
use crate::error::Result;
use crate::event::Event;
use crate::types::{Candidate, OwnForks, Plan, TrialState, Universe};

/// Name under which they run, where an agent's name would stand.
pub(super) const APART: &str = "apart";
/// Forks that one of them needs at once.
pub(super) const FORKS: usize = 3;

impl Stage<'_> {
    /// Measures candidates that need forks of their own, one after the other.
    pub(super) async fn apart(
        &self,
        candidates: Vec<Candidate>,
        outcome: &mut UniverseOutcome,
    ) -> Result<()> {
        let entrants = candidates.len();
        let mut left = candidates.into_iter();
        let control = self.another(outcome).await?;
        let mut result = match Lab::open(self.cx, self.shared.backend.as_ref(), &control.0).await {
            Ok(lab) => Box::pin(self.each(&mut left, (&control.0, &lab), entrants, outcome)).await,
            Err(error) => Err(error),
        };
        result = self.give_back(control, outcome).await.and(result);
        if let Err(error) = &result {
            for candidate in left {
                self.drop_out(outcome, candidate, self.not_measured(error));
            }
        }
        result
    }

    async fn each(
        &self,
        candidates: &mut std::vec::IntoIter<Candidate>,
        control: (&Universe, &Lab),
        entrants: usize,
        outcome: &mut UniverseOutcome,
    ) -> Result<()> {
        let baseline_plans = self.baseline_plans(&Built::default()).await?;
        for candidate in candidates {
            let changed = match self.another(outcome).await {
                Ok(changed) => changed,
                Err(error) => {
                    self.drop_out(outcome, candidate, self.not_measured(&error));
                    return Err(error);
                }
            };
            let done =
                self.on_fork(&candidate, &changed.0, control, (&baseline_plans, entrants), outcome).await;
            self.give_back(changed, outcome).await?;
            if let Err(error) = done {
                self.drop_out(outcome, candidate, TrialState::Failed { error: error.to_string() });
                self.cx.check()?;
            }
        }
        Ok(())
    }

    async fn on_fork(
        &self,
        candidate: &Candidate,
        changed: &Universe,
        (control, control_lab): (&Universe, &Lab),
        (baseline_plans, entrants): (&[Plan], usize),
        outcome: &mut UniverseOutcome,
    ) -> Result<()> {
        let (cx, backend) = (self.cx, self.shared.backend.as_ref());
        let lab = Lab::open(cx, backend, changed).await?;
        let (costs, enter) = {
            let _heavy = self.shared.builders.acquire().await.map_err(super::universe::closed)?;
            settle(cx, &lab, candidate).await?
        };
        cx.emit(Event::Applied {
            candidate: candidate.id.clone(),
            seconds: costs.build_seconds,
            bytes: u64::try_from(costs.bytes).unwrap_or(0),
        });
        let lab = if candidate.change.operations.iter().any(|o| o.restarts()) {
            drop(lab);
            backend.restart(cx, &changed.id).await?;
            Lab::open(cx, backend, changed).await?
        } else {
            lab
        };
        let arm = Arm { name: candidate.id.to_string(), enter };
        let runner = self
            .screen_at(candidate.clone(), (&lab, arm), costs, baseline_plans, outcome, &Built::default())
            .await?;
        let Some(mut runner) = runner else { return Ok(()) };
        runner.trial.forks = Some(OwnForks { changed: changed.id.clone(), control: control.id.clone() });
        let mut runners: [Runner<'_>; 1] = [Runner { fork: Some(&lab), ..runner }];
        let mut rng = ChaCha8Rng::seed_from_u64(self.task.seed ^ fold(candidate.id.as_str()));
        let raced =
            Box::pin(self.race(&Built::default(), &mut runners, (entrants, control_lab), &mut rng)).await;
        let [runner] = runners;
        self.enter(outcome, runner, raced.as_ref().err());
        // What went wrong is in the outcome; only the end of the run ends the others too.
        if raced.is_err() { cx.check() } else { Ok(()) }
    }

    /// One more fork of the same golden image.
    async fn another(&self, outcome: &UniverseOutcome) -> Result<(Universe, Instant)> {
        let universe = self.shared.backend.fork(self.cx).await?;
        self.cx.emit(Event::UniverseSpawned {
            universe: universe.id.clone(),
            agent: outcome.agent.clone(),
            mechanism: universe.mechanism.clone(),
            seconds: universe.cost.seconds,
        });
        Ok((universe, Instant::now()))
    }

    async fn give_back(
        &self,
        (universe, born): (Universe, Instant),
        outcome: &mut UniverseOutcome,
    ) -> Result<()> {
        self.shared.backend.destroy(&self.cx.for_cleanup(), &universe.id).await?;
        self.cx.emit(Event::UniverseDestroyed { universe: universe.id.clone() });
        outcome.further.push((universe, born.elapsed().as_secs_f64()));
        Ok(())
    }
}
