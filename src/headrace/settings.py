"""What an operator can turn: environment variables `HEADRACE_*`, or command line options of the same names."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

MB = 1_000_000
OF_CLIENTS = frozenset({"HEADRACE_URL", "HEADRACE_TOKEN"})
"""What a client reads of the environment: no settings of a server."""
DATABASES = ("sqlite:///", "postgresql://", "postgresql+psycopg://", "postgres://")


def default_data_dir() -> Path:
    """`$XDG_DATA_HOME/headrace`, or its usual place below the home directory."""
    import os

    home = os.environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local/share") / "headrace"


def known_database(url: str) -> str:
    """A database's URL, if it names one that there is a store for. It is not quoted, as it may hold a password."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        make_url(url)
        is_known = url.startswith(DATABASES)
    except (ArgumentError, ValueError):
        is_known = False
    if not is_known:
        raise ValueError("is no database's URL: sqlite:///file or postgresql://user@host/name")
    return url


class Settings(BaseSettings):
    """Every limit of the product, with its default. Sizes are in bytes, durations in seconds."""

    model_config = SettingsConfigDict(env_prefix="HEADRACE_", extra="ignore", frozen=True, populate_by_name=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8011
    root_path: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)*$")] = ""
    data_dir: Path = Field(default_factory=default_data_dir)
    database_url: Annotated[
        Annotated[str, AfterValidator(known_database)] | None,
        Field(validation_alias=AliasChoices("HEADRACE_DATABASE_URL", "DATABASE_URL", "database_url")),
    ] = None
    database_connections: Annotated[int, Field(ge=5)] = 30
    database_connect_seconds: PositiveFloat = 10.0
    database_statement_seconds: PositiveFloat = 120.0
    database_wait_seconds: Annotated[float, Field(ge=0)] = 60.0
    blobs_url: Annotated[str, Field(pattern=r"^s3://[^/]+(/.*)?$")] | None = None
    blobs_endpoint: Annotated[str, Field(pattern=r"^https?://")] | None = None
    auth: Literal["off", "required"] = "off"
    insecure: bool = False
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    session_hours: PositiveFloat = 168.0
    ticket_seconds: Annotated[float, Field(gt=0, le=30)] = 30.0

    embedder: str = "minilm"
    embedder_url: str | None = None
    embedder_api_key: str | None = Field(default=None, repr=False)
    embedder_model: str | None = None
    embedder_threads: int = 0
    embedder_batch_texts: PositiveInt = 64
    embedder_batch_tokens: PositiveInt = 8_192
    embedder_patience_seconds: PositiveFloat = 300.0
    embedder_requests: PositiveInt = 4
    max_embeddings_per_job: NonNegativeInt = 0

    enricher_url: str | None = None
    enricher_api_key: str | None = Field(default=None, repr=False)
    enricher_model: str | None = None
    enricher_seconds: PositiveFloat = 20.0

    vector_memory_bytes: PositiveInt = 1_000 * MB

    ingest_on_upload: bool = True

    max_concurrent_jobs: PositiveInt = 3
    slice_concurrency: PositiveInt = 2
    max_jobs_per_user: PositiveInt | None = None
    worker_capacity: PositiveInt | None = None
    worker_tags: tuple[Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,32}$")], ...] = ()
    worker_drain_seconds: Annotated[float, Field(ge=0, le=25)] = 10.0
    worker_niceness: Annotated[int, Field(ge=0, le=19)] = 10
    slice_bytes: PositiveInt = 2 * MB
    slice_documents: PositiveInt = 256
    max_pending_jobs: PositiveInt = 10_000
    max_pending_jobs_per_user: PositiveInt = 2_000
    max_deaths: PositiveInt = 5
    max_tries: PositiveInt = 4

    max_file_bytes: PositiveInt = 100 * MB
    max_request_files: PositiveInt = 1_000
    max_request_bytes: PositiveInt = 2_000 * MB
    max_json_bytes: PositiveInt = 64 * MB
    max_messages: PositiveInt = 100_000
    max_filename_bytes: PositiveInt = 255
    max_metadata_bytes: PositiveInt = 16_384
    max_metadata_depth: PositiveInt = 10
    min_free_disk_bytes: int = 500 * MB

    head_seconds: PositiveFloat = 10.0
    max_head_bytes: PositiveInt = 16_384
    body_idle_seconds: PositiveFloat = 30.0
    keep_alive_seconds: PositiveInt = 75
    min_upload_bytes_per_second: NonNegativeInt = 1_000
    max_uploads: PositiveInt = 64
    max_uploads_per_user: PositiveInt = 16
    max_held_bytes: PositiveInt = 256 * MB
    max_requests_per_second: NonNegativeFloat = 50.0
    max_wrong_tokens_per_minute: NonNegativeFloat = 100.0
    max_streams: PositiveInt = 10_000
    max_streams_per_user: PositiveInt = 500

    parse_seconds: PositiveFloat = 120.0
    parse_memory_bytes: PositiveInt = 1_000 * MB
    max_pages: PositiveInt = 5_000
    max_unpacked_bytes: PositiveInt = 1_000 * MB
    max_archive_members: PositiveInt = 10_000
    max_archive_depth: PositiveInt = 3
    max_archive_ratio: PositiveInt = 100
    archive_ratio_from_bytes: NonNegativeInt = 10 * MB
    max_pixels: PositiveInt = 50 * MB
    ocr: bool = True
    ocr_languages: Annotated[str, Field(pattern=r"^([A-Za-z_]+(\+[A-Za-z_]+)*)?$")] = ""
    ocr_seconds: PositiveFloat = 60.0
    extractors: dict[str, str] = {}
    chunker: str = "sentences"

    progress_interval_seconds: PositiveFloat = 0.05
    heartbeat_seconds: PositiveFloat = 15.0
    stream_retry_seconds: PositiveFloat = 1.0
    stuck_watcher_seconds: PositiveFloat = 30.0
    send_buffer_bytes: PositiveInt = 65_536
    idle_stream_seconds: PositiveFloat = 300.0
    max_wait_seconds: PositiveFloat = 60.0
    sync_wait_seconds: PositiveFloat = 3600.0
    stop_seconds: PositiveFloat = 20.0

    max_age_hours: PositiveFloat = 24.0
    max_jobs: PositiveInt = 100
    history_days: PositiveFloat = 90.0
    cleanup_interval_seconds: PositiveFloat = 3600.0

    rabbitmq_url: Annotated[
        str | None,
        Field(
            pattern=r"^amqps?://.",
            repr=False,
            validation_alias=AliasChoices("HEADRACE_RABBITMQ_URL", "RABBITMQ_URL", "rabbitmq_url"),
        ),
    ] = None
    rabbitmq_exchange: Annotated[
        str,
        Field(
            min_length=1,
            max_length=127,
            validation_alias=AliasChoices("HEADRACE_RABBITMQ_EXCHANGE", "RABBITMQ_EXCHANGE", "rabbitmq_exchange"),
        ),
    ] = "headrace"
    redis_url: Annotated[
        str | None,
        Field(
            pattern=r"^(rediss?|unix)://.",
            repr=False,
            validation_alias=AliasChoices("HEADRACE_REDIS_URL", "REDIS_URL", "redis_url"),
        ),
    ] = None
    webhook_allow_private: bool = False
    webhook_timeout_seconds: PositiveFloat = 10.0
    webhook_first_retry_seconds: PositiveFloat = 5.0
    webhook_retry_hours: PositiveFloat = 24.0
    webhook_max_pending: PositiveInt = 10_000

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "text", "json"] = "auto"
    access_log: bool = False
    otlp_endpoint: str | None = None

    @property
    def url(self) -> str:
        """The database in SQLAlchemy's words; SQLite in the data directory unless told otherwise."""
        if self.database_url is None:
            return f"sqlite:///{self.data_dir / 'headrace.db'}"
        scheme, _, rest = self.database_url.partition("://")
        return f"postgresql+psycopg://{rest}" if scheme in {"postgres", "postgresql"} else self.database_url

    @property
    def jobs_at_once(self) -> int:
        """How many jobs a worker has in hand at most."""
        return self.worker_capacity or self.max_concurrent_jobs

    @property
    def slices_at_once(self) -> int:
        """How many slices of large jobs a worker has in hand at most."""
        return self.worker_capacity or self.slice_concurrency

    @property
    def embedders(self) -> dict[str, Any]:
        """What is said of embedders, by the names that `headrace.pipeline.embed.Options` has for it."""
        return {
            "default": self.embedder,
            "url": self.embedder_url,
            "api_key": self.embedder_api_key,
            "model": self.embedder_model,
            "batch_texts": self.embedder_batch_texts,
            "batch_tokens": self.embedder_batch_tokens,
            "patience_seconds": self.embedder_patience_seconds,
            "requests": self.embedder_requests,
        }

    @property
    def embedder_name(self) -> str:
        """What the installation's default embedder is."""
        return f"{self.embedder}:{self.embedder_url or ''}:{self.embedder_model or ''}"

    @property
    def must_log_in(self) -> bool:
        """Whether every request needs a valid credential."""
        return self.auth == "required"

    @property
    def is_sqlite(self) -> bool:
        """Whether everything is embedded in this machine."""
        return self.url.startswith("sqlite")


def unknown_variables(names: Iterable[str]) -> Iterator[str]:
    """A sentence on each environment variable that is named like a setting and is none."""
    from difflib import get_close_matches

    settings = {f"HEADRACE_{name}".upper() for name in Settings.model_fields}
    for name in sorted(names):
        if name.startswith("HEADRACE_") and name not in settings | OF_CLIENTS:
            near = get_close_matches(name, settings, n=1, cutoff=0.8)
            yield f"{name} is no setting" + (f"; {near[0]} is one" if near else "")
