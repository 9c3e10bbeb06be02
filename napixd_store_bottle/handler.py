"""Around a handler: what it receives in a request, and its errors as HTTP."""

from collections.abc import Callable
from typing import Any

from bottle import HTTPResponse

from napixd_store import StoreError
from napixd_store.unit_of_work import current
from napixd_store_bottle.answers import Answers
from napixd_store_bottle.injection import Provision
from napixd_store_bottle.signature import Handler
from napixd_store_bottle.work import RequestUnit, Work, end, is_yet_to_run


def wrap(
    callback: Callable[..., Any], provide: Callable[[], Provision], route: Any, answers: Answers
) -> Callable[..., Any]:
    """Return *callback* with what *provide* says, which is asked at the first request."""
    provision: Provision | None = None

    def handler(*args: Any, **kwargs: Any) -> Any:
        nonlocal provision
        if provision is None:
            provision = provide()  # by two threads at once, perhaps: either result will do
        unit = current()
        if isinstance(unit, RequestUnit) and not unit.taken:
            return serve(unit, provision, True, args, kwargs)
        # An app without our plugin serves the route, or another handler has called it.
        unit = RequestUnit()
        return unit.run(serve, unit, provision, False, args, kwargs)

    def serve(
        unit: RequestUnit, provision: Provision, watched: bool, args: Any, kwargs: Any
    ) -> Any:
        work = Work(unit, route, answers)
        unit.taken = True
        try:
            shared, fresh = provision
            own = {name: unit.given(opening) for name, opening in fresh.items()} if fresh else {}
            try:
                value = callback(*args, **kwargs, **shared, **own)
            except HTTPResponse as answer:
                _end(answer, work, watched)
                raise
            return _end(value, work, watched)
        except HTTPResponse:
            raise
        except StoreError as exc:
            unit.drop()
            answers.raise_for(exc)
            raise
        except BaseException:
            unit.drop()
            raise
        finally:
            unit.taken = False

    return handler


def at_first_request(apply: Callable[[], Handler]) -> Handler:
    """Return what *apply* returns, which is called at the first request."""
    applied: Handler | None = None

    def handler(*args: Any, **kwargs: Any) -> Any:
        nonlocal applied
        if applied is None:
            applied = apply()
        return applied(*args, **kwargs)

    return handler


def _end(value: Any, work: Work, watched: bool) -> Any:
    if watched and is_yet_to_run(value):
        return value  # other plugins get it as it is; the request's end comes later
    return end(value, work)
