//! The least that makes a fork: clone, exec, connect, ask.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pgverse::fork_backends::local::Mechanism;
use pgverse::fork_backends::shared::{Account, Programs};
use pgverse::{Error, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::disk::run;

pub(crate) struct Probe {
    place: PathBuf,
    golden: PathBuf,
    mechanism: Mechanism,
    account: Account,
    programs: Programs,
}

/// A fork of the probe's.
pub(crate) struct Running {
    data: PathBuf,
    server: Child,
}

fn failed(error: io::Error) -> Error {
    Error::internal("the probe failed").with("error", error)
}

impl Probe {
    /// A probe that keeps its fork in a directory of this name.
    pub(crate) fn new(home: &Path, name: &str, golden: &Path, mechanism: Mechanism) -> Result<Self> {
        let account = Account::resolve()?;
        let place = home.join(name);
        Ok(Self { place, golden: golden.to_owned(), mechanism, account, programs: Programs::find(None)? })
    }

    /// One fork; the time to its first answer. Removed again, untimed.
    pub(crate) async fn run(&self) -> Result<Duration> {
        let begin = Instant::now();
        let answered = self.fork().await;
        let time = begin.elapsed();
        self.end(answered?)?;
        Ok(time)
    }

    /// Clones, starts and asks; to be ended.
    pub(crate) async fn fork(&self) -> Result<Running> {
        let data = tokio::task::block_in_place(|| self.clone_data()).map_err(failed)?;
        let server = self.start(&data).map_err(failed)?;
        let running = Running { data, server };
        match self.ask().await {
            Ok(()) => Ok(running),
            Err(why) => {
                self.end(running)?;
                Err(Error::internal("the probe's server does not answer").with("error", why))
            }
        }
    }

    /// Ends and removes a fork.
    pub(crate) fn end(&self, mut running: Running) -> Result<()> {
        kill_process(Pid::from_child(&running.server), Signal::QUIT).map_err(|e| failed(e.into()))?;
        running.server.wait().map_err(failed)?;
        self.remove(&running.data).map_err(failed)
    }

    fn clone_data(&self) -> io::Result<PathBuf> {
        let data = self.place.join("data");
        let owned = |path: &Path| self.private(path);
        owned(&self.place)?;
        match self.mechanism {
            Mechanism::Overlayfs => {
                let (upper, work) = (self.place.join("upper"), self.place.join("work"));
                for path in [&upper, &work, &data] {
                    owned(path)?;
                }
                let options = format!(
                    "lowerdir={},upperdir={},workdir={}",
                    self.golden.display(),
                    upper.display(),
                    work.display()
                );
                let options = std::ffi::CString::new(options)?;
                let flags = rustix::mount::MountFlags::NOATIME;
                rustix::mount::mount("overlay", &data, "overlay", flags, Some(options.as_c_str()))?;
            }
            Mechanism::BtrfsSnapshot => {
                run(Command::new("btrfs").args(["subvolume", "snapshot"]).args([&self.golden, &data]))
                    .map_err(io::Error::other)?
            }
            Mechanism::ZfsClone => return Err(io::ErrorKind::Unsupported.into()),
            Mechanism::Reflink => {
                self.tree(&self.golden, &data, |from, to| Ok(rustix::fs::ioctl_ficlone(to, from)?))?
            }
            Mechanism::Copy => {
                self.tree(&self.golden, &data, |mut from, mut to| io::copy(&mut from, &mut to).map(drop))?
            }
        }
        Ok(data)
    }

    fn private(&self, path: &Path) -> io::Result<()> {
        fs::DirBuilder::new().create(path)?;
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        self.account.give(path).map_err(io::Error::other)
    }

    fn tree(&self, from: &Path, to: &Path, file: fn(&File, &File) -> io::Result<()>) -> io::Result<()> {
        self.private(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let (source, target) = (entry.path(), to.join(entry.file_name()));
            if entry.file_type()?.is_dir() {
                self.tree(&source, &target, file)?;
            } else {
                let new = File::create_new(&target)?;
                if let Some((uid, gid)) = self.account.owner() {
                    rustix::fs::fchown(&new, Some(uid), Some(gid))?;
                }
                file(&File::open(&source)?, &new)?;
            }
        }
        Ok(())
    }

    fn start(&self, data: &Path) -> io::Result<Child> {
        let mut command = self.account.command(&self.programs.postgres());
        command.arg("-D").arg(data).arg("-k").arg(&self.place);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    }

    async fn ask(&self) -> std::result::Result<(), String> {
        let begin = Instant::now();
        let mut config = tokio_postgres::Config::new();
        config.host_path(&self.place).user("postgres").dbname("shop");
        let socket = self.place.join(".s.PGSQL.5432");
        loop {
            if socket.exists()
                && let Ok((client, connection)) = config.connect(tokio_postgres::NoTls).await
            {
                tokio::spawn(connection);
                return client.simple_query("SELECT 1").await.map(drop).map_err(|e| e.to_string());
            }
            if begin.elapsed() > Duration::from_secs(60) {
                return Err("it did not start in time".to_owned());
            }
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
    }

    fn remove(&self, data: &Path) -> io::Result<()> {
        match self.mechanism {
            Mechanism::Overlayfs => rustix::mount::unmount(data, rustix::mount::UnmountFlags::empty())?,
            Mechanism::BtrfsSnapshot => {
                run(Command::new("btrfs").args(["subvolume", "delete"]).arg(data))
                    .map_err(io::Error::other)?;
            }
            Mechanism::ZfsClone | Mechanism::Reflink | Mechanism::Copy => {}
        }
        fs::remove_dir_all(&self.place)
    }
}
