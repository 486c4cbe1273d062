"""Sentences that can be said in the language of whoever reads them.

What checks, refusals, plans and runs say is printed by commands, kept in the database and shown on
pages. It is English as it is made, so that a log, a baseline and a test read the same everywhere;
a page says it anew in the language of its reader.

Modules import :func:`say` as ``_`` and :func:`say_counted` as ``ngettext``: those are the names by
which makemessages finds texts.
"""

from dbhealth.saying.sentences import joined, say, say_counted, translated, words_of

__all__ = ["joined", "say", "say_counted", "translated", "words_of"]
