"""Regular expressions of JSON schemas as grammars for llama.cpp.

An expression becomes a network (`expression.py`), the network an automaton that is in one state at a time
(`automaton.py`), and each of its states a rule (`rules.py`). llama.cpp follows all ways at once in which a text may
go on, each with a stack of its own: of an expression written down as it stands, such as `(a|a)*` or `((a?){30}){30}`,
they are soon more than any machine can follow; of an automaton there is one.
"""

from reference_server.pattern.effort import Effort, PatternError
from reference_server.pattern.rules import rules

__all__ = ["Effort", "PatternError", "rules"]
