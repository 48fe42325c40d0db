"""Figures beside their goals: a line each as they come, all of them as JSON at the end."""
import json
import os


def quantile(ordered, q):
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


class Table:
    def __init__(self):
        self.rows = []
        print(f"{'':62} {'asked':>6} {'p50 ms':>8} {'p95 ms':>8} {'most':>8} {'goal':>6} {'load':>5}", flush=True)

    def add(self, name, times_ms, goal_ms=None, client=None):
        """The goal is for p95. `client`: what was waited for elsewhere, beside it."""
        ordered = sorted(times_ms)
        row = {"what": name, "asked": len(ordered), "p50_ms": quantile(ordered, .5), "p95_ms": quantile(ordered, .95), "most_ms": ordered[-1],
               "goal_ms": goal_ms, "load": os.getloadavg()[0]}
        word = "" if goal_ms is None else "met" if row["p95_ms"] <= goal_ms else "MISSED"
        if client:
            row["client_p50_ms"], row["client_p95_ms"] = (quantile(sorted(client), q) for q in (.5, .95))
            word += f"  client {row['client_p50_ms']:.0f} / {row['client_p95_ms']:.0f}"
        print(f"{name:62} {len(ordered):6} {row['p50_ms']:8.1f} {row['p95_ms']:8.1f} {row['most_ms']:8.1f} {goal_ms or '':>6} {row['load']:5.0f} {word}", flush=True)
        self.rows.append(row)

    def end(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.rows, indent=1))
        missed = [row for row in self.rows if row["goal_ms"] and row["p95_ms"] > row["goal_ms"]]
        for row in missed:
            print(f"GOAL MISSED: {row['what']}: p95 {row['p95_ms']:.0f} ms, the goal is {row['goal_ms']}, with a load of {row['load']:.0f} beside it")
        print(f"{len(self.rows)} figures, {len(missed)} goals missed; {path}")
