//! Defaults and precedence, in surroundings made for the test.

use std::os::unix::fs::PermissionsExt;

use secrecy::ExposeSecret;

use super::*;
use crate::error::ErrorKind;
use crate::pg::conninfo::Target;
use crate::pg::tls::SslMode;

fn bare() -> Environment {
    Environment::empty().with_os_user("os")
}

fn dsn(text: &str) -> Dsn {
    Dsn::resolve(text, &bare()).unwrap()
}

fn refusal(text: &str) -> Error {
    Dsn::resolve(text, &bare()).unwrap_err()
}

fn password(dsn: &Dsn) -> Option<&str> {
    dsn.password().map(ExposeSecret::expose_secret)
}

fn modes(dsn: &Dsn) -> Vec<&'static str> {
    dsn.endpoints().iter().map(|endpoint| dsn.tls.mode(endpoint).as_str()).collect()
}

/// A home with files; `.pgpass` is the user's alone.
fn home(files: &[(&str, &str)]) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    home
}

#[test]
fn defaults_are_libpqs() {
    assert_eq!(dsn("").to_string(), "host=localhost port=5432 user=os dbname=os");
    assert_eq!(dsn("user=u").to_string(), "host=localhost port=5432 user=u dbname=u");
    assert_eq!(dsn("postgresql:///d").to_string(), "host=localhost port=5432 user=os dbname=d");
    assert_eq!(dsn("user=u dbname=").database(), "u");
    let error = Dsn::resolve("", &Environment::empty()).unwrap_err();
    assert_eq!(error.message(), "no user is given and the operating system names none");
}

#[test]
fn the_default_host_is_the_first_directory_with_a_socket_of_the_port() {
    let (empty, used) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(used.path().join(".s.PGSQL.5433"), "").unwrap();
    let directories = [empty.path().to_path_buf(), used.path().to_path_buf()];
    let environment = bare().with_socket_directories(directories);
    let dsn = Dsn::resolve("port=5433", &environment).unwrap();
    assert_eq!(dsn.socket_directory().unwrap(), used.path());
    assert!(dsn.is_local());
    assert_eq!(Dsn::resolve("port=5432", &environment).unwrap().host(), "localhost");
    assert_eq!(Dsn::resolve("host=h port=5433", &environment).unwrap().host(), "h");
}

#[test]
fn connection_string_beats_service_beats_environment_beats_default() {
    let service = "[s]\nhost=service\nport=1111\nuser=su\npassword=sp\ndbname=sd\n";
    let home = home(&[(".pg_service.conf", service), (".pgpass", "*:*:*:*:fp\n")]);
    let variables = bare()
        .with_home(home.path())
        .with_variable("PGHOST", "env")
        .with_variable("PGPORT", "2222")
        .with_variable("PGUSER", "eu")
        .with_variable("PGPASSWORD", "ep")
        .with_variable("PGOPTIONS", "-c geqo=off");
    let with_service = variables.clone().with_variable("PGSERVICE", "s");
    for (text, environment, expected, secret, origin) in [
        ("", &variables, "host=env port=2222 user=eu dbname=eu", "ep", "PGPASSWORD"),
        ("", &with_service, "host=service port=1111 user=su dbname=sd", "sp", "the service file"),
        ("service=s", &variables, "host=service port=1111 user=su dbname=sd", "sp", "the service file"),
        (
            "host=h password=p",
            &with_service,
            "host=h port=1111 user=su dbname=sd",
            "p",
            "the connection string",
        ),
        (
            "postgres://u@h/?service=s",
            &variables,
            "host=h port=1111 user=u dbname=sd",
            "sp",
            "the service file",
        ),
        // An empty value is a value: nothing else is asked.
        ("host='' port=''", &variables, "host=localhost port=5432 user=eu dbname=eu", "ep", "PGPASSWORD"),
        ("postgres:///d", &variables, "host=env port=2222 user=eu dbname=d", "ep", "PGPASSWORD"),
    ] {
        let dsn = Dsn::resolve(text, environment).unwrap();
        assert_eq!(dsn.to_string(), expected, "{text}");
        assert_eq!(password(&dsn), Some(secret), "{text}");
        assert_eq!(dsn.endpoints()[0].password.as_ref().unwrap().origin, origin, "{text}");
        assert_eq!(dsn.options(), Some("-c geqo=off"));
    }
    let error = Dsn::resolve("service=missing", &variables).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.message(), "the service \"missing\" is not defined in any service file");
}

