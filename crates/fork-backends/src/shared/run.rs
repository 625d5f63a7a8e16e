//! Runs a program to its end and turns failure into an error that shows what it said.

use std::path::Path;
use std::process::{Command, Stdio};

use pgverse_core::{Context, Error, ErrorKind, Result};

use super::ProcessId;

/// Runs a command and returns what it wrote to standard output. When the context is cancelled or its deadline
/// passes, the program is ended before this returns; processes that it started may take a moment longer.
/// Nothing is read from standard input.
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
    cx.check()?;
    let child = command.spawn().map_err(|e| failed("cannot start a program".into()).caused_by(e))?;
    let process = child.id().and_then(|pid| ProcessId::of(i32::try_from(pid).ok()?));
    let mut ending = Box::pin(child.wait_with_output());
    let output = cx
        .guard(async {
            ending.as_mut().await.map_err(|e| failed("a program cannot be waited for".into()).caused_by(e))
        })
        .await;
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            if let Some(process) = process {
                process.end().await?;
            }
            return Err(error);
        }
    };
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
        let place = tempfile::tempdir().unwrap();
        let told = place.path().join("pid");
        let script =
            format!("echo $$ > {0}.new; mv {0}.new {0}; exec cat /dev/zero > /dev/null", told.display());
        let pid = async {
            let pid = loop {
                match std::fs::read_to_string(&told) {
                    Ok(pid) => break pid.trim().parse().unwrap(),
                    Err(_) => tokio::task::yield_now().await,
                }
            };
            token.cancel();
            pid
        };
        let (done, pid) = tokio::join!(run(&cx, shell(&script)), pid);
        assert_eq!(done.unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(ProcessId::of(pid), None, "it is gone when `run` returns");
    }
}
