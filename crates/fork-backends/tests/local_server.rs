//! Servers of our own: started, answering, stopped, and clear when they cannot start.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use pgverse_core::pg::Session;
use pgverse_core::{Context, ErrorKind};
use pgverse_fork_backends::shared::{
    Account, Programs, Server, ServerSpec, Settings, StopMode, process, server,
};

struct Place {
    _parent: tempfile::TempDir,
    programs: Programs,
    account: Account,
    data: PathBuf,
    socket: PathBuf,
    log: PathBuf,
}

impl Place {
    fn new() -> Self {
        let parent = tempfile::tempdir().unwrap();
        let account = Account::resolve().unwrap();
        account.give(parent.path()).unwrap();
        let at = |name: &str| parent.path().join(name);
        Self {
            programs: Programs::find(None).unwrap(),
            data: at("data"),
            socket: parent.path().to_owned(),
            log: at("log"),
            account,
            _parent: parent,
        }
    }

    fn start(&self, settings: &Settings) -> Server {
        let Self { programs, account, data, socket, log, .. } = self;
        Server::spawn(ServerSpec { programs, account, data, socket, log, settings }).unwrap()
    }
}

#[tokio::test]
async fn a_server_answers_until_it_is_stopped() {
    let (cx, place) = (Context::new(), Place::new());
    server::initdb(&cx, &place.programs, &place.account, &place.data, &Settings::for_fork()).await.unwrap();

    let running = place.start(&Settings::default().with("work_mem", "7MB"));
    let dsn = running.ready(&cx, server::SUPERUSER, "postgres").await.unwrap();
    let session = Session::connect(&cx, &dsn, "test").await.unwrap();
    assert_eq!(session.text(&cx, "SHOW work_mem", &[]).await.unwrap(), "7MB");
    assert_eq!(session.text(&cx, "SHOW fsync", &[]).await.unwrap(), "off");
    session.batch(&cx, "CREATE TABLE t AS SELECT 1 AS n").await.unwrap();
    assert_eq!(server::postmaster_of(&place.data), Some(running.process()));
    assert!(process::servers_in(&place.data).len() > 1);
    running.stop(StopMode::Fast).await.unwrap();
    running.stop(StopMode::Fast).await.unwrap();
    assert!(process::servers_in(&place.data).is_empty());

    // A clean stop keeps what was committed, also with crash safety off.
    let running = place.start(&Settings::default());
    let dsn = running.ready(&cx, server::SUPERUSER, "postgres").await.unwrap();
    let session = Session::connect(&cx, &dsn, "test").await.unwrap();
    assert_eq!(session.text(&cx, "SELECT n::text FROM t", &[]).await.unwrap(), "1");
    running.stop(StopMode::Immediate).await.unwrap();
    assert!(process::servers_in(&place.data).is_empty());
}

#[tokio::test]
async fn children_of_a_killed_postmaster_are_ended_too() {
    let (cx, place) = (Context::new(), Place::new());
    server::initdb(&cx, &place.programs, &place.account, &place.data, &Settings::for_fork()).await.unwrap();
    let running = place.start(&Settings::default());
    let dsn = running.ready(&cx, server::SUPERUSER, "postgres").await.unwrap();
    let session = Session::connect(&cx, &dsn, "test").await.unwrap();
    // A busy backend does not look after its postmaster.
    let busy = session.batch(&cx, "DO $$ BEGIN LOOP END LOOP; END $$");
    let kill = async {
        running.process().signal(rustix::process::Signal::KILL).unwrap();
        assert!(running.process().gone_within(std::time::Duration::from_secs(30)).await);
        running.stop(StopMode::Immediate).await.unwrap();
    };
    let (busy, ()) = tokio::join!(busy, kill);
    assert_eq!(busy.unwrap_err().kind(), ErrorKind::Connection);
    assert!(process::servers_in(&place.data).is_empty());
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let (cx, place) = (Context::new(), Place::new());
    let settings = Settings::for_fork();
    server::initdb(&cx, &place.programs, &place.account, &place.data, &settings).await.unwrap();
    let broken = place.start(&Settings::default().with("no_such_setting", "1"));
    let error = broken.ready(&cx, server::SUPERUSER, "postgres").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Process);
    assert!(error.to_string().contains("no_such_setting"), "{error}");

    let error =
        server::initdb(&cx, &place.programs, &place.account, &place.data, &settings).await.unwrap_err();
    assert!(error.to_string().contains("not empty"), "{error}");
    if place.account.owner().is_some() {
        let closed = Path::new("/root/pgverse/data");
        let error =
            server::initdb(&cx, &place.programs, &place.account, closed, &settings).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Permission);
    }
}
