"""How archived rows are shown in the admin: to be read, not to be changed."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest


class ArchiveAdmin(admin.ModelAdmin):
    """Only `manage.py archive` brings rows here, and what they point at may have left as well."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
