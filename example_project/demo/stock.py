"""The inventory: batches come in whole, leave in parts, and are counted now and then."""

from collections.abc import Iterator
from itertools import accumulate

from example_project.stock.models import Artikel, Charge, Lagerbewegung

from .timeline import DAY, apportion
from .words import listed, mix
from .world import Row, Table, World

KATEGORIEN = listed("Getränke Backwaren Molkerei Obst Gemüse Tiefkühl Konserven Gewürze Reinigung")
SORTEN = listed("Fein Klassik Bio Natur Extra Landhaus Premium Spar Berg Nord")
EINHEITEN = ("kg", "l", "Stk", "Pal")
ARTIKEL_COLUMNS = (
    "id", "nummer", "name", "kategorie", "einheit", "preis", "mindestbestand"
)  # fmt: skip
CHARGE_COLUMNS = ("id", "artikel_id", "chargennummer", "produktionsdatum", "haltbar_bis")
BEWEGUNG_COLUMNS = ("id", "charge_id", "art", "menge", "datum", "beleg")


def tables(world: World) -> Iterator[Table]:
    """Yield the tables of the inventory."""
    made = world.timeline.moments(world.rng("charge/made"), world.size("charge"))
    count = world.size("lagerbewegung")
    yield Table(Artikel, ARTIKEL_COLUMNS, world.size("artikel"), _artikel(world))
    yield Table(Charge, CHARGE_COLUMNS, len(made), _chargen(world, made))
    yield Table(Lagerbewegung, BEWEGUNG_COLUMNS, count, _bewegungen(world, made, count))


def _artikel(world: World) -> Iterator[Row]:
    rng = world.rng("artikel")
    for pk in range(1, world.size("artikel") + 1):
        kategorie = rng.choice(KATEGORIEN)
        preis = f"{rng.lognormvariate(1.6, 0.9) + 0.09:.2f}"
        bestand = f"{rng.randint(1, 400)}.000" if rng.random() < 0.7 else None
        name = f"{rng.choice(SORTEN)} {kategorie} {pk}"
        yield (pk, f"A{pk:06}", name, kategorie, rng.choice(EINHEITEN), preis, bestand)


def _chargen(world: World, made: list[int]) -> Iterator[Row]:
    """Yield batches; a few articles are produced all the time, most now and then."""
    rng, timeline = world.rng("charge"), world.timeline
    count = world.size("artikel")
    weights = list(accumulate(1 / rank for rank in range(1, count + 1)))
    which = rng.choices(range(1, count + 1), cum_weights=weights, k=len(made))
    for pk, (article, at) in enumerate(zip(which, made, strict=True), start=1):
        best = at + rng.randint(20, 700) * DAY if rng.random() < 0.8 else None
        produced = timeline.date(at)
        number = f"{produced.replace('-', '')}-{article:04}-{pk}"
        yield (pk, article, number, produced, best and timeline.date(best))


def _bewegungen(world: World, made: list[int], count: int) -> Iterator[Row]:
    """Yield movements in the order of time: per batch one in, several out, seldom a correction."""
    rng, timeline = world.rng("lagerbewegung"), world.timeline
    parts = apportion([rng.paretovariate(1.5) for _ in made], count)
    arts = mix({"abgang": 94, "korrektur": 6})
    moves = []
    for charge, (at, number) in enumerate(zip(made, parts, strict=True), start=1):
        amount = rng.lognormvariate(5, 0.8)
        for position in range(number):
            art = rng.choice(arts) if position else "zugang"
            share = rng.random() * amount / max(number - 1, 1)
            menge = {
                "zugang": amount,
                "abgang": -share,
                "korrektur": share * rng.uniform(-0.1, 0.1),
            }
            moves.append((at, charge, art, f"{menge[art]:.3f}"))
            at = timeline.later(at, rng.expovariate(1 / 4) * DAY)
    moves.sort()
    for pk, (at, charge, art, menge) in enumerate(moves, start=1):
        beleg = f"{art[0].upper()}{pk:08}" if art != "korrektur" else ""
        yield (pk, charge, art, menge, timeline.text(at), beleg)
