//! `pgverse demo`: the demo shop, from nothing to a verdict.

use pgverse::backends::Origin;
use pgverse::demo::Demo;
use pgverse::{Context, Result};

use super::compete::{Contest, hold};
use crate::args;
use crate::exit::Outcome;

pub(crate) async fn run(cx: &Context, args: args::Demo) -> Result<Outcome> {
    let demo = Demo::new(args.scale)?;
    let contest = Contest { problem: demo.problem(), workload: demo.workload()?, origin: Origin::Demo(demo) };
    hold(cx, contest, &args.rules, args.json.json.as_ref()).await
}
