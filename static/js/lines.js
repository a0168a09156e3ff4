// Where each line of the run stands in the text now, however it was edited since; badges and the marked line.
import { Decoration, EditorView, GutterMarker, RangeSet, StateEffect, StateField, gutter } from "../vendor/editor.js";
/** @import { EditorState } from "../vendor/editor.js" */
/** @import { Words } from "./types.d.ts" */

/** The text is a run's now: so many nodes come from each of its lines. */
export const setPlaces = /** @type {typeof StateEffect.define<Map<number, number>>} */ (StateEffect.define)();
/** Marks the line at that place of the text; null marks none. */
export const setHighlight = /** @type {typeof StateEffect.define<number | null>} */ (StateEffect.define)();
/** Marks the line that stopped the run. */
export const setError = /** @type {typeof StateEffect.define<{ at: number, message: string } | null>} */ (StateEffect.define)();

/** @type {StateField<{ places: Map<number, number>, counts: Map<number, number> }>} */
const runLines = StateField.define({
  create: () => ({ places: new Map(), counts: new Map() }),
  update(value, transaction) {
    for (const effect of transaction.effects) {
      if (effect.is(setPlaces)) return { places: allLines(transaction.state), counts: effect.value };
    }
    return transaction.docChanged ? { ...value, places: moved(value.places, transaction) } : value;
  },
});

/** @param {EditorState} state */
function allLines(state) {
  return new Map(Array.from({ length: state.doc.lines }, (_, index) => [index + 1, state.doc.line(index + 1).from]));
}

/** @param {Map<number, number>} places @param {import("../vendor/editor.js").Transaction} transaction */
function moved(places, transaction) {
  const next = new Map();
  const taken = new Set();
  for (const [line, at] of places) {
    const now = transaction.newDoc.lineAt(transaction.changes.mapPos(at, 1)).from;
    if (!taken.has(now)) next.set(line, now);
    taken.add(now);
  }
  return next;
}

/** @param {EditorState} state */
export const placesOf = (state) => state.field(runLines).places;

const highlighted = StateField.define({
  create: () => Decoration.none,
  update(value, transaction) {
    for (const effect of transaction.effects) {
      if (!effect.is(setHighlight)) continue;
      return effect.value === null ? Decoration.none : Decoration.set([Decoration.line({ class: "cm-linked" }).range(transaction.state.doc.lineAt(effect.value).from)]);
    }
    return value.map(transaction.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** @typedef {{ at: number, message: string } | null} Failed */
const failed = StateField.define({
  create: () => /** @type {Failed} */ (null),
  update(value, transaction) {
    for (const effect of transaction.effects) if (effect.is(setError)) return effect.value;
    return value && { ...value, at: transaction.newDoc.lineAt(transaction.changes.mapPos(value.at)).from };
  },
  provide: (field) => EditorView.decorations.from(field, (value) => (value ? Decoration.set([Decoration.line({ class: "cm-error-line" }).range(value.at)]) : Decoration.none)),
});

class Badge extends GutterMarker {
  /** @param {string} count @param {string} title @param {string} [kind] */
  constructor(count, title, kind = "") {
    super();
    this.count = count;
    this.title = title;
    this.kind = kind;
  }
  /** @param {Badge} other */
  eq(other) {
    return other.count === this.count && other.title === this.title && other.kind === this.kind;
  }
  toDOM() {
    const badge = document.createElement("span");
    badge.className = `badge ${this.kind}`;
    badge.textContent = this.count;
    badge.title = this.title;
    return badge;
  }
}

/** @param {Words} t */
export function lineMarks(t) {
  return [
    runLines,
    highlighted,
    failed,
    gutter({
      class: "cm-badges",
      initialSpacer: () => new Badge("88", ""),
      markers(view) {
        const { places, counts } = view.state.field(runLines);
        const error = view.state.field(failed);
        const counted = [...places].filter(([line, at]) => counts.get(line) && at !== error?.at);
        const badges = counted.map(([line, at]) => {
          const count = counts.get(line) ?? 0;
          return new Badge(String(count), t(`code.badge.${count === 1 ? "one" : "many"}`, { count, line })).range(at);
        });
        if (error) badges.push(new Badge("!", error.message, "failed").range(error.at));
        return RangeSet.of(badges, true);
      },
    }),
  ];
}
