//! Runs a program to its end and turns failure into an error that shows what it said.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use pgverse_core::pg::Dsn;
use pgverse_core::{Context, Error, ErrorKind, Result};
use secrecy::ExposeSecret;

use super::ProcessId;

/// Runs a command and returns what it wrote to standard output. When the context is cancelled or its deadline
/// passes, the program is ended before this returns; processes that it started may take a moment longer.
/// Nothing is read from standard input.
///
/// # Errors
/// `Process`, with the last lines of what it wrote to standard error; its arguments and environment are not
/// shown, because they may hold secrets.
pub async fn run(cx: &Context, command: Command) -> Result<String> {
    run_on(cx, command, Stdio::null()).await
}

/// Runs two commands, the second of which reads what the first one writes.
///
/// # Errors
/// As [`run`]; the first one's failure before the second one's, which mostly follows from it.
pub async fn pipe(cx: &Context, mut first: Command, second: Command) -> Result<()> {
    let program = Path::new(first.get_program()).display().to_string();
    let failed = |what: &str| Error::new(ErrorKind::Process, what.to_owned()).with("program", &program);
    first.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut first = tokio::process::Command::from(first);
    first.kill_on_drop(true);
    cx.check()?;
    let mut child = first.spawn().map_err(|e| failed("cannot start a program").caused_by(e))?;
    let output = child.stdout.take().ok_or_else(|| Error::internal("a program's output is not piped"))?;
    let output: Stdio = output.try_into().map_err(|e| failed("cannot pipe a program").caused_by(e))?;
    let waiting = cx.guard(async {
        child.wait_with_output().await.map_err(|e| failed("a program cannot be waited for").caused_by(e))
    });
    let (first, second) = tokio::join!(waiting, run_on(cx, second, output));
    let first = first?;
    if !first.status.success() {
        return Err(unsuccessful(&program, &first));
    }
    second.map(drop)
}

async fn run_on(cx: &Context, mut command: Command, input: Stdio) -> Result<String> {
    let program = Path::new(command.get_program()).display().to_string();
    let failed = |what: String| Error::new(ErrorKind::Process, what).with("program", &program);
    command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
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
    Err(unsuccessful(&program, &output))
}

fn unsuccessful(program: &str, output: &Output) -> Error {
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(6)..].join(" | ");
    Error::new(ErrorKind::Process, format!("a program failed ({})", output.status))
        .with("program", program)
        .with("output", last)
}

/// One of PostgreSQL's client programs, set to connect to the source as our own connections do. The password
/// travels in its environment alone. It runs as ourselves: the source may know us by our user name.
pub fn client(program: &Path, dsn: &Dsn) -> Command {
    let mut command = Command::new(program);
    for (variable, value) in dsn.child_environment() {
        match value {
            Some(value) => command.env(variable, value),
            None => command.env_remove(variable),
        };
    }
    match dsn.password() {
        Some(password) => command.env("PGPASSWORD", password.expose_secret()),
        None => command.env_remove("PGPASSWORD"),
    };
    // Not in our process group: Ctrl-C reaches us, and we end it in order.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.env("LC_ALL", "C").arg("--no-password");
    command
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
    async fn a_pipe_ends_well_or_names_the_first_that_failed() {
        let cx = Context::new();
        pipe(&cx, shell("echo a"), shell("read line && test $line = a")).await.unwrap();
        let error = pipe(&cx, shell("echo first >&2; exit 1"), shell("cat; echo second >&2; exit 2")).await;
        assert!(error.unwrap_err().to_string().contains("first"));
        let error = pipe(&cx, shell("echo a"), shell("cat >&2; exit 2")).await.unwrap_err();
        assert!(error.to_string().contains("output: a"), "{error}");
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
