"""What a prediction has to report, added up block by block."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from rich.markup import escape

from seqwise.errors import Code, Problem
from seqwise.predictor import PredictedBlock


@dataclass
class Summary:
    """Counts over consecutive blocks.

    Parameters
    ----------
    num_blocks, num_records
        Of all, bad ones among them.
    codes
        How many records have which problem.
    first
        The first problem.
    num_steps, num_unknown, num_cut
        As in `seqwise.data.encoding.EncodedSequences`.
    """

    num_blocks: int = 0
    num_records: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    first: Problem | None = None
    num_steps: int = 0
    num_unknown: int = 0
    num_cut: int = 0

    def add(self, block: PredictedBlock) -> None:
        """Count one more block."""
        problems = [problem for problem in block.problems if problem is not None]
        self.join(
            Summary(
                num_blocks=1,
                num_records=len(block.records),
                codes=Counter(str(problem.code) for problem in problems),
                first=problems[0] if problems else None,
                num_steps=block.encoded.num_steps,
                num_unknown=block.encoded.num_unknown,
                num_cut=block.encoded.num_cut,
            )
        )

    def join(self, later: Summary) -> None:
        """Count the blocks that follow on these."""
        self.num_blocks += later.num_blocks
        self.num_records += later.num_records
        self.codes += later.codes
        self.first = self.first or later.first
        self.num_steps += later.num_steps
        self.num_unknown += later.num_unknown
        self.num_cut += later.num_cut

    def to_dict(self) -> dict[str, Any]:
        """Give JSON values."""
        first = self.first and asdict(self.first)
        return vars(self) | {"codes": dict(self.codes), "first": first}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Read what `to_dict` gave."""
        first = values["first"]
        if first is not None:
            first = Problem(**first | {"code": Code(first["code"])})
        return cls(**values | {"codes": Counter(values["codes"]), "first": first})

    def facts(self) -> list[tuple[str, str]]:
        """Say it in lines for people."""
        num_bad = self.codes.total()
        facts = [("predicted", f"{self.num_records - num_bad:,} of {self.num_records:,} records")]
        if self.first is not None:
            codes = ", ".join(f"{count:,} {code}" for code, count in self.codes.most_common())
            facts.append(("problems", f"{codes}; the first: {escape(str(self.first))}"))
        if self.num_unknown:
            share = self.num_unknown / self.num_steps
            facts.append(("unknown", f"{self.num_unknown:,} tokens ({share:.1%})"))
        if self.num_cut:
            facts.append(("cut", f"{self.num_cut:,} sequences at the model's max_length"))
        return facts
