//! `pgverse judge`: the recorded trials, judged again.

use pgverse::Result;
use pgverse::judge::PairedJudge;
use pgverse::report::judge_again;

use crate::args::ReportFile;
use crate::exit::Outcome;
use crate::output::json::JsonTarget;

pub(crate) fn run(args: &ReportFile) -> Result<Outcome> {
    let recorded = super::read_report(&args.report)?;
    let json = args.json.json.as_ref();
    json.map_or(Ok(()), JsonTarget::check)?;
    let judged = judge_again(&recorded, &PairedJudge)?;
    super::present(&judged, json)
}
