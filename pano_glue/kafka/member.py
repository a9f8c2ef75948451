"""Who we are in a consumer group, in all our lives."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from msgspec.structs import replace

if TYPE_CHECKING:
    from pano_glue.config import Kafka
    from pano_glue.sources.base import SourceContext


def named_member(source: str, context: SourceContext) -> Kafka:
    """Give the settings with a name for this member of the group, the same in all its lives.

    So the group knows it again: nothing moves while it restarts, and no other member's rebalance is
    under way when it commits for the last time (KIP-345).
    """
    settings = context.config.kafka
    named = settings.group_instance_id or {"group.instance.id", "group_instance_id"}.intersection(
        settings.options
    )
    if named or not context.instance or not settings.static_member:
        return settings
    digest = blake2b(source.encode(errors="replace"), digest_size=4).hexdigest()
    return replace(settings, group_instance_id=f"pano-{context.instance}-{digest}")
