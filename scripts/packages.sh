#!/bin/sh
# Builds the packages, installs each into a fresh environment with nothing else, runs the first example of its README there,
# and tells sizes, times, and what the package adds to the library's own time. With --release, as they are published;
# with `python` or `node` behind it, that package alone.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_cargo
need_cc
need_postgres
need_node
profile=dev
[ "${1:-}" != --release ] || profile=release
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Servers of PostgreSQL run as another user when this runs as root, and must get in.
chmod 755 "$work"
PGVERSE_HOME=$work/home
export PGVERSE_HOME

# The first example of a README in this language.
example() { awk -v begin="^\`\`\`$2\$" '$0 ~ begin {inside = 1; next} inside && /^```$/ {exit} inside' "$1"; }
size() { stat -c %s "$1" | awk '{printf "%.1f MB", $1 / 1e6}'; }
now() { date +%s.%N; }
minutes() { awk -v a="$1" -v b="$(now)" 'BEGIN {printf "%.1f minutes", (b - a) / 60}'; }

for_python() {
    maturin=$(python_tools maturin 'maturin==1.*')
    begin=$(now)
    "$maturin/bin/maturin" build --quiet --locked --profile $profile --strip --compatibility linux --manifest-path bindings/python/Cargo.toml --out "$work" >&2
    wheel=$(ls "$work"/*.whl)
    say "the wheel is built: $(size "$wheel"), $(minutes "$begin")"
    begin=$(now)
    python3 -m venv "$work/python"
    "$work/python/bin/pip" install --quiet --disable-pip-version-check --no-index "$wheel"
    example bindings/python/README.md python >"$work/example.py"
    "$work/python/bin/python" "$work/example.py"
    say "Python: installed and a verdict after $(minutes "$begin")"
    # Not from scripts/, whose types.py would stand in for the one of Python.
    cp scripts/overhead.py "$work"
    "$work/python/bin/python" "$work/overhead.py"
}

for_node() {
    begin=$(now)
    cargo build --quiet --locked --profile $profile -p pgverse-node
    folder=${CARGO_TARGET_DIR:-target}/$([ $profile = dev ] && echo debug || echo release)
    mkdir "$work/pack"
    (
        cd bindings/node
        npm install --no-audit --no-fund --loglevel=error >&2
        npm run --silent build
        cp -r bin dist index.mjs index.d.mts types.d.ts README.md package.json "$work/pack"
    )
    (
        cd "$work/pack"
        # One package for each platform, as napi lays them out; this machine's gets its native part.
        npx --yes --package=@napi-rs/cli@3 napi create-npm-dirs >/dev/null
        platform=$(node -p 'process.platform + "-" + process.arch')-gnu
        native=npm/$platform/pgverse.$platform.node
        cp "$root/$folder/libpgverse_node.so" "$native"
        [ $profile = release ] || strip "$native"
        npm pack --silent --pack-destination "$work" "./npm/$platform" . >&2
    )
    say "the npm packages are built: $(for file in "$work"/*.tgz; do echo "$(basename "$file") $(size "$file"), "; done)$(minutes "$begin")"
    begin=$(now)
    mkdir "$work/node"
    cd "$work/node"
    npm init --yes >/dev/null
    npm install --silent --no-audit --no-fund --omit=peer "$work"/*.tgz >&2
    example "$root/bindings/node/README.md" js >example.mjs
    node example.mjs
    say "Node.js: installed and a verdict after $(minutes "$begin")"
    cp "$root/scripts/overhead.mjs" .
    node overhead.mjs
}

case ${2:-all} in
    all) for_python; for_node ;;
    python | node) "for_$2" ;;
    *) die "packages are python and node, not $2" ;;
esac
