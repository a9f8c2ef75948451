"""The settings of the bridge, their defaults, and where each value came from.

Defaults < `pano.toml` < `PANO_*` environment < flags. Every key is described in docs/pano.toml.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from pano_glue.errors import SettingError
from pano_glue.sources.base import without_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

Count = Annotated[int, Meta(ge=1)]
SECRETS = frozenset(
    {
        "kafka.sasl_password",
        "kafka.ssl_key_password",
        "tls.key_password",
        "websocket.key_password",
    }
)
HIDDEN = SECRETS | {"auth", "kafka.options"}
LISTS = ("bridge.sources", "local.networks", "search.suffixes")  # in the environment, at blanks
FREE_FORM = ("auth", "clients", "servers")  # tables whose keys are the user's own
# What Kubernetes sets in every container for a Service that is called pano-something.
KUBERNETES = re.compile(r"PANO_\w*?(SERVICE_HOST|SERVICE_PORT\w*|PORT|PORT_\d+_(TCP|UDP)\w*)")


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table of `pano.toml`."""


class Bridge(Table, frozen=True):
    """`[bridge]`: what `run` reads and where it serves."""

    sources: list[str] = []
    listen: str = "127.0.0.1:15353"
    state_dir: str = ""
    stop_seconds: Annotated[float, Meta(ge=0)] = 5.0


class Tls(Table, frozen=True):
    """`[tls]`: certificates of /metrics; with `client_ca`, scrapers must show one of their own."""

    cert: str = ""
    key: str = ""
    key_password: str = ""
    client_ca: str = ""


class Limits(Table, frozen=True):
    """`[limits]`: what bounds memory and series (docs/bridge.md has the arithmetic)."""

    sensors: Count = 100
    servers: Count = 200
    groups: Count = 250
    other_servers: Literal["label", "fold"] = "label"
    line_bytes: Annotated[int, Meta(ge=4096)] = 1 << 20


class TopLists(Table, frozen=True):
    """`[top]`: how many domains and clients each top list shows, and how much of an address."""

    domains: Annotated[int, Meta(ge=0)] = 100
    clients: Annotated[int, Meta(ge=0)] = 100
    clients_prefix: str = ""


class Page(Table, frozen=True):
    """`[page]`: the live page at `/`, and what it may show."""

    enabled: bool = True
    names: bool = True
    clients: bool = True


class Local(Table, frozen=True):
    """`[local]`: networks of this host or site; none: the addresses that the sensor tells."""

    networks: list[str] = []


class Search(Table, frozen=True):
    """`[search]`: suffixes that stub resolvers append; `learn` finds them by what clients ask."""

    suffixes: list[str] = []
    learn: bool = True


class Kafka(Table, frozen=True):
    """`[kafka]`: how to reach brokers; the names are librdkafka's, with underscores."""

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    ssl_ca: str = ""
    ssl_cert: str = ""
    ssl_key: str = ""
    ssl_key_password: str = ""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = "PLAIN"
    sasl_username: str = ""
    sasl_password: str = ""
    static_member: bool = True
    group_instance_id: str = ""
    options: dict[str, str] = {}


class WebSocket(Table, frozen=True):
    """`[websocket]`: the certificates for `wss:` sources."""

    ca: str = ""
    cert: str = ""
    key: str = ""
    key_password: str = ""


class Config(Table, frozen=True):
    """All settings.

    `servers` gives names to addresses or prefixes (several may share one), `clients` names to
    networks of clients; `auth` has the bcrypt hash of the password of each user that may see the
    pages.
    """

    bridge: Bridge = Bridge()
    tls: Tls = Tls()
    limits: Limits = Limits()
    top: TopLists = TopLists()
    page: Page = Page()
    auth: dict[str, str] = {}
    servers: dict[str, str] = {}
    clients: dict[str, str] = {}
    local: Local = Local()
    search: Search = Search()
    kafka: Kafka = Kafka()
    websocket: WebSocket = WebSocket()


class Setting(NamedTuple):
    """One value and its origin, such as `default`, `pano.toml` or `PANO_LIMITS_TOP`."""

    key: str
    value: object
    origin: str


class Settings(NamedTuple):
    """The checked configuration, and each of its values with its origin, by key."""

    config: Config
    origins: list[Setting]


