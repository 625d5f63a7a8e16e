//! A throw-away PostgreSQL server with the certificates and the pg_hba.conf of the test.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use pgverse_core::pg::Dsn;

/// Long enough for any machine; only a broken test waits for it.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Default)]
struct Log {
    text: String,
    ended: bool,
}

type SharedLog = Arc<(Mutex<Log>, Condvar)>;

pub(crate) struct Server {
    process: Child,
    log: SharedLog,
    directory: tempfile::TempDir,
    pub(crate) port: u16,
}

impl Server {
    /// Starts a server with these lines in pg_hba.conf (`admin` may always come by the socket) and these
    /// files in its data directory; a `server.crt` among them turns TLS on.
    pub(crate) fn start(hba: &str, files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        give_to_server(directory.path(), 0o755);
        let data = directory.path().join("data");
        let initdb = server_program("initdb")
            .args(["-U", "admin", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(initdb.status.success(), "initdb: {}", String::from_utf8_lossy(&initdb.stderr));
        let hba = format!("local all admin trust\n{hba}\n");
        for (name, text) in files.iter().copied().chain([("pg_hba.conf", hba.as_str())]) {
            std::fs::write(data.join(name), text).unwrap();
            give_to_server(&data.join(name), 0o600);
        }
        let has = |name: &str| files.iter().any(|(file, _)| *file == name);
        let tls = has("server.crt").then_some("ssl=on");
        let client_ca = has("client_ca.crt").then_some("ssl_ca_file=client_ca.crt");
        let settings = ["listen_addresses=127.0.0.1", "fsync=off", "shared_buffers=8MB"];
        let settings: Vec<&str> = settings.into_iter().chain(tls).chain(client_ca).collect();
        // Another process may take the port between the choice and the start.
        loop {
            let port = free_port();
            let mut command = server_program("postgres");
            command.arg("-D").arg(&data).arg("-k").arg(directory.path()).arg("-p").arg(port.to_string());
            command.args(settings.iter().flat_map(|setting| ["-c", setting]));
            let mut process = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
            let log = SharedLog::default();
            follow(process.stderr.take().unwrap(), Arc::clone(&log));
            if says(&log, "ready to accept connections") {
                return Self { process, log, directory, port };
            }
            process.wait().unwrap();
            let log = &log.0.lock().unwrap().text;
            assert!(log.contains("Address already in use"), "{log}");
        }
    }

    pub(crate) fn socket(&self) -> &Path {
        self.directory.path()
    }

    /// The superuser, by the socket.
    pub(crate) fn admin(&self) -> Dsn {
        Dsn::socket(self.socket(), self.port, "admin", "postgres")
    }

    /// Waits until the log has the text; false if the server ends first.
    pub(crate) fn says(&self, text: &str) -> bool {
        says(&self.log, text)
    }
}

fn says(log: &SharedLog, text: &str) -> bool {
    let waiting = |log: &mut Log| !log.ended && !log.text.contains(text);
    let (log, waited) = log.1.wait_timeout_while(log.0.lock().unwrap(), PATIENCE, waiting).unwrap();
    assert!(!waited.timed_out(), "the server does not say {text:?}: {}", log.text);
    log.text.contains(text)
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGINT is a fast shutdown.
        if let Some(pid) = rustix::process::Pid::from_raw(self.process.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        }
        let _ = self.process.wait();
    }
}

/// Collects what the server writes.
fn follow(stderr: ChildStderr, log: SharedLog) {
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            log.0.lock().unwrap().text.push_str(&(line + "\n"));
            log.1.notify_all();
        }
        log.0.lock().unwrap().ended = true;
        log.1.notify_all();
    });
}

pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// User and group that PostgreSQL runs as, if this is root, which it refuses to be.
fn server_user() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let user =
        ["postgres:", "nobody:"].iter().find_map(|name| users.lines().find(|line| line.starts_with(name)));
    let fields: Vec<&str> = user.expect("a user postgres or nobody to run servers as").split(':').collect();
    Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
}

fn give_to_server(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    if let Some((user, group)) = server_user() {
        chown(path, Some(user), Some(group)).unwrap();
    }
}

fn server_program(name: &str) -> Command {
    let mut command = Command::new(binary(name));
    if let Some((user, group)) = server_user() {
        command.uid(user).gid(group);
    }
    command.current_dir("/").env("LC_ALL", "C");
    command
}

/// A program of PostgreSQL: from PGBIN, else the newest in Debian's place, else by PATH.
pub(crate) fn binary(name: &str) -> PathBuf {
    if let Some(directory) = std::env::var_os("PGBIN") {
        return Path::new(&directory).join(name);
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max();
    newest.map_or_else(
        || PathBuf::from(name),
        |version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin/{name}")),
    )
}
