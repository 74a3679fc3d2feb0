"""Damaged `progress.csv`: each is drawn, or refused in one line."""

import numpy as np
import pytest
from hypothesis import strategies as st
from mutations import BYTE_EDITS, EXAMPLES, edited_bytes, explore, meet

from genrl.evaluation.learning_curve import STEPS, read_progress

LINES = f"{STEPS},eval/mean_reward,rollout/ep_rew_mean\n" + "".join(f"{n},{n / 7},\n" for n in range(1, 20))
WORDS = ["", "1", "-3", "nan", "inf", "1e400", '"', "a", "\0", "x" * 200_000, STEPS, "\r", "1" * 400, "\u2028", "٣"]


@pytest.mark.parametrize("examples", EXAMPLES)
def test_bytes_of_progress(tmp_path, examples):
    def check(content):
        (tmp_path / "progress.csv").write_bytes(content)
        read = meet(lambda: read_progress(tmp_path))
        assert isinstance(read, str) or np.isfinite(read[STEPS]).all()

    words = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(",".join)
    lines = st.lists(words, max_size=4).map(lambda rows: f"{STEPS},a\n" + "\n".join(rows) + "\n")
    damaged = BYTE_EDITS.map(lambda edits: edited_bytes(LINES.encode(), edits))
    explore(damaged | lines.map(lambda text: text.encode("utf-8", "surrogatepass")), check, examples)
