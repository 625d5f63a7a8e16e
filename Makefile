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
