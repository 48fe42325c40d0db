"""Figures beside their goals: a line each as they come, all of them as JSON at the end."""
import json


def quantile(ordered, q):
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


class Table:
    def __init__(self):
        self.rows = []
        print(f"{'':52} {'asked':>6} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} {'goal':>6}", flush=True)

    def add(self, name, times_ms, goal_ms=None):
        """The goal is for p95."""
        ordered = sorted(times_ms)
        p50, p95, p99 = (quantile(ordered, q) for q in (.5, .95, .99))
        word = "" if goal_ms is None else "met" if p95 <= goal_ms else "MISSED"
        print(f"{name:52} {len(ordered):6} {p50:8.1f} {p95:8.1f} {p99:8.1f} {goal_ms or '':>6} {word}", flush=True)
        self.rows.append({"what": name, "asked": len(ordered), "p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "goal_ms": goal_ms})

    def end(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.rows, indent=1))
        missed = [row["what"] for row in self.rows if row["goal_ms"] and row["p95_ms"] > row["goal_ms"]]
        print(f"{len(self.rows)} figures, {len(missed)} goals missed{': ' if missed else ''}{', '.join(missed)}; {path}")
