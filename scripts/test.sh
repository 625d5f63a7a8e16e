#!/bin/sh
# Checks everything: format, lints, the rules of the repository, documentation examples, all tests.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_cargo
need_cc
need_postgres
need_migration_tools || die "migration tools could not be installed: python3 with venv, npm, and their registries are needed"
need_extension pg_cron cron || say "pg_cron could not be installed"
need_extension pg_qualstats pg-qualstats || say "pg_qualstats could not be installed"
# Only in CI: Debian starts it as a service.
[ -z "${CI:-}" ] || [ -x /usr/sbin/pgbouncer ] || apt_install pgbouncer || say "pgbouncer could not be installed"
# As root, the local backend is tested on every kind of file system that it knows.
if [ "$(id -u)" = 0 ]; then
    have mkfs.xfs || apt_install xfsprogs || say "xfsprogs could not be installed"
    have mkfs.btrfs || apt_install btrfs-progs || say "btrfs-progs could not be installed"
fi

# The behaviour suite of forks runs on every supported version.
scripts/versions.sh || say "not all of PostgreSQL 14 to 18 could be installed"

# Runs a check of a toolchain component; without the component it is skipped, but never in CI.
checked() {
    component=$1
    shift
    if cargo "$component" --version >/dev/null 2>&1; then
        say "cargo $component"
        cargo "$component" "$@"
    elif [ -n "${CI:-}" ]; then
        die "cargo $component is missing"
    else
        say "cargo $component is not installed: skipped"
    fi
}

checked fmt --all --check
checked clippy --workspace --all-targets --locked --quiet -- -D warnings
say "cargo xtask tidy"
cargo xtask tidy
say "documentation examples"
cargo test --workspace --doc --locked --quiet
say "types of the packages"
scripts/types.py --check
say "tests"
if cargo nextest --version >/dev/null 2>&1; then
    cargo nextest run --workspace --locked ${CI:+--profile ci}
else
    cargo test --workspace --all-targets --locked
fi
say "the Python package"
scripts/python.sh
say "the Node.js package"
scripts/node.sh
say "the examples"
scripts/examples.sh
say "the pipelines"
exec scripts/pipelines.sh
