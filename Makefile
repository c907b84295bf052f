# The front door. Every target works on a clean clone: what is missing is made or installed first.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Bytecode is written when a module is first used, whatever the shell says of it: compiling the whole environment took 20 s
# of processor time, most of it for modules that nobody imports.
export PYTHONDONTWRITEBYTECODE :=

HOSTS ?= container
CLUSTER ?= clusters/lab.yaml
NODE ?=
PRODUCT ?=
SERVERS ?=
CLIENTS ?=
ONLY ?=
JSON ?=
CHECK ?=
FAULT ?=

# What people write is *.in; *.txt is what is installed: everything below it too, pinned and with its hashes.
# The stamp's name holds the digest of every requirements file: a changed pin makes the environment anew.
REQUIREMENTS := requirements-dev.txt requirements.txt lambdas/requirements.txt
DIGEST := $(shell cat $(REQUIREMENTS) | sha256sum | cut -c1-16)
STAMP := .venv/quorate-$(DIGEST)
PYTHON := .venv/bin/python
LAB := $(PYTHON) -m lab $(if $(JSON),--json)
PYTEST := $(PYTHON) -m pytest -q
# Each suite keeps what its roles were granted and used; `make permissions` merges it.
PERMISSIONS := build/permissions
PIP_AUDIT := 2.10.1

$(STAMP):
	@lab/virtual_environment.sh .venv $(STAMP) requirements-dev.txt

node_modules: package.json package-lock.json $(STAMP)
	@command -v npm >/dev/null || { echo "deploying needs Node.js with npm: install it (https://nodejs.org)" >&2; exit 1; }
	npm ci --no-audit --no-fund
	@touch node_modules

##@ The lab

.PHONY: up
up: $(STAMP) ## Start a cluster and its job in the lab [HOSTS=container|simulated] [CLUSTER=clusters/lab.yaml]
	@$(LAB) up --hosts "$(HOSTS)" --cluster "$(CLUSTER)"

.PHONY: status
status: $(STAMP) ## Nodes, leaders, voters, seal state, job
	@$(LAB) status

.PHONY: scale
scale: $(STAMP) ## Change the size of the cluster: SERVERS=5 CLIENTS=3
	@$(LAB) scale $(if $(SERVERS),--servers "$(SERVERS)") $(if $(CLIENTS),--clients "$(CLIENTS)")

.PHONY: shell
shell: $(STAMP) ## A root shell on a node: NODE=<instance id, address or the start of its id>
	@$(LAB) shell $(if $(NODE),"$(NODE)")

.PHONY: logs
logs: $(STAMP) ## What happened on a node (commands, journal): NODE=...; without NODE: what happened in the lab
	@$(LAB) logs $(if $(NODE),"$(NODE)")

.PHONY: journal
journal: $(STAMP) ## What was decided about membership, and why: [NODE=...]
	@$(LAB) journal $(if $(NODE),"$(NODE)")

.PHONY: fault
fault: $(STAMP) ## Let something go wrong on purpose: FAULT="kill-host servers/0"; FAULT=--help lists them
	@$(LAB) fault $(FAULT)

.PHONY: token
token: $(STAMP) ## Print the management token of PRODUCT=consul|nomad, for tools of yours
	@$(LAB) token "$(PRODUCT)"

.PHONY: down
down: $(STAMP) ## Remove the lab: processes, containers, namespaces, mounts
	@$(LAB) down

##@ Tests

# Two to a core, since stories wait half of their time; tests/conftest.py says in which order.
SUITES := tests/integration tests/shell tests/infrastructure tests/contract tests/unit

.PHONY: test
test: $(STAMP) ## All suites but e2e: unit, contract, shell, infrastructure, integration
	@rm -rf $(PERMISSIONS)/test
	@# What every process would do again, or wait for: the bytecode of all tests, half of it the CDK's, and what
	@# integration deploys.
	@$(PYTEST) --collect-only $(filter-out tests/infrastructure,$(SUITES)) >/dev/null & \
		{ $(PYTEST) --collect-only tests/infrastructure >/dev/null; $(PYTHON) -m tests.integration.assembly; } & wait
	@QUORATE_PERMISSIONS=$(CURDIR)/$(PERMISSIONS)/test $(PYTEST) -n 4 --no-loadscope-reorder $(SUITES)

