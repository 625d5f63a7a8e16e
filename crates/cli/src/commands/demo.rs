//! `pgverse demo`: the demo shop, from nothing to a verdict.

use pgverse::backends::{Origin, Tenure, backend};
use pgverse::demo::Demo;
use pgverse::{Context, Result};

use super::compete::{Contest, hold};
use crate::args;
use crate::exit::Outcome;

pub(crate) async fn run(cx: &Context, args: args::Demo) -> Result<Outcome> {
    let demo = Demo::new(args.scale)?;
    let (problem, workload) = (demo.problem(), demo.workload()?);
    let backend = backend(&args.rules.backend, &Origin::Demo(demo), Tenure::Run)?;
    super::sweep(cx, None).await?;
    let contest = Contest { problem, workload, backend };
    hold(cx, contest, &args.rules, args.json.json.as_ref()).await
}
