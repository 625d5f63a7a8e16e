//! The schema of a database as text.

use std::process::Command;

use pgverse_core::pg::Dsn;

use crate::require_tool;

/// What `pg_dump --schema-only` prints of a database, without pgverse's journal. Two databases with the same text have
/// the same schema.
pub fn dump_schema(dsn: &Dsn) -> String {
    let mut command = Command::new(require_tool("pg_dump"));
    command.args(["--schema-only", "--exclude-schema=pgverse", "--no-password"]);
    for (name, value) in dsn.child_environment() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = command.output().expect("pg_dump can be started");
    assert!(output.status.success(), "pg_dump: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    // Newer versions put a random word around the script.
    let told = |line: &&str| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict");
    text.lines().filter(told).collect::<Vec<_>>().join("\n")
}
