"""Answers and records under pseudonyms: which columns are mapped, and as what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from pano_glue.forensics.answer import Answer
    from pano_glue.forensics.duck import DuckEngine
    from pano_glue.forensics.pseudonyms import Key

ADDRESSES = {
    "client",
    "server",
    "first_client",
    "upstream",
    "id.orig_h",
    "id.resp_h",
    "source",
    "destination",
}
NETWORKS = {"network", "ecs"}
NAMES = {"query", "domain", "suffix", "first_name", "sensor", "server_name"}
DIMENSIONS = ADDRESSES | NETWORKS | NAMES


def mapped_columns(key: Key, engine: DuckEngine) -> dict[str, str]:
    """Write the SQL that maps a record's columns, by their names in our SQL."""
    for name, of in (("address", key.address), ("name", key.name), ("network", key.network)):
        engine.function(f"pseudonym_{name}", of)
    mapped = {"client": "address", "server": "address", "query": "name", "ecs": "network"}
    mapped |= {"sensor": "name", "server_name": "name"}
    columns = {column: f"pseudonym_{how}({column})" for column, how in mapped.items()}
    columns["answers"] = "list_transform(answers, lambda one: pseudonym_address(one))"
    return columns


def anonymized(answer: Answer, key: Key) -> Answer:
    """Map the names and addresses in an answer's tables; its sentences have none."""
    answer.tables = {title: _mapped(frame, key) for title, frame in answer.tables.items()}
    return answer


def _mapped(frame: pd.DataFrame, key: Key) -> pd.DataFrame:
    mapped = frame.copy()
    if "field" in mapped.columns:  # one row for each field, of `show`
        for name in mapped.columns[1:]:
            mapped[name] = [
                _value(key, field, cell)
                for field, cell in zip(mapped["field"], mapped[name], strict=True)
            ]
    if "by" in mapped.columns:  # of `compare`
        mapped["value"] = [
            _value(key, by, cell) for by, cell in zip(mapped["by"], mapped["value"], strict=True)
        ]
    for name in DIMENSIONS & set(mapped.columns) | {"answers"} & set(mapped.columns):
        mapped[name] = [_value(key, name, cell) for cell in mapped[name]]
    return mapped


def _value(key: Key, column: str, value: Any) -> Any:  # noqa: ANN401 - any cell
    """Map one cell of a column."""
    if hasattr(value, "__len__") and not isinstance(value, str):
        return [_value(key, column, one) for one in value]
    if not isinstance(value, str):
        return value
    if column in ADDRESSES or column == "answers":
        return key.address(value)
    if column in NETWORKS:
        return key.network(value)
    return key.name(value) if column in NAMES else value
