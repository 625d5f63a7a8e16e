//! Runs a program to its end and turns failure into an error that shows what it said.

use std::path::Path;
use std::process::{Command, Stdio};

use pgverse_core::{Context, Error, ErrorKind, Result};

/// Runs a command and returns what it wrote to standard output. It is killed when the context is cancelled
/// or its deadline passes. Nothing is read from standard input.
///
/// # Errors
/// `Process`, with the last lines of what it wrote to standard error; its arguments and environment are not
/// shown, because they may hold secrets.
pub async fn run(cx: &Context, mut command: Command) -> Result<String> {
    let program = Path::new(command.get_program()).display().to_string();
    let failed = |what: String| Error::new(ErrorKind::Process, what).with("program", &program);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut command = tokio::process::Command::from(command);
    command.kill_on_drop(true);
    let output = cx
        .guard(async {
            command.output().await.map_err(|e| failed("cannot start a program".into()).caused_by(e))
        })
        .await?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(6)..].join(" | ");
    Err(failed(format!("a program failed ({})", output.status)).with("output", last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn output_or_what_it_said() {
        let cx = Context::new();
        assert_eq!(run(&cx, shell("echo a; echo b >&2")).await.unwrap(), "a\n");
        let error = run(&cx, shell("echo one >&2; echo two >&2; exit 3")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Process);
        assert!(error.to_string().contains("one | two"), "{error}");
        assert_eq!(run(&cx, Command::new("/no/such/program")).await.unwrap_err().kind(), ErrorKind::Process);
    }

    #[tokio::test]
    async fn a_cancelled_program_is_stopped() {
        let cx = Context::new();
        let token = cx.cancellation().clone();
        let (done, ()) =
            tokio::join!(run(&cx, shell("exec cat /dev/zero > /dev/null")), async { token.cancel() });
        assert_eq!(done.unwrap_err().kind(), ErrorKind::Cancelled);
    }
}
