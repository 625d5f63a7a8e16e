.PHONY: demo test schema tidy fmt

# Builds the demo shop, lets the agents compete on it.
demo:
	scripts/demo.sh

# Everything that CI checks.
test:
	scripts/test.sh

# Writes schema/report.schema.json anew from the types.
schema:
	cargo xtask schema

tidy:
	cargo xtask tidy

fmt:
	cargo fmt --all

# Builds the packages for Python and Node.js as they are published, installs and times them in fresh environments.
.PHONY: packages
packages:
	scripts/packages.sh --release

.PHONY: test-matrix bench-index bench-rewrite bench-forks bench-verdict bench-equality bench-promotion bench-workload fuzz-workload

# Forks of the local backend beside a bare probe and beside pg_dump | psql, in one run; SCALES=1 leaves out the 2 GB.
# BUSY=1: instead, what golden images take from a source that pgbench keeps busy.
bench-forks:
	cargo run --release --locked -p pgverse-benches --bin forks -- $(if $(BUSY),busy,$(SCALES))

# The behaviour suite of forks on PostgreSQL 14 to 18, by every mechanism; the tests hold a part of it.
test-matrix:
	scripts/versions.sh
	CI=true cargo nextest run --locked --no-fail-fast --ignore-default-filter -p pgverse-fork-backends --test behavior -E 'test(/^postgresql_/)'

# Honesty between equals, power, equal answers and the other figures of the verdict; FIGURES=aa for one of them.
bench-verdict:
	cargo run --release --locked -p pgverse-benches --bin verdict -- $(FIGURES)
	$(if $(FIGURES),,$(MAKE) bench-equality)

# Equal answers: the corpus of pairs, and published ones from a local copy (LITERATURE=file).
bench-equality:
	cargo run --release --locked -p pgverse-benches --bin equality -- $(LITERATURE)

# What the rules make of many random statements, compared on adversarial databases; the tests hold a part of it.
QUERIES ?= 10000
.PHONY: test-rewrites
test-rewrites:
	PGVERSE_TEST_QUERIES=$(QUERIES) cargo test --locked -p pgverse-agents --test answers -- --nocapture random_statements

# Sets of indexes, each built and measured on one fork in one run; ARGS="--sets hand --budgets 100 --verbose" for some of them,
# ARGS="--data freight" on another database.
bench-index:
	cargo run --release --locked -p pgverse-benches --bin index -- $(ARGS)

# The same on TPC-H at scale factor 1, made in the folder TPCH.
TPCH ?= /tmp/pgverse-tpch
.PHONY: bench-index-tpch
bench-index-tpch:
	scripts/tpc.sh tpch $(TPCH)
	cargo run --release --locked -p pgverse-benches --bin index -- --data tpch --folder $(TPCH) \
	    --budgets 250MB,500MB,1150MB --advisor-seconds 480 $(ARGS)

# The winners of whole competitions on the same statements, with rewrites and views, beside those made by hand.
bench-rewrite:
	cargo run --release --locked -p pgverse-benches --bin index -- --whole --verbose $(ARGS)

# The same on TPC-H and TPC-DS at scale factor 1, made in the folders TPCH and TPCDS, without an index and with 500 MB of them.
TPCDS ?= /tmp/pgverse-tpcds
.PHONY: bench-rewrite-tpch bench-rewrite-tpcds
bench-rewrite-tpch:
	scripts/tpc.sh tpch $(TPCH)
	cargo run --release --locked -p pgverse-benches --bin index -- --data tpch --folder $(TPCH) --whole --current \
	    --budgets 0MB,500MB $(ARGS)

bench-rewrite-tpcds:
	scripts/tpc.sh tpcds $(TPCDS)
	cargo run --release --locked -p pgverse-benches --bin index -- --data tpcds --folder $(TPCDS) --whole --current \
	    --budgets 0MB,500MB $(ARGS)

# Promotion beside pgbench, in the lock situations of others, under kill -9, and what it realizes; FIGURES=load for one of them.
bench-promotion:
	cargo run --release --locked -p pgverse-benches --bin promotion -- $(FIGURES)

# Server logs beside pgbadger; with REGRESS=folder also SQL files cut as psql cuts them. FIGURES=logs for one of them.
bench-workload:
	cargo run --release --locked -p pgverse-benches --bin workload -- $(or $(FIGURES),logs $(if $(REGRESS),regress)) $(if $(REGRESS),--regress $(REGRESS))

# Random statements, comments and broken logs, for so many minutes: no panic, no hang.
MINUTES ?= 10
fuzz-workload:
	scripts/fuzz-workload.sh $(MINUTES)
