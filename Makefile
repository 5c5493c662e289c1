# Two commands on a fresh machine: `make run` drives the simulated robot, `make test` passes the
# tests. Both first look whether the machine has what the build needs; see .ci/setup.
.PHONY: run test setup

# `make run ARGS='drive --config configs/robot-example.toml'`
ARGS ?=
# `make test SLOW=1` adds the tests that take minutes or need a virtual machine.
SLOW ?=

# The library that runs the policies is fetched once; without a network one can still drive by hand.
run: setup
	cargo build --release --locked
	@target/release/pilothouse runtime install --yes || echo 'Driving by hand works without it.'
	@target/release/pilothouse $(ARGS)

test: setup
	cargo build --locked
	@target/debug/pilothouse runtime install --yes
	$(if $(SLOW),PILOTHOUSE_SLOW=1) cargo test --locked

setup:
	@.ci/setup
