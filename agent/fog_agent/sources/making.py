"""Make each kind of source of its settings. A kind is imported when there is one: memory has what the file names."""

from __future__ import annotations

from fog_agent.sources.jobs.settings import JobsSettings
from fog_agent.sources.otlp.settings import OtlpSettings
from fog_agent.sources.ports import Context, Source, SourceSettings
from fog_agent.sources.scraping.settings import Settings as ScrapeSettings
from fog_agent.sources.statsd.settings import StatsdSettings
from fog_agent.sources.textfile.settings import Settings as TextfileSettings


def make_source(settings: SourceSettings, context: Context) -> Source:
    """Make a source, without starting it.

    Raises:
        TypeError: No kind of source has these settings.
    """
    match settings:
        case ScrapeSettings():
            from fog_agent.sources.scraping.source import scraped

            return scraped(settings, context)
        case TextfileSettings():
            from fog_agent.sources.textfile.source import of_directory

            return of_directory(settings, context)
        case JobsSettings():
            from fog_agent.sources.jobs.source import JobsSource

            return JobsSource(settings, context)
        case StatsdSettings():
            from fog_agent.sources.statsd.listener import StatsdListener

            return StatsdListener(settings, context)
        case OtlpSettings():
            from fog_agent.sources.otlp.source import OtlpSource

            return OtlpSource(settings, context)
    raise TypeError(f"{settings.name}: no kind of source has settings of the type {type(settings).__name__}")
