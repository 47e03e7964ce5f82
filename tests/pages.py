"""Every page that a browser can open: its route and its addresses, or why it is none. A new page needs a row here.

`{names}` stand for rows of the installation that tests/furnished.py makes. The JSON API has no pages.
"""

DOWNLOAD = "a file to keep"
FRAGMENT = "a part that a page asks for"
AWAY = "leads to another page"
MAIL = "somebody's mail, shown in a frame that runs nothing"
STEP = "comes after a form only"
OTHERS = "no page"

PAGES: dict[str, list[str] | str] = {
    "static": OTHERS,
    "health.alive": OTHERS,
    "health.ready": OTHERS,
    "health.figures": OTHERS,
    "dashboard.index": ["/"],
    "dashboard.recent": FRAGMENT,
    "campaigns.index": ["/campaigns"],
    "campaigns.new": ["/campaigns/new"],
    "campaigns.merge_tags": FRAGMENT,
    "campaigns.edit": ["/campaigns/{draft}/edit"],
    "review.show": ["/campaigns/{draft}/review", "/campaigns/{bare}/review"],
    "progress.show": [
        f"/campaigns/{{{state}}}" for state in ("scheduled", "running", "paused", "held", "cancelled", "finished")
    ],
    "progress.fragment": FRAGMENT,
    "breakdown.show": ["/campaigns/{running}/breakdown", "/campaigns/{finished}/breakdown"],
    "results.show": ["/campaigns/{running}/results", "/campaigns/{finished}/results"],
    "results.export": DOWNLOAD,
    "comparison.show": ["/campaigns/compare"],
    "comparison.export": DOWNLOAD,
    "decisions.unknown": ["/campaigns/{finished}/unknown"],
    "decisions.failed": ["/campaigns/{finished}/failed"],
    "ledger.show": [
        "/campaigns/{finished}/recipients",
        "/campaigns/{finished}/recipients?search=nobody",
        "/campaigns/{archived}/recipients",
    ],
    "ledger.export": DOWNLOAD,
    "preview.saved": MAIL,
    "preview.template": MAIL,
    "preview.starter": MAIL,
    "attachments.show": DOWNLOAD,
    "bounces.show": ["/campaigns/{finished}/bounces"],
    "schedule.later": ["/campaigns/{draft}/schedule"],
    "schedule.campaign_hours": ["/campaigns/{draft}/hours"],
    "schedule.account_hours": ["/accounts/{account}/hours"],
    "mail_templates.index": ["/templates"],
    "mail_templates.new": ["/templates/new"],
    "mail_templates.edit": ["/templates/{template}/edit"],
    "recipients.index": ["/lists"],
    "recipients.new": ["/lists/new"],
    "recipients.show": ["/lists/{list}", "/lists/{bare_list}", "/lists/{list}?q=nobody"],
    "recipients.rename": ["/lists/{list}/rename"],
    "imports.add": ["/lists/{list}/import"],
    "imports.show": ["/imports/{uploaded}", "/imports/{importing}", "/imports/{imported}"],
    "imports.progress": FRAGMENT,
    "imports.refused": DOWNLOAD,
    "list_settings.show": ["/lists/{list}/settings"],
    "list_settings.at_work": ["/lists/work/{work}"],
    "list_settings.export_csv": DOWNLOAD,
    "people.index": ["/people", "/people?search=nobody"],
    "people.known": ["/people/known?email=reader1@example.net"],
    "people.show": ["/recipients/{recipient}"],
    "people.add": ["/lists/{list}/add"],
    "people.edit": ["/recipients/{recipient}/edit"],
    "suppressions.index": ["/suppressions"],
    "suppressions.add": ["/suppressions/add"],
    "suppressions.export": DOWNLOAD,
    "suppressions.lift": ["/suppressions/{suppression}/lift"],
    "servers.index": ["/servers"],
    "servers.new": ["/servers/new", "/servers/new?preset=zoho"],
    "servers.show": ["/servers/{server}", "/servers/{bare_server}"],
    "servers.edit": ["/servers/{server}/edit"],
    "accounts.new": ["/servers/{server}/accounts/new"],
    "accounts.caps": FRAGMENT,
    "accounts.edit": ["/accounts/{account}/edit", "/accounts/{warming}/edit"],
    "domains.check": ["/accounts/{account}/domain", "/accounts/{refused}/domain"],
    "consent.begin": AWAY,
    "consent.begin_mailbox": AWAY,
    "consent.answer": AWAY,
    "mailboxes.index": ["/mailboxes"],
    "mailboxes.new": ["/mailboxes/new"],
    "mailboxes.edit": ["/mailboxes/{mailbox}/edit"],
    "planner.show": ["/planner"],
    "settings.profile": ["/settings"],
    "sign_in.show": ["/settings/sign-in"],
    "second_factor.show": ["/settings/second-factor"],
    "activity.show": ["/settings/activity", "/settings/activity?act=start&until=2001-01-01"],
    "activity.export": DOWNLOAD,
    "activity.show_all": ["/admin/activity"],
    "activity.export_all": DOWNLOAD,
    "users.index": ["/admin/users", "/admin/users?search=nobody"],
    "users.new": ["/admin/users/new"],
    "users.edit": ["/admin/users/1"],
    "api_tokens.index": ["/settings/api"],
    "api_tokens.reference": ["/settings/api/reference"],
    "webhooks.index": ["/settings/webhooks"],
    "webhooks.show": ["/settings/webhooks/{webhook}"],
    "trial.addresses": ["/settings/addresses"],
    "trial.trials": ["/admin/trials"],
    "admin.overview": ["/admin/capacity"],
    "admin.live": FRAGMENT,
    "admin.planner": ["/admin/capacity/plan"],
    "complaints.index": ["/admin/complaints", "/admin/complaints?lift={complaint}"],
    # Seen without signing in
    "auth.login": ["/login"],
    "auth.code": STEP,
    "password_links.ask": ["/forgotten"],
    "password_links.set_password": STEP,
    "tracking.opened": OTHERS,
    "tracking.clicked": AWAY,
    "unsubscribe.show": ["/u/{token}", "/u/preview"],
    "trial.show": ["/verify/{verify}"],
}
PUBLIC = ("auth.login", "password_links.ask", "unsubscribe.show", "trial.show")
ADMINS = ("admin.overview", "admin.planner", "complaints.index", "trial.trials", "activity.show_all", "users.index")
ADMINS += ("users.new", "users.edit")


def addresses(house, who: str) -> list[str]:
    """The pages that somebody opens: the administrator has all, "" has not signed in, others have those that look
    another way with nothing on them."""
    found = []
    for endpoint, urls in PAGES.items():
        is_theirs = (endpoint in PUBLIC) == (who == "") and (who == house.admin or endpoint not in ADMINS)
        if is_theirs and isinstance(urls, list):
            found += [url.format(**house.ids) for url in urls if who in (house.admin, "") or _may_be_empty(url)]
    return found if who != house.on_trial else ["/", "/settings/addresses"]


def _may_be_empty(url: str) -> bool:
    """A form to begin with is the same for everybody."""
    return not ("{" in url or "?" in url or url.endswith(("/new", "/add")))
