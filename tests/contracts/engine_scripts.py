"""One manifest with every kind of script there is, for every engine: what must come of each stands beside it."""

from __future__ import annotations

from tests.contracts.engine_harness import Scripts

TOML = """
[resources]
broker_api = 1

[automation.login]
run = "automations/login.py"

[automation.prices]
run = "automations/prices.sh"
needs = ["login"]
retries = 2
backoff = "none"
timeout = "60s"

[automation.report]
run = "automations/report.py --days {days}"
needs = ["prices"]
params = { days = 5 }
env = { REGION = "us" }

[automation.broken]
run = "sh -c 'echo no luck; exit 3'"

[automation.after_broken]
run = "true"
needs = ["broken"]

[automation.slow]
run = "sleep 60"
timeout = "500ms"

[automation.stubborn]
run = "automations/stubborn.py"
timeout = "3s"

[automation.binary]
run = "automations/binary.py"

[automation.chatty]
run = "automations/chatty.py"
log_limit_kb = 64

[automation.first_call]
run = "automations/call.py"
resources = { broker_api = 1 }

[automation.second_call]
run = "automations/call.py"
resources = { broker_api = 1 }

[automation.held_back]
run = "true"

[automation.after_held_back]
run = "true"
needs = ["held_back"]

[automation.endless]
run = "sleep 300"
retries = 3
backoff = "none"

[automation.holiday]
run = "true"
blackout = ["2001-01-01..2199-12-31"]

[automation.unapproved]
run = "true"
approve = true
approve_within = "1s"

[automation.elsewhere]
run = "automations/where.sh"
cwd = "automations"

[automation.on_broken]
run = "automations/told.py"
on = [{ event = "automation.run.finished", where = { automation = "broken", will_retry = false } }]

[automation.gone]
run = "automations/goes.sh"
needs = ["login"]
"""

FILES = {
    "login.py": """
        import os, pathlib
        pathlib.Path(os.environ["STEERSMAN_ARTIFACTS"], "session.txt").write_text("in")
        pathlib.Path("automations/goes.sh").unlink()
        print('::result {"session": "in"}')
        """,
    "prices.sh": 'test "$STEERSMAN_ATTEMPT" = 3\n',
    "report.py": """
        import json, os, sys
        print("::result", json.dumps({"arguments": sys.argv[1:], "region": os.environ["REGION"]}))
        """,
    # Ignores SIGTERM, and leaves a child in a session of its own that does so too.
    "stubborn.py": """
        import os, pathlib, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            os.setsid()
            pathlib.Path("detached").write_text(str(os.getpid()))
            time.sleep(600)
        pathlib.Path("main").write_text(str(os.getpid()))
        time.sleep(600)
        """,
    "binary.py": """
        import sys
        sys.stdout.buffer.write(bytes(range(256)) * 40)
        """,
    "chatty.py": """
        for number in range(40_000):
            print(number, "x" * 60)
        print('::result {"lines": 40000}')
        """,
    # Two that overlapped would find the other's file.
    "call.py": """
        import pathlib, sys, time
        here = pathlib.Path("calling")
        here.touch(exist_ok=False)
        time.sleep(0.3)
        here.unlink()
        """,
    "goes.sh": "true\n",
    "where.sh": 'echo "::result {\\"folder\\": \\"$(basename "$PWD")\\"}"\n',
    "told.py": """
        import json, os, pathlib
        event = json.loads(pathlib.Path(os.environ["STEERSMAN_EVENT"]).read_text())
        print("::result", json.dumps({"type": event["type"], "automation": event["data"]["automation"]}))
        """,
}

SCRIPTS = Scripts(TOML, FILES)

ENDS: dict[str, tuple[str, int, str]] = {
    "login": ("succeeded", 1, ""),
    "prices": ("succeeded", 3, ""),
    "report": ("succeeded", 1, ""),
    "broken": ("failed", 1, "ended with exit code 3"),
    "after_broken": ("skipped", 0, "needs broken, which failed: ended with exit code 3"),
    "slow": ("timed_out", 1, "ended after its timeout of 0.5 s"),
    "stubborn": ("timed_out", 1, "ended after its timeout of 3 s"),
    "binary": ("succeeded", 1, ""),
    "chatty": ("succeeded", 1, ""),
    "first_call": ("succeeded", 1, ""),
    "second_call": ("succeeded", 1, ""),
    "held_back": ("skipped", 0, "paused by person:night since"),
    "after_held_back": ("skipped", 0, "needs held_back, which is paused by person:night since"),
    "endless": ("cancelled", 1, "cancelled by person:night: enough of it"),
    "holiday": ("skipped", 0, "blackout 2001-01-01..2199-12-31"),
    "unapproved": ("skipped", 0, "nobody approved it within 1 s"),
    "elsewhere": ("succeeded", 1, ""),
    "gone": ("failed", 1, "there is no file automations/goes.sh in the workspace"),
}
"""Status, attempts and the beginning of the reason, by automation."""
