"""`pano-bridge forensics`: one command for each question, all with the same options."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pano_glue.errors import PanoError
from pano_glue.forensics.answer import Answer
from pano_glue.forensics.ask import ask, filter_of
from pano_glue.forensics.filters import Filter
from pano_glue.forensics.progress import progress_bar
from pano_glue.forensics.questions import QUESTIONS, question
from pano_glue.forensics.records import open_records
from pano_glue.forensics.render import FORMATS, check_form, render, tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from pano_glue.forensics.pseudonyms import Key

app = typer.Typer(
    name="pano-bridge forensics",
    help="Questions to stored records: files, folders, globs, captures, Kafka topics, Parquet.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Texts = list[str] | None
FILTERS: dict[str, Any] = {
    "since": Annotated[str, typer.Option(help="From when on: 2h (ago) or an ISO time, UTC.")],
    "until": Annotated[str, typer.Option(help="Until before when.")],
    "client": Annotated[Texts, typer.Option(help="Address or network; may be given again.")],
    "server": Annotated[Texts, typer.Option(help="Address or network.")],
    "name": Annotated[Texts, typer.Option(help="Suffix (example.org) or glob (*.evil.test).")],
    "qtype": Annotated[Texts, typer.Option(help="Type, by name or number.")],
    "rcode": Annotated[Texts, typer.Option(help="Return code, by name or number.")],
    "outcome": Annotated[Texts, typer.Option(help="answered, timeout, late, orphan, …")],
    "sensor": Annotated[Texts, typer.Option(help="The sensor's name.")],
}
OTHERS: dict[str, Any] = {
    "form": Annotated[str, typer.Option("--format", help=" | ".join(FORMATS))],
    "output": Annotated[Path | None, typer.Option("--output", "-o", help="File to write.")],
    "anonymize": Annotated[
        Path | None, typer.Option(help="Key file: addresses and names as pseudonyms.")
    ],
    "spark": Annotated[str, typer.Option(help="Spark master, such as local[2].")],
}
DEFAULTS = {"since": "", "until": "", "form": "table", "spark": ""}
Logs = Annotated[
    list[str], typer.Argument(help="Files, folders, globs or kafka:// topics.", metavar="LOGS…")
]
INCOMPLETE = 1  # the exit code of an answer for which something could not be read


def _parameter(name: str, annotation: Any, default: Any = None) -> inspect.Parameter:  # noqa: ANN401
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )


def chosen(options: dict[str, Any]) -> Filter:
    """Take the filter's options out of a command's.

    Raises:
        SettingError: naming the one that cannot be read.
    """
    values = {name: options.pop(name) for name in FILTERS}
    return filter_of({name: value for name, value in values.items() if value})


def command_of(function: Callable[..., Answer]) -> Callable[..., None]:
    """Make the command that asks a question: its own options, and those of all."""
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]

    def command(**options: Any) -> None:  # noqa: ANN401 - as its signature says
        form, output, key = (options.pop(name) for name in ("form", "output", "anonymize"))
        logs, spark = options.pop("logs"), options.pop("spark")
        wanted = chosen(options)
        secret = _key(key)
        check_form(form)
        with progress_bar(logs) as progress:
            answer = ask(function, logs, wanted, spark=spark, progress=progress, **options)
        if secret:
            from pano_glue.forensics.anonymize import anonymized

            answer = anonymized(answer, secret)
        tell(answer)
        render(answer, form, output)
        if answer.damaged:
            raise typer.Exit(INCOMPLETE)

    required = [one for one in own if one.default is inspect.Parameter.empty]
    optional = [one for one in own if one.default is not inspect.Parameter.empty]
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            *(_parameter(one.name, one.annotation, inspect.Parameter.empty) for one in required),
            _parameter("logs", Logs, inspect.Parameter.empty),
            *(_parameter(one.name, one.annotation, one.default) for one in optional),
            *(
                _parameter(name, annotation, DEFAULTS.get(name))
                for name, annotation in (FILTERS | OTHERS).items()
            ),
        ]
    )
    command.__annotations__ = {}
    command.__doc__ = inspect.getdoc(function)
    return command


for _name in QUESTIONS:
    _question = question(_name)
    app.command(_name.replace("_", "-"))(command_of(_question))


def _chosen_of(options: dict[str, Any]) -> tuple[list[str], Filter, Path | None]:
    return options.pop("logs"), chosen(options), options.pop("anonymize")


def _report(**options: Any) -> None:  # noqa: ANN401 - as its signature says
    """Answer everything on one page of HTML, with charts, that needs no network."""
    from pano_glue.forensics.report import report

    output = options.pop("output")
    logs, wanted, key = _chosen_of(options)
    with progress_bar(logs) as progress, open_records(logs, wanted, progress=progress) as records:
        page, answers = report(records, _key(key))
    tell(answers[0])
    try:
        output.write_text(page, encoding="utf-8")
    except OSError as error:
        raise PanoError(f"--output {output}: {error.strerror}", "name a file to write") from error
    if answers[0].damaged:
        raise typer.Exit(INCOMPLETE)


def _to_parquet(**options: Any) -> None:  # noqa: ANN401 - as its signature says
    """Write records as Parquet, partitioned by day and sensor, which all commands read."""
    from pano_glue.forensics.to_parquet import to_parquet

    folder = options.pop("folder")
    logs, wanted, key = _chosen_of(options)
    with progress_bar(logs) as progress, open_records(logs, wanted, progress=progress) as records:
        written = to_parquet(records, folder, _key(key))
        readings = records.readings()
    answer = Answer("to-parquet", [], {}, "", readings)
    tell(answer)
    print(f"{written:,} records written to {folder}")
    if answer.damaged:
        raise typer.Exit(INCOMPLETE)


def _key(path: Path | None) -> Key | None:
    from pano_glue.forensics.pseudonyms import read_key

    return read_key(path) if path else None


def _signed(function: Callable[..., None], first: inspect.Parameter) -> Callable[..., None]:
    """Give a function its options: its own one, the logs, the filter and the key."""
    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        sorted(
            [
                first,
                _parameter("logs", Logs, inspect.Parameter.empty),
                *(_parameter(name, of, DEFAULTS.get(name)) for name, of in FILTERS.items()),
                _parameter("anonymize", OTHERS["anonymize"]),
            ],
            key=lambda one: one.default is not inspect.Parameter.empty,
        )
    )
    function.__annotations__ = {}
    return function


_page = Annotated[Path, typer.Option("--output", "-o", help="The page to write.")]
_folder = Annotated[Path, typer.Argument(help="A new folder.", metavar="DIR", show_default=False)]
app.command("report")(_signed(_report, _parameter("output", _page, Path("report.html"))))
app.command("to-parquet")(
    _signed(_to_parquet, _parameter("folder", _folder, inspect.Parameter.empty))
)


def run(arguments: list[str]) -> None:
    """Run `pano-bridge forensics` with its arguments."""
    try:
        app(arguments, prog_name="pano-bridge forensics", standalone_mode=True)
    except MemoryError as error:
        raise PanoError("not enough memory", "narrow the question") from error
    finally:
        sys.stdout.flush()
