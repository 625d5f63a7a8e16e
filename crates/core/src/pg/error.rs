//! Server errors in our words: kind by SQLSTATE, the server's message, where, and the way out.

use tokio_postgres::error::{ErrorPosition, SqlState};

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

/// What an SQLSTATE means for the caller.
pub(super) fn kind_of(code: &SqlState) -> ErrorKind {
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
