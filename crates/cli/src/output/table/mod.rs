//! The report as text: the verdict first, then what it rests on. A pure function of report and width.

use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use pgverse::types::{
    Answers, CandidateReport, CandidateStatus, ForkReport, Objective, Report, StatementReport, WriteSource,
};

use super::units::{count, megabytes, ratio, server_version, significant, speed_up};

/// A line below the header and nothing else: readable without colour, and when it is pasted.
pub(crate) const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// The whole report for a page of this many columns.
pub(crate) fn render(report: &Report, width: u16) -> String {
    let mut page = Page { width, text: String::new() };
    page.verdict(report);
    page.universes(report);
    page.candidates(report);
    page.winner(report);
    page.costs(report);
    page.text
}

/// The decision in one sentence.
pub(crate) fn sentence(report: &Report) -> String {
    let verdict = &report.verdict;
    match (&verdict.winner, verdict.ratio, winner(report)) {
        (Some(id), Some(ratio), Some(candidate)) => format!(
            "Winner: {id}, {}. {} {} times as fast (between {} and {}).",
            candidate.title,
            subject(report.problem.objective),
            significant(1.0 / ratio.estimate),
            significant(1.0 / ratio.high),
            significant(1.0 / ratio.low),
        ),
        _ => format!("No winner: {}.", verdict.reason),
    }
}

/// What became faster, and its verb.
fn subject(objective: Objective) -> String {
    match objective {
        Objective::TailTime { share } => {
            format!("The slowest {} % of all calls run", significant(share * 100.0))
        }
        Objective::GeometricMean => "By the geometric mean the statements run".to_owned(),
        _ => "The workload runs".to_owned(),
    }
}

fn winner(report: &Report) -> Option<&CandidateReport> {
    let id = report.verdict.winner.as_ref()?;
    report.universes.iter().flat_map(|u| &u.candidates).find(|c| &c.id == id)
}

/// What stands behind the sameness of a rewritten statement's answers beside the data itself.
fn proof<'a>(report: &'a Report, candidate: &CandidateReport) -> Option<&'a str> {
    let trial = report.trials.iter().find(|t| t.candidate == candidate.id)?;
    trial.checks.iter().map(|c| c.proof.as_str()).find(|proof| !proof.is_empty())
}

struct Page {
    width: u16,
    text: String,
}

impl Page {
    fn verdict(&mut self, report: &Report) {
        self.paragraph(&sentence(report));
        if report.verdict.winner.is_some() {
            self.paragraph(&format!("Why: {}.", report.verdict.reason));
        }
        let sets: usize = report.workload.statements.iter().map(|s| s.parameter_sets.len()).sum();
        let share = |what: &str, share: f64| {
            if share > 0.0 {
                format!("; {what} up to {} %", significant(share * 100.0))
            } else {
                String::new()
            }
        };
        let noise = share("A/A noise", report.verdict.noise) + &share("drift", report.verdict.drift);
        self.paragraph(&format!(
            "PostgreSQL {}, database {}, {} MB of tables; {} with {}; seed {}{}.",
            server_version(report.source.server_version),
            report.source.database,
            megabytes(report.source.table_bytes),
            count(report.workload.statements.len(), "statement"),
            count(sets, "parameter set"),
            report.seed,
            noise,
        ));
        let timing = &report.timing;
        self.paragraph(&format!(
            "Time: {} s in all; forking {} s, building {} s, measuring {} s; PostgreSQL was at work for {:.0} % of it.",
            significant(timing.total_seconds),
            significant(timing.forking_seconds),
            significant(timing.building_seconds),
            significant(timing.measuring_seconds),
            timing.postgres_share * 100.0,
        ));
    }

    fn universes(&mut self, report: &Report) {
        self.heading("Universes");
        let mut table =
            self.table(&["agent", "backend", "forked by", "ms", "MB", "RAM MB", "candidates"], 3..7);
        for universe in &report.universes {
            let candidates = universe.candidates.len();
            table.add_row(universe_row(
                universe.agent.as_str(),
                &universe.backend,
                &universe.fork,
                candidates,
            ));
        }
        let backend = report.universes.first().map_or("", |universe| &universe.backend);
        if let Some(finale) = &report.grand_final {
            let candidates = usize::from(finale.candidate.is_some());
            table.add_row(universe_row("grand final", backend, &finale.fork, candidates));
        }
        self.push(table);
        let failures = report.universes.iter().filter_map(|u| Some((u.agent.as_str(), u.error.as_ref()?)));
        let finale = report.grand_final.iter().filter_map(|f| Some(("grand final", f.error.as_ref()?)));
        for (who, error) in failures.chain(finale) {
            self.paragraph(&format!("{who} failed: {error}"));
        }
    }

