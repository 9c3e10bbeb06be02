"""Injection: which arguments of a handler are filled, with what, and which are left alone."""

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Optional, Union

import pytest
from bottle import Bottle, PluginError

from napixd_store import Counter, CounterBackend, Store, StoreBackend
from napixd_store_bottle import StorePlugin
from tests.bottle import annotated
from tests.bottle.client import Client, new_app, put_around

SETTINGS = {
    "store": {"backend": "Memory", "users": {"collection": "u"}, "teams": {"writeback": "yes"}},
    "counter": {"ids": {"name": "i"}},
}


@pytest.fixture
def app() -> Bottle:
    return new_app(SETTINGS)


def names(**received: Any) -> str:
    """Say what a handler received."""
    return " ".join(getattr(one, "collection", None) or one.name for one in received.values())


def answer(app: Bottle, path: str = "/") -> str:
    got = Client(app).get(path)
    assert got.status_code == 200, got.text
    return str(got.text)


def refusal(app: Bottle, path: str = "/") -> str:
    got = Client(app).get(path)
    assert got.status_code == 500
    return str(got.errors)


# --- by name ---------------------------------------------------------------------------------


def test_a_declared_name_is_filled_beside_a_wildcard(app):
    @app.get("/<id>")
    def show(id, users, teams, ids):
        return id + " " + names(users=users, teams=teams, ids=ids)

    assert answer(app, "/7") == "7 u teams i"


def test_a_keyword_only_argument_is_filled(app):
    @app.get("/")
    def show(*, users):
        return names(users=users)

    assert answer(app) == "u"


def test_a_declared_argument_with_a_default_is_filled(app):
    @app.get("/")
    def show(users=None, *, ids=None, page=1):
        return f"{names(users=users, ids=ids)} {page}"

    assert answer(app) == "u i 1"


def test_a_method_s_argument_is_filled(app):
    class Desk:
        def show(self, users):
            return type(self).__name__ + names(users=users)

    app.get("/", callback=Desk().show)
    assert answer(app) == "Desku"


def test_a_callable_object_s_argument_is_filled(app):
    class Show:
        def __call__(self, users: StoreBackend[Any], notes: "StoreBackend[Any]") -> str:
            return names(users=users, notes=notes)

    app.get("/", callback=Show())
    assert answer(app) == "u notes"


def test_what_a_partial_leaves_open_is_filled(app):
    def show(greeting, users, ids):
        return greeting + names(users=users, ids=ids)

    app.get("/", callback=functools.partial(show, "Hi "))
    assert answer(app) == "Hi u i"


def test_what_a_partial_binds_by_position_is_left_alone(app):
    def show(users, ids):
        return users + names(ids=ids)

    app.get("/", callback=functools.partial(show, "mine "))
    assert answer(app) == "mine i"


def test_what_a_partial_binds_by_keyword_is_left_alone(app):
    def show(users, ids):
        return users + names(ids=ids)

    app.get("/", callback=functools.partial(show, users="mine "))
    assert answer(app) == "mine i"


def test_a_decorator_around_a_partial_that_binds_by_keyword_leaves_it_alone_too(app):
    def show(users, ids):
        return users + names(ids=ids)

    bound = functools.partial(show, users="mine ")

    @functools.wraps(bound)
    def decorated(*args, **kwargs):
        return bound(*args, **kwargs)

    app.get("/", callback=decorated)
    assert answer(app) == "mine i"


def test_a_decorator_that_uses_wraps_is_looked_through(app):
    def shout(handler):
        @functools.wraps(handler)
        def shouting(*args, **kwargs):
            return handler(*args, **kwargs).upper()

        return shouting

    @app.get("/")
    @shout
    def show(users):
        return names(users=users)

    assert answer(app) == "U"


def test_a_decorator_that_does_not_hides_the_arguments(app):
    def hide(handler):
        return lambda **kwargs: repr(sorted(kwargs))

    @app.get("/")
    @hide
    def show(users):
        raise AssertionError

    assert answer(app) == "[]"


def test_nothing_is_given_to_var_keywords_by_surprise(app):
    app.get("/", callback=lambda **kwargs: repr(kwargs))
    assert answer(app) == "{}"


