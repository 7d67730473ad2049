"""Display names of events."""


def event_name(home_team: str, away_team: str) -> str:
    """An event's teams, or the name of a one-sided event, which is stored as its home team."""
    return f"{home_team} - {away_team}" if away_team else home_team
