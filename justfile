# The recipes behind ./run; `./run` alone lists them.
set positional-arguments

# list the recipes
default:
    @just --justfile {{justfile()}} --list

# run the sample desk: `./run demo` opens the console, `./run demo --once --json` runs to the end
demo *args:
    @steersman demo "$@"

# any steersman command
steersman *args:
    @steersman "$@"

# everything: static checks and every test (installs Chromium and servers with apt-get when root on Debian)
test *args:
    python scripts/test.py "$@"

# the tests against real platforms (installs Debian packages with apt-get when root; too slow for the default)
test-platforms *args:
    python -m scripts.platforms "$@"

# format, lint, types, import contracts
check: style types

# format and lint
style:
    ruff format --check .
    ruff check .

# types and import contracts
types:
    mypy
    lint-imports

# the unit and property tests only
unit *args:
    pytest tests/unit tests/property tests/architecture "$@"

# format and fix what can be fixed
fix:
    ruff format .
    ruff check --fix .

# resolve the locks again (hashes, no hosts)
lock:
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements/base.lock
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --all-extras pyproject.toml -c requirements/base.lock -o requirements/extras.lock
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group dev -c requirements/extras.lock -o requirements/dev.lock

# measure against the targets
bench *args:
    @steersman bench "$@"

# build the wheel
wheel:
    uv build --wheel