def test_counters_and_write_through_stores_are_shared_and_write_back_ones_are_not(app):
    seen = []
    app.get("/", callback=lambda users, teams, ids: seen.append((users, teams, ids)))
    for _ in range(2):
        Client(app).get("/")
    (users, teams, ids), (same_users, other_teams, same_ids) = seen
    assert users is same_users
    assert ids is same_ids
    assert teams is not other_teams


# --- by annotation ---------------------------------------------------------------------------


def test_an_annotation_gives_the_default_backend_under_the_argument_s_name(app):
    def show(notes: StoreBackend[Any], total: CounterBackend, plain: StoreBackend) -> str:  # type: ignore[type-arg]
        return f"{notes!r} {total!r} {plain!r}"

    app.get("/", callback=show)

    text = answer(app)
    for part in ("<MemoryStore 'notes'", "<MemoryCounter 'total'", "<MemoryStore 'plain'"):
        assert part in text


def test_a_declared_name_wins_over_the_annotation(app):
    def show(users: StoreBackend[Any]) -> str:
        return names(users=users)

    app.get("/", callback=show)

    assert answer(app) == "u"


def test_annotations_that_are_text_are_resolved(app):
    app.get("/", callback=annotated.count)
    app.get("/partial", callback=functools.partial(annotated.count))
    total = Counter("total", backend="Memory")
    total.reset()
    for path in ("/", "/partial"):
        assert Client(app).get(path).json == {"words": 0, "total": total.value}


def test_a_hint_that_cannot_be_resolved_is_none_and_takes_no_other_with_it(app):
    app.get("/", callback=annotated.create)
    assert answer(app) == "Ticket(title='No coffee')"


def test_a_hint_that_is_no_python_is_none(app):
    def show(users, page=1):
        return names(users=users)

    show.__annotations__["page"] = "no python"
    app.get("/", callback=show)
    assert answer(app) == "u"


def test_a_store_of_a_class_of_the_app_s_keeps_its_instances(app):
    @dataclass
    class Ticket:
        title: str

    def create(tickets: StoreBackend[Ticket]) -> str:
        tickets["1"] = Ticket("No coffee")
        return repr(tickets["1"].title)

    app.get("/", callback=create)

    assert answer(app) == "'No coffee'"
    assert Store("tickets", backend="Memory") == {"1": {"title": "No coffee"}}


def test_a_store_of_plain_values_keeps_what_any_store_keeps(app):
    def create(facts: StoreBackend[dict[str, Any]]) -> str:
        facts["1"] = {"pair": (1, 2)}
        return repr(facts["1"])

    app.get("/", callback=create)

    assert answer(app) == "{'pair': (1, 2)}"


@pytest.mark.parametrize(
    "hint",
    [
        Optional[StoreBackend],  # noqa: UP045 - as people wrote it
        Union[None, StoreBackend[Any]],  # noqa: UP007 - as above
        StoreBackend[Any] | None,
        "StoreBackend[Any] | None",
        "Optional[StoreBackend]",
    ],
    ids=["Optional", "Union", "| None", "text", "text Optional"],
)
def test_an_optional_store_is_provided(app, hint):
    def show(notes=None):
        return names(notes=notes)

    show.__annotations__["notes"] = hint
    app.get("/", callback=show)
    assert answer(app) == "notes"


def test_one_of_two_kinds_is_not(app):
    def show(notes: StoreBackend[Any] | CounterBackend | None = None) -> str:
        return repr(notes)

    app.get("/", callback=show)
    assert answer(app) == "None"


# --- left alone ------------------------------------------------------------------------------


def asks_for_nothing():
    return "nothing"


def asks_for_a_wildcard(id):
    return id


def asks_for_a_page(page: int = 1):
    return str(page)


@pytest.mark.parametrize(
    "handler",
    [asks_for_nothing, asks_for_a_wildcard, asks_for_a_page, functools.partial(print, "x"), dict],
)
def test_a_handler_that_asks_for_nothing_is_returned_untouched(app, handler: Callable[..., Any]):
    app.get("/<id>", callback=handler)
    assert app.plugins[-1].apply(handler, app.routes[0]) is handler


@pytest.mark.parametrize("skipped", [True, "napixd_store", StorePlugin, ["napixd_store"]])
def test_a_skipped_route_gets_nothing(app, skipped):
    app.get("/", callback=lambda users=None: repr(users), skip=skipped)
    assert answer(app) == "None"


