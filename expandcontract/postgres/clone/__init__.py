"""An empty clone of the table, in a savepoint that is rolled back.

What an expression means, and what still fits a new type, is asked of PostgreSQL, not guessed. The clone is a
temporary table with the columns of the real one, without rows, constraints, indexes and defaults.

To plan has no effects. Expressions are parsed and planned; one is evaluated only when nothing in it is
volatile, in a transaction that is read-only at that moment, so that a wrong label moves no sequence either.
"""

from expandcontract.postgres.clone.judge import judge
from expandcontract.postgres.clone.judgement import (
    Answer,
    Answers,
    CheckJudged,
    DefaultJudged,
    Expression,
    FurtherAsked,
    FurtherJudged,
    FurtherOldAsked,
    Judgement,
    KeyAsked,
    KeyJudged,
    NewType,
    Question,
    RulesAsked,
    RulesJudged,
    Trial,
)
from expandcontract.postgres.clone.trial import tried

__all__ = [
    "Answer",
    "Answers",
    "CheckJudged",
    "DefaultJudged",
    "Expression",
    "FurtherAsked",
    "FurtherJudged",
    "FurtherOldAsked",
    "Judgement",
    "KeyAsked",
    "KeyJudged",
    "NewType",
    "Question",
    "RulesAsked",
    "RulesJudged",
    "Trial",
    "judge",
    "tried",
]
