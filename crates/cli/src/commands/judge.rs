//! `pgverse judge`: the recorded trials, judged again.

use pgverse::judge::PairedJudge;
use pgverse::report::judge_again;
use pgverse::{Error, Result};

use crate::args::ReportFile;
use crate::exit::Outcome;
use crate::output::json::JsonTarget;

pub(crate) fn run(args: &ReportFile) -> Result<Outcome> {
    let recorded = super::read_report(&args.report)?;
    let judge = &recorded.verdict.judge;
    if judge != PairedJudge::NAME {
        return Err(Error::invalid("this verdict was given by a judge of another program's own")
            .with("report", args.report.display())
            .with("judge", judge)
            .hint("judge it again there, with pgverse::report::judge_again"));
    }
    let json = args.json.json.as_ref();
    json.map_or(Ok(()), JsonTarget::check)?;
    let judged = judge_again(&recorded, &PairedJudge)?;
    super::present(&judged, json)
}
