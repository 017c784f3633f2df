"""F31: what is no file of leads is refused before anything is written, and says why."""

from __future__ import annotations

import gzip

import pytest

from api.imports.opening import Layout, Opening, open_file
from scheduler.errors import ImportRefused
from scheduler.settings import Settings
from tests.imports.builders import in_chunks, phone

ROW = phone(0)


def packed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


async def opened(data: bytes, layout: Layout | None = None, size: int = 7) -> Opening:
    return await open_file(in_chunks(data, size), layout or Layout(), Settings())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"\n\r\n  \n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"Phone,Name\n", "no rows"),
        (b"Phone,Name", "no rows"),
        ("Phone,Name\n1,2\n".encode("utf-16"), "UTF-16"),
        ("Phone,Name\n1,2\n".encode("utf-16-le"), "UTF-16"),
        ("Phone,Name\n1,2\n".encode("utf-16-be"), "UTF-16"),
        (b"PK\x03\x04\x14\x00\x06\x00[Content_Types].xml", "no CSV"),
        (b"%PDF-1.7\n%\xe2\xe3\n1 0 obj\n", "no CSV"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "no CSV"),
        (b"Ph\x00one,Name\n1,2\n", "no CSV"),
        ("Téléphone,Naïve\n1,2\n".encode("latin-1"), "no CSV in UTF-8"),
        (b'"Phone,Name\n1,2\n', "no CSV"),
        (b"Name,Email\nRobin,r@example.com\n", "no phone column"),
        (b"x" * 200_000, "no CSV"),
        (("Phone" + ",c" * 200 + "\n1\n").encode(), "too many columns"),
    ],
)
async def test_what_is_no_table_of_leads_is_refused(data: bytes, said: str):
    with pytest.raises(ImportRefused, match=said) as refused:
        await opened(data, size=1000)

    assert refused.value.why
    assert refused.value.do


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
async def test_the_delimiter_is_told_from_the_header(delimiter: str):
    header = delimiter.join(("Name", '"Notes, or; such"', "Phone"))
    opening = await opened(f"{header}\nRobin{delimiter}x{delimiter}{ROW}\n".encode())

    assert opening.delimiter == delimiter
    assert opening.columns is not None
    assert opening.columns.fields["phone"] == 2


async def test_a_given_delimiter_is_taken_and_one_that_does_not_fit_is_refused():
    assert (await opened(f"Name^Phone\nx^{ROW}\n".encode(), Layout(delimiter="^"))).delimiter == "^"
    with pytest.raises(ImportRefused, match="delimiter does not fit"):
        await opened(b"Name;Phone\nx;1\n", Layout(delimiter=","))


async def test_a_byte_order_mark_is_no_part_of_the_first_name():
    opening = await opened(b"\xef\xbb\xbfPhone,Name\n1,2\n")

    assert opening.columns is not None
    assert opening.columns.header == ("Phone", "Name")


async def test_one_column_is_enough_if_it_is_the_phone():
    assert (await opened(f"Phone\n{ROW}\n".encode())).columns is not None


async def test_json_lines_are_told_from_their_first_character():
    assert (await opened(b'{"phone": "x"}\n')).columns is None


async def test_a_gzip_file_is_unpacked():
    opening = await opened(packed(b"Phone,Name\n1,2\n"), size=3)

    assert opening.framer.records == [b"1,2"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (packed(b"Phone\n" + b"1\n" * 2_000_000), "50 times"),
        (packed(b"Phone\n1\n") + packed(b"2\n"), "after its end"),
        (packed(b"Phone\n1\n")[:-9], "ends too early"),
        (packed(b"Phone\n1\n")[:-6] + b"\x00\x01\x02\x03\x04\x05", "damaged"),
    ],
    ids=["bomb", "two members", "cut off", "damaged"],
)
async def test_a_bomb_and_a_damaged_packing_are_refused(data: bytes, said: str):
    async def read_all() -> None:
        opening = await opened(data, size=4096)
        async for _ in opening.source:
            pass

    with pytest.raises(ImportRefused) as refused:
        await read_all()

    assert said in refused.value.why


@pytest.mark.parametrize(
    ("region", "country"), [(None, "US"), ("GB", "GB"), ("US-FL", "US"), ("CA-BC", "CA"), ("Florida", "US")]
)
def test_the_region_of_a_file_says_in_which_country_its_short_numbers_are(region: str | None, country: str):
    assert Layout(region=region).country == country
