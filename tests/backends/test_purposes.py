"""What plans say of statements and steps: sentences, so that a page says them in its language."""

import pytest

from dbhealth.backends.upkeep import Vacuum
from dbhealth.exceptions import NotSupported
from dbhealth.saying import words_of
from dbhealth.saying.sentences import Sentence

pytestmark = pytest.mark.django_db

INDEX = 'CREATE INDEX "kept_name" ON "kept" ("name")'
HOWS = [
    Vacuum(full=full, freeze=freeze, analyze=analyze)
    for full in (False, True)
    for freeze in (False, True)
    for analyze in (False, True)
]


@pytest.mark.parametrize("how", HOWS)
def test_the_purpose_of_upkeep_is_a_sentence(backend, how):
    upkeep = backend.upkeep
    steps = (*upkeep.before(), *upkeep.vacuum(["kept"], how), *upkeep.after())
    purposes = [each.purpose for step in steps for each in step.statements]
    assert purposes
    assert all(isinstance(purpose, Sentence) for purpose in purposes)
    assert all(isinstance(step.title, Sentence) for step in steps)


def test_the_purpose_of_a_change_of_an_index_is_a_sentence(backend):
    ddl = backend.ddl
    statements = (
        *ddl.create_index("kept", "kept_name", INDEX),
        ddl.rebuild("kept", "kept_name"),
        ddl.drop_index("kept", "kept_name"),
    )
    assert all(isinstance(statement.purpose, Sentence) for statement in statements)
    said = [statement.purpose.partition(",")[0].rstrip(".") for statement in statements]
    assert said == [
        "Build the index kept_name on kept",
        "Rebuild the index kept_name on kept",
        "Drop the index kept_name of kept",
    ]


SPACE = "Make the space of dead rows of kept free"
ANEW = "Write kept and its indexes anew; nobody reads or writes it until that is done."


@pytest.mark.postgresql
@pytest.mark.parametrize(
    "how, said",
    [
        (Vacuum(), f"{SPACE}."),
        (Vacuum(analyze=True), f"{SPACE}. Renew its statistics."),
        (Vacuum(freeze=True), f"{SPACE} and freeze all rows."),
        (Vacuum(freeze=True, analyze=True), f"{SPACE} and freeze all rows. Renew its statistics."),
        (Vacuum(full=True), ANEW),
        (Vacuum(full=True, analyze=True), f"{ANEW} Renew its statistics."),
    ],
)
def test_a_vacuum_of_one_table_says_all_that_it_does(backend, how, said):
    (step,) = backend.upkeep.vacuum(["kept"], how)
    assert step.statements[0].purpose == said


def test_what_an_engine_has_not_got_is_refused_in_a_sentence(backend):
    absent = backend.server if not backend.features.has_sessions else backend.file
    with pytest.raises(NotSupported) as refused:
        absent.anything()
    assert isinstance(refused.value.args[0], Sentence)
    assert words_of(refused.value) == str(refused.value)
