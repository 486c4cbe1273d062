"""Names in SQL. A name may come from the catalogue, where anybody may have put anything."""

from __future__ import annotations


def quoted(name: str) -> str:
    """Return a table's or column's name as a quoted identifier.

    Django takes 'schema"."table' and '"schema"."table"' for a table in a schema, and so is it
    here. Any other quotation mark inside is a part of the name and is doubled, which Django's own
    quote_name leaves undone.
    """
    is_wrapped = len(name) > 1 and name.startswith('"') and name.endswith('"')
    parts = (name[1:-1] if is_wrapped else name).split('"."')
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def unwrapped(name: str) -> str:
    """Return a name without the quotation marks around it.

    Django takes '"schema"."table"' and 'schema"."table' for the same name; the catalogue of the
    database spells it in the second way.
    """
    return name[1:-1] if name.startswith('"') and name.endswith('"') else name


def in_sql(name: str) -> str:
    """Return the quoted name for SQL that is executed with parameters: "%" is doubled."""
    return quoted(name).replace("%", "%%")


def in_text(text: str) -> str:
    """Return a string constant of PostgreSQL for text that :func:`in_sql` made.

    For a message of several statements, which cannot have parameters under every setting of the
    driver. E'…' reads backslashes alike whatever standard_conforming_strings says.
    """
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'"
