"""The tables of the inventory, in the language of the people who keep it.

Artikel: article. Charge: the batch of an article that was produced on one day. Lagerbewegung: a
movement of stock. Where an index begins with a foreign key, that key has db_index=False: the index
that Django would make for it by itself would only repeat the declared one.
"""

from django.db import models


class Artikel(models.Model):
    nummer = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=120)
    kategorie = models.CharField(max_length=40)
    einheit = models.CharField(max_length=8)
    preis = models.DecimalField(max_digits=10, decimal_places=2)
    mindestbestand = models.DecimalField(max_digits=12, decimal_places=3, null=True, blank=True)

    class Meta:
        db_table = "artikel"
        verbose_name_plural = "artikel"
        indexes = [models.Index(fields=["kategorie", "name"], name="idx_artikel_kat_name")]

    def __str__(self) -> str:
        return f"{self.nummer} {self.name}"


class Charge(models.Model):
    artikel = models.ForeignKey(Artikel, models.PROTECT, related_name="chargen", db_index=False)
    chargennummer = models.CharField(max_length=30)
    produktionsdatum = models.DateField()
    haltbar_bis = models.DateField(null=True, blank=True)

    class Meta:
        db_table = "charge"
        verbose_name_plural = "chargen"
        indexes = [
            models.Index(fields=["artikel", "produktionsdatum"], name="idx_charge_art_date"),
        ]

    def __str__(self) -> str:
        return self.chargennummer


class Lagerbewegung(models.Model):
    class Art(models.TextChoices):
        ZUGANG = "zugang"
        ABGANG = "abgang"
        KORREKTUR = "korrektur"

    charge = models.ForeignKey(Charge, models.PROTECT, related_name="bewegungen", db_index=False)
    art = models.CharField(max_length=16, choices=Art.choices)
    # Positive into the store, negative out of it: the sum is what is there.
    menge = models.DecimalField(max_digits=12, decimal_places=3)
    datum = models.DateTimeField()
    beleg = models.CharField(max_length=40, blank=True)

    class Meta:
        db_table = "lagerbewegung"
        verbose_name_plural = "lagerbewegungen"
        indexes = [
            models.Index(fields=["charge", "datum"], name="idx_lagerbewegung_charge_datum"),
        ]

    def __str__(self) -> str:
        return f"{self.art} {self.menge}"
