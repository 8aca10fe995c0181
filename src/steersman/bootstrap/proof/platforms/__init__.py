"""Platforms of our own that answer by the documented protocol: for tests, and for `doctor --publish-kill`.

Each module is a process (`python -m steersman.bootstrap.proof.platforms.NAME --state DIR`) that keeps what it was told
in DIR and prints `ready PORT`. It offers

- `count(state: Path) -> dict[str, int]`: how many posts there are under each key, whatever the platform calls a key;
- `settings(url: str) -> dict[str, object]`: what `[channel.NAME]` says to publish there (`kind` too);
- `SECRETS: dict[str, str]`: the environment variables those settings refer to;
- `main(argv)`: usually `server.run(NAME, make_app, argv)`.
"""
