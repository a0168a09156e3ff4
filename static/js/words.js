// The sentences of the page in the reader's language: one catalogue, fetched once.
/** @import { Words } from "./types.d.ts" */

/** @param {string} language @returns {Promise<Words>} */
export async function loadWords(language) {
  const answer = await fetch(`/static/i18n/${language === "zh" ? "zh" : "en"}.json`);
  return wordsOf(await answer.json());
}

/** A place without a parameter stays as it is; a list reads as `a, b`. @param {Record<string, string>} catalogue @returns {Words} */
export function wordsOf(catalogue) {
  /** @type {Words} */
  const words = (key, params = {}) =>
    (catalogue[key] ?? key).replace(/\{(\w+)\}/g, (place, name) => {
      const value = params[name];
      if (value === undefined || value === null) return place;
      return Array.isArray(value) ? value.join(", ") : String(value);
    });
  words.has = (key) => key in catalogue;
  words.count = (key, count) => words(`${key}.${count === 1 ? "one" : "many"}`, { count });
  return words;
}
