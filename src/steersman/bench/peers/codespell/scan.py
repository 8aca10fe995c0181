"""Runs codespell over a file with one text a line; prints, per line, the words it objects to and what it would write.

Usage: scan.py FILE
"""

import json
import re
import subprocess
import sys

_OBJECTION = re.compile(r":(\d+): (.+?) ==> (.+)$")


def main(path: str) -> None:
    command = [sys.executable, "-Es", "-m", "codespell_lib", "--disable-colors", path]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode not in (0, 65):
        sys.exit(done.stderr or f"codespell ended with {done.returncode}")
    said: dict[int, list[tuple[str, list[str]]]] = {}
    for line in done.stdout.splitlines():
        found = _OBJECTION.search(line)
        if found:
            fixes = [fix.strip() for fix in found[3].split("->")[0].split(",") if fix.strip()]
            said.setdefault(int(found[1]) - 1, []).append((found[2], fixes))
    print(json.dumps(said))


if __name__ == "__main__":
    main(sys.argv[1])
