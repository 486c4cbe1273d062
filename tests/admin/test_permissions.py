"""Who sees and does what: every page of every model, asked for by every kind of person."""

import pytest
from django.contrib import admin
from django.contrib.admin import AdminSite
from django.db import models
from django.test import RequestFactory
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from dbhealth.admin import PAGES, register
from dbhealth.admin.permissions import OPERATE, Permission
from dbhealth.archive.registry import archives_in
from dbhealth.models import DatabaseHealth, TrackedArchive
from tests.admin.conftest import client_of, make_finding, person

pytestmark = pytest.mark.django_db(databases=["default", "other"])

NOBODY_ADDS = ("add", "delete")


def made(model):
    """Return a row of one of dbhealth's models with as little in it as the database takes."""
    if model is DatabaseHealth:
        return model(pk=1)
    values = {}
    for field in model._meta.concrete_fields:
        if field.primary_key or field.null or field.has_default():
            continue
        if field.name == "database":
            values[field.name] = "default"
        elif isinstance(field, models.DateTimeField):
            values[field.name] = timezone.now()
        elif isinstance(field, models.CharField | models.TextField):
            values[field.name] = field.choices[0][0] if field.choices else "x"
        elif isinstance(field, models.BooleanField):
            values[field.name] = False
        else:
            values[field.name] = 0
    if model is TrackedArchive:  # its pages are about the model that has the archive
        archive, _ = archives_in("default")[0]
        values |= {"table": archive.table, "archive_table": archive.archive_table}
        values |= {"model": archive.label, "archive_model": archive.model._meta.label}
        model.objects.filter(table=archive.table).delete()  # looking now has made one
    return model.objects.create(**values)


def addresses():
    """Yield the name and the address of every page that dbhealth adds to the admin."""
    for model, page in admin.site._registry.items():
        if model not in PAGES:
            continue
        key = made(model).pk
        for pattern in page.get_urls():
            if not pattern.name:
                continue
            names = [deed.name for deed in page.deeds] if pattern.name.endswith("_do") else [None]
            for name in names:
                args = [name] if name else []
                try:
                    address = reverse(f"admin:{pattern.name}", args=args)
                except NoReverseMatch:
                    if pattern.name.endswith("_do"):
                        continue  # the page has no actions
                    address = reverse(f"admin:{pattern.name}", args=[key])
                yield model, pattern.name, name, f"{address}?database=default&pk={key}"


def answers(name):
    """Return what somebody is answered, by page: (model, name, action) -> status."""
    client = client_of(name)
    found = {}
    for model, page, action, address in addresses():
        for method in (client.get, client.post):
            answer = method(address)
            where = answer.headers.get("Location", "")
            status = "login" if "/login/" in where else answer.status_code
            found[model, page, action, method.__name__] = status
    return found


def test_who_is_not_logged_in_is_sent_to_the_login():
    assert set(answers("anonymous").values()) == {"login"}


def test_staff_without_rights_see_no_page_and_no_menu_entry():
    assert set(answers("staff").values()) == {403}
    assert "dbhealth" not in client_of_again("staff").get(reverse("admin:index")).text


def client_of_again(name):
    """Return a client of somebody who is there already."""
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client()
    client.force_login(User.objects.get(username=name))
    return client


def test_viewers_see_lists_and_rows_and_can_do_nothing():
    for (_model, page, action, method), status in answers("viewer").items():
        if action or page.endswith(NOBODY_ADDS) or page == "dbhealth_look":
            assert status == 403, (page, action, method)
        elif page.endswith("changelist"):
            assert status in {200, 302}, (page, method)
    menu = client_of_again("viewer").get(reverse("admin:index")).text
    for model in PAGES:
        assert reverse(f"admin:dbhealth_{model._meta.model_name}_changelist") in menu


@pytest.mark.parametrize("name", ["operator", "superuser"])
def test_operators_are_refused_nothing_but_to_add_and_delete_rows(name):
    for (_model, page, action, method), status in answers(name).items():
        if page.endswith(NOBODY_ADDS):
            assert status == 403, (page, method)
        elif status == 403:
            assert name == "operator", (page, action, method)
            assert page.endswith("rows"), "what archived rows hold is sensitive"
        else:
            assert status in {200, 302, 404, 405}, (page, action, method, status)


def test_every_right_to_operate_is_needed_for_its_own_action_alone():
    from django.contrib.auth.models import Permission as Right

    user = person("viewer")
    rights = {
        right.codename: right for right in Right.objects.filter(content_type__app_label="dbhealth")
    }
    assert {str(right) for right in Permission} <= rights.keys()
    actions = {
        (model, deed.name): deed
        for model, page in admin.site._registry.items()
        if model in PAGES
        for deed in page.deeds
    }
    for right in OPERATE:
        user.user_permissions.set([rights[Permission.VIEW], rights[right]])
        client = client_of_again("viewer")
        for (model, name), deed in actions.items():
            address = reverse(f"admin:dbhealth_{model._meta.model_name}_do", args=[name])
            status = client.get(address, {"pk": "999999999"}).status_code
            assert (status != 403) is (deed.permission == right), (name, right)


def test_a_right_to_operate_is_nothing_without_the_right_to_view():
    from django.contrib.auth.models import Permission as Right

    user = person("staff")
    user.user_permissions.set(
        Right.objects.filter(content_type__app_label="dbhealth").exclude(codename=Permission.VIEW)
    )
    client = client_of_again("staff")
    for model, _name, action, address in addresses():
        assert client.get(address).status_code == 403, (model, action)


def test_every_page_stands_in_a_project_without_time_zones(settings, superuser):
    settings.USE_TZ = False
    for _model, page, action, address in addresses():
        assert superuser.get(address).status_code in {200, 302, 403, 404, 405}, (page, action)
    finding = make_finding()
    address = reverse("admin:dbhealth_findingrecord_do", args=["acknowledge"])
    superuser.post(address, {"pk": finding.pk, "days": "7", "note": ""})
    finding.refresh_from_db()
    assert finding.acknowledged_until > timezone.now()
    known = reverse("admin:dbhealth_findingrecord_changelist")
    rows = superuser.get(known, {"standing": "acknowledged"}).context["cl"].result_list
    assert list(rows) == [finding]


def test_an_unknown_database_or_action_is_not_found(superuser):
    for model in PAGES:
        address = reverse(f"admin:dbhealth_{model._meta.model_name}_changelist")
        assert superuser.get(address, {"database": "'; DROP TABLE x"}).status_code == 404
        if model is not DatabaseHealth:
            do = reverse(f"admin:dbhealth_{model._meta.model_name}_do", args=["nothing"])
            assert superuser.get(do, {"pk": "1"}).status_code == 404


def test_the_pages_stand_on_any_site(superuser, rf: RequestFactory):
    site = AdminSite(name="other")
    register(site)
    assert set(site._registry) == set(PAGES)
