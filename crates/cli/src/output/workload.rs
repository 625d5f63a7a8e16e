//! A workload as a table: a pure function of workload and width.

use comfy_table::{Cell, ContentArrangement, Table};
use pgverse::types::{Statement, StatementKind, Workload};

use super::table::STYLE;
use super::units::significant;

/// One row for each statement, for a page of this many columns.
pub(crate) fn render(workload: &Workload, width: u16) -> String {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table.set_header(["statement", "kind", "weight", "parameter sets", "text"]);
    for statement in &workload.statements {
        table.add_row([
            Cell::new(&statement.id),
            Cell::new(match statement.kind {
                StatementKind::Read => "read",
                StatementKind::Write => "write",
            }),
            Cell::new(significant(statement.weight)),
            Cell::new(sets(statement)),
            Cell::new(statement.sql.split_whitespace().collect::<Vec<_>>().join(" ")),
        ]);
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

/// Name, origin and values of each set, one a line.
fn sets(statement: &Statement) -> String {
    let line = |set: &pgverse::types::ParameterSet| {
        let values: Vec<&str> = set.values.iter().map(|v| v.as_deref().unwrap_or("NULL")).collect();
        format!("{}, {}: {}", set.id, set.origin, values.join(", "))
    };
    let sets: Vec<String> =
        statement.parameter_sets.iter().filter(|set| !set.values.is_empty()).map(line).collect();
    sets.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_statement_shows_its_sets_and_where_they_came_from() {
        let sql = "-- name: a\n-- params x: 1, NULL\nSELECT $1, $2;\nDELETE FROM t;";
        let page = render(&pgverse::workload::parse(sql, "w.sql").unwrap(), 100);
        let lines: Vec<Vec<&str>> = page.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[2], ["a", "read", "1.00", "x,", "given:", "1,", "NULL", "SELECT", "$1,", "$2"]);
        assert_eq!(lines[3], ["statement_2", "write", "1.00", "DELETE", "FROM", "t"]);
    }
}
