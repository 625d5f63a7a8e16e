//! `pgverse export`: the winner's change as migration files.

use pgverse::promote::export::{self, ExportOptions, Format};
use pgverse::{Error, Result};

use crate::args::export::Export;
use crate::exit::Outcome;
use crate::output;

pub(crate) fn run(args: &Export) -> Result<Outcome> {
    if args.down_revision.is_some() && args.format != Format::Alembic {
        return Err(Error::invalid("only Alembic's revisions follow a revision that is named")
            .with("format", args.format.as_str())
            .hint("leave --down-revision out, or export with --format alembic"));
    }
    let report = super::read_report(&args.report)?;
    if report.verdict.winner.is_none() {
        output::note(&format!("nothing to export: {}", report.verdict.reason));
        return Ok(Outcome::NoWinner);
    }
    let options = ExportOptions { existing: Some(&args.out), down_revision: args.down_revision.as_deref() };
    let made = export::export(&report, args.format, options)?;
    export::write(&made, &args.out)?;
    let names: String =
        made.files.iter().map(|file| format!("{}\n", args.out.join(&file.path).display())).collect();
    output::print(&names)?;
    if !made.patches.is_empty() {
        let statements: Vec<&str> = made.patches.iter().map(|p| p.statement.as_str()).collect();
        output::note(&format!("the application must change the text of: {}", statements.join(", ")));
    }
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use pgverse::types::{Candidate, Catalog, Change, Report, Workload};
    use pgverse_testkit::{index, report_of};

    use super::*;
    use crate::output::table::fixture;

    fn args(folder: &tempfile::TempDir, report: &Report) -> Export {
        let path = folder.path().join("report.json");
        std::fs::write(&path, serde_json::to_string(report).unwrap()).unwrap();
        Export {
            report: path,
            format: Format::Sqlx,
            out: folder.path().join("migrations"),
            down_revision: None,
        }
    }

    #[test]
    fn files_are_written_once_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let change = Change::of(index("orders", "orders_user_idx", "user_id"));
        let report = report_of(Candidate::new("an index", change), Workload::default(), &Catalog::default());
        let args = args(&folder, &report);
        assert!(matches!(run(&args).unwrap(), Outcome::Done));
        let name = "20260102030405_pgverse_build_index_orders_user_idx_concurrently.up.sql";
        let text = std::fs::read_to_string(args.out.join(name)).unwrap();
        assert!(text.starts_with("-- no-transaction\n"), "{text}");
        let error = run(&args).unwrap_err().to_string();
        assert!(error.contains("nothing is overwritten"), "{error}");
        assert_eq!(std::fs::read_dir(&args.out).unwrap().count(), 2);
    }

    #[test]
    fn a_report_that_was_edited_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        // Its hash is not that of its steps.
        let args = args(&folder, &fixture::report());
        let error = run(&args).unwrap_err();
        assert!(error.to_string().contains("do not belong together"), "{error}");
        assert!(!args.out.exists());
    }

    #[test]
    fn without_a_winner_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let args = args(&folder, &fixture::undecided());
        assert!(matches!(run(&args).unwrap(), Outcome::NoWinner));
        assert!(!args.out.exists());
        let error = run(&Export { down_revision: Some("a".into()), ..args }).unwrap_err();
        assert!(error.to_string().contains("--format alembic"));
    }
}
