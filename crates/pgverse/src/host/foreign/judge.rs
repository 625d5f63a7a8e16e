//! A judge of the host's.

use std::sync::Arc;

use pgverse_core::judge::PairedJudge;
use pgverse_core::traits::Judge;
use pgverse_core::types::{Problem, Trial, Verdict};
use pgverse_core::{Context, Error, Result};

use super::{Foreign, argument, returned};

/// A judge whose `judge(problem, trials, verdict)` returns a verdict; the third argument is what the library's own judge
/// says of the same trials, to be returned as it is or changed.
#[derive(Debug)]
pub struct ForeignJudge {
    name: String,
    object: Arc<dyn Foreign>,
    runtime: tokio::runtime::Handle,
}

impl ForeignJudge {
    /// A judge of this name, whose calls run on this runtime.
    ///
    /// # Errors
    /// `InvalidInput` if there is no `judge`, or if its name is that of the library's own judge.
    pub fn new(
        name: impl Into<String>,
        object: Arc<dyn Foreign>,
        runtime: tokio::runtime::Handle,
    ) -> Result<Self> {
        let name = name.into();
        if name.is_empty() || name == PairedJudge::NAME {
            return Err(Error::invalid("this is no name for a judge of one's own").with("name", name));
        }
        if !object.has("judge") {
            return Err(Error::invalid("a judge needs a method `judge`").with("judge", name));
        }
        Ok(Self { name, object, runtime })
    }
}

impl Judge for ForeignJudge {
    fn name(&self) -> &str {
        &self.name
    }

    fn judge(&self, problem: &Problem, trials: &[Trial]) -> Result<Verdict> {
        let usual = PairedJudge.judge(problem, trials)?;
        let arguments = vec![argument(&problem)?, argument(&trials)?, argument(&usual)?];
        // On a thread of its own: this one may be a worker of the runtime, which must not wait.
        let call = || self.runtime.block_on(self.object.call(&Context::new(), "judge", arguments, None));
        let value = std::thread::scope(|scope| scope.spawn(call).join())
            .map_err(|_| Error::internal("the call of a judge panicked"))??;
        let verdict: Verdict = returned(&self.name, "judge", value)?;
        if let Some(stranger) = &verdict.winner
            && !trials.iter().any(|trial| trial.candidate == *stranger)
        {
            return Err(Error::new(
                pgverse_core::ErrorKind::Agent,
                "the judge names a winner that did not take part",
            )
            .with("judge", &self.name)
            .with("winner", stranger));
        }
        Ok(verdict)
    }
}
