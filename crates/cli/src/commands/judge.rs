//! `pgverse judge`: the recorded trials, judged again.

use pgverse::Result;
use pgverse::judge::PairedJudge;
use pgverse::report::judge_again;

use crate::args::ReportFile;
use crate::exit::Outcome;

pub(crate) fn run(args: &ReportFile) -> Result<Outcome> {
    let recorded = super::read_report(&args.report)?;
    let judged = judge_again(&recorded, &PairedJudge)?;
    super::present(&judged, args.json.json.as_ref())
}
