"""A started campaign: what it is doing and why it waits; pause, resume, cancel."""

from flask import Blueprint

bp = Blueprint("progress", __name__, url_prefix="/campaigns")
