"""The inventory in the admin."""

from django.contrib import admin

from .models import Artikel, Charge, Lagerbewegung


@admin.register(Artikel)
class ArtikelAdmin(admin.ModelAdmin):
    list_display = ("nummer", "name", "kategorie", "einheit", "preis")
    list_filter = ("kategorie",)
    search_fields = ("nummer", "name")


@admin.register(Charge)
class ChargeAdmin(admin.ModelAdmin):
    list_display = ("chargennummer", "artikel", "produktionsdatum", "haltbar_bis")
    list_select_related = ("artikel",)
    raw_id_fields = ("artikel",)


@admin.register(Lagerbewegung)
class LagerbewegungAdmin(admin.ModelAdmin):
    list_display = ("datum", "charge", "art", "menge", "beleg")
    list_select_related = ("charge",)
    list_filter = ("art",)
    raw_id_fields = ("charge",)
    show_full_result_count = False
