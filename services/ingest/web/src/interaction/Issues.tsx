import { useMemo, useState } from "preact/hooks";
import type { Issue } from "../data.ts";
import { count } from "../format.ts";
import { Badge } from "../parts/Badge.tsx";
import { Text } from "../parts/Text.tsx";

const ORDER = ["fatal", "error", "warning", "information"];

/** "Bundle.entry[0].resource/*Patient/p-1*\/.name" -> the resource that it is in. */
export function resourceOf(issue: Issue): string {
  const place = issue.location ?? issue.expression ?? "";
  const named = /^(\w+\.entry\[\d+\]\.resource)(?:\/\*([^*]*)\*\/)?/.exec(place);
  if (!named) return place.split(".")[0] || "The document";
  const entry = /entry\[(\d+)\]/.exec(named[1]!)![1];
  return named[2] ? `${named[2].replace(/\/null$/, "")} (entry ${entry})` : `entry ${entry}`;
}

interface Props {
  issues: Issue[];
  current: Issue | null;
  onGo: (issue: Issue) => void;
  leftOut?: number;
  /** what is said of an issue beside it, e.g. by a rule */
  note?: (issue: Issue) => preact.ComponentChildren;
}

interface Group {
  title: string;
  issues: Issue[];
}

function grouped(issues: Issue[], by: "severity" | "resource"): Group[] {
  const groups = new Map<string, Issue[]>();
  for (const issue of issues) {
    const key = by === "severity" ? issue.severity : resourceOf(issue);
    groups.set(key, [...(groups.get(key) ?? []), issue]);
  }
  const worst = (list: Issue[]) => Math.min(...list.map((i) => ORDER.indexOf(i.severity)));
  return [...groups].map(([title, list]) => ({ title, issues: [...list].sort((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity)) })).sort((a, b) => worst(a.issues) - worst(b.issues));
}

/** What there is to say of where it is, and which message it is. */
function wheres(issue: Issue, bySeverity: boolean): preact.ComponentChildren[] {
  const place = bySeverity ? (issue.location ?? issue.expression) : (issue.expression ?? issue.location);
  const parts: preact.ComponentChildren[] = [];
  if (place) parts.push(<Text value={place} max={200} mono brief />);
  if (issue.line) parts.push(<span title="In the text as it was sent">line {count(issue.line)}{issue.col ? `, column ${count(issue.col)}` : ""}</span>);
  if (issue.message_id) parts.push(<Text value={issue.message_id} max={120} mono brief />);
  return parts;
}

/** So many of a group at first: a document may have thousands. */
const FIRST = 40;

function GroupOfIssues({ group, bySeverity, current, onGo, note }: Props & { group: Group; bySeverity: boolean }) {
  const [all, setAll] = useState(false);
  const shown = all ? group.issues : group.issues.slice(0, FIRST);
  return (
    <section class="issue-group">
      <h2>{bySeverity ? <Badge word={group.title} /> : <Text value={group.title} max={120} brief />}<span class="soft">{count(group.issues.length)}</span></h2>
      <ul class="issue-list">
        {shown.map((issue) => (
          <li key={issue.ordinal}>
            <button type="button" aria-current={issue.ordinal === current?.ordinal ? "true" : undefined} onClick={() => onGo(issue)}>
              <Badge word={issue.severity} />
              <span class="issue-text"><Text value={issue.diagnostics ?? issue.message_id} max={300} brief /></span>
              <span class="issue-where">
                {wheres(issue, bySeverity).map((part, i) => <span key={i}>{i > 0 && " · "}{part}</span>)}
                {note?.(issue)}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {!all && group.issues.length > FIRST && <button type="button" class="link" onClick={() => setAll(true)}>show all {count(group.issues.length)}</button>}
    </section>
  );
}

export function Issues(props: Props) {
  const { issues, leftOut } = props;
  const [by, setBy] = useState<"severity" | "resource">("severity");
  const [least, setLeast] = useState("information");
  const shown = useMemo(() => issues.filter((i) => ORDER.indexOf(i.severity) <= ORDER.indexOf(least)), [issues, least]);
  const groups = useMemo(() => grouped(shown, by), [shown, by]);
  return (
    <div class="issues" role="region" aria-label="Issues" tabIndex={0}>
      <div class="issues-head">
        <strong title={leftOut ? `The verdict holds the first ${count(issues.length)}; ${count(leftOut)} more were left out of it` : undefined}>{count(shown.length)}{leftOut ? ` of ${count(issues.length + leftOut)}` : ""} {shown.length === 1 && !leftOut ? "issue" : "issues"}</strong>
        <span class="spring" />
        <select aria-label="Group by" value={by} onChange={(e) => setBy(e.currentTarget.value as "severity" | "resource")}>
          <option value="severity">by severity</option>
          <option value="resource">by resource</option>
        </select>
        <select aria-label="Least severity" value={least} onChange={(e) => setLeast(e.currentTarget.value)}>
          <option value="information">all</option>
          <option value="warning">warnings and worse</option>
          <option value="error">errors only</option>
        </select>
      </div>
      {groups.map((group) => <GroupOfIssues key={by + group.title} {...props} group={group} bySeverity={by === "severity"} />)}
      {issues.length === 0 && <p class="empty issues-none">No issue.</p>}
      {Boolean(leftOut) && <p class="notice warn">{count(leftOut)} more issues were left out of the verdict.</p>}
    </div>
  );
}
