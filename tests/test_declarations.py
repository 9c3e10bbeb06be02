"""Declarations: what an app's settings give to which argument."""

import re

import pytest
from bottle import ConfigDict

from napixd_store import ConfigError
from napixd_store.declarations import declarations


def test_a_store_s_declaration_names_its_collection_backend_and_options():
    declared = declarations(
        {
            "store.users.collection": "Users",
            "store.users.backend": "SQLite",
            "store.users.path": "a.sqlite",
        }
    )
    assert declared["users"] == ("store", "users", "Users", "SQLite", {"path": "a.sqlite"})


def test_a_counter_s_declaration_names_it_by_name():
    declared = declarations({"counter.ids.name": "user-id", "counter.ids.backend": "Memory"})
    assert declared["ids"] == ("counter", "ids", "user-id", "Memory", {})


def test_the_parameter_is_the_name_unless_another_is_given():
    declared = declarations({"store.users.writeback": "yes", "counter.ids.backend": "Memory"})
    assert declared["users"] == ("store", "users", "users", None, {"writeback": "yes"})
    assert declared["ids"].name == "ids"


def test_defaults_and_other_namespaces_declare_nothing():
    assert declarations({"store.backend": "Memory", "counter.path": "x", "json.a.b": 1}) == {}


def test_keys_compare_without_case_and_the_later_of_two_holds():
    declared = declarations({"STORE.Users.PATH": "a", "store.users.path": "b"})
    assert declared == {"users": ("store", "users", "users", None, {"path": "b"})}


def test_nested_mappings_say_the_same():
    nested = {"store": {"users": {"collection": "u"}}, "counter": {"ids.name": "i"}}
    flat = ConfigDict().load_dict(nested)
    assert flat == {"store.users.collection": "u", "counter.ids.name": "i"}
    assert declarations(nested) == declarations(flat) != {}


@pytest.mark.parametrize("key", ["store.users.path", "counter.ids.name", "STORE.users.backend"])
def test_a_key_without_a_value_is_an_error_that_names_it(key):
    with pytest.raises(ConfigError, match=f"'{re.escape(key)}' has no value"):
        declarations({key: None})


@pytest.mark.parametrize("parameter", ["2fast", "user-id", "class", "", "a b"])
def test_a_parameter_that_no_handler_can_have_is_an_error_that_names_the_key(parameter):
    key = f"store.{parameter}.path"
    with pytest.raises(ConfigError, match=f"'{re.escape(key)}': '{parameter}' cannot be the name"):
        declarations({key: "x"})


def test_a_key_that_is_too_deep_is_an_error_that_names_it():
    with pytest.raises(ConfigError, match=r"'store\.users\.options\.path' is too deep"):
        declarations({"store.users.options.path": "x"})


def test_a_store_and_a_counter_of_one_name_are_an_error_that_names_both_keys():
    with pytest.raises(ConfigError, match=r"'store\.desk\.path' and by 'counter\.desk\.name'"):
        declarations({"store.desk.path": "x", "counter.desk.name": "d"})


def test_no_value_shows_in_a_repr():
    declared = declarations({"store.users.secret": "hunter2", "store.users.serializer": "pickle"})
    assert repr(declared) == "{'users': <store.users: 'users', options=['secret', 'serializer']>}"


@pytest.mark.parametrize("wrong", ["store.a.b.c", "store.class.secret", "counter.both.x"])
def test_no_value_shows_in_an_error(wrong):
    settings = {"store.both.secret": "hunter2", wrong: "hunter2"}
    with pytest.raises(ConfigError) as caught:
        declarations(settings)
    assert "hunter2" not in str(caught.value)
