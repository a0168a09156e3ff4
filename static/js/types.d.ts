// What the server sends: the twin of app/run.py, written by hand. A test compares the field names.
export type NonFinite = "NaN" | "Infinity" | "-Infinity";
export type Numeric = number | NonFinite;
export type Scalar = boolean | Numeric | [Numeric, Numeric];
export type Param = boolean | number | string | null | (number | string)[];

export interface Histogram { edges: number[]; counts: number[] }
export interface TensorSummary {
  shape: number[]; dtype: string; numel: number;
  norm: Numeric | null; min: Numeric | null; max: Numeric | null; mean: Numeric | null; std: Numeric | null;
  zeros: number | null; nans: number | null; infs: number | null;
  histogram: Histogram | null; preview: Scalar[]; preview_shape: number[]; truncated: boolean; sampled: boolean;
}
export interface NodeRef { graph: number; node: number }
export interface TensorMeta { shape: number[]; dtype: string }
export interface SavedTensor {
  name: string; shape: number[] | null; dtype: string | null; bytes: number; tensor: number | null;
  state: "held" | "freed" | "hooked";
}
export interface Node {
  id: number; kind: "op" | "accumulate_grad" | "custom" | "unrecorded" | "leaf"; name: string;
  line: number | null; column: number | null; end_column: number | null;
  call: string | null; module: string | null; tensors: number[]; outputs: TensorMeta[];
  saved: SavedTensor[]; saved_bytes: number; attributes: Record<string, boolean | number | string | null>;
  sequence_nr: number | null; executed: boolean; micros: number | null;
}
export interface Edge {
  source: number; target: number; source_position: number; target_position: number;
  kind: "gradient" | "cut"; reason: string | null; line: number | null; gradient: TensorSummary | null;
}
export interface Graph {
  id: number; kind: "backward" | "grad" | "live"; nodes: Node[]; edges: Edge[]; roots: number[];
  line: number | null; call: string | null; order: number[]; accumulates: number[];
  retained: boolean; create_graph: boolean; error: string | null;
  total_nodes: number | null; total_edges: number | null;
}
export interface Reason { code: string; params: Record<string, Param> }
export interface HistoryEntry { what: string; line: number }
export interface Tensor {
  id: number; shape: number[]; dtype: string; names: string[]; line: number | null; device: string; layout: string;
  requires_grad: boolean; is_leaf: boolean; is_parameter: boolean; retains_grad: boolean; alive: boolean;
  version: number | null; grad_fn: NodeRef | null; grad_fn_name: string | null;
  values: TensorSummary | null; grad: TensorSummary | null; grad_reason: Reason | null; history: HistoryEntry[];
}
export interface TraceLine { line: number; function: string; text: string }
export interface SnippetError {
  type: string; message: string; line: number | null; column: number | null; end_column: number | null;
  traceback: TraceLine[];
}
export interface Fix { line: number; kind: "insert" | "replace"; text: string }
export interface Finding {
  code: string; severity: "error" | "warning" | "info"; line: number | null; lines: Record<string, number>;
  nodes: NodeRef[]; tensors: number[]; params: Record<string, Param>; fix: Fix | null;
}
export interface Picture {
  graph: number; svg: string; drawn: number; total: number; simplified: boolean; note: string | null;
}
export interface Run {
  id: string; status: "ok" | "error" | "killed"; code: string; seed: number;
  versions: { torch: string; python: string };
  timings: { queued_ms: number; run_ms: number; capture_ms: number; explain_ms: number; picture_ms: number };
  limits: Record<string, number>; output: { text: string; truncated: boolean };
  tensors: Tensor[]; graphs: Graph[]; findings: Finding[]; error: SnippetError | null;
  limit: { name: string; value: number } | null; last_line: number | null;
  truncated: { nodes: boolean; edges: boolean; tensors: boolean; events: boolean; graphs: boolean };
  sandbox: string[]; picture: Picture | null; picture_problem: string | null;
}
export interface Problem {
  code: string; title: string; detail: string; status: number; limit?: number; retry_after?: number;
}
export interface Example { id: string; title: Record<string, string>; code: string }

/** What the page is doing; `main[data-state]` in the document. */
export type State = "empty" | "running" | "done" | "big" | "error" | "problem" | "offline" | "cancelled";
export interface Words {
  (key: string, params?: Record<string, Param | undefined>): string;
  has(key: string): boolean;
  count(key: string, count: number): string;
}

/** The text of the snippet, whatever edits it. Lines are the run's: they follow the text through later edits. */
export interface Editor {
  read(): string;
  replace(code: string): void;
  change(fix: Fix): boolean;
  undo(): void;
  focus(): void;
  /** The text is that of a run now: so many nodes come from each line. */
  mark(counts: Map<number, number>): void;
  showError(error: SnippetError | null): void;
  highlight(line: number | null, reveal: boolean): void;
  goTo(line: number, column?: number): void;
}
export interface EditorEvents {
  run(): void;
  edited(): void;
  /** The caret stands on that line of the run; null: on a line that it did not have. */
  caret(line: number | null): void;
}
export interface GraphIndex {
  graph: Graph;
  nodes: Map<number, Node>;
  out: Map<number, Edge[]>;
  into: Map<number, Edge[]>;
  lineOf: Map<number, number>;
  nodesOfLine: Map<number, number[]>;
}
/** What is shown. `run` is the latest; `drawn` is the run of the picture, which may be an earlier one. */
export interface Shown {
  state: State;
  run: Run | null;
  drawn: Run | null;
  graph: GraphIndex | null;
  node: number | null;
  line: number | null;
  tab: "node" | "gradients" | "output" | "explain";
  edited: boolean;
  /** The picture could not be had; the table stands in for it. */
  failed: boolean;
  picture: Picture | null;
}
export interface Store {
  readonly now: Readonly<Shown>;
  set(change: Partial<Shown>): void;
  /** Calls `react` after each change of one of the fields. */
  watch(fields: (keyof Shown)[], react: (now: Readonly<Shown>) => void): void;
}
