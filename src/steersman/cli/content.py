"""`steersman content`: the drafts and where they are; each further command has a file of its own."""

from __future__ import annotations

from steersman.cli import content_engagement, content_hook
from steersman.cli.content_bench import bench
from steersman.cli.content_board import board
from steersman.cli.content_check import check
from steersman.cli.content_delete import unpublish
from steersman.cli.content_fix import fix
from steersman.cli.content_judge import accept, reject
from steersman.cli.content_learn import learn
from steersman.cli.content_packs import packs
from steersman.cli.content_posts import posts
from steersman.cli.content_preview import preview
from steersman.cli.content_publish import publish
from steersman.cli.content_remark import dismiss, remark
from steersman.cli.content_review import approve, return_, review, withdraw
from steersman.cli.content_review_stats import review_stats
from steersman.cli.content_reviewers import reviewers
from steersman.cli.content_schedule import calendar, heatmap, schedule
from steersman.cli.content_show import show
from steersman.cli.content_suggest import suggest
from steersman.cli.content_voice import voice
from steersman.cli.content_watch import watch
from steersman.cli.content_words import no_drafts, word
from steersman.cli.context import HERE, AsJson, Dir, noun, opened
from steersman.cli.output import console, emit, show_table
from steersman.kernel.clock import utc

app = noun(
    "Drafts in, checked posts out: what stops one, and where the others are.",
    epilog="A first post: write content/first.md, then `content check`, `content fix --ask`, "
    "`content publish --dry-run`, `content publish`. Drafts may be named without folder and ending.",
)


def list_(directory: Dir = HERE, as_json: AsJson = False) -> None:
    """List every draft: how it was last checked, and where it is out. Checks nothing."""
    from steersman.content.drafts import find_drafts  # `--help` needs no domain
    from steersman.content.queries import drafts

    with opened(directory) as desk:
        names = find_drafts(desk.workspace.root, desk.workspace.content.qa)
        rows = drafts(desk.db)
        folder = desk.workspace.content.qa.folder
    known = {row.draft for row in rows}
    listed = [
        {"draft": row.draft, "title": row.title, "words": row.words, "status": row.status, "outcome": row.outcome,
         "gates": row.gates, "warnings": row.warnings, "infos": row.infos, "reason": row.reason, "line": row.line,
         "checked_at": row.checked_at, "published_at": row.published_at, "url": row.url, "on_disk": row.draft in names}
        for row in rows
    ]  # fmt: skip
    listed += [
        {"draft": name, "title": None, "words": None, "status": "unchecked", "outcome": None, "gates": None,
         "warnings": None, "infos": None, "reason": "", "line": None, "checked_at": None, "published_at": None,
         "url": None, "on_disk": True}
        for name in names if name not in known
    ]  # fmt: skip

    def render() -> None:
        lines = []
        for row in listed:
            unread = row["gates"] is None or row["status"] == "refused"
            counted = "-" if unread else f"{row['gates']}/{row['warnings']}/{row['infos']}"
            day = row["published_at"]
            out = f"{utc(day):%Y-%m-%d}" if isinstance(day, int) else ""
            out += "" if row["on_disk"] else ", file gone" if out else "file gone"
            lines.append([row["draft"], word(str(row["status"])), row["words"] or "-", counted, out])
        show_table(
            "",
            [("draft", "left"), ("status", "left"), ("words", "right"), ("gate/warn/info", "right"), ("out", "left")],
            lines,
            empty=no_drafts(folder),
        )
        for row in listed:
            if row["url"] or row["reason"]:
                place = f"{row['draft']}:{row['line']}" if row["reason"] and row["line"] else row["draft"]
                console().print(f"  {place}: {row['url'] or row['reason']}", markup=False, soft_wrap=True)

    emit(as_json, listed, render)


_WRITE, _STYLE, _REVIEW = "Write and check", "Style and second opinions", "Review"
_PUBLISH, _MEASURE = "Publish", "Measure and learn"

app.command("list", rich_help_panel=_WRITE, short_help="Every draft: how it was last checked, where it is out.")(list_)
app.command(rich_help_panel=_WRITE, short_help="What the first pass says; exits 1 if a gate is open.")(check)
app.command(rich_help_panel=_WRITE, short_help="A diff of what has one clear fix; --apply writes it.")(fix)
app.command(rich_help_panel=_WRITE, short_help="Say that a finding is right.")(accept)
app.command(rich_help_panel=_WRITE, short_help="Say that a finding is none: it keeps quiet.")(reject)
app.command(rich_help_panel=_WRITE, short_help="Check drafts when they are saved.")(watch)
app.add_typer(
    content_hook.app, name="hook", rich_help_panel=_WRITE, short_help="Check what is staged before git commits it."
)

app.command(rich_help_panel=_STYLE, short_help="House styles: those there are, and one as it is written.")(packs)
app.command(rich_help_panel=_STYLE, short_help="How you write, and where a draft sounds otherwise.")(voice)
app.command(rich_help_panel=_STYLE, short_help="Who else may be asked, and their latest scores.")(reviewers)
app.command(rich_help_panel=_STYLE, short_help="Other titles and summaries from a model.")(suggest)

app.command(rich_help_panel=_REVIEW, short_help="Every piece by stage, from draft to measured.")(board)
app.command(rich_help_panel=_REVIEW, short_help="One piece: findings, remarks, what changed.")(show)
app.command(rich_help_panel=_REVIEW, short_help="Ask a person to read a draft.")(review)
app.command(rich_help_panel=_REVIEW, short_help="Record what you object to in a draft.")(remark)
app.command(rich_help_panel=_REVIEW, short_help="Take a remark back.")(dismiss)
app.command("return", rich_help_panel=_REVIEW, short_help="Send a draft back to its author, with remarks.")(return_)
app.command(rich_help_panel=_REVIEW, short_help="Approve exactly this version; only a person can.")(approve)
app.command(rich_help_panel=_REVIEW, short_help="Take a draft out of review undecided.")(withdraw)

app.command(rich_help_panel=_PUBLISH, short_help="Exactly what each channel would be shown.")(preview)
app.command(rich_help_panel=_PUBLISH, short_help="Give waiting posts their times, each explained.")(schedule)
app.command(rich_help_panel=_PUBLISH, short_help="What is out and what is to go out, day by day.")(calendar)
app.command(rich_help_panel=_PUBLISH, short_help="Publish what passed, each exactly once.")(publish)
app.command(rich_help_panel=_PUBLISH, short_help="Every post: out, late, failed, and why.")(posts)
app.command(rich_help_panel=_PUBLISH, short_help="Take away what is out; the draft stays.")(unpublish)
app.command("delete", hidden=True)(unpublish)

app.add_typer(
    content_engagement.app, name="engagement", rich_help_panel=_MEASURE,
    short_help="What readers did; figures from elsewhere.",
)  # fmt: skip
app.command(rich_help_panel=_MEASURE, short_help="The hours of the week on a channel: what each is worth.")(heatmap)
app.command("review-stats", rich_help_panel=_MEASURE, short_help="What review cost, what the first pass spared.")(
    review_stats
)
app.command(rich_help_panel=_MEASURE, short_help="Which rules were right, which keep quiet, and why.")(learn)
app.command(rich_help_panel=_MEASURE, short_help="A history of fixes replayed against the first pass.")(bench)
