"""Headlines about what we hold. Runs every hour."""

from pathlib import Path

from steersman.client import pull

held = {p["symbol"] for p in pull("positions").rows()}
mine = [n for n in pull("news").json() if n["symbol"] in held]
Path("digest.txt").write_text("".join(f"{n['symbol']} {n['headline']}\n" for n in mine), encoding="utf-8")
print(f"{len(mine)} headlines about {len({n['symbol'] for n in mine})} of {len(held)} positions")
