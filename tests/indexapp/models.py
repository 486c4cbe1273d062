"""Books on shelves. The second migration of this app does nothing but add an index."""
# Indexes are what counts here, whatever one may think of the style.
# ruff: noqa: DJ008

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Upper


class Dated(models.Model):
    """What both models inherit: a field whose declaration stands in another class."""

    bought_on = models.DateField(null=True, db_index=True)

    class Meta:
        abstract = True


class Tag(models.Model):
    name = models.SlugField(unique=True)


class Shelf(models.Model):
    code = models.CharField(max_length=10, primary_key=True)


class Book(Dated):
    isbn = models.CharField(max_length=13, unique=True)
    title = models.CharField(max_length=200, db_index=True)
    state = models.CharField(max_length=20)
    year = models.IntegerField()
    place = models.IntegerField()
    shelf = models.ForeignKey(Shelf, on_delete=models.CASCADE)
    insured = models.OneToOneField("Policy", on_delete=models.CASCADE, null=True)
    tags = models.ManyToManyField(Tag)

    class Meta:
        unique_together = [("shelf", "place")]
        constraints = [
            models.UniqueConstraint(fields=["title", "year"], name="book_title_year"),
            models.UniqueConstraint(fields=["place"], condition=Q(state="lent"), name="book_lent"),
            models.UniqueConstraint(Lower("isbn"), name="book_isbn_lower"),
        ]
        indexes = [
            models.Index(fields=["state", "-year"], name="book_state_year"),
            models.Index(fields=["year"], condition=Q(state="50% off"), name="book_cheap"),
            models.Index(Upper("title").desc(), "year", name="book_upper"),
            models.Index(fields=["year"], name="book_year"),
        ]


class Policy(models.Model):
    """What Book points at from above, with a name that Django makes up for its index."""

    number = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["number"])]


class Mention(models.Model):
    """A table that Django does not manage; a migration of this app makes it in SQL."""

    id = models.BigIntegerField(primary_key=True)
    word = models.CharField(max_length=20, db_index=True)

    class Meta:
        managed = False
        db_table = "indexapp_mentions"
