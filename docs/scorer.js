// Order of the search's results: pages about a task before pages about the code, and the experiments' own code last.
"use strict";
var Scorer = {
  score: ([docname, title, anchor, descr, score, filename, kind]) => {
    const first = { "howto-own_images": 50, "howto-": 40, "start-": 35, faq: 42, glossary: 20, index: 15, "api": 5, "method-": 5, "experiments-": -10, changelog: -15 };
    const found = Object.keys(first).find((prefix) => docname.startsWith(prefix));
    return score + (found ? first[found] : 0);
  },
  objNameMatch: 30, objPartialMatch: 6, objPrio: { 0: 15, 1: 5, 2: -5 }, objPrioDefault: 0,
  title: 15, partialTitle: 7, term: 5, partialTerm: 2,
};