#[test]
fn service_files_are_looked_for_where_libpq_looks() {
    let home = home(&[
        (".pg_service.conf", "[own]\nhost=own\n"),
        ("named", "[own]\nhost=named\n[only]\nhost=only\n"),
        ("system/pg_service.conf", "[own]\nhost=system\n[shared]\nhost=shared\n"),
    ]);
    let path = |name: &str| home.path().join(name).display().to_string();
    let environment = bare().with_home(home.path()).with_variable("PGSYSCONFDIR", &path("system"));
    let named = environment.clone().with_variable("PGSERVICEFILE", &path("named"));
    let given = format!("service=own servicefile={}", path("named"));
    for (text, environment, host) in [
        ("service=own", &environment, "own"),
        ("service=shared", &environment, "shared"),
        ("service=own", &named, "named"),
        ("service=shared", &named, "shared"),
        (given.as_str(), &environment, "named"),
    ] {
        assert_eq!(Dsn::resolve(text, environment).unwrap().host(), host, "{text}");
    }
    let error = Dsn::resolve("service=x servicefile=/nowhere", &bare()).unwrap_err();
    assert_eq!(error.message(), "the service file cannot be read");
}

#[test]
fn the_password_file_is_asked_last_and_for_each_host() {
    let home = home(&[
        (
            ".pgpass",
            "a:5432:d:u:for a\nb:1:d:u:for b\n127.0.0.1:5432:d:u:address\nlocalhost:5432:d:u:local\n/sock:5432:d:u:socket\n",
        ),
        ("other", "*:*:*:*:other\n"),
    ]);
    let environment = bare().with_home(home.path()).with_socket_directories([PathBuf::from("/default")]);
    let other = format!("host=a user=u dbname=d passfile={}", home.path().join("other").display());
    for (text, expected) in [
        ("host=a user=u dbname=d", Some("for a")),
        ("host=a user=u dbname=d password=given", Some("given")),
        ("host=a user=u dbname=d password=''", Some("for a")),
        ("host=a user=x dbname=d", None),
        ("hostaddr=127.0.0.1 user=u dbname=d", Some("address")),
        ("host=a hostaddr=127.0.0.1 user=u dbname=d", Some("for a")),
        ("host=/default user=u dbname=d", Some("local")),
        ("host=/sock user=u dbname=d", Some("socket")),
        ("user=u dbname=d", Some("local")),
        (other.as_str(), Some("other")),
    ] {
        assert_eq!(password(&Dsn::resolve(text, &environment).unwrap()), expected, "{text}");
    }
    let two = Dsn::resolve("host=a,b port=5432,1 user=u dbname=d", &environment).unwrap();
    let secrets: Vec<_> =
        two.endpoints().iter().map(|e| e.password.as_ref().unwrap().secret.expose_secret()).collect();
    assert_eq!(secrets, ["for a", "for b"]);

    std::fs::set_permissions(home.path().join(".pgpass"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = Dsn::resolve("host=a user=u dbname=d", &environment).unwrap();
    assert_eq!(password(&open), None);
    assert!(open.note().unwrap().ends_with("chmod 0600 makes it usable"));
}

#[test]
fn several_hosts_have_ports_and_addresses_of_their_own() {
    let dsn = dsn("postgresql://u@a:1,[::1]:2,%2Fsock/d");
    assert_eq!(dsn.to_string(), "host=a,::1,/sock port=1,2,5432 user=u dbname=d");
    assert_eq!(modes(&dsn), ["verify-full", "prefer", "disable"]);
    assert!(!dsn.is_local());
    let one_port = self::dsn("host=a,b hostaddr=10.0.0.1,10.0.0.2 port=7");
    assert_eq!(one_port.to_string(), "host=a,b port=7,7 user=os dbname=os");
    for (text, message) in [
        ("host=a,b hostaddr=10.0.0.1", "2 hosts do not fit 1 addresses"),
        ("host=a,b port=1,2,3", "3 ports do not fit 2 hosts"),
        ("host=a port=0", "the port is not a number from 1 to 65535"),
        ("port=70000", "the port is not a number from 1 to 65535"),
        ("hostaddr=a", "hostaddr \"a\" is not an address"),
        ("host=@abstract", "abstract Unix sockets are not supported"),
        ("connect_timeout=soon", "\"soon\" is not a whole number"),
    ] {
        assert_eq!(refusal(text).message(), message, "{text}");
    }
    // An unescaped slash makes the password look like a port.
    let error = refusal("postgres://u:secret/x@h/d");
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn without_sslmode_a_remote_server_must_prove_who_it_is() {
    for (text, mode) in [
        ("host=db.example.com", "verify-full"),
        ("host=10.0.0.1", "verify-full"),
        ("host=db.example.com hostaddr=127.0.0.1", "verify-full"),
        ("host=localhost hostaddr=10.0.0.1", "verify-full"),
        ("hostaddr=10.0.0.1", "verify-full"),
        ("host=localhost", "prefer"),
        ("host=LOCALHOST", "prefer"),
        ("host=127.0.0.2", "prefer"),
        ("host=::1", "prefer"),
        ("hostaddr=127.0.0.1", "prefer"),
        ("host=localhost sslnegotiation=direct", "require"),
        ("host=localhost sslrootcert=system", "verify-full"),
        ("host=/tmp", "disable"),
        ("host=/tmp sslmode=verify-full", "disable"),
        ("host=db.example.com sslmode=require", "require"),
        ("host=db.example.com sslmode=disable", "disable"),
        ("host=db.example.com sslmode=verify-ca sslrootcert=f", "verify-ca"),
        ("postgres://db.example.com?ssl=true", "require"),
    ] {
        assert_eq!(modes(&dsn(text)), [mode], "{text}");
    }
    let environment = bare().with_variable("PGSSLMODE", "prefer");
    assert_eq!(modes(&Dsn::resolve("host=h", &environment).unwrap()), ["prefer"]);
    let environment = bare().with_variable("PGREQUIRESSL", "1");
    assert_eq!(modes(&Dsn::resolve("host=h", &environment).unwrap()), ["require"]);
    for (text, message) in [
        ("sslmode=verify-ca", "verify-ca needs the certificate authority of the server"),
        ("sslmode=require sslrootcert=system", "sslrootcert=system goes with sslmode=verify-full alone"),
        ("sslmode=prefer sslnegotiation=direct", "sslnegotiation=direct needs TLS in any case"),
        ("sslmode=require sslcrl=f", "sslcrl has no effect where the certificate is not checked"),
        ("sslmode=allow", "sslmode=allow sends everything in the clear whenever the server lets it"),
        ("sslmode=on", "\"on\" is not a value of sslmode"),
        ("sslcert=c", "the client certificate has no key"),
    ] {
        assert_eq!(refusal(text).message(), message, "{text}");
    }
}

#[test]
fn certificate_files_of_the_home_directory_count() {
    let home = home(&[(".postgresql/root.crt", ""), (".postgresql/postgresql.crt", "")]);
    let environment = bare().with_home(home.path());
    let dsn = Dsn::resolve("host=h", &environment).unwrap();
    let variables = dsn.child_environment();
    for (name, file) in
        [("PGSSLROOTCERT", "root.crt"), ("PGSSLCERT", "postgresql.crt"), ("PGSSLKEY", "postgresql.key")]
    {
        let path = home.path().join(".postgresql").join(file).display().to_string();
        assert!(variables.contains(&(name, Some(path))), "{name}");
    }
    let without = Dsn::resolve("host=h sslcertmode=disable", &environment).unwrap();
    assert!(without.child_environment().contains(&("PGSSLCERT", None)));
    Dsn::resolve("host=h sslmode=verify-ca", &environment).unwrap();
}

#[test]
fn a_child_program_connects_likewise_and_gets_no_password() {
    let dsn = dsn("host=a,b hostaddr=10.0.0.1,10.0.0.2 port=1,2 user=u dbname=d password=secret \
                   connect_timeout=3 sslmode=require options='-c geqo=off' target_session_attrs=primary \
                   load_balance_hosts=random channel_binding=require sslsni=0 ssl_min_protocol_version=TLSv1.3");
    assert_eq!(dsn.wire.target, Target::Primary);
    let variables = dsn.child_environment();
    let set: Vec<String> =
        variables.iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?))).collect();
    assert_eq!(
        set,
        [
            "PGHOST=a,b",
            "PGPORT=1,2",
            "PGUSER=u",
            "PGDATABASE=d",
            "PGAPPNAME=pgverse",
            "PGCONNECT_TIMEOUT=3",
            "PGTARGETSESSIONATTRS=primary",
            "PGHOSTADDR=10.0.0.1,10.0.0.2",
            "PGOPTIONS=-c geqo=off",
            "PGCHANNELBINDING=require",
            "PGLOADBALANCEHOSTS=random",
            "PGSSLMODE=require",
            "PGSSLSNI=0",
            "PGSSLMINPROTOCOLVERSION=TLSv1.3",
        ]
    );
    for removed in ["PGSERVICE", "PGSSLROOTCERT", "PGREQUIRESSL", "PGPASSFILE"] {
        assert!(variables.contains(&(removed, None)), "{removed}");
    }
    assert!(variables.iter().all(|(name, _)| *name != "PGPASSWORD"));
    let mut names: Vec<_> = variables.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), variables.len());

    let socket = Dsn::socket(Path::new("/tmp/x"), 7, "u", "d").child_environment();
    for expected in
        [("PGHOST", Some("/tmp/x")), ("PGPORT", Some("7")), ("PGSSLMODE", None), ("PGHOSTADDR", None)]
    {
        assert!(socket.contains(&(expected.0, expected.1.map(str::to_owned))), "{expected:?}");
    }
    // What stands for the system's authorities is a file or, on a machine without one, libpq's word for them.
    let remote = self::dsn("host=h").child_environment();
    assert!(remote.contains(&("PGSSLMODE", Some("verify-full".to_owned()))));
    assert!(remote.contains(&("PGSSLROOTCERT", Some(system_bundle().unwrap_or("system").to_owned()))));
}

