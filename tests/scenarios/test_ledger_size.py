"""A day's worth of rows: what people look at comes at once, and /metrics has not become longer."""

import os
import subprocess

import harness
from test_metrics import scrape

SOAK = os.environ.get("HEARTH_SOAK") == "1"
ROWS = 2_000_000 if SOAK else 200_000
MOST_US = 50_000
RELEASE = harness.TOP / "build/release"


def filler():
    for folder in (RELEASE, harness.build_folder()):
        if (folder / "fill_ledger").exists():
            return folder / "fill_ledger"
    raise AssertionError("fill_ledger is not built")


def took(daemon, path, n=5):
    """The median of what the daemon says that it took."""
    times = []
    for _ in range(n):
        answer = daemon.admin("GET", path, timeout=60)
        assert answer.status == 200, answer.body
        times.append(answer.json()["took_us"])
    return sorted(times)[n // 2], answer.json()


def asked(daemon):
    """Requests in all days, by the roll-ups."""
    return sum(u["requests"] for u in took(daemon, "/hearth/v1/usage", 1)[1]["usage"])


def test_a_day_of_rows(make, ground, capsys):
    fake = make.fake()
    daemon = make.daemon(fake)
    if (RELEASE / "hearth").exists():
        daemon.stop()
        daemon.binary = RELEASE / "hearth"
        daemon.up()
    series = len(scrape(daemon)[1])
    assert daemon.stop() == 0
    subprocess.run([ground.program("fill_ledger", filler()), str(daemon.home / "data"), str(ROWS)],
                   check=True, stdout=subprocess.DEVNULL, timeout=600, **ground.rules)
    daemon.up()
    assert daemon.chat("events=1").status == 200
    harness.wait_for(lambda: asked(daemon) > ROWS, 20)  # the row follows its answer
    tail, rows = took(daemon, "/hearth/v1/requests?most=50")
    days, _ = took(daemon, "/hearth/v1/usage")
    recent, _ = took(daemon, "/hearth/v1/usage?since=7d")
    one, _ = took(daemon, f"/hearth/v1/requests/{rows['requests'][20]['id']}")
    failed, _ = took(daemon, "/hearth/v1/requests?outcome=failed&most=50")
    size = sum(p.stat().st_size for p in (daemon.home / "data").glob("audit.db*"))
    code, out, err = daemon.hearth("requests", "verify", timeout=300)
    with capsys.disabled():
        print(f"\n{ROWS} rows, {size / 1e6:.0f} MB: tail {tail / 1000:.1f} ms, usage {days / 1000:.1f} ms, "
              f"of 7 days {recent / 1000:.1f} ms, one row {one / 1000:.1f} ms, "
              f"failed ones {failed / 1000:.1f} ms; verify: {out.strip()}")
    assert code == 0, out + err
    assert asked(daemon) == ROWS + 1
    assert len(rows["requests"]) == 50
    if daemon.binary:
        assert max(tail, days, recent, one, failed) < MOST_US
    assert abs(len(scrape(daemon)[1]) - series) <= 5
