"""The REST API of a Prefect 3 server, as far as we use it. Prefect's own client would need Prefect in our process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx2

from steersman.kernel.errors import Rejected, Unavailable

API_VERSION: Final = "0.8.4"
_PAGE: Final = 200
_LATER: Final = frozenset({429, 502, 503, 504})
_PAUSES_S: Final = (0.1, 0.3, 1.0, 2.0, 4.0)
_SILENCES: Final = 2
ENDED: Final = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})
Json = dict[str, Any]


class PrefectApi:
    """One server. Every call raises Unavailable when it does not answer or refuses.

    An answer that says "later" is asked for again a few times: on SQLite the server has one whenever two writers meet.
    Every request here may be repeated; asking for a flow run carries a key that makes it so.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str = "",
        timeout_s: float,
        through_proxy: bool = False,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """Prepare; nothing is sent yet. `wait` sleeps that many seconds before a request is repeated."""
        self.url = url.rstrip("/")
        self._wait = wait or threading.Event().wait
        headers = {"X-PREFECT-API-VERSION": API_VERSION, "User-Agent": "steersman"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self._client = httpx2.Client(
            base_url=f"{self.url}/", headers=headers, timeout=timeout_s, trust_env=through_proxy
        )

    def close(self) -> None:
        self._client.close()

    # -- the server ----------------------------------------------------------------------------------------------

    def is_healthy(self) -> bool:
        """Say whether the server reports itself healthy."""
        return self._ask("GET", "health") is True

    def version(self) -> str:
        """Return the server's version of Prefect."""
        return str(self._ask("GET", "admin/version"))

    # -- flows, pools, deployments -------------------------------------------------------------------------------

    def flow(self, name: str) -> str:
        """Return the id of the flow called `name`, made if it is not there."""
        return str(self._ask("POST", "flows/", {"name": name})["id"])

    def pool(self, name: str) -> Json | None:
        """Return a work pool; None if there is none."""
        return self._look(f"work_pools/{name}")

    def make_pool(self, body: Json) -> None:
        """Make a work pool; one that somebody made meanwhile is fine."""
        self._ask("POST", "work_pools/", body, fine=(409,))

    def set_queue(self, pool: str, name: str, *, limit: int | None) -> None:
        """Make a work queue, or set its limit of flow runs at once."""
        if self._look(f"work_pools/{pool}/queues/{name}") is None:
            self._ask("POST", f"work_pools/{pool}/queues", {"name": name, "concurrency_limit": limit}, fine=(409,))
        else:
            self._ask("PATCH", f"work_pools/{pool}/queues/{name}", {"concurrency_limit": limit})

    def workers(self, pool: str) -> list[Json]:
        """Return the workers that ever reported to `pool`, each with `name` and `status` (ONLINE or OFFLINE)."""
        return list(self._ask("POST", f"work_pools/{pool}/workers/filter", {}))

    def deployments(self, tag: str) -> list[Json]:
        """Return every deployment with `tag`."""
        wanted = {"deployments": {"tags": {"all_": [tag]}}, "sort": "NAME_ASC"}
        return self._pages("deployments/filter", wanted)

    def deployment(self, flow: str, name: str) -> Json | None:
        """Return one deployment; None if there is none."""
        return self._look(f"deployments/name/{flow}/{name}")

    def set_deployment(self, body: Json) -> Json:
        """Make a deployment, or make the one of the same flow and name this one."""
        return dict(self._ask("POST", "deployments/", body))

    def delete_deployment(self, id_: str) -> None:
        """Delete a deployment with its runs to come; one that is gone is fine."""
        self._ask("DELETE", f"deployments/{id_}", fine=(404,))

    # -- flow runs -----------------------------------------------------------------------------------------------

    def start(self, deployment: str, *, key: str, parameters: Json, name: str, tags: list[str]) -> Json:
        """Ask for a flow run now; the same `key` again returns the first. Without an answer it may be asked again."""
        body = {
            "state": {"type": "SCHEDULED", "name": "Scheduled"},
            "idempotency_key": key,
            "parameters": parameters,
            "name": name,
            "tags": tags,
        }
        return dict(self._ask("POST", f"deployments/{deployment}/create_flow_run", body))

    def flow_run(self, id_: str) -> Json | None:
        """Return a flow run; None if it was deleted."""
        return self._look(f"flow_runs/{id_}")

    def flow_runs(self, where: Json, *, sort: str = "START_TIME_DESC", limit: int = _PAGE) -> list[Json]:
        """Return up to `limit` flow runs that match Prefect's filter."""
        return list(self._ask("POST", "flow_runs/filter", {"flow_runs": where, "sort": sort, "limit": limit}))

    def count(self, where: Json) -> int:
        """Return how many flow runs match Prefect's filter."""
        return int(self._ask("POST", "flow_runs/count", {"flow_runs": where}))

    def set_state(self, flow_run: str, kind: str, *, name: str, message: str, force: bool = False) -> None:
        """Propose a state for a flow run; one that is gone is fine. With `force` the server's rules do not apply."""
        body = {"state": {"type": kind, "name": name, "message": message}, "force": force}
        self._ask("POST", f"flow_runs/{flow_run}/set_state", body, fine=(404,))

    def delete_runs(self, where: Json, *, limit: int = _PAGE) -> int:
        """Delete up to `limit` flow runs that match Prefect's filter; return how many went."""
        done = self._ask("POST", "flow_runs/bulk_delete", {"flow_runs": where, "limit": limit})
        return len(done.get("deleted", ()))

    # -- one request ---------------------------------------------------------------------------------------------

    def _pages(self, path: str, body: Json) -> list[Json]:
        found: list[Json] = []
        while True:
            page = self._ask("POST", path, {**body, "limit": _PAGE, "offset": len(found)})
            found += page
            if len(page) < _PAGE:
                return found

    def _look(self, path: str) -> Json | None:
        found = self._ask("GET", path, fine=(404,))
        return dict(found) if found is not None else None

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None, fine: tuple[int, ...] = ()) -> Any:
        """Return the decoded answer; None for an empty one and for a status that is `fine`.

        Raises:
            Unavailable: no answer, one that is no JSON, or a refusal by the server's state (401, 403, 5xx and others).
            Rejected: the server found our request wrong (409, 422).
        """
        answer = self._patiently(method, path, body)
        if answer.status_code in fine:
            return None
        if answer.is_error or answer.is_redirect:
            raise self._refusal(answer, f"{method} {path}")
        try:
            return answer.json() if answer.content else None
        except ValueError as exc:
            raise Unavailable(
                f"{self.url} answered {method} {path} with something that is not JSON",
                fix="url in [engine] must be the API of a Prefect server: it ends in /api",
            ) from exc

    def _patiently(self, method: str, path: str, body: Mapping[str, object] | None) -> httpx2.Response:
        """Return the answer; asked for again while the server says "later", or for a while says nothing."""
        silences = 0
        for pause_s in _PAUSES_S:
            try:
                answer = self._send(method, path, body)
            except Unavailable as exc:
                silences += 1
                if silences > _SILENCES or not isinstance(exc.__cause__, httpx2.ReadTimeout):
                    raise
            else:
                if answer.status_code not in _LATER:
                    return answer
            self._wait(pause_s)
        return self._send(method, path, body)

    def _send(self, method: str, path: str, body: Mapping[str, object] | None) -> httpx2.Response:
        try:
            return self._client.request(method, path, json=body)
        except httpx2.HTTPError as exc:
            raise Unavailable(
                f"the Prefect server at {self.url} does not answer ({type(exc).__name__})",
                fix="start it (`prefect server start`), or correct url in [engine]",
            ) from exc

    def _refusal(self, answer: httpx2.Response, request: str) -> Unavailable | Rejected:
        said = " ".join(answer.text.split())[:300]
        message = f"the Prefect server at {self.url} answered {request} with {answer.status_code}: {said}"
        if answer.status_code in (401, 403):
            return Unavailable(message, fix="name the right api_key in [engine]")
        if answer.status_code == 404:
            return Unavailable(message, fix="url in [engine] must be the API of a Prefect 3 server: it ends in /api")
        if answer.status_code in (409, 422):
            return Rejected(message, fix="compare the server's version with `steersman auto engine status`")
        return Unavailable(message, fix="look into the server's log")
