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

.PHONY: bench-forks bench-verdict bench-equality

# Forks of the local backend beside a bare probe, in one run.
bench-forks:
	cargo run --release --locked -p pgverse-benches --bin forks

# Honesty between equals, power, and the other figures of the verdict.
bench-verdict:
	cargo run --release --locked -p pgverse-benches --bin verdict

# Equal answers: the corpus of pairs.
bench-equality:
	cargo run --release --locked -p pgverse-benches --bin equality
