"""What a heading or a label announces: the words of each kind of section, as data in one place."""

from enum import StrEnum


class Kind(StrEnum):
    """What a part of a postmortem is about."""

    TITLE = "title"
    DATE = "date"
    DURATION = "duration"
    STARTED = "started"
    DETECTED = "detected"
    RESOLVED = "resolved"
    SEVERITY = "severity"
    TIMEZONE = "timezone"
    SUMMARY = "summary"
    IMPACT = "impact"
    DETECTION = "detection"
    TIMELINE = "timeline"
    ROOT_CAUSE = "root cause"
    FACTORS = "contributing factors"
    RESOLUTION = "resolution"
    LESSONS = "lessons"
    IMPROVEMENTS = "improvements"
    ACTIONS = "action items"
    CONCLUSION = "conclusion"


# One value each, written on one line: only ever labels, never headings of a whole section.
FACTS = frozenset({Kind.TITLE, Kind.DATE, Kind.DURATION, Kind.STARTED, Kind.DETECTED, Kind.RESOLVED, Kind.SEVERITY, Kind.TIMEZONE})

WORDS: dict[Kind, tuple[str, ...]] = {
    Kind.TITLE: ("title",),
    Kind.DATE: ("date", "incident date", "date of incident", "date of the incident"),
    Kind.DURATION: ("duration", "outage duration", "incident duration", "duration of outage", "outage window", "window"),
    Kind.STARTED: ("start", "started", "start time", "started at", "incident start", "began", "time of start"),
    Kind.DETECTED: ("detected", "detected at", "detection time", "time detected", "time of detection"),
    Kind.RESOLVED: ("end", "ended", "end time", "resolved", "resolved at", "incident end", "time resolved", "recovered"),
    Kind.SEVERITY: ("severity", "sev", "incident severity", "severity level"),
    Kind.TIMEZONE: ("timezone", "time zone"),
    Kind.SUMMARY: (
        "summary",
        "issue summary",
        "incident summary",
        "executive summary",
        "overview",
        "description",
        "background",
        "introduction",
        "what happened",
        "tl dr",
        "tldr",
        "abstract",
    ),
    Kind.IMPACT: ("impact", "user impact", "customer impact", "business impact", "affected users", "who was affected"),
    Kind.DETECTION: ("detection", "how it was detected", "how was it detected", "how we noticed"),
    Kind.TIMELINE: ("timeline", "time line", "incident timeline", "chronology", "sequence of events", "timeline of events"),
    Kind.ROOT_CAUSE: (
        "root cause",
        "root causes",
        "root cause analysis",
        "cause",
        "causes",
        "causes of the incident",
        "rca",
        "trigger",
        "why it happened",
        "why did it happen",
        "what went wrong technically",
    ),
    Kind.FACTORS: ("contributing factors", "contributing factor", "contributing causes", "contributing conditions"),
    Kind.RESOLUTION: (
        "resolution",
        "mitigation",
        "recovery",
        "fix",
        "the fix",
        "remediation",
        "response",
        "resolution and recovery",
        "how it was fixed",
        "how we fixed it",
    ),
    Kind.LESSONS: (
        "lessons learned",
        "lessons learnt",
        "lessons",
        "learnings",
        "what went well",
        "what went wrong",
        "what went badly",
        "what didn t go so well",
        "where we got lucky",
        "what we learned",
        "retrospective",
    ),
    Kind.IMPROVEMENTS: ("improvements", "improvement", "improvements fixes", "things to improve", "improvements and fixes"),
    Kind.ACTIONS: (
        "action items",
        "follow ups",
        "next steps",
        "tasks",
        "corrective actions",
        "action item",
        "actions",
        "follow up",
        "followups",
        "followup",
        "follow up actions",
        "follow up items",
        "next step",
        "task list",
        "tasks to address the issue",
        "todo",
        "to do",
        "to dos",
        "todos",
        "preventive actions",
        "preventative actions",
        "preventive measures",
        "preventative measures",
        "corrective measures",
        "corrective and preventative measures",
        "corrective and preventive measures",
        "corrective and preventive actions",
        "preventative and corrective measures",
        "remediation items",
        "remediation actions",
        "prevention",
        "review actions",
        "action plan",
    ),
    Kind.CONCLUSION: ("conclusion", "conclusions", "in conclusion", "closing", "closing remarks"),
}

PHRASES = {tuple(phrase.split()): kind for kind, phrases in WORDS.items() for phrase in phrases}
LONGEST_PHRASE = max(len(phrase) for phrase in PHRASES)
LABEL_LENGTH = 60  # characters; a longer start of a line is a sentence
HEADING_WORDS = 10  # a longer heading is looked at up to here


def label_kind(text: str) -> Kind | None:
    """The kind that the whole text names ("Root cause:"), or None."""
    return PHRASES.get(_words(text)) if len(text) <= LABEL_LENGTH else None


def heading_kind(text: str) -> Kind | None:
    """The kind named first in the text ("3. Timeline of the outage (UTC)"), the longest words winning; or None."""
    words = _words(text[: LABEL_LENGTH * 4])[:HEADING_WORDS]
    for start in range(len(words)):
        for length in range(min(LONGEST_PHRASE, len(words) - start), 0, -1):
            kind = PHRASES.get(words[start : start + length])
            if kind is not None and (kind not in FACTS or length == len(words)):
                return kind
    return None


def looked_for(kind: Kind) -> str:
    """Some of the words that announce a kind, for a warning."""
    return ", ".join(f"“{phrase.capitalize()}”" for phrase in WORDS[kind][:5])


def _words(text: str) -> tuple[str, ...]:
    letters = "".join(character if character.isalnum() else " " for character in text.casefold())
    words = letters.split()
    # "3. Timeline" and "2) Impact" are numbered, not named, by their first word.
    return tuple(words[1:] if len(words) > 1 and words[0].isdigit() else words)
