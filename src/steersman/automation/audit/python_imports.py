"""Which file an import means: beside the script, in a folder below or above it, or the only one of that name."""

from __future__ import annotations

import sys

from steersman.automation.audit.python_module import Folder, Module


def link(folder: Folder) -> None:
    """Let every import of a file that is audited, too, name that file; the others keep the library they name."""
    for module in folder.modules.values():
        for name, dotted in module.aliases.items():
            module.aliases[name] = meant(folder, module, dotted)
        for dotted in module.packages:
            module.packages[dotted] = meant(folder, module, dotted)
        for dotted in module.starred:
            home = folder.modules.get(meant(folder, module, dotted))
            for name in _public(home) if home is not None and home is not module else ():
                module.aliases.setdefault(name, f"{home.name}.{name}" if home is not None else name)


def _public(home: Module) -> list[str]:
    own = {name for scope, name in home.bindings if scope is home.tree} | set(home.definitions) | set(home.aliases)
    return sorted(name for name in own if not name.startswith("_") and "." not in name)


def meant(folder: Folder, module: Module, dotted: str) -> str:
    """Return what an import names: `lib/common.get` for a file of the folder, `requests.get` as it stands."""
    level = len(dotted) - len(dotted.lstrip("."))
    parts = dotted[level:].split(".") if dotted[level:] else []
    for cut in range(len(parts), 0, -1):
        home = _file(folder, module, parts[:cut], level)
        if home is not None:
            return ".".join([home, *parts[cut:]])
    return dotted[level:]


def _file(folder: Folder, module: Module, parts: list[str], level: int) -> str | None:
    """Return the name of the file that a dotted name is, from the script's own folder upwards."""
    here = module.name.split("/")[:-1]
    if level:
        places = [here[: len(here) - level + 1]] if level <= len(here) + 1 else []
    else:
        places = [here[:cut] for cut in range(len(here), -1, -1)]
    for place in places:
        for name in ("/".join([*place, *parts]), "/".join([*place, *parts, "__init__"])):
            if name in folder.modules and name != module.name:
                return name
    if level or parts[0] in sys.stdlib_module_names:
        return None
    # `sys.path.append("../lib")`: the only file of that name.
    tail = "/" + "/".join(parts)
    named = [name for name in folder.modules if name.endswith(tail) and name != module.name]
    return named[0] if len(named) == 1 else None
