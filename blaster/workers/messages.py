"""The compiled messages of the campaigns that this process sends."""

import threading

from blaster import db, senders, signing
from blaster.db import crm_db
from blaster.mail.attachments import Attachment
from blaster.mail.compile import Content, Skeleton, compile_message
from blaster.mail.merge import MergeError
from blaster.models.attachments import CampaignAttachment
from blaster.models.crm_db import CampaignContent
from blaster.queue import hits


class Messages:
    """Compiles each campaign once per process; the content is frozen, so only the keys that sign it may change."""

    def __init__(self, message_key: bytes, public_url: str):
        self._key, self._public_url = message_key, public_url
        self._skeletons: dict[int, Skeleton] = {}
        self._owners: dict[int, int] = {}
        self._lock = threading.Lock()

    def load(self, campaign_id: int) -> None:
        """Make `get` ready for this campaign; reads the database."""
        with self._lock:
            if campaign_id not in self._skeletons:
                content = _content(campaign_id)
                skeleton, user_id = self._compile(content), content.user_id
                skeleton.signers = signing.signers([user_id]).get(user_id, {})
                self._skeletons[campaign_id], self._owners[campaign_id] = skeleton, user_id

    def _compile(self, content: Content) -> Skeleton:
        if content.postal_address and not self._public_url:
            # Started by pages that know it: rather no mail than one that nobody can unsubscribe from.
            raise MergeError("BLASTER_PUBLIC_URL is not set for the workers.")
        return compile_message(content, message_key=self._key, public_url=self._public_url)

    def get(self, campaign_id: int) -> Skeleton:
        """The compiled message of a loaded campaign."""
        return self._skeletons[campaign_id]

    def from_domain(self, campaign_id: int) -> str:
        """The domain that a loaded campaign sends from; empty: that of each account."""
        return senders.domain_of(self._skeletons[campaign_id].sender(""))

    def keep(self, campaign_ids: set[int]) -> None:
        """Forget all others, and sign these with the keys that their owners have now."""
        with self._lock:
            for campaign_id in set(self._skeletons) - campaign_ids:
                del self._skeletons[campaign_id], self._owners[campaign_id]
            signers = signing.signers(set(self._owners.values())) if self._owners else {}
            for campaign_id, skeleton in self._skeletons.items():
                skeleton.signers = signers.get(self._owners[campaign_id], {})


def _content(campaign_id: int) -> Content:
    with db.session(crm_db):
        row = CampaignContent.get_by_id(campaign_id)
        files, links = _files(campaign_id), tuple(hits.links(campaign_id))
    names = ("campaign_id", "user_id", "list_id", "subject", "sender_name", "sender_email", "reply_to")
    names += ("organisation", "postal_address", "tracks_opens")
    parts = {"html": row.html or "", "text": row.text or "", "attachments": files, "links": links}
    return Content(**{name: getattr(row, name) for name in names}, **parts)


def _files(campaign_id: int) -> tuple[Attachment, ...]:
    mine = CampaignAttachment.select().where(CampaignAttachment.campaign_id == campaign_id)
    rows = mine.order_by(CampaignAttachment.position)
    return tuple(Attachment(row.filename, row.content_type, bytes(row.data)) for row in rows)
