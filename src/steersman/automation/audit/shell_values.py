"""What `$(...)` stands for in shell: a value of a settings file, a file's text, the folder of the script."""

from __future__ import annotations

import re
from typing import Final

from steersman.automation.audit.endpoints import Hole, Text
from steersman.automation.audit.settings_files import SettingsFiles

_PATH: Final = r"[\"']?(?P<path>[\w./${}\[\]-]*[\w-]+\.(?:json|ya?ml|toml|ini|cfg|env))[\"']?"
_KEYS: Final = r"[\"']?\.(?P<keys>[\w.]+)[\"']?"
# `jq -r .api.base config.json`, `jq -r .api.base < config.json`, `cat config.json | jq -r .api.base`, yq alike.
_QUERIES: Final = (
    re.compile(rf"^[jy]q(?:\s+-\w+|\s+e)*\s+{_KEYS}\s+<?\s*{_PATH}$"),
    re.compile(rf"^cat\s+{_PATH}\s*\|\s*[jy]q(?:\s+-\w+)*\s+{_KEYS}$"),
)
_GREP: Final = re.compile(r"^grep\s+(?:-\w+\s+)*[\"']?\^?(\w+)=?[\"']?\s+(\S*\.env)[\"']?\s*\|\s*(cut|sed|awk)\b")
_TEXT: Final = re.compile(r"^(?:cat\s+|<\s*)[\"']?([\w./~${}-]+)[\"']?$")
_DATE: Final = re.compile(r"^(?:TZ=\S+\s+)?date\s+(?P<words>.*)$")
_AGO: Final = re.compile(
    r"(?:-d|--date|-v)[= ]?[\"']?(?P<said>yesterday|tomorrow|today|now|[-+]?\d+ ?d(?:ays?)?(?: ago)?)[\"']?"
)
_HERE: Final = re.compile(r"dirname\b.*(\$0|BASH_SOURCE)|^\s*cd\b.*(\$0|BASH_SOURCE).*\bpwd\b")


def substituted(text: str, script: str, settings: SettingsFiles) -> Text:
    """Return what a command substitution of `script` gives; empty when only running it would tell."""
    inner = " ".join((text[2:-1] if text.startswith("$(") else text[1:-1]).split())
    for pattern in _QUERIES:
        if (found := pattern.match(inner)) is not None:
            return settings.value(script, found["path"].rpartition("/")[2], tuple(found["keys"].split(".")))
    if (found := _GREP.match(inner)) is not None:
        return settings.value(script, found[2].rpartition("/")[2], (found[1],))
    if (day := _day(inner)) is not None:
        return (Hole("today" if day == 0 else "day", text, same=f"day {day}"),)
    if _HERE.search(inner):
        return (Hole(f"here {script.rpartition('/')[0]}", env=True),)
    if (found := _TEXT.match(inner)) is not None:
        return (Hole(found[1], env=True),)  # whoever reads that file gets the same
    return ()


def _day(command: str) -> int | None:
    """Return how many days after today `date -d "2 days ago" +%F` prints; None when it prints no such day."""
    found = _DATE.match(command)
    if found is None or not re.search(r"\+\S*%[FYymdjs]", found["words"]) or "%H" in found["words"]:
        return None
    said = _AGO.search(found["words"])
    if said is None:
        return None if re.search(r"(^|\s)(-d|--date|-v|-r|--reference)\b", found["words"]) else 0
    text = said["said"]
    if text in ("yesterday", "tomorrow"):
        return -1 if text == "yesterday" else 1
    number = re.match(r"[-+]?\d+", text)
    days = int(number.group()) if number is not None else 0
    return -days if text.endswith("ago") else days
