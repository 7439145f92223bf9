.PHONY: help run test bench torture fuzz schema dev dist fmt

help: ## This list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: ## Build everything and serve the demo on http://127.0.0.1:3000
	@scripts/run.sh

test: ## Everything that has to hold: format, lints, tests, browser tests
	@scripts/test.sh

bench: ## Measure the engine and the server
	@scripts/bench.sh

torture: ## Kill, fill, stop and restore what Fader runs on, and print what came of it
	@scripts/torture.sh

dist: ## Build the binary that is shipped: target/dist/fader
	@scripts/dist.sh

fuzz: ## Look for inputs that break a promise: make fuzz TARGET=events MINUTES=30
	@scripts/fuzz.sh $(TARGET) $(MINUTES)

schema: ## Hold REST against its OpenAPI document as every role and token: make schema EXAMPLES=300
	@scripts/schema.sh $(EXAMPLES)

dev: ## Serve the demo from debug builds, again after each change
	@scripts/dev.sh

fmt: ## Format the Rust code
	@cargo fmt --all
