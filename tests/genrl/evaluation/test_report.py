import io
import json
from pathlib import Path

import numpy as np
from rich.console import Console

from genrl.evaluation import Evaluation, print_evaluation, write_evaluation


def evaluation() -> Evaluation:
    return Evaluation(env_id="Ant-v4", returns=np.array([8000.0, 9000.0]), lengths=np.array([1000, 900]))


def printed(expert: float | None, random: float | None) -> str:
    stream = io.StringIO()
    print_evaluation(evaluation().summary(expert, random), console=Console(file=stream, width=100))
    return stream.getvalue()


def test_table_shows_every_figure() -> None:
    text = printed(10000.0, -50.0)
    for figure in ("8,500.0 ± 500.0", "8,500.0 [8,000.0, 9,000.0]", "0.850", "950", "10,000.0", "-50.0", "Ant-v4"):
        assert figure in text


def test_unknown_and_meaningless_fractions_are_dashes() -> None:
    lines = [line for line in printed(None, None).splitlines() if "fraction" in line]
    assert "- │" in lines[0]
    lines = [line for line in printed(-150.0, -1200.0).splitlines() if "fraction" in line]
    assert "- │" in lines[0]


def test_json(tmp_path: Path) -> None:
    summary = evaluation().summary(10000.0, -50.0)
    write_evaluation(tmp_path / "new" / "evaluation.json", summary)
    assert json.loads((tmp_path / "new" / "evaluation.json").read_text()) == summary