#[test]
fn shown_without_the_password_and_read_back() {
    let dsn = dsn("host=h user='o\\'neil' dbname='two words' password='open sesame' port=5");
    assert_eq!(dsn.to_string(), "host=h port=5 user='o\\'neil' dbname='two words'");
    assert_eq!(format!("{dsn:?}"), format!("Dsn({dsn})"));
    assert_eq!(self::dsn(&dsn.to_string()).to_string(), dsn.to_string());
    assert_eq!(password(&dsn), Some("open sesame"));
    assert_eq!(password(&dsn.with_database("x")), Some("open sesame"));
    assert_eq!(dsn.with_database("x").database(), "x");
    let environment = bare().with_variable("PGPASSWORD", "sesame");
    assert!(!format!("{environment:?}").contains("sesame"));
}

#[test]
fn time_outs_and_targets_are_read() {
    assert_eq!(dsn("").wire.connect_timeout.unwrap().as_secs(), 10);
    assert_eq!(dsn("connect_timeout=3").wire.connect_timeout.unwrap().as_secs(), 3);
    for none in ["connect_timeout=0", "connect_timeout=-1", "connect_timeout=''"] {
        assert_eq!(dsn(none).wire.connect_timeout, None, "{none}");
    }
    for target in ["any", "read-write", "read-only", "primary", "standby", "prefer-standby"] {
        assert_eq!(dsn(&format!("target_session_attrs={target}")).wire.target.as_str(), target);
    }
    assert!(SslMode::Disable < SslMode::Prefer && SslMode::VerifyCa < SslMode::VerifyFull);
}
