//! A competition, asked for by a document, with whatever the host brings of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::Stream;
use pgverse_core::answers::falsify::Effort;
use pgverse_core::answers::{Sameness, same as compare};
use pgverse_core::competition::{Competition, UniverseOutcome, UniverseTask};
use pgverse_core::judge::PairedJudge;
use pgverse_core::pg::Dsn;
use pgverse_core::traits::{Agent, ForkBackend, Judge};
use pgverse_core::types::{Report, Statement};
use pgverse_core::workload::{self, Parsed};
use pgverse_core::{Context, Error, Event, Result};

use super::request::{CompeteRequest, SameRequest, WorkloadInput, dsn, origin, seconds};
use crate::backends::{self, Origin, Tenure, backend};
use crate::demo::Demo;

/// A competition that can be watched, cancelled, and run once.
#[derive(Debug)]
pub struct Contest {
    competition: Competition,
    cx: Context,
    source: Option<Dsn>,
}

impl Contest {
    /// Reads everything that was asked for; nothing runs yet.
    ///
    /// # Errors
    /// `InvalidInput` and `NotFound` for what is wrong with the request.
    pub fn new(
        request: CompeteRequest,
        agents: Vec<Arc<dyn Agent>>,
        own_backend: Option<Arc<dyn ForkBackend>>,
        judge: Option<Arc<dyn Judge>>,
    ) -> Result<Self> {
        let origin = origin(request.source.as_ref(), request.demo_scale)?;
        let demo = match &origin {
            Origin::Demo(demo) if own_backend.is_none() => Some(*demo),
            _ => None,
        };
        let backend = match own_backend {
            Some(own) => own,
            None => backend(&request.backend, &origin, Tenure::Run)?,
        };
        let named = match &request.agents {
            None => crate::agents::all(),
            Some(names) => {
                names.iter().map(|name| crate::agents::by_name(name.trim())).collect::<Result<Vec<_>>>()?
            }
        };
        let workload = match (request.workload, demo) {
            (Some(given), _) => WorkloadInput::load(given)?,
            (None, Some(demo)) => demo.workload()?,
            (None, None) => {
                return Err(Error::invalid("no workload was given").hint("give the statements that are slow"));
            }
        };
        let problem = request.problem.unwrap_or_else(|| demo.as_ref().map(Demo::problem).unwrap_or_default());
        let mut builder = Competition::builder()
            .problem(problem)
            .workload(workload)
            .backend(backend)
            .agents(named)
            .agents(agents)
            .options(request.options)
            .seed(request.seed)
            .cost_model(request.cost_model);
        if let Some(judge) = judge {
            builder = builder.judge(judge);
        }
        if let Some(most) = request.parallel {
            builder = builder.parallel(most);
        }
        if let Some(deadline) = request.deadline_seconds {
            builder = builder.deadline(seconds("deadline_seconds", deadline)?);
        }
        let source = match origin {
            Origin::Live(dsn) => Some(dsn),
            Origin::Demo(_) => None,
        };
        Ok(Self { competition: builder.build()?, cx: Context::new(), source })
    }

    /// All events from the first one on, also those before the call; ends when the run ends.
    pub fn events(&self) -> impl Stream<Item = Event> + Send + use<> {
        self.competition.events()
    }

    /// Stops the run; every fork is destroyed before [`Contest::run`] returns.
    pub fn cancel(&self) {
        self.cx.cancellation().cancel();
        self.competition.cancel();
    }

    /// Destroys what dead runs left, then runs the competition. If the returned future is dropped, the run is
    /// cancelled and its forks are still destroyed.
    ///
    /// # Errors
    /// As [`Competition::run`].
    pub async fn run(&self) -> Result<Report> {
        self.sweep().await?;
        self.competition.run().await
    }

    /// As [`Competition::tasks`].
    ///
    /// # Errors
    /// As there.
    pub fn tasks(&self) -> Result<Vec<UniverseTask>> {
        self.competition.tasks()
    }

    /// Destroys what dead runs left, then runs one universe; as [`Competition::run_universe`].
    ///
    /// # Errors
    /// As there.
    pub async fn run_universe(&self, task: &UniverseTask) -> Result<UniverseOutcome> {
        self.sweep().await?;
        self.competition.run_universe(task).await
    }

    /// As [`Competition::conclude`].
    ///
    /// # Errors
    /// As there.
    pub async fn conclude(&self, outcomes: Vec<UniverseOutcome>) -> Result<Report> {
        self.competition.conclude(outcomes).await
    }

    async fn sweep(&self) -> Result<()> {
        for error in backends::sweep(&self.cx, self.source.as_ref()).await?.errors {
            tracing::warn!(%error, "a server with forks of dead runs cannot be reached");
        }
        Ok(())
    }
}

/// The recorded trials of a report, judged again: by the library's judge, or by another one.
///
/// # Errors
/// `InvalidInput` if another judge gave the verdict and none is given now.
pub fn judge_again(report: &Report, judge: Option<&dyn Judge>) -> Result<Report> {
    match judge {
        Some(judge) => pgverse_core::report::judge_again(report, judge),
        None if report.verdict.judge == PairedJudge::NAME => {
            pgverse_core::report::judge_again(report, &PairedJudge)
        }
        None => Err(Error::invalid("this verdict was given by a judge of another program's own")
            .with("judge", &report.verdict.judge)
            .hint("judge it again there, with that judge: pgverse::report::judge_again")),
    }
}

/// Whether two queries give the same answers, on a fork that is destroyed before this returns.
///
/// # Errors
/// As [`compare`]; `query` in the context says which text is wrong.
pub async fn same(cx: &Context, request: SameRequest) -> Result<Sameness> {
    let before = one("before", &request.before, &[])?;
    let after = one("after", &request.after, &before.1.parameter_sets)?;
    let source = dsn(&request.source)?;
    let backend = backend(&request.backend, &Origin::Live(source.clone()), Tenure::Run)?;
    backends::sweep(cx, Some(&source)).await?;
    backend.prepare(cx).await?;
    let effort = Effort { databases: request.databases, seed: request.seed, ..Effort::default() };
    let texts: BTreeMap<&str, &(Parsed, Statement)> = [("before", &before), ("after", &after)].into();
    compare(cx, backend.as_ref(), &before.1, &after.1, effort).await.map_err(|error| {
        let which = error.context().iter().find(|(key, _)| *key == "query");
        match which.and_then(|(_, query)| texts.get(query.as_str())) {
            Some((parsed, statement)) => parsed.place(&statement.id, error),
            None => error,
        }
    })
}

/// The one statement of a text.
fn one(name: &str, text: &str, usual: &[pgverse_core::types::ParameterSet]) -> Result<(Parsed, Statement)> {
    let parsed = workload::parse_with_usual(text, name, usual)?;
    match parsed.workload.statements.as_slice() {
        [statement] => {
            let statement = statement.clone();
            Ok((parsed, statement))
        }
        found => Err(Error::invalid("a text with one query is expected")
            .with("query", name)
            .with("statements", found.len())),
    }
}
