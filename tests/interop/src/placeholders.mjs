// specs/08-placeholders.md: the grammar of tokens, finding them, and lookalikes.

const TYPE_CHARACTERS_MAX = 32;
const GRAMMAR = "\\[([A-Z][A-Z0-9]*(?:_[A-Z][A-Z0-9]*)*)_([1-9][0-9]{0,5})([B-Z]|[A-Z]{2})?\\]";
const WHOLE = new RegExp(`^${GRAMMAR}$`);

const place = (letter) => letter.charCodeAt(0) - 65;

function spellingNumber(letters = "") {
  if (letters.length === 0) return 0;
  if (letters.length === 1) return place(letters);
  return 26 + 26 * place(letters[0]) + place(letters[1]);
}

const token = ([text, type, number, spelling]) =>
  type.length > TYPE_CHARACTERS_MAX ? null : { token: text, type, number: Number(number), spelling: spellingNumber(spelling) };

export const parse = (text) => {
  const match = WHOLE.exec(text);
  return match && token(match);
};

// In UTF-16 units; `points` turns them into code points.
export const find = (text) => [...text.matchAll(new RegExp(GRAMMAR, "g"))].filter(token).map((match) => [match.index, match[0]]);

export const points = (text, found) =>
  found.map(([at, each]) => {
    const start = [...text.slice(0, at)].length;
    return [start, start + each.length, each];
  });

const replaced = (text, change) => {
  let end = 0;
  let result = "";
  for (const [at, each] of find(text)) {
    result += text.slice(end, at) + change(each);
    end = at + each.length;
  }
  return result + text.slice(end);
};

export function escape(text) {
  const literals = [];
  const escaped = replaced(text, (each) => {
    if (!literals.includes(each)) literals.push(each);
    return `[LITERAL_${literals.indexOf(each) + 1}]`;
  });
  return { escaped, literals };
}

export const unescape = (escaped, literals) => replaced(escaped, (each) => literals[parse(each).number - 1]);
