"""API 6: the usual names of columns, mapping them, and what becomes of the rest."""

from __future__ import annotations

import pytest

from api.imports.columns import match_columns
from scheduler.errors import ImportRefused


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("Phone", "phone"), ("PHONE NUMBER", "phone"), ("Mobile", "phone"), ("phone_number", "phone"),
        ("Cell-Phone", "phone"), ("First Name", "first_name"), ("LastName", "last_name"), ("E-mail", "email"),
        ("Time Zone", "timezone"), ("time_zone", "timezone"), ("State", "region"),
        ("External ID", "external_id"), ("Full Name", "name"), ("Tags", "tags"), ("Consent", "consent"),
    ],
)  # fmt: skip
def test_the_usual_names_are_known(name: str, field: str):
    header = [name] if field == "phone" else ["Phone", name]

    assert match_columns(header).fields[field] == len(header) - 1


def test_unknown_columns_become_variables_and_keep_their_names():
    columns = match_columns(["Lead Source", "Phone", ""])

    assert columns.variables == (("Lead Source", 0), ("column_3", 2))


def test_of_columns_with_one_name_the_first_counts_and_the_others_stay_apart():
    columns = match_columns(["Phone", "Notes", "Phone", "Notes"])

    assert columns.fields["phone"] == 0
    assert columns.variables == (("Notes", 1), ("Phone", 2), ("Notes_2", 3))


def test_the_better_name_wins_whatever_the_order():
    assert match_columns(["Mobile", "Phone"]).fields["phone"] == 1


def test_every_column_that_usually_holds_a_phone_is_looked_in_the_best_name_first():
    columns = match_columns(["Home Phone", "Mobile", "Phone", "Cell", "Phone"], {"Cell": "variables.cell"})

    assert [columns.header[at] for at in columns.phones] == ["Phone", "Phone", "Mobile", "Home Phone"]
    assert columns.phones[0] == columns.fields["phone"] == 2
    assert [name for name, _ in columns.variables] == ["Home Phone", "Mobile", "cell", "Phone"]


def test_phones_that_are_mapped_are_those_alone_in_the_order_they_are_mapped():
    header = ["Phone", "Night", "Day"]

    assert match_columns(header, {"Night": "phone"}).phones == (1,)
    both = match_columns(header, {"Day": "phone", "Night": "phone"})
    assert (both.phones, both.fields["phone"]) == ((2, 1), 2)
    assert both.variables == (("Phone", 0), ("Night", 1))


def test_a_mapping_goes_before_the_names():
    columns = match_columns(
        ["Phone", "Contact", "Zip", "Secret"],
        {"contact": "phone", "Zip": "variables.postcode", "Secret": "ignore"},
    )

    assert columns.fields == {"phone": 1}
    assert columns.variables == (("Phone", 0), ("postcode", 2))


@pytest.mark.parametrize(
    ("header", "mapping", "said"),
    [
        (["Name", "Email"], {}, "no phone column"),
        (["Phone"], {"Phone": "phne"}, "unknown field"),
        (["Phone"], {"Fone": "phone"}, "no column 'Fone'"),
        (["Phone"], {"Phone": "ignore"}, "no phone column"),
    ],
)
def test_a_file_that_cannot_be_matched_is_refused_and_says_what_to_do(
    header: list[str], mapping: dict[str, str], said: str
):
    with pytest.raises(ImportRefused, match=said) as refused:
        match_columns(header, mapping)

    assert refused.value.code == "validation-failed"
    assert refused.value.why
    assert refused.value.do


@pytest.mark.parametrize("cell", ["+1 (212) 555-0101", "ana@example.test"])
def test_a_row_that_stands_where_the_names_should_is_not_quoted(cell: str):
    """I25: what is said of a file is kept, and shown to others than its sender."""
    with pytest.raises(ImportRefused) as refused:
        match_columns([cell, "Ana Ruiz"])

    assert "Ana" not in f"{refused.value.what} {refused.value.why} {refused.value.do}"
    assert refused.value.do.startswith("begin it with a line")
