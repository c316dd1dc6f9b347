"""The modules here import each other by their plain names, as differential.py sees them."""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parent))
