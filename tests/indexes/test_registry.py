"""register(): which indexes it takes, which it refuses and how, and where it is found."""

import importlib
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.test import override_settings

from dbhealth.exceptions import ConfigurationError
from dbhealth.indexes import register
from dbhealth.indexes.declared import catalogue
from dbhealth.indexes.kinds import Kind
from dbhealth.indexes.registry import Registry, registry
from tests.indexapp.models import Book, Dated, Mention


@pytest.fixture
def own():
    return Registry()


def names(found):
    return [item.index.name for item in found]


def test_an_index_without_a_name_gets_the_one_that_meta_would_give_it(own):
    index = models.Index(fields=["-last_login"])
    own.register(User, index)
    assert names(own) == ["auth_user_last_lo_2e49f5_idx"]
    assert index.name == "", "the caller's own object is left alone"


def test_the_line_that_registers_is_known(own):
    own.register(Group, models.Index(fields=["name"], name="a"))
    [item] = own
    source = Path(item.place.file).read_text().splitlines()
    assert (
        'own.register(Group, models.Index(fields=["name"], name="a"))'
        in source[item.place.line - 1]
    )


def test_a_proxy_stands_for_the_model_behind_it(own):
    class Reader(User):
        class Meta:
            proxy = True
            app_label = "auth"

    try:
        own.register(Reader, models.Index(fields=["email"], name="by_email"))
    finally:
        apps.all_models["auth"].pop("reader")
        apps.clear_cache()
    assert [item.model for item in own] == [User]


@pytest.mark.parametrize(
    "model, indexes, told",
    [
        ("auth.Group", (), "takes a model first"),
        (Group, (), "without an index"),
        (Dated, (models.Index(fields=["bought_on"], name="a"),), "abstract"),
        (Group, (models.UniqueConstraint(fields=["name"], name="a"),), "takes models.Index"),
        (Group, ("name",), "takes models.Index"),
        (Group, (models.Index(fields=["nam"], name="a"),), "Did you mean 'name'"),
        (Group, (models.Index(Lower("nam"), name="a"),), "no field 'nam'"),
        (Group, (models.Index(fields=["name"], include=["x"], name="a"),), "no field 'x'"),
        (
            Group,
            (models.Index(fields=["name"], condition=~Q(Q(x=1), name="y"), name="a"),),
            "no field 'x'",
        ),
        (Group, (models.Index(fields=["permissions"], name="a"),), "not a column of its table"),
        (
            Group,
            (models.Index(fields=["name"], name="a"), models.Index(fields=["id"], name="a")),
            "auth.Group",
        ),
        (Group, (models.Index(fields=["name"], name="book_year"),), "indexapp.Book has one"),
        (Group, (models.Index(fields=["name"], name="book_lent"),), "indexapp.Book has one"),
    ],
)
def test_what_cannot_be_is_a_clear_error_and_nothing_is_kept(own, model, indexes, told):
    with pytest.raises(ConfigurationError, match=told):
        own.register(model, *indexes)
    assert names(own) == []


def test_a_name_that_is_registered_already_is_refused_with_the_place_of_the_first(own):
    own.register(Group, models.Index(fields=["name"], name="a"))
    with pytest.raises(ConfigurationError, match=r"auth\.Group \(.*test_registry\.py:\d+\)"):
        own.register(User, models.Index(fields=["email"], name="a"))
    assert [item.model for item in own] == [Group]


def test_a_model_of_no_installed_app_is_refused(own):
    class Stranger(models.Model):  # noqa: DJ008
        class Meta:
            app_label = "nowhere"

    apps.all_models.pop("nowhere")
    with pytest.raises(ConfigurationError, match=r"nowhere\.Stranger belongs to no installed app"):
        own.register(Stranger, models.Index(fields=["id"], name="a"))


def test_a_swapped_model_is_refused(own):
    swapped = override_settings(AUTH_USER_MODEL="indexapp.Book")
    with swapped, pytest.raises(ConfigurationError, match="swapped"):
        own.register(User, models.Index(fields=["email"], name="a"))


def test_calling_it_before_the_models_are_there_says_where_it_belongs(own, monkeypatch):
    monkeypatch.setattr(apps, "models_ready", False)
    with pytest.raises(ConfigurationError, match=r"indexes\.py"):
        own.register(Group, models.Index(fields=["name"], name="a"))


@pytest.mark.django_db
def test_what_is_registered_is_declared_for_managed_tables_and_others(own):
    own.register(Group, models.Index(fields=["-name"], name="group_down"))
    own.register(Mention, models.Index(Lower("word"), name="mention_lower"))
    found = {item.name: item for item in catalogue("default", own) if item.kind is Kind.REGISTERED}
    assert found.keys() == {"group_down", "mention_lower"}
    assert found["group_down"].table == "auth_group"
    assert found["group_down"].model == "auth.Group"
    assert found["group_down"].place.file == __file__
    assert found["mention_lower"].sql.startswith('CREATE INDEX "mention_lower"')
    assert found["mention_lower"].shape is None


@pytest.fixture
def new_app(tmp_path, monkeypatch):
    """Return a function that makes an app with an indexes.py; the registry is as it was after."""
    before = dict(registry._found)

    def make(name, text):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
        (tmp_path / name / "indexes.py").write_text(text)
        return [*apps.app_configs, name]

    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield lambda name, text: override_settings(
        INSTALLED_APPS=[config.name for config in apps.get_app_configs()] + make(name, text)[-1:]
    )
    registry._found.clear()
    registry._found |= before


def test_the_module_indexes_of_every_app_is_found_when_django_starts(new_app):
    text = (
        "from django.contrib.auth.models import Group\n"
        "from django.db import models\n"
        "from dbhealth.indexes import register\n"
        "register(Group, models.Index(fields=['-name'], name='found_by_itself'))\n"
    )
    with new_app("finding", text):
        assert "found_by_itself" in names(registry)
        [item] = [item for item in registry if item.index.name == "found_by_itself"]
        assert item.place.file.endswith("indexes.py")
        assert item.place.line == 4


def test_a_broken_indexes_module_raises_as_a_broken_admin_module_does(new_app):
    broken = new_app("breaking", "import no_such_module\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        broken.enable()
    assert apps.is_installed("dbhealth")


def test_the_public_name_is_that_of_the_one_registry():
    assert register == registry.register
    assert Book not in [item.model for item in registry]
