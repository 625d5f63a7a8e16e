//! Server errors in our words: kind by SQLSTATE, the server's message, where, and the way out.

use tokio_postgres::error::{ErrorPosition, SqlState};

use super::Dsn;
use crate::error::{Error, ErrorKind};

/// The error of a failed statement.
pub(super) fn statement_error(error: tokio_postgres::Error, sql: &str) -> Error {
    let Some(db) = error.as_db_error() else {
        let kind = if error.is_closed() { ErrorKind::Connection } else { ErrorKind::Sql };
        let message =
            if error.is_closed() { "the server closed the connection" } else { "the statement failed" };
        return Error::new(kind, message).with("statement", shorten(sql)).caused_by(error);
    };
    let mut mapped =
        Error::new(kind_of(db.code()), db.message().to_owned()).with("sqlstate", db.code().code());
    if let Some(ErrorPosition::Original(position)) = db.position() {
        mapped = mapped.with("position", position);
    }
    if let Some(detail) = db.detail() {
        mapped = mapped.with("detail", detail);
    }
    mapped = mapped.with("statement", shorten(sql));
    if let Some(hint) = db.hint() {
        mapped = mapped.hint(hint);
    }
    mapped
}

/// The error of a failed connection attempt.
pub(super) fn connect_error(error: tokio_postgres::Error, dsn: &Dsn) -> Error {
    if let Some(db) = error.as_db_error() {
        let mapped = Error::new(kind_of(db.code()), db.message().to_owned())
            .with("server", dsn)
            .with("sqlstate", db.code().code());
        return match mapped.kind() {
            ErrorKind::Authentication => mapped.hint(
                "check the user and the password; PGPASSWORD and ~/.pgpass are read when the URL has none",
            ),
            ErrorKind::NotFound => mapped.hint("list the databases with: psql -l"),
            _ => mapped,
        };
    }
    let text = error.to_string();
    if text.contains("password missing") {
        return Error::new(ErrorKind::Authentication, "the server asks for a password and none was given")
            .with("server", dsn)
            .hint("put it in the URL, in PGPASSWORD or in ~/.pgpass");
    }
    Error::new(ErrorKind::Connection, "cannot connect to the server")
        .with("server", dsn)
        .caused_by(error)
        .hint("check that a server runs there and that host and port are right")
}

fn kind_of(code: &SqlState) -> ErrorKind {
    match code.code() {
        "42501" => ErrorKind::Permission,
        "3D000" => ErrorKind::NotFound,
        "57014" | "25P03" | "57P05" => ErrorKind::Timeout,
        "55P03" | "55006" | "53300" | "40001" | "40P01" | "57P03" => ErrorKind::Busy,
        "53100" => ErrorKind::Disk,
        "0A000" => ErrorKind::Unsupported,
        "57P01" | "57P02" => ErrorKind::Connection,
        code if code.starts_with("28") => ErrorKind::Authentication,
        code if code.starts_with("08") => ErrorKind::Connection,
        _ => ErrorKind::Sql,
    }
}

/// One line, cut where it gets long.
pub(super) fn shorten(sql: &str) -> String {
    let line = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(120) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}
