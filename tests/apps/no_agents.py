"""An app that declares nothing to do."""

from workers import App

app = App("no-agents")