    fn candidates(&mut self, report: &Report) {
        let mut candidates: Vec<&CandidateReport> =
            report.universes.iter().flat_map(|u| &u.candidates).collect();
        if candidates.is_empty() {
            return;
        }
        candidates.sort_by(|a, b| {
            let estimate = |c: &CandidateReport| c.ratio.map_or(f64::INFINITY, |r| r.estimate);
            a.status.cmp(&b.status).then_with(|| estimate(a).total_cmp(&estimate(b)))
        });
        self.heading("Candidates (ratio: time with the change over time without it)");
        let header = ["id", "status", "speed", "ratio [interval]", "planner", "build s", "MB", "writes"];
        let mut table = self.table(&header, 2..8);
        for candidate in &candidates {
            table.add_row(candidate_row(candidate));
        }
        self.push(table);
        self.line("planner: the speed that the planner expected; writes: ratio of write time");
        if candidates.iter().any(|c| c.costs.write_source == Some(WriteSource::Generated)) {
            self.line(
                "g: of generated writes, since no write of the workload reaches what the candidate changes",
            );
        }
        self.heading("Why");
        let mut table = self.table(&[], 0..0);
        for candidate in &candidates {
            let (status, mut answers) = (status(candidate.status), answers(candidate.answers).to_owned());
            if candidate.answers == Answers::Same
                && let Some(proof) = proof(report, candidate)
            {
                answers.push_str(&format!(" ({proof})"));
            }
            table.add_row([
                candidate.id.to_string(),
                format!("{} - {status}{answers}: {}", candidate.title, candidate.reason),
            ]);
        }
        self.push(table);
    }

    fn winner(&mut self, report: &Report) {
        let Some(candidate) = winner(report) else { return };
        self.heading(&format!("{}, statement by statement", candidate.id));
        let header = ["statement", "parameters", "before ms", "after ms", "ratio [interval]", "cpu", "pairs"];
        let mut table = self.table(&header, 2..7);
        for statement in &candidate.statements {
            table.add_row([
                text(&statement.id.to_string()),
                text(&statement.parameter_set.to_string()),
                number(match significant(statement.baseline_ms) {
                    least if statement.baseline_cut_off => format!("> {least}"),
                    median => median,
                }),
                number(significant(statement.candidate_ms)),
                number(ratio(statement.ratio)),
                number(cpu_ratio(statement)),
                // No pairs: the plan is the same, so the ratio is one by construction.
                number(if statement.pairs == 0 {
                    "same plan".to_owned()
                } else {
                    statement.pairs.to_string()
                }),
            ]);
        }
        self.push(table);
        self.line("cpu: ratio of the server's processor time");
        self.writes(report, candidate);
        self.heading("What it changes");
        for change in &candidate.change {
            for sql in &change.online {
                self.line(sql);
            }
            if let pgverse::types::Operation::CreateMaterializedView { refresh, .. } = &change.operation {
                self.line(&format!("and refresh it every {} s", refresh.every_seconds));
            }
            if let pgverse::types::Operation::RewriteStatement { statement, sql, rule } = &change.operation {
                self.line(&format!("{statement} becomes (rule {rule}):"));
                self.line(sql);
            }
        }
    }

    /// What the winner costs those who write.
    fn writes(&mut self, report: &Report, candidate: &CandidateReport) {
        let costs = &candidate.costs;
        if let Some(log) = costs.write_log.filter(|log| log.baseline_bytes > 0.0) {
            let growth = significant(log.candidate_bytes / log.baseline_bytes);
            self.line(&format!("writes: {growth} times the write-ahead log"));
        }
        if let Some(hot) = costs.hot_updates.filter(|hot| hot.baseline > hot.candidate) {
            self.line(&format!(
                "writes: of {:.0} updated rows {:.0} needed no index entry, with it {:.0}",
                hot.updated, hot.baseline, hot.candidate
            ));
        }
        let trial = report.trials.iter().find(|t| t.candidate == candidate.id);
        for gap in trial.iter().flat_map(|t| &t.ungenerated_writes) {
            self.paragraph(&format!("not generated: {gap}"));
        }
    }

    fn costs(&mut self, report: &Report) {
        let (forks, clones) = (&report.costs.forks, &report.costs.full_clones);
        self.heading("Costs");
        let (small, large) = (megabytes(forks.bytes), megabytes(clones.bytes));
        let mut words = format!(
            "{} took {small} MB; as many full clones would have taken {large} MB.",
            count(forks.count, "fork")
        );
        let priced = forks.price > 0.0 || clones.price > 0.0;
        if priced {
            words.push_str(&format!(" Price: {:.6}; with full clones {:.6}.", forks.price, clones.price));
        }
        self.paragraph(&words);
        if priced {
            self.paragraph(&report.costs.formula);
        }
    }