.PHONY: e2e
e2e: $(STAMP) ## Real products on real hosts (root; minutes)
	@$(PYTHON) -m lab.preparation
	@rm -rf $(PERMISSIONS)/e2e
	@QUORATE_PERMISSIONS=$(CURDIR)/$(PERMISSIONS)/e2e $(PYTEST) tests/e2e

.PHONY: permissions
permissions: $(STAMP) ## What roles were granted and never used in the last runs of test and e2e [JSON=1] [CHECK=1: fail on any]
	@$(PYTHON) -m lab.aws.iam $(if $(JSON),--json) $(if $(CHECK),--check) $(PERMISSIONS)/test $(PERMISSIONS)/e2e

.PHONY: histories
histories: $(STAMP) ## Ten thousand random histories of membership, by the real rules [COUNT=10000] [SEED=1]
	@$(PYTHON) -m lab.histories run $(if $(COUNT),--count "$(COUNT)") $(if $(SEED),--seed "$(SEED)") $(if $(JSON),--json)

.PHONY: machines
machines: $(STAMP) ## Three hundred histories through the real state machines and handlers [COUNT=300] [SEED=1]
	@$(PYTHON) -m lab.histories machines $(if $(COUNT),--count "$(COUNT)") $(if $(SEED),--seed "$(SEED)") $(if $(JSON),--json)

.PHONY: exhaust
exhaust: $(STAMP) ## Every interleaving of a small world of three voters
	@$(PYTHON) -m lab.histories exhaust $(if $(JSON),--json)

.PHONY: mutants
mutants: $(STAMP) ## Make deliberate mistakes, and see that histories and the exhaustive search find each
	@$(PYTHON) -m lab.histories mutants $(if $(JSON),--json)

.PHONY: bench
bench: $(STAMP) ## Measure the figures we are held to: a table, and build/bench.json [ONLY=package,synthesis,scale,formation,goodbye]
	@$(PYTHON) -m lab.bench $(if $(JSON),--json) $(if $(ONLY),--only "$(ONLY)")

.PHONY: golden
golden: $(STAMP) ## Write the golden configuration files anew; look at the difference before you commit it
	@$(PYTEST) tests/unit --update-golden

.PHONY: check
check: $(STAMP) ## ruff, mypy, shellcheck, shfmt
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@# What runs on nodes is spliced from several files: tests/shell lints it whole.
	@git ls-files '*.sh' .ci/run ':!ssm_documents' | xargs -r .venv/bin/shellcheck
	@git ls-files '*.sh' .ci/run | xargs -r .venv/bin/shfmt -i 2 -d

# The whole set first: the other two have the same versions of what they share.
UV_COMPILE := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
  --no-emit-index-url --custom-compile-command "make requirements"

.PHONY: requirements
requirements: $(STAMP) ## Pin what *.in asks for, and all that it needs, with hashes
	@$(UV_COMPILE) requirements-dev.in -o requirements-dev.txt
	@$(UV_COMPILE) requirements.in -c requirements-dev.txt -o requirements.txt
	@$(UV_COMPILE) lambdas/requirements.in -c requirements-dev.txt -o lambdas/requirements.txt

.PHONY: audit
audit: $(STAMP) ## Ask PyPI for known vulnerabilities of everything that is pinned (needs PyPI's own JSON API)
	@.venv/bin/uv tool run --quiet pip-audit==$(PIP_AUDIT) --strict --disable-pip --requirement requirements-dev.txt

##@ An AWS account

.PHONY: synth
synth: $(STAMP) ## Synthesise CLUSTER into cdk.out
	@CDK_CONTEXT_JSON='{"clusters": "$(CLUSTER)"}' $(PYTHON) app.py

.PHONY: deploy
deploy: node_modules ## Deploy CLUSTER=clusters/<name>.yaml into the account that your AWS credentials name
	@PATH="$(CURDIR)/.venv/bin:$$PATH" npx cdk deploy --all -c clusters="$(CLUSTER)"

.PHONY: artifacts
artifacts: $(STAMP) ## Mirror what nodes install from into the bucket of CLUSTER
	@$(LAB) artifacts --cluster "$(CLUSTER)"

.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@printf '\nJSON=1 makes up, status, scale, logs, journal, fault, down, bench and permissions print JSON.\n'
