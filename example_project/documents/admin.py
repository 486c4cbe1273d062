"""The document store in the admin."""

from django.contrib import admin

from .models import Branch, Document, Grove, Tenant


@admin.register(Tenant)
class TenantAdmin(admin.ModelAdmin):
    list_display = ("name", "slug", "plan", "created_at")
    list_filter = ("plan",)


@admin.register(Document)
class DocumentAdmin(admin.ModelAdmin):
    list_display = ("title", "tenant", "user", "status", "page_count", "created_at")
    list_select_related = ("tenant", "user")
    list_filter = ("status",)
    raw_id_fields = ("tenant", "user")


@admin.register(Grove)
class GroveAdmin(admin.ModelAdmin):
    list_display = ("name", "client_app_id", "created_at")


@admin.register(Branch)
class BranchAdmin(admin.ModelAdmin):
    list_display = ("name", "grove", "status", "created_at")
    list_select_related = ("grove",)
    list_filter = ("status",)
    raw_id_fields = ("grove",)