    fn table(&self, header: &[&str], numbers: std::ops::Range<usize>) -> Table {
        let mut table = Table::new();
        table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic).set_width(self.width);
        if !header.is_empty() {
            table.set_header(header.iter().enumerate().map(|(at, title)| {
                let alignment =
                    if numbers.contains(&at) { CellAlignment::Right } else { CellAlignment::Left };
                Cell::new(title).set_alignment(alignment)
            }));
        }
        table
    }

    fn heading(&mut self, title: &str) {
        self.text.push('\n');
        self.line(title);
    }

    fn push(&mut self, mut table: Table) {
        let gap = if self.width < 120 { 1 } else { 2 };
        table.column_iter_mut().for_each(|column| {
            column.set_padding((0, gap));
        });
        self.line(&table.trim_fmt());
    }

    /// Words that flow to the width of the page.
    fn paragraph(&mut self, words: &str) {
        let mut column = 0;
        for word in words.split_whitespace() {
            let length = word.chars().count();
            if column > 0 && column + 1 + length > usize::from(self.width) {
                self.text.push('\n');
                column = 0;
            } else if column > 0 {
                self.text.push(' ');
                column += 1;
            }
            self.text.push_str(word);
            column += length;
        }
        if column > 0 {
            self.text.push('\n');
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

fn universe_row(who: &str, backend: &str, fork: &ForkReport, candidates: usize) -> Vec<Cell> {
    // A fork that was never made has no mechanism.
    let made = |shown: String| number(if fork.mechanism.is_empty() { "-".to_owned() } else { shown });
    vec![
        text(who),
        text(backend),
        text(if fork.mechanism.is_empty() { "not forked" } else { &fork.mechanism }),
        made(significant(fork.seconds * 1e3)),
        made(megabytes(fork.bytes)),
        number(fork.memory_bytes.map_or("-".to_owned(), megabytes)),
        number(candidates.to_string()),
    ]
}

fn candidate_row(candidate: &CandidateReport) -> Vec<Cell> {
    let or_dash = |value: Option<String>| number(value.unwrap_or_else(|| "-".to_owned()));
    vec![
        text(candidate.id.as_str()),
        text(status(candidate.status)),
        or_dash(candidate.ratio.map(|r| speed_up(r.estimate))),
        or_dash(candidate.ratio.map(ratio)),
        or_dash(candidate.predicted_ratio.map(speed_up)),
        number(significant(candidate.costs.build_seconds)),
        number(megabytes(candidate.costs.bytes)),
        or_dash(candidate.costs.write_ratio.map(|ratio| match candidate.costs.write_source {
            Some(WriteSource::Generated) => format!("{} g", significant(ratio)),
            _ => significant(ratio),
        })),
    ]
}

/// Processor time with the change over without it, where both were read.
fn cpu_ratio(statement: &StatementReport) -> String {
    match (statement.baseline_cpu_ms, statement.candidate_cpu_ms) {
        (Some(before), Some(after)) if before > 0.0 => significant(after / before),
        _ => "-".to_owned(),
    }
}

fn text(content: &str) -> Cell {
    Cell::new(content)
}

fn number(content: String) -> Cell {
    Cell::new(content).set_alignment(CellAlignment::Right)
}

fn status(status: CandidateStatus) -> &'static str {
    match status {
        CandidateStatus::Crowned => "crowned",
        CandidateStatus::RunnerUp => "runner-up",
        CandidateStatus::Eliminated => "eliminated",
        CandidateStatus::Rejected => "rejected",
        CandidateStatus::Failed => "failed",
    }
}

/// What the comparison of answers said, where there was something to compare.
fn answers(answers: Answers) -> &'static str {
    match answers {
        Answers::Same => ", same answers",
        Answers::Differs => ", other answers",
        Answers::Unverifiable => ", answers cannot be compared",
        Answers::Unchanged => "",
    }
}

#[cfg(test)]
pub(crate) mod fixture;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_with_a_winner_on_a_page() {
        insta::assert_snapshot!(render(&fixture::report(), 100));
    }

    #[test]
    fn a_report_without_a_winner_on_a_narrow_terminal() {
        insta::assert_snapshot!(render(&fixture::undecided(), 80));
    }

    #[test]
    fn no_line_is_wider_than_the_page() {
        for width in [80, 100, 140] {
            for report in [fixture::report(), fixture::undecided()] {
                for line in render(&report, width).lines().filter(|l| !l.contains("INDEX")) {
                    assert!(line.chars().count() <= usize::from(width), "{width}: {line}");
                }
            }
        }
    }
}