def test_a_skipped_instance_gives_nothing(app):
    app.get("/", callback=lambda users=None: repr(users), skip=app.plugins[-1])
    assert answer(app) == "None"


# --- what is wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule", ["/x/<users>", "/x/<users:int>", r"/x/<users:re:\d+>", "/<a>/<users:path>"]
)
def test_a_wildcard_that_is_declared_too_is_refused(app, rule):
    app.get(rule, callback=lambda users, a=None: "")
    path = "/x/7"
    said = refusal(app, path)
    assert f"PluginError: GET {rule}: the argument 'users' is a wildcard of the rule" in said


def test_a_wildcard_of_the_old_syntax_is_refused_too(app):
    with pytest.warns(DeprecationWarning, match="old route syntax"):
        app.get("/x/:users", callback=lambda users: "")
    assert "GET /x/:users: the argument 'users' is a wildcard" in refusal(app, "/x/7")


def test_an_escaped_wildcard_is_none(app):
    app.get(r"/x/\<users>", callback=lambda users: names(users=users))
    assert answer(app, "/x/<users>") == "u"


def test_a_wildcard_that_is_annotated_as_a_store_is_refused(app):
    def show(notes: StoreBackend[Any]) -> str:
        return ""

    app.get("/<notes>", callback=show)
    assert "the argument 'notes' is a wildcard of the rule '/<notes>'" in refusal(app, "/7")


@pytest.mark.parametrize("path", ["/show/7", "/keyword_only/7"])
def test_a_route_without_a_path_has_its_arguments_as_wildcards_and_says_so(app, path):
    @app.route
    def show(users):
        return ""

    @app.route
    def keyword_only(*, users):
        return ""

    assert "'users'" in refusal(app, path)
    assert "give the route a path" in refusal(app, path)


def test_a_refused_route_is_refused_again_and_hurts_no_other(app):
    app.get("/x/<users>", callback=lambda users: "")
    app.get("/", callback=lambda users: names(users=users))
    for _ in range(2):
        assert "PluginError" in refusal(app, "/x/7")
    assert answer(app) == "u"


def test_apply_raises_a_plugin_error(app):
    app.get("/x/<users>", callback=lambda users: "")
    (route,) = app.routes
    with pytest.raises(PluginError, match=r"GET /x/<users>.*'users'"):
        app.plugins[-1].apply(route.callback, route)


def test_a_required_argument_that_nothing_provides_is_logged(app, caplog):
    app.get("/x/<id>", callback=lambda id, usres, users, page=1: "")
    with caplog.at_level(logging.WARNING, "napixd_store_bottle"):
        refusal(app, "/x/7")
    (said,) = caplog.messages
    assert said.startswith("GET /x/<id>: nothing provides the handler's argument 'usres'")
    assert "[store.usres]" in said
    assert "at least one key" in said


def test_an_argument_that_another_plugin_gives_as_well_is_no_silent_choice(app):
    def give(handler):
        return lambda **kwargs: handler(users="another", **kwargs)

    put_around(app, give)
    app.get("/", callback=lambda users: "")
    assert "multiple values for keyword argument 'users'" in refusal(app)


# --- Bottle's own facts that this rests on -----------------------------------------------------


def test_plugins_are_applied_anew_by_each_reset_and_install(app):
    app.get("/", callback=lambda users: names(users=users))
    assert answer(app) == "u"
    app.reset()
    assert answer(app) == "u"
    app.routes[0].reset()
    assert answer(app) == "u"
    app.install(lambda handler: lambda **kwargs: handler(**kwargs) + " outer")
    assert answer(app) == "u outer"


def test_a_plugin_installed_after_the_first_request_works():
    app = Bottle()
    app.config.load_dict(SETTINGS)
    app.get("/", callback=lambda users=None: repr(users))
    assert answer(app) == "None"
    app.install(StorePlugin())
    assert "MemoryStore 'u'" in answer(app)


def test_the_first_installed_is_outermost(app):
    order = []

    def noting(label):
        def plugin(handler):
            def noted(*args, **kwargs):
                order.append(label)
                return handler(*args, **kwargs)

            return noted

        return plugin

    app.plugins.insert(0, noting("before"))
    app.install(noting("after"))
    app.get("/", callback=lambda users: order.append("handler"), apply=noting("route"))
    assert Client(app).get("/").status_code == 200
    assert order == ["before", "after", "route", "handler"]