def load_settings(
    file: Path | None, environment: Mapping[str, str], flags: Mapping[str, object]
) -> Settings:
    """Merge defaults, file, environment and flags (`{"bridge.listen": …}`, None: not given).

    Raises:
        SettingError: for an unreadable file, an unknown key (naming the nearest) or a bad value.
    """
    merged = {} if file is None else _from_file(file)
    merged |= _from_environment(environment)
    for key, flag in flags.items():
        if flag is not None:
            merged[key] = Setting(key, flag, f"--{key.rpartition('.')[2].replace('_', '-')}")
    config = _checked(_with_secrets(merged))
    return Settings(config, [merged.get(s.key, s) for s in _flat(msgspec.to_builtins(config))])


def show_settings(settings: Settings, *, as_json: bool) -> None:
    """Print each setting with its origin, passwords left out; JSON is a list of objects."""
    shown = [setting._replace(value=_shown(setting)) for setting in settings.origins]
    if as_json:
        print(msgspec.json.encode([setting._asdict() for setting in shown]).decode())
        return
    for setting in shown:
        value = msgspec.json.encode(setting.value).decode()
        print(f"{setting.key} = {value}  # {setting.origin}")


def _shown(setting: Setting) -> object:
    if setting.key == "bridge.sources" and isinstance(setting.value, list):
        return [without_credentials(str(uri)) for uri in setting.value]
    return "***" if setting.key in HIDDEN and setting.value else setting.value


def _keys() -> list[str]:
    """Every key as `table.key`; a free-form table stands alone, a secret may come in a file."""
    keys = [setting.key for setting in _flat(msgspec.to_builtins(Config()))]
    return keys + [f"{key}_file" for key in keys if key in SECRETS]


def _flat(tree: Mapping[str, Mapping[str, object]], origin: str = "default") -> list[Setting]:
    flat = []
    for table, values in tree.items():
        if table in FREE_FORM:
            flat.append(Setting(table, values, origin))
            continue
        flat += [Setting(f"{table}.{key}", value, origin) for key, value in values.items()]
    return flat


def _from_file(file: Path) -> dict[str, Setting]:
    try:
        tree = tomllib.loads(file.read_text())
    except OSError as error:
        raise SettingError(f"--config {file}: {error.strerror}", "name a file to read") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"{file}: not TOML: {error}", "docs/pano.toml is an example") from error
    tables = list(Config.__struct_fields__)
    for table, values in tree.items():
        if table not in tables:
            raise SettingError(f"{file}: unknown table [{table}]", _nearest(table, tables))
        if not isinstance(values, dict):
            raise SettingError(f"{file}: {table} is a table", f"write [{table}] and its keys below")
    settings = _flat(tree, str(file))
    for setting in settings:
        if setting.key not in _keys():
            cure = _nearest(setting.key, _keys())
            raise SettingError(f"{file}: unknown key {setting.key}", cure)
    return {setting.key: setting for setting in settings}


def _from_environment(environment: Mapping[str, str]) -> dict[str, Setting]:
    """`PANO_BRIDGE_LISTEN` is `bridge.listen`; a list is split at blanks."""
    names = {f"PANO_{key.replace('.', '_').upper()}": key for key in _keys() if "." in key}
    del names["PANO_KAFKA_OPTIONS"]
    settings = {}
    for name, text in environment.items():
        if name in names:
            value = text.split() if names[name] in LISTS else text
            settings[names[name]] = Setting(names[name], value, name)
        elif name.startswith("PANO_") and not KUBERNETES.fullmatch(name):
            raise SettingError(f"{name}: unknown setting", _nearest(name, list(names)))
    return settings


def _with_secrets(settings: Mapping[str, Setting]) -> dict[str, Setting]:
    """Read the secrets that stand in files."""
    read = dict(settings)
    for key in SECRETS:
        named = read.pop(f"{key}_file", None)
        if named is None:
            continue
        try:
            secret = Path(str(named.value)).read_text().strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            what = f"{named.origin}: {named.value}: {error}"
            raise SettingError(what, "name a file with the password in it") from error
        read[key] = Setting(key, secret, named.origin)
    return read


def _nearest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0)
    return f"did you mean {near[0]}?"


def _checked(settings: Mapping[str, Setting]) -> Config:
    tree: dict[str, dict[str, object]] = {}
    for key, setting in settings.items():
        table, _, name = key.partition(".")
        if name:
            tree.setdefault(table, {})[name] = setting.value
        else:
            tree[table] = dict(setting.value)  # type: ignore[call-overload]
    try:
        # Not strict: numbers in the environment are strings.
        return msgspec.convert(tree, Config, strict=False)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$.")
        key = path.rstrip("`")
        setting = settings.get(key) or settings[key.partition("[")[0]]
        raise SettingError(f"{setting.origin}: {key}: {reason}", "see docs/pano.toml") from error
