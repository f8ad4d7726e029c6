// specs/09-decision.md, "The need".

export function need(shape) {
  let total = 0.2;
  total += 0.2 * Math.min(shape.prompt_tokens / 4_000, 1);
  total += 0.1 * Math.min(Math.max(shape.turns - 1, 0) / 10, 1);
  total += shape.code ? 0.2 : 0;
  total += shape.tools ? 0.2 : 0;
  total += shape.schema ? 0.1 : 0;
  total += shape.foreign_part > 0.1 ? 0.1 : 0;
  return Math.min(total, 1);
}
