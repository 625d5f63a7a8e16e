//! `pgverse judge`: the recorded trials, judged again.

use pgverse::Result;
use pgverse::host::judge_again;

use crate::args::ReportFile;
use crate::exit::Outcome;
use crate::output::json::JsonTarget;

pub(crate) fn run(args: &ReportFile) -> Result<Outcome> {
    let recorded = super::read_report(&args.report)?;
    let json = args.json.json.as_ref();
    json.map_or(Ok(()), JsonTarget::check)?;
    let judged = judge_again(&recorded, None).map_err(|e| e.with("report", args.report.display()))?;
    super::present(&judged, json)
}
